//! Stamps: short numbers that tell two states of the same message or session apart. Stable over processes.

use serde::Serialize;

use crate::types::{Message, Session, SessionStatus};

/// The stamp of a message: zero for one that was never edited, deleted, delivered or read.
pub(super) fn message_stamp(message: &Message) -> u64 {
    if message.updated_at.is_none() { 0 } else { stamp(message) }
}

/// The stamp of a session: of who the visitor is and what is switched, whatever happened in it last. That it was closed or
/// opened again is told by events of their own.
pub(super) fn session_stamp(session: &Session) -> u64 {
    let mut session = session.clone();
    session.status = SessionStatus::default();
    session.closed_at = None;
    session.last_activity = None;
    session.unanswered = None;
    session.messages = None;
    stamp(&session)
}

/// FNV-1a over the JSON; never zero.
fn stamp<T: Serialize>(value: &T) -> u64 {
    // A wire type is always JSON; were it not, all its states would look the same.
    let json = serde_json::to_vec(value).unwrap_or_default();
    json.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
        | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart_and_activity_is_none() {
        let read = |json: &str| serde_json::from_str::<Session>(json).unwrap();
        let session = read(r#"{"id":"s","status":"active","lastActivity":"2024-01-15T10:30:00Z"}"#);
        let moved = read(r#"{"id":"s","status":"closed","lastActivity":"2024-01-15T10:31:00Z","unanswered":true}"#);
        let named = read(r#"{"id":"s","status":"active","identity":{"name":"Zoe"}}"#);
        assert_eq!(session_stamp(&session), session_stamp(&moved));
        assert_ne!(session_stamp(&session), session_stamp(&named));
        let message = |json: &str| message_stamp(&serde_json::from_str(json).unwrap());
        assert_eq!(message(r#"{"id":"m","content":"x"}"#), 0);
        let edited = message(r#"{"id":"m","content":"x","updatedAt":"2024-01-15T10:30:00Z"}"#);
        assert!(edited != 0 && edited != message(r#"{"id":"m","content":"y","updatedAt":"2024-01-15T10:30:00Z"}"#));
    }
}
