//! Strict: only what the API reference promises, in the thinnest form.

use pocketping_mock_server::{Contract, MockServer};

use crate::wire::{call, call_with, send};

fn strict() -> MockServer {
    MockServer::builder().contract(Contract::Strict).demo_seed().start().unwrap()
}

#[test]
fn no_answer_carries_an_addition() {
    let server = MockServer::builder().contract(Contract::Strict).rate_limit(1).demo_seed().start().unwrap();
    let additions = ["x-pocketping-contract", "x-request-id", "ratelimit-limit", "ratelimit-remaining", "retry-after"];
    for (answer, status) in [
        (call_with(&server, "GET /sessions", &[("X-Request-Id", "mine")], ""), 200),
        (call(&server, "GET /sessions", ""), 429),
        (send(&server, "GET /sessions", &[], ""), 401),
    ] {
        assert_eq!(answer.status, status);
        for header in additions {
            assert_eq!(answer.header(header), None, "{status}: {header}");
        }
    }
}

#[test]
fn what_the_reference_does_not_print_is_not_there() {
    let server = strict();
    for line in ["GET /webhooks", "DELETE /webhooks/wh_1", "DELETE /sessions/sess_abc123", "PUT /sessions"] {
        let answer = call(&server, line, "");
        assert_eq!(answer.status, 404, "{line}");
        assert_eq!(answer.json()["code"], "NOT_FOUND");
    }
    let answer =
        call(&server, "POST /sessions/sess_abc123/messages", &format!(r#"{{"content":"{}"}}"#, "x".repeat(1 << 20)));
    assert_eq!((answer.status, &answer.json()["code"]), (400, &"INVALID_REQUEST".into()));
    let answer = call(&server, "POST /webhooks", r#"{"url":"https://a.test","events":["session.updated"]}"#);
    assert_eq!(answer.status, 400);
}

#[test]
fn filters_and_idempotency_keys_are_ignored() {
    let server = strict();
    let all = call(&server, "GET /sessions", "").body;
    assert_eq!(call(&server, "GET /sessions?status=closed&limit=0&cursor=x&since=never", "").body, all);
    for _ in 0..2 {
        let answer = call_with(
            &server,
            "POST /sessions/sess_abc123/messages",
            &[("Idempotency-Key", "k")],
            r#"{"content":"twice"}"#,
        );
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
    }
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 4);
}
