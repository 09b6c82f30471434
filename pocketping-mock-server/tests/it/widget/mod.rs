//! The visitor's side over HTTP, as the browser widget speaks it: literal requests against literal answers.

mod connect;
mod events;
mod messages;
pub(crate) mod streams;
mod uploads;
mod visitors;

pub(crate) use events::Events;
use pocketping_mock_server::{Contract, Limits, MockServer, Seed};
use serde_json::{Value, json};

use crate::wire::{Answer, call, send};

/// What the widget says when a visitor comes for the first time.
pub(crate) const HELLO: &str = r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":null,"metadata":{"url":"https://example.com/pricing","referrer":"https://example.com/","pageTitle":"T","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36","timezone":"UTC","language":"en-US","screenResolution":"1920x1080","botSignals":{"webdriver":false,"plugins":false,"languages":false,"chrome":false,"permissions":false}}}"#;

/// A call with the headers the widget sends with every one of its own.
pub(crate) fn widget(server: &MockServer, line: &str, body: &str) -> Answer {
    let line = line.replacen(' ', " /pocketping", 1);
    let headers = [
        ("Content-Type", "application/json"),
        ("X-PocketPing-Version", "2.6.0"),
        ("Origin", "https://example.com"),
        ("Accept", "*/*"),
    ];
    send(server, &line, &headers, body)
}

#[track_caller]
pub(crate) fn ok(server: &MockServer, line: &str, body: &str) -> Value {
    let answer = widget(server, line, body);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    answer.json()
}

#[track_caller]
fn refused(server: &MockServer, line: &str, body: &str, status: u16, sentence: &str) {
    let answer = widget(server, line, body);
    assert_eq!(answer.status, status, "{line} {body}: {answer:?}");
    let told = answer.json();
    assert!(told["error"].as_str().unwrap().contains(sentence), "{line} {body}: {told}");
    assert!(told["code"].is_string() && told.get("message").is_none(), "{told}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.com"));
}

pub(crate) fn connected() -> MockServer {
    let server = MockServer::start();
    ok(&server, "POST /connect", HELLO);
    server
}

fn seeded(json: &str) -> MockServer {
    MockServer::builder().seed(Seed::from_json(json).unwrap()).start().unwrap()
}

#[test]
fn a_widget_reaches_its_own_project_and_no_other() {
    let server = seeded(
        r#"{"projects": [{"id": "proj_a"}, {"id": "proj_b"}],
            "sessions": [{"id": "sess_a", "projectId": "proj_a", "visitorId": "v"}]}"#,
    );
    let at = |line: &str, body: &str| send(&server, line, &[], body);
    let say = r#"{"sessionId":"sess_a","content":"x"}"#;
    assert_eq!(at("POST /api/widget/proj_b/message", say).status, 404);
    assert_eq!(at("POST /api/widget/proj_a/message", say).status, 200);
    assert_eq!(at("POST /pocketping/message", say).status, 200, "the first project");
    let other = at("POST /api/widget/proj_b/connect", r#"{"visitorId":"v","sessionId":"sess_a"}"#).json();
    assert_eq!(other["sessionId"], "sess_1", "neither its session nor its visitor's is this project's");
    assert_eq!(call(&server, "GET /sessions/sess_1", "").json()["projectId"], "proj_b");
    let none = at("POST /api/widget/nope/connect", HELLO);
    assert_eq!((none.status, &none.json()["error"]), (404, &json!("Project not found")));
}

