//! The journal as a file: HAR 1.2 and lines of JSON.

use pocketping_mock_server::MockServer;
use serde_json::{Value, json};

use super::control;
use crate::wire::{call, send};

fn busy() -> MockServer {
    let server = MockServer::builder().demo_seed().start().unwrap();
    call(&server, "GET /sessions?status=active&limit=2", "");
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"Hello"}"#);
    send(&server, "GET /sessions", &[], "");
    server
}

#[test]
fn a_har_has_what_har_1_2_requires() {
    let server = busy();
    let answer = control(&server, "GET /journal.har", "");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let har = answer.json();
    let log = &har["log"];
    assert_eq!((&log["version"], &log["creator"]["name"]), (&json!("1.2"), &json!("pocketping-mock-server")));
    assert!(log["creator"]["version"].is_string());
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "requests only");
    let requires = |value: &Value, texts: &[&str], numbers: &[&str], lists: &[&str]| {
        assert!(texts.iter().all(|name| value[name].is_string()), "{texts:?} in {value}");
        assert!(numbers.iter().all(|name| value[name].is_number()), "{numbers:?} in {value}");
        assert!(lists.iter().all(|name| value[name].is_array()), "{lists:?} in {value}");
    };
    for entry in entries {
        requires(entry, &["startedDateTime"], &["time"], &[]);
        assert!(entry["cache"].is_object());
        requires(&entry["timings"], &[], &["send", "wait", "receive"], &[]);
        let (request, response) = (&entry["request"], &entry["response"]);
        requires(
            request,
            &["method", "url", "httpVersion"],
            &["headersSize", "bodySize"],
            &["cookies", "headers", "queryString"],
        );
        requires(
            response,
            &["statusText", "httpVersion", "redirectURL"],
            &["status", "headersSize", "bodySize"],
            &["cookies", "headers"],
        );
        requires(&response["content"], &["mimeType", "text"], &["size"], &[]);
        for pair in [request, response].iter().flat_map(|side| side["headers"].as_array().unwrap()) {
            requires(pair, &["name", "value"], &[], &[]);
        }
    }
    let list = &entries[0]["request"];
    assert_eq!(list["url"], format!("{}/sessions?status=active&limit=2", server.url()));
    assert_eq!(list["queryString"], json!([{"name": "status", "value": "active"}, {"name": "limit", "value": "2"}]));
    assert_eq!(entries[0]["startedDateTime"], "2024-01-15T10:30:00Z");
    let sent = &entries[1];
    assert_eq!((&sent["response"]["status"], &sent["response"]["statusText"]), (&json!(201), &json!("Created")));
    assert_eq!(sent["request"]["postData"]["mimeType"], "application/json");
    assert_eq!(sent["request"]["bodySize"], r#"{"content":"Hello"}"#.len());
    assert_eq!(entries[2]["_refusedBy"]["code"], "UNAUTHORIZED");
    assert_eq!(server.journal().to_har(), answer.body);
}

#[test]
fn lines_of_json_are_entries_one_each() {
    let server = busy();
    let answer = control(&server, "GET /journal.ndjson?pii=1", "");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), server.journal().entries().len());
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"request") && kinds.contains(&"event"), "{kinds:?}");
    let sent = lines.iter().find(|line| line["status"] == 201).unwrap();
    assert_eq!((&sent["body"], &sent["tenant"]), (&json!({"content": "Hello"}), &json!("default")));
    assert_eq!(sent["answerHeaders"]["content-type"], "application/json");
    assert_eq!(control(&server, "GET /journal.ndjson?kind=attempt", "").body, "");
}
