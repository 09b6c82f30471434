//! Marks: the changes of the ledger, and what they are about.

use crate::types::{EventId, MessageId, ProjectId, SessionId, Timestamp};

/// What an event is about, for telling it apart from others of its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum What {
    /// The session itself came into being.
    Created,
    /// A message, by its id.
    Message(MessageId),
    /// A message that was changed, as it was shown last.
    Edited(MessageId),
    /// The session as it was shown last.
    State,
}

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// Something was told. The stamp tells states of the same thing apart.
    Told { session: SessionId, what: What, time: Option<Timestamp>, stamp: u64 },
    /// The session was told to be closed.
    Closed { session: SessionId, time: Option<Timestamp> },
    /// The session is open: it was seen to be, or its visitor wrote.
    Open(SessionId),
    /// The session seems to be open, for somebody else than its visitor wrote.
    Doubted(SessionId),
    /// The session has not moved for long: that it was closed need not be known any more.
    Settled(SessionId),
    /// The socket came this far: what it told before was told, or is about to be read.
    Heard { id: Option<EventId>, seq: Option<u64>, time: Option<Timestamp> },
    /// Where the socket is cannot be gone on from.
    Lost,
    /// The latest time in the list that was read: whatever is committed later is not older than that, less the slack.
    Listed(Option<Timestamp>),
    /// Something of this time was read rather than told by the socket.
    Read(Option<Timestamp>),
    /// What is missing is being read: nothing counts as complete until that is finished. With a new list, all that was
    /// told so far is complete then.
    Began { with_list: bool },
    /// The latest time there was when the stream began.
    Baseline(Option<Timestamp>),
    /// This session's messages could not be read.
    Owes(SessionId),
    /// The list could not be read.
    OwesAll,
    /// The list was read after all.
    PaidAll,
    /// This session's messages were read after all.
    Paid(SessionId),
    /// The session is gone.
    Gone(SessionId),
    /// Everything that could be read has been; what is owed stays owed.
    Finished,
    /// A project of this key.
    Project(ProjectId),
    /// `lastActivity` cannot be relied on.
    Distrust,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) time: Option<Timestamp>,
    pub(super) stamp: u64,
}

/// Where the socket is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) id: EventId,
    pub(super) seq: Option<u64>,
    pub(super) time: Option<Timestamp>,
}
