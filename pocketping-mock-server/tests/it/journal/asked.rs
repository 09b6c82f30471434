//! Filters, waits, assertions and what they say when nothing matches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pocketping_mock_server::MockServer;
use serde_json::json;

use super::{control, listed};
use crate::wire::{call, call_with, send};

const SOON: Duration = Duration::from_secs(10);

fn two_tenants() -> MockServer {
    MockServer::builder()
        .key("a=one".parse().unwrap())
        .key("b=two".parse().unwrap())
        .any_key()
        .demo_seed()
        .start()
        .unwrap()
}

#[test]
fn filters_choose() {
    let server = two_tenants();
    call(&server, "GET /sessions", "");
    call(&server, "POST /sessions/sess_abc123/close", "");
    send(&server, "GET /sessions", &[("Authorization", "Bearer b")], "");
    send(&server, "GET /sessions", &[("Authorization", "Bearer unseen_key")], "");
    let journal = server.journal();
    let requests = || journal.requests();
    assert_eq!(requests().method("get").len(), 3);
    assert_eq!(requests().tenant("one").len(), 2);
    assert_eq!((requests().tenant("two").len(), requests().tenant("nobody").len()), (1, 0));
    assert_eq!((requests().key("b").len(), requests().key("unseen_key").len()), (1, 1));
    assert_eq!(requests().path("/sessions").status(200).method("GET").len(), 3);
    assert!(!server.journal().to_ndjson().contains("unseen_key"));
    let close = requests().route("/sessions/:sessionId/close").assert_count(1).remove(0);
    assert_eq!(requests().since(close.number).len(), 2);
    assert_eq!((listed(&server, "key=b").len(), listed(&server, "tenant=two&kind=event").len()), (1, 0));
    assert_eq!(listed(&server, "kind=request&limit=1")[0]["number"], json!(journal.entries().last().unwrap().number));
    let number = close.number;
    assert_eq!(listed(&server, &format!("since={number}&limit=1"))[0]["number"], number + 1, "page by page");
    control(&server, "DELETE /journal", "");
    assert_eq!(journal.entries(), []);
    call(&server, "GET /sessions", "");
    assert!(journal.entries()[0].number > number + 2, "numbers go on");
}

