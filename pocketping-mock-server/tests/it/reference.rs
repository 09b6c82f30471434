//! The API reference's own examples, sent and compared literally.

use pocketping_mock_server::{Contract, MockServer};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const LIST_SESSIONS: &str = include_str!("../../../pocketping-sdk/tests/contract/list_sessions.json");
const LIST_MESSAGES: &str = include_str!("../../../pocketping-sdk/tests/contract/list_messages.json");
const SEND_MESSAGE: &str = include_str!("../../../pocketping-sdk/tests/contract/send_message.json");
const IDENTIFY: &str = include_str!("../../../pocketping-sdk/tests/contract/identify.json");
const AI: &str = include_str!("../../../pocketping-sdk/tests/contract/ai.json");
const CREATE_WEBHOOK: &str = include_str!("../../../pocketping-sdk/tests/contract/create_webhook.json");
const ERROR: &str = include_str!("../../../pocketping-sdk/tests/contract/error.json");

fn demo(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Whether every field of `expected` is in `actual`, arrays element by element.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| contains(actual, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| contains(a, e))
        }
        _ => actual == expected,
    }
}

#[track_caller]
fn assert_json(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

#[test]
fn the_documented_lists_are_answered_literally() {
    let strict = demo(Contract::Strict);
    assert_eq!(assert_json(&call(&strict, "GET /sessions", ""), 200), parsed(LIST_SESSIONS));
    assert_eq!(assert_json(&call(&strict, "GET /sessions/sess_abc123/messages", ""), 200), parsed(LIST_MESSAGES));
    let extended = demo(Contract::Extended);
    assert!(contains(&call(&extended, "GET /sessions", "").json(), &parsed(LIST_SESSIONS)));
    assert!(contains(&call(&extended, "GET /sessions/sess_abc123/messages", "").json(), &parsed(LIST_MESSAGES)));
}

#[test]
fn rest_is_served_at_the_root_and_under_v1() {
    let server = demo(Contract::Strict);
    for path in ["/sessions", "/v1/sessions"] {
        assert_eq!(call(&server, &format!("GET {path}"), "").json(), parsed(LIST_SESSIONS));
    }
}

#[test]
fn a_session_is_answered_bare() {
    let server = demo(Contract::Strict);
    assert_eq!(call(&server, "GET /sessions/sess_abc123", "").json(), parsed(LIST_SESSIONS)["sessions"][0]);
}

#[test]
fn the_documented_error_is_answered_literally() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = demo(contract);
        for line in ["GET /sessions/nope", "POST /sessions/nope/close", "GET /sessions/nope/messages"] {
            assert_eq!(assert_json(&call(&server, line, ""), 404), parsed(ERROR), "{line}");
        }
        assert_eq!(call(&server, "POST /sessions/nope/messages", SEND_MESSAGE).json(), parsed(ERROR));
        assert_eq!(call(&server, "POST /sessions/nope/identify", IDENTIFY).json(), parsed(ERROR));
        assert_eq!(call(&server, "POST /sessions/nope/ai", AI).json(), parsed(ERROR));
    }
}

#[test]
fn the_documented_writes_answer_with_their_objects() {
    let server = demo(Contract::Extended);
    let sent = assert_json(&call(&server, "POST /sessions/sess_abc123/messages", SEND_MESSAGE), 201);
    assert_eq!(
        sent,
        json!({"id": "msg_1", "sessionId": "sess_abc123", "content": "Thanks for reaching out!", "type": "operator",
               "createdAt": "2024-01-15T10:35:00Z"})
    );
    let session = assert_json(&call(&server, "POST /sessions/sess_abc123/identify", IDENTIFY), 200);
    assert_eq!(session["identity"], parsed(IDENTIFY));
    assert_eq!(assert_json(&call(&server, "POST /sessions/sess_abc123/ai", AI), 200)["aiEnabled"], false);
    let webhook = assert_json(&call(&server, "POST /webhooks", CREATE_WEBHOOK), 201);
    assert_eq!(
        webhook,
        json!({"url": "https://yoursite.com/webhook", "events": ["session.created", "message.created", "session.closed"],
               "id": "wh_1", "secret": "whsec_1_secret", "createdAt": "2024-01-15T10:35:00Z"})
    );
    let closed = assert_json(&call(&server, "POST /sessions/sess_abc123/close", ""), 200);
    assert_eq!((&closed["status"], &closed["closedAt"]), (&json!("closed"), &json!("2024-01-15T10:35:00Z")));
    let last = call(&server, "GET /sessions/sess_abc123/messages", "").json()["messages"][3].clone();
    assert_eq!((&last["type"], &last["content"]), (&json!("system"), &json!("Session closed")));
}

#[test]
fn the_documented_writes_are_acknowledged_thinly_in_strict() {
    let server = demo(Contract::Strict);
    for (line, body) in [
        ("POST /sessions/sess_abc123/messages", SEND_MESSAGE),
        ("POST /sessions/sess_abc123/identify", IDENTIFY),
        ("POST /sessions/sess_abc123/ai", AI),
        ("POST /webhooks", CREATE_WEBHOOK),
        ("POST /sessions/sess_abc123/close", ""),
    ] {
        assert_eq!(assert_json(&call(&server, line, body), 200), json!({"ok": true}), "{line}");
    }
    let session = call(&server, "GET /sessions/sess_abc123", "").json();
    let keys: Vec<_> = session.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["createdAt", "id", "lastActivity", "metadata", "projectId", "status", "visitorId"]);
}

#[test]
fn times_never_go_back_and_every_event_is_the_last_activity() {
    let server = demo(Contract::Extended);
    // The clock stands at 10:30, the seed's last activity is 10:35.
    let first = call(&server, "POST /sessions/sess_abc123/messages", SEND_MESSAGE).json();
    assert_eq!(first["createdAt"], "2024-01-15T10:35:00Z");
    server.clock().advance(std::time::Duration::from_millis(600_250));
    let second = call(&server, "POST /sessions/sess_abc123/messages", SEND_MESSAGE).json();
    assert_eq!(second["createdAt"], "2024-01-15T10:40:00.250Z");
    assert_eq!(call(&server, "GET /sessions/sess_abc123", "").json()["lastActivity"], "2024-01-15T10:40:00.250Z");
    let answer = call(&server, "GET /sessions", "");
    assert_eq!(answer.header("date"), Some("Mon, 15 Jan 2024 10:40:00 GMT"), "the injected clock's");
}
