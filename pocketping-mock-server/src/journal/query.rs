//! `Journal` and `Query`: what a test asks of the journal.

use std::fmt;
use std::time::Duration;

use pocketping_sdk::SessionId;
use serde_json::Value;

use super::entry::Entry;
use super::log::{Dropped, Stored};
use super::masks::Masks;
use super::wanted::Wanted;
use super::{har, shown, wanted};
use crate::app::App;
use crate::server::MockServer;
use crate::store::TenantId;

impl MockServer {
    /// What came and what was sent, up to now and from now on. It outlives the server.
    pub fn journal(&self) -> Journal {
        Journal::new(self.app())
    }
}

/// Everything that came to a server and that it sent: requests, frames, events and webhook deliveries, bounded by
/// [`Limits`](crate::Limits).
///
/// Keys, tokens, secrets and signatures are never shown. Personal data (what was written, who wrote it, from which page)
/// stands as `<masked N chars #…>`, the same for the same text, unless [`with_personal_data`](Self::with_personal_data).
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use std::time::Duration;
/// use pocketping_mock_server::{MockServer, Visit};
///
/// let server = MockServer::start();
/// server.visitor_opens_session(Visit::new());
/// let events = server.journal().events();
/// assert_eq!(events.wait_for(1, Duration::from_secs(5)).await?.len(), 1);
/// assert!(server.journal().requests().is_empty());
/// # Ok::<(), pocketping_mock_server::journal::NotInTime>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Journal {
    app: App,
    personal: bool,
}

/// Entries of a [`Journal`] for which all of this is true. It is asked anew every time.
#[derive(Clone)]
#[must_use = "a query does nothing until it is asked"]
pub struct Query {
    journal: Journal,
    wanted: Vec<Wanted>,
}

/// What was waited for was not there in time.
#[derive(Clone, Debug)]
pub struct NotInTime {
    message: String,
    entries: Vec<Entry>,
    closest: Vec<(String, Vec<String>)>,
}

impl Journal {
    pub(crate) fn new(app: &App) -> Self {
        Self { app: app.clone(), personal: false }
    }

    /// The same journal, showing what people wrote and who they are. Keys and secrets stay masked.
    #[must_use]
    pub fn with_personal_data(mut self) -> Self {
        self.personal = true;
        self
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.all().entries()
    }

    /// All entries, to be chosen from.
    pub fn all(&self) -> Query {
        Query { journal: self.clone(), wanted: Vec::new() }
    }

    /// The requests.
    pub fn requests(&self) -> Query {
        self.all().and(Wanted::Kind("request".to_owned()))
    }

    /// The frames of sockets and event streams.
    pub fn frames(&self) -> Query {
        self.all().and(Wanted::Kind("frame".to_owned()))
    }

    /// The contract's events, in the order of the commits.
    pub fn events(&self) -> Query {
        self.all().and(Wanted::Kind("event".to_owned()))
    }

    /// The attempts to deliver webhooks.
    pub fn attempts(&self) -> Query {
        self.all().and(Wanted::Kind("attempt".to_owned()))
    }

    /// The requests that brought a message into this session: by the contract, the management API or the widget, taken, and
    /// no repetition that was answered from memory.
    pub fn messages_sent_to(&self, session: &SessionId) -> Query {
        self.requests().and(Wanted::SentTo(session.clone()))
    }

    /// Waits until the entries are as they should be, and gives them. The time is real.
    ///
    /// # Errors
    /// When they are not in time; the error says what was there.
    pub async fn wait_until(&self, are: impl Fn(&[Entry]) -> bool, within: Duration) -> Result<Vec<Entry>, NotInTime> {
        self.all().wait_until(are, within).await
    }

    /// What was not kept.
    pub fn dropped(&self) -> Dropped {
        self.app.journal.dropped()
    }

    /// Forgets all entries. Numbers go on.
    pub fn clear(&self) {
        self.app.journal.clear();
    }

    /// The requests as an HTTP archive (HAR 1.2).
    pub fn to_har(&self) -> String {
        self.requests().to_har()
    }

