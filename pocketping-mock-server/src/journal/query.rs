//! `Query`: what a test asks of the journal, waits for and asserts.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::entry::Entry;
use super::handle::Journal;
use super::log::Stored;
use super::wanted::Wanted;
use super::{har, shown, wanted};
use crate::store::TenantId;

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

impl Query {
    pub(super) fn new(journal: &Journal) -> Self {
        Self { journal: journal.clone(), wanted: Vec::new() }
    }

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
        self.entries().iter().flat_map(|entry| [shown::json(entry).to_string(), "\n".to_owned()]).collect()
    }

    /// What is told where there are not as many as there should be.
    fn missed(&self, count: usize, is: usize) -> NotInTime {
        let all = self.journal.app.journal.entries();
        let found = self.shown(&self.chosen(all.clone()));
        let words = wanted::words(&self.wanted);
        let dropped = match self.journal.dropped().entries {
            0 => String::new(),
            dropped => format!(" ({dropped} older ones were dropped)"),
        };
        let mut message = format!("{count} wanted of: {words}; there are {is} among {} entries{dropped}", all.len());
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

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