#[test]
fn every_path_answers_a_preflight_as_browsers_send_it() {
    let server = MockServer::start();
    for path in ["/connect", "/message", "/message/msg_1", "/messages", "/upload/att_1", "/stream", "/nope"] {
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
            let answer = send(
                &server,
                &format!("OPTIONS /pocketping{path}"),
                &[
                    ("Origin", "https://example.com"),
                    ("Access-Control-Request-Method", method),
                    ("Access-Control-Request-Headers", "content-type,x-pocketping-version"),
                ],
                "",
            );
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.com"));
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            let methods = answer.header("access-control-allow-methods").unwrap();
            assert!(methods.split(',').any(|known| known == method), "{methods}");
            assert_eq!(answer.header("access-control-max-age"), Some("600"));
            let headers = answer.header("access-control-allow-headers").unwrap();
            assert!(headers.contains("content-type") && headers.contains("x-pocketping-version"), "{headers}");
        }
    }
    let answer = widget(&server, "GET /presence", "");
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some(
            "x-pocketping-version-status,x-pocketping-min-version,x-pocketping-latest-version,x-pocketping-version-message"
        )
    );
    assert!(answer.header("vary").unwrap().contains("origin"));
    let rest = send(&server, "GET /health", &[("Origin", "https://example.com")], "");
    assert_eq!(rest.header("access-control-allow-origin"), Some("*"), "the contract's calls carry no credentials");
}

#[test]
fn versions_are_negotiated() {
    let server = MockServer::builder().widget_versions(Some("1.5.0"), Some("2.6.0")).start().unwrap();
    let told = |version: &str| {
        let answer = send(&server, "GET /pocketping/presence", &[("X-PocketPing-Version", version)], "");
        let header = |name: &str| answer.header(&format!("x-pocketping-{name}")).map(str::to_owned);
        (answer.status, header("version-status").unwrap(), header("version-message"), header("min-version"))
    };
    let oldest = Some("1.5.0".to_owned());
    assert_eq!(told("2.6.0"), (200, "ok".into(), None, oldest.clone()));
    assert_eq!(told("2.5.0").1, "outdated");
    let (status, standing, message, _) = told("1.9.0");
    assert_eq!((status, standing.as_str()), (200, "deprecated"));
    assert!(message.unwrap().contains("2.6.0 is current"));
    let refused = widget_of(&server, "1.0.0");
    assert_eq!((refused.status, refused.header("x-pocketping-version-status")), (426, Some("unsupported")));
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://example.com"), "the page may read it");
    assert_eq!((&refused.json()["minVersion"], server.sessions().len()), (&json!("1.5.0"), 0));
    assert_eq!(send(&server, "GET /pocketping/presence", &[], "").status, 200, "one that says none is welcome");
}

fn widget_of(server: &MockServer, version: &str) -> Answer {
    let headers = [("X-PocketPing-Version", version), ("Origin", "https://example.com")];
    send(server, "POST /pocketping/connect", &headers, HELLO)
}

#[test]
fn what_nobody_serves_is_refused_in_the_widgets_words() {
    let server = connected();
    refused(&server, "GET /nope", "", 404, "there is no /pocketping/nope");
    refused(&server, "GET /connect", "", 405, "/pocketping/connect is not served by GET");
    let mut limits = Limits::default();
    limits.body = 2000;
    let small = MockServer::builder().limits(limits).start().unwrap();
    let big = json!({"visitorId": "v", "metadata": {"url": "x".repeat(2000)}}).to_string();
    refused(&small, "POST /connect", &big, 413, "larger than 2000 bytes");
    refused(&server, "POST /connect", r#"{"visitorId":""}"#, 400, "`visitorId`");
    refused(&server, "POST /connect", r#"{"sessionId":null}"#, 400, "visitorId");
    let huge = json!({"visitorId": "v", "metadata": {"url": "x".repeat(40_000)}}).to_string();
    refused(&server, "POST /connect", &huge, 400, "`metadata`");
    assert_eq!(server.sessions().len(), 1);
}

#[test]
fn the_visitors_side_is_the_same_in_strict() {
    let server = MockServer::builder().contract(Contract::Strict).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    ok(&server, "DELETE /message/msg_1?sessionId=sess_1", "");
    let told = ok(&server, "GET /messages?sessionId=sess_1", "")["messages"].clone();
    assert_eq!(told[0]["deletedAt"], "2024-01-15T10:30:00.000Z");
    assert_eq!(call(&server, "GET /sessions/sess_1/messages", "").json(), json!({"messages": []}));
}