    /// The entries as JSON, one a line.
    pub fn to_ndjson(&self) -> String {
        self.all().to_ndjson()
    }

    fn masks(&self) -> Masks<'_> {
        Masks { salt: &self.app.journal.salt, personal: self.personal }
    }
}

impl Query {
    pub(crate) fn and(mut self, wanted: Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }

    /// Only requests with this method.
    pub fn method(self, method: impl Into<String>) -> Self {
        self.and(Wanted::Method(method.into()))
    }

    /// Only requests that this route served, such as `/sessions/:sessionId/messages`, with or without `/v1` in front.
    pub fn route(self, route: impl Into<String>) -> Self {
        self.and(Wanted::Route(route.into()))
    }

    /// Only requests with this path.
    pub fn path(self, path: impl Into<String>) -> Self {
        self.and(Wanted::Path(path.into()))
    }

    /// Only requests and deliveries that were answered with this status.
    pub fn status(self, status: u16) -> Self {
        self.and(Wanted::Status(status))
    }

    /// Only those whose body has every field of this, with its value.
    pub fn body(self, fields: Value) -> Self {
        self.and(Wanted::Body(fields))
    }

    /// Only entries after this number.
    pub fn since(self, number: u64) -> Self {
        self.and(Wanted::Since(number))
    }

    /// Only what is this tenant's.
    pub fn tenant(self, name: &str) -> Self {
        let tenant = self.journal.app.tenant_named(name).ok();
        self.of(tenant, "a tenant that there is")
    }

    /// Only what is of the tenant that this key opens.
    pub fn key(self, key: &str) -> Self {
        let tenant = self.journal.app.tenant_of(key).ok();
        self.of(tenant, "a key that opens something")
    }

    fn of(self, tenant: Option<TenantId>, what: &str) -> Self {
        self.and(tenant.map_or_else(|| Wanted::Nothing(what.to_owned()), Wanted::Tenant))
    }

    fn stored(&self) -> Vec<Stored> {
        self.chosen(self.journal.app.journal.entries())
    }

    fn chosen(&self, mut entries: Vec<Stored>) -> Vec<Stored> {
        entries.retain(|stored| self.wanted.iter().all(|wanted| wanted.is_true_of(stored)));
        entries
    }

    fn shown(&self, stored: &[Stored]) -> Vec<Entry> {
        let masks = self.journal.masks();
        stored.iter().map(|stored| masks.entry(stored)).collect()
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.shown(&self.stored())
    }

    /// A part of the entries, and how many there are: the first ones, or else the last.
    pub(crate) fn part(&self, most: usize, is_first: bool) -> (Vec<Entry>, usize) {
        let mut stored = self.stored();
        let count = stored.len();
        if is_first {
            stored.truncate(most);
        } else {
            stored.drain(..count.saturating_sub(most));
        }
        (self.shown(&stored), count)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.stored().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes sure that there is one at least, and gives them all.
    ///
    /// # Panics
    /// When there is none. The message shows the closest entries, and how they differ.
    #[track_caller]
    pub fn assert_some(&self) -> Vec<Entry> {
        let entries = self.entries();
        assert!(!entries.is_empty(), "{}", self.missed(1, 0).message);
        entries
    }

    /// Makes sure that there are so many.
    ///
    /// # Panics
    /// When there are more or fewer. The message shows those that are there, or else the closest entries.
    #[track_caller]
    pub fn assert_count(&self, count: usize) -> Vec<Entry> {
        let entries = self.entries();
        assert!(entries.len() == count, "{}", self.missed(count, entries.len()).message);
        entries
    }

    /// Waits until there are so many, and gives them. The time is real.
    ///
    /// # Errors
    /// When there are fewer in the end; the error shows the closest entries, and how they differ.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Result<Vec<Entry>, NotInTime> {
        let mut version = self.journal.app.journal.version();
        let came = async {
            loop {
                version.borrow_and_update();
                let stored = self.stored();
                if stored.len() >= count {
                    return Some(self.shown(&stored));
                }
                tokio::select! {
                    _ = version.changed() => {}
                    // Nothing will come any more.
                    () = self.journal.app.stop.cancelled() => return None,
                }
            }
        };
        let came = tokio::time::timeout(within, came).await.ok().flatten();
        came.ok_or_else(|| self.missed(count, self.len()))
    }

