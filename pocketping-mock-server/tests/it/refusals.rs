//! Every wrong request gets the error JSON, names what is wrong, and changes nothing.

use pocketping_mock_server::{Contract, MockServer};
use serde_json::{Value, json};

use crate::wire::{call, call_with, raw, send};

const SESSION: &str = "/sessions/sess_abc123";

fn state(server: &MockServer) -> (Vec<Value>, Vec<Value>, Value) {
    let as_json = |value: &dyn erased::Json| value.json();
    let sessions = server.sessions().iter().map(|session| as_json(session)).collect();
    let messages = server.messages(&"sess_abc123".into()).iter().map(|message| as_json(message)).collect();
    (sessions, messages, call(server, "GET /webhooks", "").json())
}

mod erased {
    pub(super) trait Json {
        fn json(&self) -> serde_json::Value;
    }
    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

#[test]
fn a_bad_body_is_refused_by_its_field() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let before = state(&server);
        let long = format!(r#"{{"content":"{}"}}"#, "x".repeat(4001));
        let large = format!(r#"{{"metadata":{{"x":"{}"}}}}"#, "y".repeat(40_000));
        let secret = r#"{"url":"https://a.test/","events":["message.created"],"secret":"short"}"#;
        for (path, body, named) in [
            ("messages", "", "body"),
            ("messages", "not json", "line 1"),
            ("messages", "[]", "NewMessage"),
            ("messages", "{} trailing", "content"),
            ("messages", "{}", "content"),
            ("messages", r#"{"content":null}"#, "content"),
            ("messages", r#"{"content":5}"#, "content"),
            ("messages", r#"{"content":"  "}"#, "content"),
            ("messages", long.as_str(), "content"),
            ("messages", r#"{"content":"x","type":"robot"}"#, "type"),
            ("messages", r#"{"content":"x","type":7}"#, "type"),
            ("identify", "{}", "email"),
            ("identify", r#"{"metadata":{}}"#, "metadata"),
            ("identify", r#"{"email":"nobody"}"#, "email"),
            ("identify", r#"{"name":{}}"#, "name"),
            ("identify", r#"{"metadata":[]}"#, "metadata"),
            ("identify", large.as_str(), "metadata"),
            ("ai", "{}", "enabled"),
            ("ai", r#"{"enabled":"no"}"#, "enabled"),
            ("ai", r#"{"enabled":0}"#, "enabled"),
        ] {
            let answer = call(&server, &format!("POST {SESSION}/{path}"), body);
            let json = answer.json();
            assert_eq!(
                (answer.status, &json["error"], &json["code"]),
                (400, &json!("Bad request"), &json!("INVALID_REQUEST"))
            );
            let message = json["message"].as_str().unwrap();
            assert!(message.contains(named), "{contract:?} {path} {body:.40}: {message}");
        }
        for (body, named) in [
            (r#"{"events":["message.created"]}"#, "url"),
            (r#"{"url":"/hook","events":["message.created"]}"#, "url"),
            (r#"{"url":"ftp://a.test","events":["message.created"]}"#, "url"),
            (r#"{"url":" https://a.test/","events":["message.created"]}"#, "url"),
            (r#"{"url":"https://a.test/"}"#, "events"),
            (r#"{"url":"https://a.test/","events":[]}"#, "events"),
            (r#"{"url":"https://a.test/","events":["message.created","typing"]}"#, "events[1]"),
            (r#"{"url":"https://a.test/","events":"message.created"}"#, "events"),
            (secret, "secret"),
        ] {
            let answer = call(&server, "POST /webhooks", body);
            if contract == Contract::Strict && body == secret {
                // Strict takes no secret, so it reads none.
                continue;
            }
            assert_eq!(answer.status, 400, "{body}");
            assert!(answer.json()["message"].as_str().unwrap().contains(named), "{body}: {}", answer.body);
        }
        if contract == Contract::Extended {
            assert_eq!(state(&server), before, "nothing has changed");
        }
    }
}

#[test]
fn an_array_is_no_object_whatever_it_holds() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for (line, body) in [
        ("POST /sessions/sess_abc123/ai", "[false]"),
        ("POST /pocketping/visibility", r#" ["sess_abc123", "visible"]"#),
        ("POST /pocketping/csat", r#"["sess_abc123", 5, null]"#),
    ] {
        let answer = call(&server, line, body);
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("INVALID_REQUEST")), "{line}");
    }
    assert_eq!(server.sessions()[0].csat, None);
}

#[test]
fn a_bad_query_is_refused_by_its_parameter() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for (query, named) in [
        ("status=open", "status"),
        ("since=yesterday", "since"),
        ("unanswered=maybe", "unanswered"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=m1", "cursor"),
        ("cursor=s9", "cursor"),
    ] {
        let answer = call(&server, &format!("GET /sessions?{query}"), "");
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["message"].as_str().unwrap().contains(&format!("`{named}`")), "{}", answer.body);
    }
    for query in ["since=x", "limit=0", "cursor=s1", "cursor=m3"] {
        assert_eq!(call(&server, &format!("GET {SESSION}/messages?{query}"), "").status, 400, "{query}");
    }
    assert_eq!(call(&server, "GET /sessions?unknown=1", "").status, 200, "unknown parameters are ignored");
}

#[test]
fn the_key_is_needed_and_its_scheme_may_be_spelled_in_any_case() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic test_key",
            "test_key",
            "Bearer test_key2",
            "Bearer TEST_KEY",
        ] {
            for line in ["GET /sessions", "POST /sessions/sess_abc123/close", "GET /sessions/nope"] {
                let answer = send(&server, line, &[("Authorization", header)], "");
                let json = answer.json();
                assert_eq!(
                    (answer.status, &json["error"], &json["code"]),
                    (401, &json!("Unauthorized"), &json!("UNAUTHORIZED"))
                );
            }
        }
        assert_eq!(send(&server, "GET /sessions", &[], "").status, 401);
        for header in ["bearer test_key", "BEARER test_key"] {
            assert_eq!(send(&server, "GET /sessions", &[("Authorization", header)], "").status, 200, "{header}");
        }
        assert_eq!(server.sessions()[0].status, "active");
        for path in ["/health", "/v1/health"] {
            assert_eq!(send(&server, &format!("GET {path}"), &[], "").status, 200, "health needs none");
        }
    }
}

#[test]
fn unknown_paths_and_methods_get_the_error_json_too() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for line in [
        "GET /v1/",
        "GET /nope",
        "GET /v2/sessions",
        "GET /sessions/",
        "GET /sessions/a/b",
        "GET /v1",
        "POST /sessions/x/y",
    ] {
        let answer = call(&server, line, "");
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("NOT_FOUND")), "{line}");
    }
    for (line, allowed) in [("DELETE /sessions", "GET"), ("GET /webhooks/wh_1", "DELETE"), ("PATCH /webhooks", "GET")] {
        let answer = call(&server, line, "");
        assert_eq!((answer.status, &answer.json()["code"]), (405, &json!("METHOD_NOT_ALLOWED")), "{line}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(allowed)), "{answer:?}");
    }
    let answer = call(&server, "GET /ws", "");
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("INVALID_REQUEST")));
    let answer = call(&server, "GET /sessions/%FF", "");
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("INVALID_REQUEST")));
}

#[test]
fn a_body_that_is_too_large_or_ends_early_is_refused() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let body = format!(r#"{{"content":"{}"}}"#, "x".repeat(1 << 20));
    let answer = call(&server, &format!("POST {SESSION}/messages"), &body);
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
    let head = format!(
        "POST {SESSION}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test_key\r\nConnection: close\r\n"
    );
    let answer = raw(&server, format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes());
    assert_eq!(answer.status, 400);
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 2);
}

#[test]
fn unknown_fields_are_ignored_and_a_content_type_is_not_needed() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let bearer = [("Authorization", "Bearer test_key"), ("Content-Type", "text/plain")];
    let answer = send(&server, &format!("POST {SESSION}/messages"), &bearer, r#"{"content":"x","mood":"good"}"#);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json().get("mood"), None);
}

#[test]
fn a_closed_session_takes_its_visitors_message_and_no_other() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    call(&server, &format!("POST {SESSION}/close"), "");
    let answer = call(&server, &format!("POST {SESSION}/messages"), r#"{"content":"late"}"#);
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("SESSION_CLOSED")));
    let answer = call(&server, &format!("POST {SESSION}/messages"), r#"{"content":"wait","type":"visitor"}"#);
    assert_eq!(answer.status, 201);
    assert_eq!(call(&server, &format!("GET {SESSION}"), "").json()["status"], "active");
}

#[test]
fn pages_elsewhere_may_call_rest_with_a_key() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let preflight = send(
        &server,
        "OPTIONS /sessions/sess_abc123/messages",
        &[
            ("Origin", "https://app.example.com"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type,idempotency-key"),
        ],
        "",
    );
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(allowed.contains("authorization") && allowed.contains("idempotency-key"), "{allowed}");
    let answer = call_with(&server, "GET /sessions", &[("Origin", "https://app.example.com")], "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let refused = send(&server, "GET /sessions", &[("Origin", "https://app.example.com")], "");
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, Some("*")),
        "errors are readable too"
    );
}
