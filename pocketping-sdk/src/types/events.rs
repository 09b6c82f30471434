//! Events: what happens, as the socket tells it.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::wire::Key;
use super::{EventId, Extra, Message, Session, SessionId, Timestamp};

open_enum! {
    /// What happened (`type` on the socket, `event` in a webhook payload).
    pub enum EventKind {
        /// A visitor opened a session.
        SessionCreated = "session.created",
        /// A message was written.
        MessageCreated = "message.created",
        /// A session was closed.
        SessionClosed = "session.closed",
        /// Extended: identity, AI control or presence changed, or the session opened again.
        SessionUpdated = "session.updated",
        /// Extended: a message was edited, deleted, delivered or read.
        MessageUpdated = "message.updated",
    }
}

/// One event of the socket.
///
/// ```
/// use pocketping_sdk::{Event, EventData};
///
/// let event: Event = serde_json::from_str(r#"{"type":"session.closed","sessionId":"sess_abc123"}"#)?;
/// assert!(matches!(&event.data, EventData::SessionClosed(id) if id == "sess_abc123"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// JSON `id` (extended).
    pub id: Option<EventId>,
    /// JSON `seq` (extended): counts the tenant's events, one by one.
    pub seq: Option<u64>,
    /// JSON `timestamp` (extended): when it happened.
    pub timestamp: Option<Timestamp>,
    /// What happened.
    pub data: EventData,
    /// JSON fields this version does not know, kept and written back.
    pub extra: Extra,
}

/// What happened, and to what.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum EventData {
    /// `session.created`.
    SessionCreated(Box<Session>),
    /// `session.updated` (extended): the session as it is now.
    SessionUpdated(Box<Session>),
    /// `session.closed`: only the id is told.
    SessionClosed(SessionId),
    /// `message.created`.
    MessageCreated(Box<Message>),
    /// `message.updated` (extended): the message as it is now.
    MessageUpdated(Box<Message>),
    /// An event of a kind this version does not know, with all its fields but those of [`Event`].
    Other {
        /// JSON `type`.
        kind: EventKind,
        /// Its fields.
        fields: Extra,
    },
}

impl Event {
    /// An event without the extended fields.
    pub fn new(data: EventData) -> Self {
        Self { id: None, seq: None, timestamp: None, data, extra: Extra::new() }
    }

    /// Its kind (JSON `type`).
    pub fn kind(&self) -> EventKind {
        match &self.data {
            EventData::SessionCreated(_) => EventKind::SessionCreated,
            EventData::SessionUpdated(_) => EventKind::SessionUpdated,
            EventData::SessionClosed(_) => EventKind::SessionClosed,
            EventData::MessageCreated(_) => EventKind::MessageCreated,
            EventData::MessageUpdated(_) => EventKind::MessageUpdated,
            EventData::Other { kind, .. } => kind.clone(),
        }
    }

    /// The session it happened in, when it says so.
    pub fn session_id(&self) -> Option<&str> {
        match &self.data {
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => Some(session.id.as_str()),
            EventData::SessionClosed(id) => Some(id.as_str()),
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                message.session_id.as_ref().map(SessionId::as_str)
            }
            EventData::Other { fields, .. } => fields.get("sessionId").and_then(Value::as_str),
        }
    }

    /// When it happened: its own timestamp, or as what it is about says.
    pub fn happened_at(&self) -> Option<Timestamp> {
        self.timestamp.or(match &self.data {
            EventData::SessionCreated(session) => session.created_at,
            EventData::SessionUpdated(session) => session.last_activity,
            EventData::MessageCreated(message) => message.created_at,
            EventData::MessageUpdated(message) => message.updated_at,
            EventData::SessionClosed(_) | EventData::Other { .. } => None,
        })
    }

    /// The message of a `message.…` event.
    pub fn message(&self) -> Option<&Message> {
        match &self.data {
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => Some(message),
            _ => None,
        }
    }

    /// The session of a `session.created` or `session.updated` event.
    pub fn session(&self) -> Option<&Session> {
        match &self.data {
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => Some(session),
            _ => None,
        }
    }
}