    /// Waits until the entries are as they should be, and gives them. The time is real.
    ///
    /// # Errors
    /// When they are not in time; the error says what was there.
    pub async fn wait_until(&self, are: impl Fn(&[Entry]) -> bool, within: Duration) -> Result<Vec<Entry>, NotInTime> {
        let mut version = self.journal.app.journal.version();
        // What was shown already is not masked again.
        let mut shown: Vec<Entry> = Vec::new();
        let came = async {
            loop {
                version.borrow_and_update();
                let stored = self.stored();
                let first = stored.first().map_or(u64::MAX, |stored| stored.entry.number);
                shown.retain(|entry| entry.number >= first);
                let last = shown.last().map_or(0, |entry| entry.number);
                let new: Vec<_> = stored.into_iter().filter(|stored| stored.entry.number > last).collect();
                shown.extend(self.shown(&new));
                if are(&shown) {
                    return Some(std::mem::take(&mut shown));
                }
                tokio::select! {
                    _ = version.changed() => {}
                    () = self.journal.app.stop.cancelled() => return None,
                }
            }
        };
        let came = tokio::time::timeout(within, came).await.ok().flatten();
        came.ok_or_else(|| {
            let entries = self.entries();
            let mut message = format!(
                "the journal is not as it should be after {within:?}; of {} there",
                wanted::words(&self.wanted)
            );
            message.push_str(if entries.is_empty() { " is nothing" } else { " is:" });
            tell(
                &mut message,
                entries.iter().rev().take(MOST_TOLD).rev().map(|entry| (shown::line(entry), Vec::new())),
            );
            NotInTime { message, entries, closest: Vec::new() }
        })
    }

    /// The requests among them as an HTTP archive (HAR 1.2).
    pub fn to_har(&self) -> String {
        har::archive(&self.journal.app.own_url, self.entries().iter()).to_string()
    }

    /// Them as JSON, one a line.
    pub fn to_ndjson(&self) -> String {
        self.entries().iter().map(|entry| format!("{}\n", shown::json(entry))).collect()
    }

    /// What is told where there are not as many as there should be.
    fn missed(&self, count: usize, is: usize) -> NotInTime {
        let all = self.journal.app.journal.entries();
        let found = self.shown(&self.chosen(all.clone()));
        let words = wanted::words(&self.wanted);
        let mut message = format!("{count} wanted of: {words}; there are {is} among {} entries", all.len());
        let dropped = self.journal.dropped().entries;
        if dropped > 0 {
            message.push_str(&format!(" ({dropped} older ones were dropped)"));
        }
        let mut closest = Vec::new();
        if is > 0 {
            message.push(':');
            tell(&mut message, found.iter().rev().take(MOST_TOLD).rev().map(|entry| (shown::line(entry), Vec::new())));
        } else {
            closest = wanted::closest(&self.wanted, &all, &self.journal.masks());
            message.push_str(if closest.is_empty() { "" } else { "; the closest:" });
            tell(&mut message, closest.iter().cloned());
        }
        NotInTime { message, entries: found, closest }
    }
}

/// How many entries an error tells.
const MOST_TOLD: usize = 10;

fn tell(message: &mut String, lines: impl Iterator<Item = (String, Vec<String>)>) {
    for (line, differences) in lines {
        message.push_str("\n  ");
        message.push_str(&line);
        for difference in differences {
            message.push_str("\n      ");
            message.push_str(&difference);
        }
    }
}

impl NotInTime {
    /// What was there of what was looked for.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The closest entries as lines, each with how it differs.
    pub(crate) fn closest(&self) -> &[(String, Vec<String>)] {
        &self.closest
    }
}

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NotInTime {}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("personal", &self.personal).finish_non_exhaustive()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
