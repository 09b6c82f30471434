//! What is posted of an event: the documented webhook payload, and the id of its delivery.

use std::time::{Duration, SystemTime};

use pocketping_sdk::{Event, EventData, EventKind, Message, Session, Timestamp, WebhookPayload};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::CliError;

/// One delivery, the same over its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event: EventKind,
    pub(crate) session: Option<String>,
    /// The payload as it is sent and signed.
    pub(crate) body: String,
}

/// How old a time may be that stands in a payload. Receivers refuse what is 20 minutes old, and retries take their time.
const FRESH: Duration = Duration::from_secs(10 * 60);

impl Delivery {
    /// The delivery of an event. Its time is that at which the event happened, as far as that is known and receivers will
    /// still take it for fresh; else `now`. `None` for kinds that webhooks do not tell of.
    pub(crate) fn of_event(event: &Event, now: Timestamp) -> Result<Option<Self>, CliError> {
        let fresh = |time: &Timestamp| now.since(*time).max(time.since(now)) <= FRESH;
        Self::at(event, happened(event).filter(fresh).unwrap_or(now))
    }

    /// The delivery of an event as it was recorded: with the time at which it happened, and `now` only where it has none.
    pub(crate) fn as_recorded(event: &Event, now: Timestamp) -> Result<Option<Self>, CliError> {
        Self::at(event, happened(event).unwrap_or(now))
    }

    /// The delivery of an event with this time in its payload.
    pub(crate) fn at(event: &Event, time: Timestamp) -> Result<Option<Self>, CliError> {
        if matches!(event.data, EventData::Other { .. }) {
            return Ok(None);
        }
        Ok(Some(Self {
            id: delivery_id(event, time)?,
            event: event.kind(),
            session: event.session_id().map(str::to_owned),
            body: json(&WebhookPayload::of_event(event, time))?,
        }))
    }

    /// What it is, for a person.
    pub(crate) fn name(&self) -> String {
        match &self.session {
            Some(session) => format!("{} ({} of {session})", self.id, self.event),
            None => format!("{} ({})", self.id, self.event),
        }
    }
}

/// The system's time, in milliseconds as servers write it.
pub(crate) fn now() -> Result<Timestamp, CliError> {
    Timestamp::try_from(SystemTime::now())
        .and_then(|time| Timestamp::from_millis(time.as_millis()))
        .map_err(|error| CliError::unexpected("the system's clock cannot be used", error))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::unexpected("an event cannot be written as JSON", error))
}

/// When it happened, as far as it says so.
fn happened(event: &Event) -> Option<Timestamp> {
    let of_message = |message: &Message| message.updated_at.or(message.edited_at).or(message.created_at);
    let of_session = |session: &Session| session.last_activity.or(session.created_at);
    event.timestamp.or_else(|| match &event.data {
        EventData::MessageCreated(message) => message.created_at,
        EventData::MessageUpdated(message) => of_message(message),
        EventData::SessionCreated(session) => session.created_at,
        EventData::SessionUpdated(session) => of_session(session),
        _ => None,
    })
}

/// The same for the same event, whether the socket told it or it was read afterwards: a message or session is created
/// once, an update is known by what it shows or by the event's id, a closing by the event's id. A closing without one
/// says nothing to tell it from an earlier one of its session; there it is the payload's time.
fn delivery_id(event: &Event, time: Timestamp) -> Result<String, CliError> {
    let message = event.message().map(|message| message.id.to_string()).unwrap_or_default();
    let event_id = event.id.as_ref().map(ToString::to_string);
    let state = match (&event.data, event_id) {
        (EventData::MessageCreated(_) | EventData::SessionCreated(_), _) => String::new(),
        (EventData::MessageUpdated(message), _) => json(message)?,
        (_, Some(id)) => id,
        (EventData::SessionUpdated(session), None) => json(session)?,
        (_, None) => time.to_string(),
    };
    let kind = event.kind();
    let mut hash = Sha256::new();
    for part in [kind.as_str(), event.session_id().unwrap_or_default(), &message, &state] {
        // With its length, or two different lists of parts could read the same.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hex = format!("{:x}", hash.finalize());
    Ok(format!("dlv_{}", &hex[..32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, now: &str) -> Delivery {
        let event: Event = serde_json::from_str(json).unwrap();
        Delivery::of_event(&event, now.parse().unwrap()).unwrap().unwrap()
    }

    const NOW: &str = "2024-01-15T10:31:00Z";
    const LATER: &str = "2024-01-15T12:00:00Z";

    #[test]
    fn the_same_event_is_the_same_delivery_however_it_was_learned() {
        let live = r#"{"type":"message.created","id":"evt_1","seq":1,"timestamp":"2024-01-15T10:30:00Z",
            "message":{"id":"m","sessionId":"s","content":"Hi","type":"visitor","createdAt":"2024-01-15T10:30:00Z"}}"#;
        let read = r#"{"type":"message.created",
            "message":{"id":"m","sessionId":"s","content":"Hi (edited)","type":"visitor","createdAt":"2024-01-15T10:30:00Z"}}"#;
        assert_eq!(of(live, NOW).id, of(read, LATER).id);
        assert_ne!(of(live, NOW).id, of(&live.replace("\"m\"", "\"n\""), NOW).id);
        assert_eq!(of(live, NOW).id.len(), 4 + 32);

        let closed = r#"{"type":"session.closed","sessionId":"s"}"#;
        assert_ne!(of(closed, NOW).id, of(closed, LATER).id, "they may be two closings");
        let told = r#"{"type":"session.closed","id":"evt_2","sessionId":"s"}"#;
        assert_eq!(of(told, NOW).id, of(told, LATER).id);
    }

    #[test]
    fn an_update_is_known_by_what_it_shows() {
        let update = r#"{"type":"message.updated","message":{"id":"m","sessionId":"s","content":"Hi","type":"visitor",
            "updatedAt":"2024-01-15T10:30:00Z"}}"#;
        let with_id = update.replacen('{', r#"{"id":"evt_9","#, 1);
        assert_eq!(of(update, NOW).id, of(&with_id, LATER).id);
        assert_ne!(of(update, NOW).id, of(&update.replace("Hi", "Ho"), NOW).id);
        let session = r#"{"type":"session.updated","session":{"id":"s","status":"active"}}"#;
        let other = session.replacen('{', r#"{"id":"evt_9","#, 1);
        assert_eq!(of(session, NOW).id, of(session, LATER).id);
        assert_ne!(of(session, NOW).id, of(&other, NOW).id);
    }

    #[test]
    fn a_payload_has_the_time_of_its_event_while_that_is_fresh() {
        let event = r#"{"type":"message.created","message":{"id":"m","sessionId":"s","content":"Hi","type":"visitor",
            "createdAt":"2024-01-15T10:30:00Z"}}"#;
        let fresh = of(event, NOW).body;
        assert_eq!(
            fresh,
            concat!(
                r#"{"event":"message.created","timestamp":"2024-01-15T10:30:00Z","data":{"sessionId":"s","message":"#,
                r#"{"id":"m","sessionId":"s","content":"Hi","type":"visitor","createdAt":"2024-01-15T10:30:00Z"}}}"#
            )
        );
        assert!(of(event, LATER).body.contains(r#""timestamp":"2024-01-15T12:00:00Z""#));
    }

    #[test]
    fn other_kinds_are_not_forwarded() {
        let event: Event = serde_json::from_str(r#"{"type":"typing.started","sessionId":"s"}"#).unwrap();
        assert!(Delivery::of_event(&event, NOW.parse().unwrap()).unwrap().is_none());
    }
}