impl Event {
    /// Reads a field of the envelope. One of another shape stays in `extra`: an addition must never cost an event.
    fn read_envelope(&mut self, key: Key<'_>, value: Value) {
        match (key.as_str(), &value) {
            (_, Value::Null) => {}
            ("id", Value::String(id)) => self.id = Some(EventId::from(id.as_str())),
            ("seq", Value::Number(seq)) if seq.is_u64() => self.seq = seq.as_u64(),
            ("timestamp", Value::String(time)) => match time.parse() {
                Ok(time) => self.timestamp = Some(time),
                Err(_) => drop(self.extra.insert(key.into_string(), value)),
            },
            _ => drop(self.extra.insert(key.into_string(), value)),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Event");
        if let Some(id) = &self.id {
            shown.field("id", id);
        }
        if let Some(seq) = self.seq {
            shown.field("seq", &seq);
        }
        shown.field("data", &self.data).finish_non_exhaustive()
    }
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionCreated(session) => f.debug_tuple("SessionCreated").field(session).finish(),
            Self::SessionUpdated(session) => f.debug_tuple("SessionUpdated").field(session).finish(),
            Self::SessionClosed(id) => f.debug_tuple("SessionClosed").field(id).finish(),
            Self::MessageCreated(message) => f.debug_tuple("MessageCreated").field(message).finish(),
            Self::MessageUpdated(message) => f.debug_tuple("MessageUpdated").field(message).finish(),
            Self::Other { kind, fields } => {
                f.debug_struct("Other").field("kind", kind).field("fields", &fields.keys().collect::<Vec<_>>()).finish()
            }
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind().as_str())?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        if let Some(seq) = self.seq {
            map.serialize_entry("seq", &seq)?;
        }
        if let Some(timestamp) = self.timestamp {
            map.serialize_entry("timestamp", &timestamp)?;
        }
        match &self.data {
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => {
                map.serialize_entry("session", session)?;
            }
            EventData::SessionClosed(id) => map.serialize_entry("sessionId", id)?,
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                map.serialize_entry("message", message)?;
            }
            EventData::Other { fields, .. } => {
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
            }
        }
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// The part of an event that its kind decides. The kind may come first, which is the fast path, or last.
enum Payload {
    Session(Box<Session>),
    Message(Box<Message>),
    SessionId(SessionId),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object (Event)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let mut kind: Option<EventKind> = None;
        let mut payload: Option<Payload> = None;
        let mut event = Event::new(EventData::SessionClosed(SessionId::new("")));
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match (key.as_str(), &kind) {
                ("type", None) => kind = map.next_value()?,
                ("type", Some(_)) => drop(map.next_value::<IgnoredAny>()?),
                ("id" | "seq" | "timestamp", _) => event.read_envelope(key, map.next_value()?),
                ("session", Some(EventKind::SessionCreated | EventKind::SessionUpdated)) => {
                    payload = map.next_value::<Option<_>>()?.map(Payload::Session);
                }
                ("message", Some(EventKind::MessageCreated | EventKind::MessageUpdated)) => {
                    payload = map.next_value::<Option<_>>()?.map(Payload::Message);
                }
                ("sessionId", Some(EventKind::SessionClosed)) => {
                    payload = map.next_value::<Option<_>>()?.map(Payload::SessionId);
                }
                _ => {
                    event.extra.insert(key.into_string(), map.next_value()?);
                }
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
        event.data = finish(kind, payload, &mut event.extra)?;
        Ok(event)
    }
}

/// Puts the payload under its kind, taking from `extra` what was read before the kind was known.
fn finish<E: serde::de::Error>(kind: EventKind, payload: Option<Payload>, extra: &mut Extra) -> Result<EventData, E> {
    fn late<T: serde::de::DeserializeOwned, E: serde::de::Error>(extra: &mut Extra, key: &'static str) -> Result<T, E> {
        let value = extra.remove(key).filter(|value| !value.is_null()).ok_or_else(|| E::missing_field(key))?;
        serde_json::from_value(value).map_err(|error| E::custom(format_args!("{key}: {error}")))
    }
    let session = |payload: Option<Payload>, extra: &mut Extra| match payload {
        Some(Payload::Session(session)) => Ok(session),
        _ => late(extra, "session"),
    };
    let message = |payload: Option<Payload>, extra: &mut Extra| {
        let mut message: Box<Message> = match payload {
            Some(Payload::Message(message)) => message,
            _ => late(extra, "message")?,
        };
        // A webhook names the session beside the message; so may a socket.
        if let (None, Some(Value::String(session))) = (&message.session_id, extra.get("sessionId")) {
            message.session_id = Some(session.as_str().into());
        }
        Ok(message)
    };
    Ok(match kind {
        EventKind::SessionCreated => EventData::SessionCreated(session(payload, extra)?),
        EventKind::SessionUpdated => EventData::SessionUpdated(session(payload, extra)?),
        EventKind::MessageCreated => EventData::MessageCreated(message(payload, extra)?),
        EventKind::MessageUpdated => EventData::MessageUpdated(message(payload, extra)?),
        EventKind::SessionClosed => EventData::SessionClosed(match payload {
            Some(Payload::SessionId(id)) => id,
            _ => late(extra, "sessionId")?,
        }),
        other @ EventKind::Other(_) => EventData::Other { kind: other, fields: std::mem::take(extra) },
    })
}