#[test]
fn a_wrong_call_names_its_field() {
    let server = MockServer::start();
    call(&server, "GET /sessions", "");
    for (line, body, sentence) in [
        ("GET /journal?kind=nope", "", "`kind` is none of request, frame, event, attempt"),
        ("GET /journal?status=x", "", "`status`"),
        ("GET /journal?colour=red", "", "`colour`"),
        ("GET /journal?pii=maybe", "", "`pii`"),
        ("GET /journal?tenant=nobody", "", "`tenant`"),
        ("GET /journal?tenant=a&key=b", "", "`tenant` and `key`"),
        ("GET /journal.har?limit=1", "", "`limit`"),
        ("POST /journal/wait", r#"{"match":{"colour":1}}"#, "colour"),
        ("POST /journal/wait", r#"{"match":{},"within":"1 fortnight"}"#, "`within`"),
        ("POST /journal/wait", r#"{"match":{},"within":"2h"}"#, "`within`"),
        ("POST /journal/wait", "", "body is missing"),
    ] {
        let answer = control(&server, line, body);
        assert_eq!(answer.status, 400, "{line} {body}: {answer:?}");
        assert!(answer.json()["message"].as_str().unwrap().contains(sentence), "{line} {body}: {answer:?}");
    }
    assert_eq!(server.journal().entries().len(), 1, "control calls are not entered");
}

#[tokio::test]
async fn a_wait_ends_with_what_comes() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let journal = server.journal();
    let sent = journal.messages_sent_to(&"sess_abc123".into());
    let two = sent.wait_for(2, SOON);
    let any = journal.wait_until(|entries| entries.iter().any(|entry| entry.request().is_some()), SOON);
    let act = async {
        for _ in 0..2 {
            call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"Hi"}"#);
        }
    };
    let (two, any, ()) = tokio::join!(two, any, act);
    assert_eq!(two.unwrap().len(), 2);
    assert!(!any.unwrap().is_empty());
    let waited =
        control(&server, "POST /journal/wait", r#"{"match":{"method":"POST","status":201},"count":2,"within":"10s"}"#);
    assert_eq!((waited.status, waited.json()["entries"].as_array().unwrap().len()), (200, 2));
}

#[tokio::test]
async fn a_wait_that_is_over_says_what_was_there() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    call(&server, "GET /sessions/sess_nope", "");
    let soon = Duration::from_millis(1);
    let late = server.journal().requests().wait_until(|all| all.len() > 1, soon).await.unwrap_err();
    let text = late.to_string();
    assert!(text.contains("after 1ms"), "{text}");
    assert!(text.contains("#1 GET /sessions/sess_nope -> 404 (SESSION_NOT_FOUND: Session not found)"), "{text}");
    assert_eq!(late.entries().len(), 1);
    let late = server.journal().requests().status(200).wait_for(1, soon).await.unwrap_err();
    assert!(late.to_string().contains("the status is 404, not 200"), "{late}");
    let none = MockServer::start().journal().wait_until(|all| !all.is_empty(), soon).await.unwrap_err();
    assert!(none.to_string().contains("is nothing"), "{none}");
    let over = control(&server, "POST /journal/wait", r#"{"match":{"route":"/sessions/:id/close"},"within":"1ms"}"#);
    let told = over.json();
    assert_eq!((over.status, &told["code"]), (408, &json!("NOT_IN_TIME")));
    assert_eq!(
        told["nearMisses"][0],
        json!({"entry": "#1 GET /sessions/sess_nope -> 404 (SESSION_NOT_FOUND: Session not found)",
               "differences": ["the route is /sessions/:sessionId, not /sessions/:id/close"]})
    );
}

#[tokio::test]
async fn a_wait_is_over_when_the_server_is() {
    let server = MockServer::start();
    let journal = server.journal();
    let requests = journal.requests();
    let (waited, ()) = tokio::join!(requests.wait_for(1, Duration::from_secs(600)), server.shutdown());
    assert!(waited.is_err());
    assert_eq!(journal.entries(), [], "and can still be asked");
}

#[test]
fn what_is_closest_is_shown_with_what_differs() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for n in 0..7 {
        call(&server, "GET /sessions", "");
        call_with(
            &server,
            &format!("POST /sessions/sess_{n}/messages"),
            &[],
            r#"{"content":"Secret words","type":"operator"}"#,
        );
    }
    let wanted = server.journal().requests().method("POST").route("/sessions/:sessionId/messages").status(201);
    let wanted = wanted.body(json!({"type": "ai", "content": "Secret words"}));
    let message = panic_of(|| drop(wanted.assert_some()));
    assert!(
        message.starts_with("1 wanted of: kind request, method POST, route /sessions/:sessionId/messages, status 201"),
        "{message}"
    );
    assert!(message.contains("there are 0 among 14 entries; the closest:"), "{message}");
    assert_eq!(message.matches("\n  #").count(), 5, "{message}");
    let closest = "\n  #14 POST /sessions/sess_6/messages -> 404 (SESSION_NOT_FOUND: Session not found)\
                   \n      the status is 404, not 201\
                   \n      $.type of the body is \"operator\", not \"ai\"";
    assert!(message.contains(closest), "{message}");
    assert!(!message.contains("Secret words"), "{message}");
    let many = panic_of(|| drop(server.journal().requests().method("GET").assert_count(2)));
    assert!(
        many.contains("2 wanted") && many.contains("there are 7") && many.contains("#1 GET /sessions -> 200"),
        "{many}"
    );
    let none = panic_of(|| drop(MockServer::start().journal().requests().assert_some()));
    assert_eq!(none, "1 wanted of: kind request; there are 0 among 0 entries");
}

fn panic_of(act: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(act)).unwrap_err().downcast::<String>().unwrap()
}
