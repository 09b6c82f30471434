//! What a commit tells, once for all surfaces: the socket, the widget, and both kinds of webhooks.

use pocketping_sdk::{EventData, Message, MessageKind, ProjectId, Session, SessionId, Timestamp};
use serde_json::Value;

use super::Held;
use super::ScreenshotRequest;

/// Something that happened in a session.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A visitor opened a session.
    Opened(Held<Session>),
    /// A session is not what it was.
    Updated(Held<Session>, Update),
    /// A session was closed.
    Closed(Held<Session>),
    /// A message was written; the session as it is since.
    Said(Held<Message>, Held<Session>),
    /// A message has another text.
    Edited(Held<Message>),
    /// A message is gone; the session as it is since.
    Deleted(Held<Message>, Held<Session>),
    /// Messages were delivered, or read.
    Received(SessionId, Vec<Held<Message>>, Receipt),
    /// The visitor is asked for a rating. Of this, and of what follows, the contract's events do not tell.
    RatingAsked(SessionId, Timestamp),
    /// Somebody who is no visitor types, or stopped.
    Typing { session: SessionId, sender: MessageKind, is_typing: bool },
    /// An operator came, or the last one left.
    OperatorOnline(bool),
    /// The AI takes over, for this reason.
    TakenOver(Held<Session>, &'static str),
    /// There is nothing for the AI to answer any more.
    AiDeclined(SessionId),
    /// The visitor's page told something: `{name, data?, timestamp, sessionId}`.
    FromPage(Held<Session>, Value),
    /// The visitor's page is told something: `{name, data?, timestamp, sessionId}`.
    ToPage(SessionId, Value),
    /// The visitor's browser is asked for a screenshot.
    ScreenshotAsked(SessionId, ScreenshotRequest),
    /// A project has other tracked elements.
    Tracked(ProjectId, Vec<Value>),
}

/// Why a session is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Update {
    /// Its visitor came back.
    Returned,
    /// It opened again, because its visitor wrote.
    Reopened,
    /// Somebody said who the visitor is.
    Identified,
    /// The AI was switched on or off.
    Ai,
    /// The visitor rated it.
    Rated,
    /// The visitor left, after so many seconds and for this reason.
    Left { duration: u64, reason: String },
}

/// What happened to messages that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    Delivered,
    Read,
}

impl Receipt {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

impl Change {
    /// The contract's events of it.
    pub(crate) fn events(&self) -> Vec<EventData> {
        let owned = |session: &Held<Session>| Box::new((***session).clone());
        let message = |message: &Held<Message>| Box::new((***message).clone());
        match self {
            Self::Opened(session) => vec![EventData::SessionCreated(owned(session))],
            Self::Updated(session, _) => vec![EventData::SessionUpdated(owned(session))],
            Self::Closed(session) => vec![EventData::SessionClosed(session.id.clone())],
            Self::Said(said, _) => vec![EventData::MessageCreated(message(said))],
            Self::Edited(changed) | Self::Deleted(changed, _) => vec![EventData::MessageUpdated(message(changed))],
            Self::Received(_, messages, _) => {
                messages.iter().map(|changed| EventData::MessageUpdated(message(changed))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The session it happened in.
    pub(crate) fn session_id(&self) -> Option<&SessionId> {
        match self {
            Self::Opened(session)
            | Self::Updated(session, _)
            | Self::Closed(session)
            | Self::Said(_, session)
            | Self::Deleted(_, session)
            | Self::TakenOver(session, _)
            | Self::FromPage(session, _) => Some(&session.id),
            Self::Edited(message) => message.session_id.as_ref(),
            Self::Received(session, ..)
            | Self::RatingAsked(session, _)
            | Self::Typing { session, .. }
            | Self::AiDeclined(session)
            | Self::ToPage(session, _)
            | Self::ScreenshotAsked(session, _) => Some(session),
            Self::OperatorOnline(_) | Self::Tracked(..) => None,
        }
    }
}
