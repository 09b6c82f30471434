//! What webhooks carry. Three envelopes are about: the documented one, that of bridge servers and the hosted service, and
//! that of PocketPing's SDKs.

use std::fmt;

use serde_json::Value;

use crate::types::{Extra, Message, Session, SessionId, Timestamp, WebhookPayload};

/// A webhook's payload, in whichever envelope it came.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// The documented one: `{"event": "message.created", "timestamp", "data"}`.
    Documented(Box<WebhookPayload>),
    /// What bridge servers and the hosted service send: `{"type": "visitor_message", "data", "sentAt"}`.
    Deployed(Box<DeployedPayload>),
    /// What PocketPing's SDKs send for custom events: `{"event": {"name", …}, "session", "sentAt"}`.
    Sdk(Box<SdkPayload>),
}

wire! {
    /// What bridge servers and the hosted service send. `data` is open: which fields it has depends on the event and on
    /// who sends it; the methods look where they are known to stand.
    pub struct DeployedPayload {
        /// JSON `type`.
        event: DeployedEvent = "type",
        ;
        /// JSON `data`.
        [private] data: Extra = "data",
        /// JSON `sentAt`.
        sent_at: Option<Timestamp> = "sentAt",
    }
}

wire! {
    /// What PocketPing's SDKs send for custom events.
    pub struct SdkPayload {
        /// JSON `event`.
        event: SdkEvent = "event",
        ;
        /// JSON `session`.
        session: Option<Session> = "session",
        /// JSON `sentAt`.
        sent_at: Option<Timestamp> = "sentAt",
    }
}

wire! {
    /// A custom event of a website, or the pseudo-event `identify`.
    pub struct SdkEvent {
        /// JSON `name`.
        name: String = "name",
        ;
        /// JSON `data`.
        [private] data: Option<Value> = "data",
        /// JSON `timestamp`.
        timestamp: Option<Timestamp> = "timestamp",
        /// JSON `sessionId`.
        session_id: Option<SessionId> = "sessionId",
    }
}

open_enum! {
    /// What happened, by the names deployments use (`type`).
    pub enum DeployedEvent {
        /// A visitor opened a session.
        NewSession = "new_session",
        /// A visitor wrote.
        VisitorMessage = "visitor_message",
        /// A visitor changed a message.
        VisitorMessageEdited = "visitor_message_edited",
        /// A visitor took a message back.
        VisitorMessageDeleted = "visitor_message_deleted",
        /// Messages were read.
        MessageRead = "message_read",
        /// An operator wrote.
        OperatorMessage = "operator_message",
        /// An operator changed a message.
        OperatorMessageEdited = "operator_message_edited",
        /// An operator took a message back.
        OperatorMessageDeleted = "operator_message_deleted",
        /// Operators came or left.
        OperatorStatus = "operator_status",
        /// The AI takes over.
        AiTakeover = "ai_takeover",
        /// A custom event of the website.
        CustomEvent = "custom_event",
        /// A visitor was identified.
        IdentityUpdate = "identity_update",
        /// A visitor left.
        VisitorDisconnect = "visitor_disconnect",
        /// A visitor was asked for a rating.
        CsatRequest = "csat_request",
        /// A visitor gave a rating.
        CsatSubmitted = "csat_submitted",
        /// The dashboard's test.
        Test = "test",
    }
}

/// A body that is no webhook payload. What it said is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

