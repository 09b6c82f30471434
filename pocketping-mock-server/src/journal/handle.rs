//! `Journal`: what a server's journal holds, and how much of it is shown.

use std::fmt;
use std::time::Duration;

use pocketping_sdk::SessionId;

use super::entry::Entry;
use super::log::Dropped;
use super::masks::Masks;
use super::query::{NotInTime, Query};
use super::wanted::Wanted;
use crate::app::App;
use crate::server::MockServer;

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
    pub(super) app: App,
    personal: bool,
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
        Query::new(self)
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

    pub(super) fn masks(&self) -> Masks<'_> {
        Masks { salt: &self.app.journal.salt, known: self.app.journal.secrets(), personal: self.personal }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("personal", &self.personal).finish_non_exhaustive()
    }
}
