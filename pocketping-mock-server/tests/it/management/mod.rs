//! The management API, `/api/v1`: literal HTTP against literal JSON.

mod clients;
mod projects;
mod sessions;
mod stats;

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer, MockServerBuilder, Seed};
use serde_json::{Value, json};

use crate::wire::{Answer, call, call_with, send};

const SEED: &str = r#"{
    "projects": [{"id": "proj_shop", "name": "Shop", "domain": "shop.test", "settings": {"uaFilterEnabled": true}},
                 {"id": "proj/blog", "name": "Blog"}],
    "sessions": [
        {"id": "sess_old", "projectId": "proj_shop", "visitorId": "vis_a", "createdAt": "2024-01-01T00:00:00Z",
         "status": "closed", "closedAt": "2024-01-02T00:00:00Z", "messages": [
            {"id": "msg_a", "content": "Anybody?", "type": "visitor", "createdAt": "2024-01-01T00:00:00Z"}]},
        {"id": "sess/blog", "projectId": "proj/blog", "visitorId": "vis_b", "createdAt": "2024-01-14T10:30:00Z",
         "metadata": {"pageUrl": "https://blog.test/", "userAgent": "Mozilla/5.0", "country": "FR"},
         "identity": {"name": "Jane", "email": "jane@example.com", "customerId": "cus_1", "metadata": {"plan": "pro"}},
         "aiEnabled": false, "messages": [
            {"id": "msg_b1", "content": "Hello", "type": "visitor", "createdAt": "2024-01-14T10:30:00Z"},
            {"id": "msg_b2", "content": "Hi Jane", "type": "operator", "createdAt": "2024-01-14T10:31:30Z"}]},
        {"id": "sess_shop", "projectId": "proj_shop", "visitorId": "vis_c", "createdAt": "2024-01-15T10:00:00Z",
         "messages": [
            {"id": "msg_c", "content": "Where is my order?", "type": "visitor", "createdAt": "2024-01-15T10:00:00Z"}]}]
}"#;

fn with_seed() -> MockServerBuilder {
    MockServer::builder().seed(Seed::from_json(SEED).unwrap())
}

fn seeded() -> MockServer {
    with_seed().start().unwrap()
}

/// Gets a path of the management API.
#[track_caller]
fn get(server: &MockServer, path: &str) -> Value {
    let answer = call(server, &format!("GET /api/v1{path}"), "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

/// It is refused with this status and code, and its `error` is a sentence that holds these words.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, words: &str) {
    let json = answer.json();
    assert_eq!((answer.status, &json["code"]), (status, &json!(code)), "{answer:?}");
    assert!(json["error"].as_str().unwrap().contains(words), "{answer:?}");
    assert_eq!(json.as_object().unwrap().len(), 2, "{answer:?}");
}

#[test]
fn me_is_the_keys_tenant_and_never_the_key() {
    let server = MockServer::builder().key("one=acme".parse().unwrap()).any_key().start().unwrap();
    assert_eq!(get(&server, "/me"), json!({"organization": {"id": "acme", "name": "acme"}}));
    let unseen = send(&server, "GET /api/v1/me", &[("Authorization", "Bearer unseen")], "");
    assert_eq!(unseen.json(), json!({"organization": {"id": "proj_2", "name": "unnamed"}}));
}

#[test]
fn the_key_opens_its_tenant_and_nothing_else() {
    let server = with_seed().key("one=a".parse().unwrap()).key("two=b".parse().unwrap()).start().unwrap();
    let as_two = |line: &str, body: &str| send(&server, line, &[("Authorization", "bearer two")], body);
    assert_eq!(as_two("GET /api/v1/sessions", "").json(), json!({"sessions": []}));
    assert_eq!(as_two("GET /api/v1/stats", "").json()["conversations"], 0);
    for line in ["GET /api/v1/sessions/sess_shop", "POST /api/v1/sessions/sess_shop/reply"] {
        refused(&as_two(line, r#"{"content": "x"}"#), 404, "SESSION_NOT_FOUND", "Session not found");
    }
    for line in [
        "GET /api/v1/projects/proj_shop",
        "PATCH /api/v1/projects/proj_shop",
        "GET /api/v1/sessions?projectId=proj_shop",
        "GET /api/v1/stats?projectId=proj_shop",
    ] {
        refused(&as_two(line, r#"{"csatEnabled": true}"#), 404, "PROJECT_NOT_FOUND", "Project not found");
    }
    for line in ["GET /api/v1/me", "GET /api/v1/projects", "GET /api/v1/stats", "POST /api/v1/sessions/sess_shop/reply"]
    {
        refused(&send(&server, line, &[], ""), 401, "UNAUTHORIZED", "the API key is missing");
        refused(
            &send(&server, line, &[("Authorization", "Bearer no")], ""),
            401,
            "UNAUTHORIZED",
            "the API key is wrong",
        );
    }
}

#[test]
fn unknown_paths_and_methods_get_a_sentence_too() {
    let server = seeded();
    for line in ["GET /api/v1", "GET /api/v1/nope", "POST /api/v1/sessions/a/b/c", "GET /api/v1/webhooks"] {
        refused(&call(&server, line, ""), 404, "NOT_FOUND", "there is no /api/v1");
        refused(&send(&server, line, &[], ""), 404, "NOT_FOUND", "there is no /api/v1");
    }
    for (line, allowed) in [
        ("POST /api/v1/me", "GET"),
        ("DELETE /api/v1/projects/proj_shop", "PATCH"),
        ("POST /api/v1/sessions", "GET"),
        ("GET /api/v1/sessions/sess_shop/reply", "POST"),
        ("PUT /api/v1/stats", "GET"),
    ] {
        for answer in [call(&server, line, ""), send(&server, line, &[], "")] {
            refused(&answer, 405, "METHOD_NOT_ALLOWED", "is not served by");
            assert!(answer.header("allow").is_some_and(|allow| allow.contains(allowed)), "{answer:?}");
        }
    }
}

#[test]
fn a_key_has_600_requests_a_minute_where_requests_are_counted() {
    for contract in [Contract::Extended, Contract::Strict] {
        let server = with_seed().contract(contract).rate_limit(1).start().unwrap();
        assert_eq!(call(&server, "GET /sessions", "").status, 200);
        assert_eq!(call(&server, "GET /sessions", "").status, 429, "those are counted apart");
        for _ in 0..600 {
            assert_eq!(call(&server, "GET /api/v1/me", "").status, 200);
        }
        server.clock().advance(Duration::from_millis(59_500));
        let answer = call(&server, "GET /api/v1/me", "");
        refused(&answer, 429, "RATE_LIMITED", "more than 600 requests in a minute");
        assert_eq!(answer.header("retry-after"), Some("1"));
        server.clock().advance(Duration::from_secs(1));
        assert_eq!(call(&server, "GET /api/v1/me", "").status, 200);
    }
}

#[test]
fn pages_elsewhere_may_call_it_with_a_key() {
    let server = seeded();
    let origin = ("Origin", "https://app.example.com");
    let asked =
        [origin, ("Access-Control-Request-Method", "PATCH"), ("Access-Control-Request-Headers", "authorization")];
    let preflight = send(&server, "OPTIONS /api/v1/projects/proj_shop", &asked, "");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, Some("*")));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PATCH"));
    for line in ["GET /api/v1/me", "GET /api/v1/nope", "DELETE /api/v1/me"] {
        let answer = call_with(&server, line, &[origin], "");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{line}");
    }
}