/// Reads a payload and tells its envelope: an `event` that is a string is the documented one, an `event` that is an object
/// is an SDK's, a `type` is a deployment's.
///
/// ```
/// use pocketping_sdk::webhooks::{self, Payload};
///
/// let body = br#"{"event":"message.created","timestamp":"2024-01-15T10:30:00Z",
///     "data":{"sessionId":"sess_abc123","message":{"id":"msg_001","content":"Hello!","type":"visitor"}}}"#;
/// let payload = webhooks::parse(body)?;
/// assert!(matches!(payload, Payload::Documented(_)));
/// assert_eq!((payload.name(), payload.session_id()), ("message.created", Some("sess_abc123")));
/// assert_eq!(payload.message().unwrap().content, "Hello!");
/// # Ok::<(), webhooks::ParseError>(())
/// ```
///
/// # Errors
/// When the body is not JSON, or none of the three.
pub fn parse(body: &[u8]) -> Result<Payload, ParseError> {
    let json: Value = serde_json::from_slice(body).map_err(|error| {
        ParseError(format!("the body is not JSON (line {} column {})", error.line(), error.column()))
    })?;
    match (json.get("event"), json.get("type")) {
        (Some(Value::String(_)), _) => typed("documented", json).map(Payload::Documented),
        (Some(Value::Object(_)), None) => typed("SDK", json).map(Payload::Sdk),
        (_, Some(Value::String(_))) => typed("deployed", json).map(Payload::Deployed),
        _ => Err(ParseError("the body is no webhook payload: it has neither `event` nor `type`".to_owned())),
    }
}

fn typed<T: serde::de::DeserializeOwned>(envelope: &str, json: Value) -> Result<Box<T>, ParseError> {
    serde_json::from_value(json).map(Box::new).map_err(|error| {
        // The message of the JSON reader may quote chat text.
        let text = error.to_string();
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let missing = missing.map(|field| format!(": it has no `{field}`")).unwrap_or_default();
        ParseError(format!("the body is not a {envelope} webhook payload{missing}"))
    })
}

impl Payload {
    /// The event's name, as its envelope has it.
    pub fn name(&self) -> &str {
        match self {
            Self::Documented(payload) => payload.event.as_str(),
            Self::Deployed(payload) => payload.event.as_str(),
            Self::Sdk(payload) => &payload.event.name,
        }
    }

    /// When it was sent, or happened.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Documented(payload) => payload.timestamp,
            Self::Deployed(payload) => payload.sent_at,
            Self::Sdk(payload) => payload.sent_at.or(payload.event.timestamp),
        }
    }

    /// The session it is about, wherever the envelope has it.
    pub fn session_id(&self) -> Option<&str> {
        match self {
            Self::Documented(payload) => {
                let data = &payload.data;
                let of_session = || data.session.as_ref().map(|session| session.id.as_str());
                let of_message = || data.message.as_ref()?.session_id.as_ref().map(SessionId::as_str);
                data.session_id.as_ref().map(SessionId::as_str).or_else(of_session).or_else(of_message)
            }
            Self::Deployed(payload) => {
                let at = |path: &[&str]| text_at(&payload.data, path);
                at(&["sessionId"])
                    .or_else(|| at(&["session", "id"]))
                    .or_else(|| at(&["message", "sessionId"]))
                    .or_else(|| at(&["event", "sessionId"]))
            }
            Self::Sdk(payload) => {
                let of_session = || payload.session.as_ref().map(|session| session.id.as_str());
                payload.event.session_id.as_ref().map(SessionId::as_str).or_else(of_session)
            }
        }
    }

    /// The message it is about, when it carries one that can be read.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::Documented(payload) => payload.data.message.clone(),
            Self::Deployed(payload) => object_at(&payload.data, "message"),
            Self::Sdk(_) => None,
        }
    }

    /// The session it is about, when it carries one that can be read.
    pub fn session(&self) -> Option<Session> {
        match self {
            Self::Documented(payload) => payload.data.session.clone(),
            Self::Deployed(payload) => object_at(&payload.data, "session"),
            Self::Sdk(payload) => payload.session.clone(),
        }
    }
}

fn text_at<'a>(data: &'a Extra, path: &[&str]) -> Option<&'a str> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(data.get(*first)?, |value, key| value.get(key))?.as_str()
}

fn object_at<T: serde::de::DeserializeOwned>(data: &Extra, key: &str) -> Option<T> {
    serde_json::from_value(data.get(key)?.clone()).ok()
}
