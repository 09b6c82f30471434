//! Seeds: the sessions and webhooks a server starts with.

use std::collections::HashSet;
use std::fmt;

use pocketping_sdk::{
    EventKind, Identity, Message, MessageKind, Metadata, Session, SessionStatus, Timestamp, is_unanswered,
};
use serde::Deserialize;

use super::{Rejection, Tx, rules};
use crate::contract::Contract;

/// What a server starts with, in its first tenant.
///
/// As JSON: sessions as `GET /sessions` prints them, each with its `messages`; every field but a message's `content`
/// may be left out. Unknown fields are refused, so that a typing error is found.
///
/// ```
/// use pocketping_mock_server::{MockServer, Seed};
///
/// let seed = Seed::from_json(r#"{"sessions": [{"id": "sess_1", "messages": [{"content": "Hello", "type": "visitor"}]}]}"#)?;
/// let server = MockServer::builder().seed(seed).start()?;
/// assert_eq!(server.sessions()[0].id, "sess_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default)]
    sessions: Vec<SeedSession>,
    #[serde(default)]
    webhooks: Vec<SeedWebhook>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedSession {
    id: Option<String>,
    visitor_id: Option<String>,
    project_id: Option<String>,
    status: Option<SessionStatus>,
    created_at: Option<Timestamp>,
    last_activity: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    #[serde(default)]
    metadata: Metadata,
    identity: Option<Identity>,
    ai_enabled: Option<bool>,
    #[serde(default)]
    messages: Vec<SeedMessage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedMessage {
    id: Option<String>,
    content: String,
    #[serde(rename = "type")]
    kind: Option<MessageKind>,
    created_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedWebhook {
    url: String,
    events: Vec<EventKind>,
    secret: Option<String>,
}

/// A seed that cannot be used; one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the seed cannot be used: {}", self.0)
    }
}

impl std::error::Error for SeedError {}

impl Seed {
    /// The sessions and messages of the API reference's own examples.
    pub fn demo() -> Self {
        Self::from_json(include_str!("demo_seed.json"))
            .unwrap_or_else(|error| unreachable!("checked by a test: {error}"))
    }

    /// Reads a seed.
    ///
    /// # Errors
    /// When it is not JSON of this shape; the error names the field and the line. Whether its values can stand
    /// together is checked when the server starts.
    pub fn from_json(json: &str) -> Result<Self, SeedError> {
        if json.trim_start().starts_with('[') {
            // serde would read an array as the fields in order.
            return Err(SeedError("it is an array; it must be an object with `sessions`".to_owned()));
        }
        let mut input = serde_json::Deserializer::from_str(json);
        let seed = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            let path = error.path().to_string();
            SeedError(if path == "." { error.inner().to_string() } else { format!("{path}: {}", error.inner()) })
        })?;
        input.end().map_err(|error| SeedError(error.to_string()))?;
        Ok(seed)
    }

    /// Puts the seed into a tenant's empty tables; nothing is emitted.
    pub(crate) fn apply(self, tx: &mut Tx<'_>, contract: Contract) -> Result<(), SeedError> {
        let mut message_ids = HashSet::new();
        for (n, seeded) in self.sessions.into_iter().enumerate() {
            let at = |field: &str| format!("sessions[{n}].{field}");
            let (session, messages) = seeded.into_parts(tx, &at)?;
            if tx.knows(&session.id) {
                return Err(SeedError(format!("{}: {} stands there twice", at("id"), session.id)));
            }
            for message in &messages {
                if !message_ids.insert(message.id.clone()) {
                    return Err(SeedError(format!("{}: {} stands there twice", at("messages"), message.id)));
                }
            }
            tx.insert(session, messages);
        }
        for (n, webhook) in self.webhooks.into_iter().enumerate() {
            let at = |rejection: Rejection| SeedError(format!("webhooks[{n}]: {rejection}"));
            rules::webhook(&webhook.url, &webhook.events, webhook.secret.as_deref(), contract).map_err(at)?;
            tx.put_webhook(&webhook.url, webhook.events, webhook.secret);
        }
        Ok(())
    }
}

impl SeedSession {
    fn into_parts(self, tx: &Tx<'_>, at: &dyn Fn(&str) -> String) -> Result<(Session, Vec<Message>), SeedError> {
        let given = |text: Option<String>, field: &str, prefix: &'static str| match text {
            Some(text) if text.is_empty() => Err(SeedError(format!("{}: it is empty", at(field)))),
            Some(text) => Ok(text),
            None => Ok(tx.next_id(prefix)),
        };
        let mut session = Session::new(given(self.id, "id", "sess")?);
        // Times are told in whole milliseconds.
        let whole = |time: Option<Timestamp>| time.and_then(|time| Timestamp::from_millis(time.as_millis()).ok());
        let created = whole(self.created_at).unwrap_or_else(|| tx.time());
        session.visitor_id = Some(given(self.visitor_id, "visitorId", "vis")?.into());
        session.project_id = Some(self.project_id.map_or_else(|| tx.project().clone(), Into::into));
        session.created_at = Some(created);
        session.metadata = self.metadata;
        session.identity = self.identity;
        session.ai_enabled = Some(self.ai_enabled.unwrap_or(true));
        session.status = self.status.unwrap_or(SessionStatus::Active);
        if !session.status.is_known() {
            return Err(SeedError(format!("{}: {} is neither active nor closed", at("status"), session.status)));
        }
        let mut messages = Vec::new();
        for (n, seeded) in self.messages.into_iter().enumerate() {
            let mut message = Message::new(given(seeded.id, &format!("messages[{n}].id"), "msg")?);
            message.session_id = Some(session.id.clone());
            message.content = seeded.content;
            message.kind = seeded.kind.unwrap_or(MessageKind::Operator);
            if !message.kind.is_known() {
                let place = at(&format!("messages[{n}].type"));
                return Err(SeedError(format!(
                    "{place}: {} is none of {}",
                    message.kind,
                    MessageKind::KNOWN.join(", ")
                )));
            }
            message.created_at = Some(whole(seeded.created_at).unwrap_or(created));
            messages.push(message);
        }
        let newest = messages.iter().filter_map(|message| message.created_at).max();
        let last = whole(self.last_activity).or(newest).unwrap_or(created).max(created).max(newest.unwrap_or(created));
        session.last_activity = Some(last);
        session.unanswered = Some(is_unanswered(messages.iter()));
        if session.status == SessionStatus::Closed {
            session.closed_at = Some(whole(self.closed_at).unwrap_or(last));
        }
        Ok((session, messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_seed_can_be_used() {
        let seed = Seed::demo();
        assert_eq!(seed.sessions.len(), 1);
    }

    #[test]
    fn a_malformed_seed_is_refused_with_its_place() {
        for (json, place) in [
            ("", "line 1"),
            ("[]", "must be an object"),
            (r#"{"session": []}"#, "session"),
            (r#"{"sessions": [{"visitor": "v"}]}"#, "sessions[0].visitor"),
            (r#"{"sessions": [{"messages": [{"type": "visitor"}]}]}"#, "sessions[0].messages[0]"),
            (r#"{"sessions": [{"createdAt": "yesterday"}]}"#, "sessions[0].createdAt"),
            (r#"{"sessions": []} trailing"#, "line 1"),
        ] {
            let error = Seed::from_json(json).unwrap_err().to_string();
            assert!(error.contains(place) && !error.contains('\n'), "{json}: {error}");
        }
    }
}
