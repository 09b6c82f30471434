//! The two modes of the contract, and what of an object each of them shows.

use std::borrow::Cow;
use std::str::FromStr;

use pocketping_sdk::{Event, EventData, EventKind, Message, Session};

/// How much of the contract the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contract {
    /// Only what the API reference promises, in the thinnest form it allows: what a client may rely on everywhere.
    Strict,
    /// The API reference and the additions: filters, pages, idempotency keys, resume, limit headers.
    #[default]
    Extended,
}

impl FromStr for Contract {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "extended" => Ok(Self::Extended),
            _ => Err(format!("{text:?} is neither strict nor extended")),
        }
    }
}

impl Contract {
    pub(crate) fn is_extended(self) -> bool {
        self == Self::Extended
    }

    /// The session as this contract shows it.
    pub(crate) fn session(self, session: &Session) -> Cow<'_, Session> {
        if self.is_extended() {
            return Cow::Borrowed(session);
        }
        // contract gap: the reference prints these fields of a session and no others.
        let mut thin = Session::new(&session.id);
        thin.visitor_id.clone_from(&session.visitor_id);
        thin.project_id.clone_from(&session.project_id);
        thin.status = session.status.clone();
        thin.created_at = session.created_at;
        thin.last_activity = session.last_activity;
        thin.metadata = session.metadata.clone();
        Cow::Owned(thin)
    }

    /// The message as this contract shows it; strict leaves deleted ones out.
    pub(crate) fn message(self, message: &Message) -> Option<Cow<'_, Message>> {
        if self.is_extended() {
            return Some(Cow::Borrowed(message));
        }
        if message.deleted_at.is_some() {
            return None;
        }
        let mut thin = Message::new(&message.id);
        thin.session_id.clone_from(&message.session_id);
        thin.content.clone_from(&message.content);
        thin.kind = message.kind.clone();
        thin.created_at = message.created_at;
        Some(Cow::Owned(thin))
    }

    /// The event as this contract shows it; strict knows the three documented ones only, without envelope.
    pub(crate) fn event(self, event: Event) -> Option<Event> {
        if self.is_extended() {
            return Some(event);
        }
        match event.data {
            EventData::SessionCreated(session) => {
                Some(Event::new(EventData::SessionCreated(Box::new(self.session(&session).into_owned()))))
            }
            EventData::MessageCreated(message) => {
                let thin = self.message(&message)?.into_owned();
                Some(Event::new(EventData::MessageCreated(Box::new(thin))))
            }
            EventData::SessionClosed(id) => Some(Event::new(EventData::SessionClosed(id))),
            _ => None,
        }
    }

    /// The events a webhook can be registered for.
    pub(crate) fn webhook_events(self) -> &'static [EventKind] {
        const ALL: &[EventKind] = &[
            EventKind::SessionCreated,
            EventKind::MessageCreated,
            EventKind::SessionClosed,
            EventKind::SessionUpdated,
            EventKind::MessageUpdated,
        ];
        if self.is_extended() { ALL } else { ALL.split_at(3).0 }
    }
}
