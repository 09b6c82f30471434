//! What comes out of an event stream: events, and what is known to be missing.

use std::fmt;

use crate::error::ErrorKind;
use crate::types::{Event, SessionId, Timestamp};

/// One item of an [`EventStream`](super::EventStream).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StreamItem {
    /// What it is.
    pub content: StreamContent,
    /// Whether this event may have been given before: the stream remembers a bounded number of events, and the server's
    /// own order was not enough to tell. Almost always `false`.
    pub repeat_possible: bool,
    pub(super) ticket: Ticket,
}

/// What an item of the stream is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamContent {
    /// Something happened just now, told by the socket.
    Live(Event),
    /// Something happened while there was no link, or before the stream began, and was read from REST. It carries no event
    /// id; edits, receipts and identity come as the latest state.
    Backfilled(Event),
    /// Something may be missing.
    Gap(Gap),
}

/// The place of an item in its stream, to acknowledge it ([`EventStream::ack`](super::EventStream::ack)). Of two tickets of
/// one stream the later one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

impl StreamItem {
    /// The event, unless the item is a gap.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            StreamContent::Live(event) | StreamContent::Backfilled(event) => Some(event),
            StreamContent::Gap(_) => None,
        }
    }

    /// Takes the event out, unless the item is a gap.
    pub fn into_event(self) -> Option<Event> {
        match self.content {
            StreamContent::Live(event) | StreamContent::Backfilled(event) => Some(event),
            StreamContent::Gap(_) => None,
        }
    }

    /// The gap, if it is one.
    pub fn gap(&self) -> Option<&Gap> {
        match &self.content {
            StreamContent::Gap(gap) => Some(gap),
            _ => None,
        }
    }

    /// Whether the socket told it as it happened.
    pub fn is_live(&self) -> bool {
        matches!(self.content, StreamContent::Live(_))
    }

    /// Its place in the stream.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

/// What could not be shown to be complete. What is owed is asked for again, and comes as backfilled items when it can be
/// read after all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The session it is in; `None` when it may be any.
    pub session: Option<SessionId>,
    /// The time from which on events may be missing, by the server's clock; `None` when that is unknown.
    pub from: Option<Timestamp>,
    /// The time up to which events may be missing; `None` when that is unknown.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: GapReason,
    /// The cause in a few words, for a person. Not stable.
    pub detail: String,
}

/// Why something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The session's messages could not be read. They are owed: they are read again.
    ReadFailed,
    /// The list of sessions could not be read. It is read again.
    ListFailed,
    /// The session is gone (404), with what may have happened in it.
    SessionGone,
    /// The server said something that cannot be read.
    Unreadable,
    /// A message is newer than its session's `lastActivity`, by which sessions are chosen to be read. All of them are read
    /// from then on; what was missed before is unknown.
    ActivityUnreliable,
    /// The reader was too slow for its buffer, and the oldest items were dropped
    /// ([`BufferPolicy::DropOldest`](super::BufferPolicy::DropOldest)).
    Dropped {
        /// How many.
        items: u64,
    },
}

impl GapReason {
    /// The reason in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadFailed => "read_failed",
            Self::ListFailed => "list_failed",
            Self::SessionGone => "session_gone",
            Self::Unreadable => "unreadable",
            Self::ActivityUnreliable => "activity_unreliable",
            Self::Dropped { .. } => "dropped",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an event stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamState {
    /// There is no link, and one is being made.
    Connecting,
    /// Events come as they happen, and nothing is missing.
    Live,
    /// What happened while there was no link is being read.
    Backfilling,
    /// Events come as they happen; something is owed, or the server has not shown yet that the subscription stands.
    Degraded,
    /// It is over.
    Closed(CloseReason),
}

impl StreamState {
    /// The state in one word, as a metric or a log line wants it: `connecting`, `live`, `backfilling`, `degraded` or
    /// `closed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Backfilling => "backfilling",
            Self::Degraded => "degraded",
            Self::Closed(_) => "closed",
        }
    }
}

impl fmt::Display for StreamState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`EventStream::close`](super::EventStream::close) was called.
    Requested,
    /// The last item was an error of this kind.
    Failed(ErrorKind),
}
