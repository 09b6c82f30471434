//! The extended contract's additions: request ids, idempotency keys, rate limits, merging.

use std::time::Duration;

use pocketping_mock_server::MockServer;
use serde_json::{Value, json};

use crate::wire::{call, call_with, send};

const SEND: &str = "POST /sessions/sess_abc123/messages";

fn demo() -> MockServer {
    MockServer::builder().demo_seed().start().unwrap()
}

#[test]
fn every_answer_says_its_contract_and_carries_a_request_id() {
    let server = demo();
    for (line, status) in [("GET /sessions", 200), ("GET /nope", 404), ("DELETE /sessions", 405)] {
        let answer = call_with(&server, line, &[("X-Request-Id", "mine-1")], "");
        assert_eq!((answer.status, answer.header("x-pocketping-contract")), (status, Some("extended")));
        assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    }
    for insane in ["", "a b", &"x".repeat(129)] {
        let answer = call_with(&server, "GET /sessions", &[("X-Request-Id", insane)], "");
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{answer:?}");
    }
    assert_eq!(send(&server, "GET /sessions", &[], "").header("x-pocketping-contract"), Some("extended"));
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again() {
    let server = demo();
    let key = [("Idempotency-Key", "order-7")];
    let first = call_with(&server, SEND, &key, r#"{"content":"once"}"#);
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let again = call_with(&server, SEND, &key, r#"{"content":"once"}"#);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.body, first.body);
    let under_v1 = call_with(&server, "POST /v1/sessions/sess_abc123/messages", &key, r#"{"content":"once"}"#);
    assert_eq!(under_v1.body, first.body, "one address, two spellings");
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 3);

    let other = call_with(&server, SEND, &key, r#"{"content":"other"}"#);
    assert_eq!((other.status, &other.json()["code"]), (400, &json!("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 3);

    server.clock().advance(Duration::from_secs(24 * 3600));
    assert_eq!(call_with(&server, SEND, &key, r#"{"content":"once"}"#).header("idempotent-replayed"), None);
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 4, "forgotten after a day");
}

#[test]
fn only_success_is_kept_under_a_key() {
    let server = demo();
    let key = [("Idempotency-Key", "k")];
    assert_eq!(call_with(&server, SEND, &key, r#"{"content":" "}"#).status, 400);
    assert_eq!(call_with(&server, SEND, &key, r#"{"content":"x"}"#).status, 201, "the refused one freed its key");
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    assert_eq!(call_with(&server, SEND, &twice, r#"{"content":"x"}"#).status, 400);
    let answer = call_with(&server, SEND, &[("Idempotency-Key", &"k".repeat(256))], r#"{"content":"x"}"#);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("Idempotency-Key"));
    let close = call_with(&server, "POST /sessions/sess_abc123/close", &key, "");
    assert_eq!(close.status, 200, "another path, another scope");
}

#[test]
fn webhook_secrets_are_told_once() {
    let server = demo();
    let body = r#"{"url":"https://a.test/hook","events":["message.updated"],"secret":"my-own-secret"}"#;
    let created = call(&server, "POST /webhooks", body).json();
    assert_eq!((&created["id"], &created["secret"]), (&json!("wh_1"), &json!("my-own-secret")));
    let list = call(&server, "GET /webhooks", "").json();
    assert_eq!(
        list,
        json!({"webhooks": [{"url": "https://a.test/hook", "events": ["message.updated"], "id": "wh_1",
                             "createdAt": "2024-01-15T10:35:00Z"}]})
    );
    let again = call(
        &server,
        "POST /webhooks",
        r#"{"url":"https://a.test/hook","events":["message.created","message.created"]}"#,
    );
    assert_eq!(again.json()["events"], json!(["message.created"]));
    assert_eq!((again.status, again.json().get("secret")), (201, None), "told once");
    let changed = r#"{"url":"https://a.test/hook","events":["message.created"],"secret":"another-one"}"#;
    assert_eq!(call(&server, "POST /webhooks", changed).json()["secret"], "another-one");
    assert_eq!(call(&server, "DELETE /webhooks/wh_1", "").status, 204);
    let gone = call(&server, "DELETE /webhooks/wh_1", "");
    assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("WEBHOOK_NOT_FOUND")));
}

#[test]
fn the_rate_limit_is_told_and_kept_per_key() {
    let server = MockServer::builder().api_key("one").api_key("two").rate_limit(2).demo_seed().start().unwrap();
    let headers = |answer: &crate::wire::Answer| {
        ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
            .map(|name| answer.header(name).unwrap().to_owned())
    };
    assert_eq!(headers(&call(&server, "GET /sessions", "")), ["2", "1", "60"]);
    server.clock().advance(Duration::from_millis(30_500));
    assert_eq!(headers(&call(&server, "GET /sessions", "")), ["2", "0", "60"]);
    let refused = call(&server, "POST /sessions/sess_abc123/close", "");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    assert_eq!(refused.json()["error"], "Rate limited");
    assert_eq!(server.sessions()[0].status, "active");
    assert_eq!(send(&server, "GET /sessions", &[("Authorization", "Bearer two")], "").status, 200);
    assert_eq!(send(&server, "GET /health", &[], "").header("ratelimit-limit"), None, "only contract calls count");
    server.clock().advance(Duration::from_millis(29_500));
    assert_eq!(call(&server, "GET /sessions", "").status, 200, "the first one left the window");
}

#[test]
fn identity_is_replaced_field_by_field_and_metadata_merged() {
    let server = demo();
    let identify = |body: &str| call(&server, "POST /sessions/sess_abc123/identify", body).json()["identity"].clone();
    identify(r#"{"name":"Old","metadata":{"plan":"free","seats":3}}"#);
    let merged = identify(r#"{"name":"New","email":null,"metadata":{"plan":"pro","extra":null},"unknown":1}"#);
    assert_eq!(merged["name"], "New");
    assert_eq!(merged["metadata"], json!({"plan": "pro", "seats": 3, "extra": null}));
    assert_eq!(merged.get("email"), None::<&Value>);
}

#[test]
fn with_any_key_every_unseen_one_has_a_tenant_of_its_own() {
    let server = MockServer::builder().any_key().demo_seed().start().unwrap();
    let as_key = |key: &str, line: &str| send(&server, line, &[("Authorization", &format!("Bearer {key}"))], "");
    assert_eq!(as_key("test_key", "GET /sessions").json()["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(as_key("unseen", "GET /sessions").json(), json!({"sessions": []}));
    assert_eq!(as_key("unseen", "GET /sessions/sess_abc123").status, 404);
}
