//! Files of visitors, and screenshots: announced, sent, completed, attached.

use std::time::Duration;

use pocketping_mock_server::{Limits, MockServer};
use serde_json::{Value, json};

use super::{HELLO, connected, ok, widget};
use crate::wire::{Answer, call, send};

const ANNOUNCE: &str = r#"{"sessionId":"sess_1","filename":"a.txt","mimeType":"text/plain","size":3}"#;
const COMPLETE: &str = r#"{"sessionId":"sess_1","attachmentId":"att_1"}"#;

/// The path of an address the server gave.
#[track_caller]
fn path<'a>(server: &MockServer, address: &'a Value) -> &'a str {
    address.as_str().unwrap().strip_prefix("http://localhost").unwrap_or_else(|| panic!("{address} of {server:?}"))
}

fn put(server: &MockServer, address: &Value, kind: &str, bytes: &str) -> Answer {
    send(server, &format!("PUT {}", path(server, address)), &[("Content-Type", kind)], bytes)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.json()["error"].as_str().unwrap().contains(sentence), "{answer:?}");
}

#[test]
fn a_file_is_announced_sent_completed_and_attached() {
    let server = connected();
    let announced = ok(&server, "POST /upload", ANNOUNCE);
    assert_eq!(
        announced,
        json!({"attachmentId": "att_1", "uploadUrl": "http://localhost/pocketping/upload/att_1?token=upl_1_secret",
               "expiresAt": "2024-01-15T10:45:00.000Z"})
    );
    assert_eq!(put(&server, &announced["uploadUrl"], "text/plain", "abc").status, 200);
    let ready = ok(&server, "POST /upload/complete", COMPLETE);
    assert_eq!(
        ready,
        json!({"id": "att_1", "filename": "a.txt", "mimeType": "text/plain", "size": 3, "status": "ready",
               "url": "http://localhost/pocketping/files/att_1?token=upl_1_secret"})
    );
    let file = send(&server, &format!("GET {}", path(&server, &ready["url"])), &[], "");
    assert_eq!((file.status, file.header("content-type"), file.body.as_str()), (200, Some("text/plain"), "abc"));

    let only = r#"{"sessionId":"sess_1","content":"","sender":"visitor","attachmentIds":["att_1"]}"#;
    let said = ok(&server, "POST /message", only);
    assert_eq!(said, json!({"messageId": "msg_1", "timestamp": "2024-01-15T10:30:00.000Z", "attachments": [ready]}));
    let told = call(&server, "GET /sessions/sess_1/messages", "").json()["messages"][0].clone();
    assert_eq!(
        told["attachments"],
        json!([{"id": "att_1", "filename": "a.txt", "mimeType": "text/plain", "size": 3, "url": ready["url"]}])
    );
    refused(&widget(&server, "POST /message", only), 409, "att_1 is part of a message");
    ok(&server, "DELETE /message/msg_1?sessionId=sess_1", "");
    let gone = send(&server, &format!("GET {}", path(&server, &ready["url"])), &[], "");
    refused(&gone, 404, "no upload att_1");
}

#[test]
fn an_upload_that_cannot_be_is_refused_with_its_reason() {
    let server = connected();
    for (body, status, sentence) in [
        (r#"{"sessionId":"sess_1","filename":" ","mimeType":"text/plain","size":3}"#, 400, "`filename`"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"text/html","size":3}"#, 415, "text/html"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"image/svg+xml","size":3}"#, 415, "image/svg+xml"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"video/","size":3}"#, 415, "video/"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"text/plain","size":0}"#, 400, "`size`"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"text/plain","size":-1}"#, 400, "`size`"),
        (r#"{"sessionId":"sess_1","filename":"a","mimeType":"text/plain","size":10485761}"#, 413, "10485760"),
        (r#"{"sessionId":"nope","filename":"a","mimeType":"text/plain","size":3}"#, 404, "Session not found"),
    ] {
        refused(&widget(&server, "POST /upload", body), status, sentence);
    }
    for kind in ["audio/mpeg", "video/webm", "image/png", "text/plain; charset=utf-8"] {
        let body = json!({"sessionId": "sess_1", "filename": "a", "mimeType": kind, "size": 10_485_760}).to_string();
        assert_eq!(widget(&server, "POST /upload", &body).status, 200, "{kind}");
    }
}

#[test]
fn a_file_is_what_was_announced_and_its_address_a_secret_with_an_end() {
    let server = connected();
    let announced = ok(&server, "POST /upload", ANNOUNCE);
    let url = &announced["uploadUrl"];
    refused(&widget(&server, "POST /upload/complete", COMPLETE), 409, "nothing was sent");
    refused(&put(&server, url, "text/plain", "abcd"), 400, "4 bytes were sent, and 3 announced");
    for token in ["", "?token=", "?token=wrong"] {
        let wrong = json!(format!("http://localhost/pocketping/upload/att_1{token}"));
        refused(&put(&server, &wrong, "text/plain", "abc"), 404, "no upload att_1");
    }
    let early = r#"{"sessionId":"sess_1","content":"x","attachmentIds":["att_1"]}"#;
    refused(&widget(&server, "POST /message", early), 409, "att_1 is not complete");
    assert_eq!(put(&server, url, "text/plain", "abc").status, 200);
    assert_eq!(put(&server, url, "text/plain", "xyz").status, 200, "once more, before it is whole");
    let read = send(&server, "GET /pocketping/files/att_1?token=upl_1_secret", &[], "");
    refused(&read, 404, "no upload");
    ok(&server, "POST /upload/complete", COMPLETE);
    ok(&server, "POST /upload/complete", COMPLETE);
    refused(&put(&server, url, "text/plain", "new"), 409, "att_1 is complete");
    let read = send(&server, "GET /pocketping/files/att_1?token=upl_1_secret", &[], "");
    assert_eq!(read.body, "xyz");

    let late = ok(&server, "POST /upload", ANNOUNCE);
    server.clock().advance(Duration::from_secs(900));
    refused(&put(&server, &late["uploadUrl"], "text/plain", "abc"), 410, "att_2 has expired");

    // Another visitor neither completes nor attaches it.
    ok(&server, "POST /connect", r#"{"visitorId":"other"}"#);
    let other = r#"{"sessionId":"sess_2","attachmentId":"att_1"}"#;
    refused(&widget(&server, "POST /upload/complete", other), 404, "no upload att_1");
    let other = r#"{"sessionId":"sess_2","content":"","attachmentIds":["att_1"]}"#;
    refused(&widget(&server, "POST /message", other), 404, "no upload att_1");
    let twice = r#"{"sessionId":"sess_1","content":"","attachmentIds":["att_1","att_1"]}"#;
    refused(&widget(&server, "POST /message", twice), 400, "twice");
    assert_eq!(server.messages(&"sess_1".into()), []);
}

#[test]
fn the_memory_of_uploads_has_an_end() {
    let mut limits = Limits::default();
    (limits.upload, limits.upload_memory) = (4, 5);
    let server = MockServer::builder().limits(limits).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    let [one, two] = [ANNOUNCE; 2].map(|body| ok(&server, "POST /upload", body)["uploadUrl"].clone());
    refused(&put(&server, &one, "text/plain", "abcdefgh"), 413, "larger than 4 bytes");
    assert_eq!(put(&server, &one, "text/plain", "abc").status, 200);
    refused(&put(&server, &two, "text/plain", "abc"), 507, "5 bytes");
    ok(&server, "POST /upload/complete", COMPLETE);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"","attachmentIds":["att_1"]}"#);
    ok(&server, "DELETE /message/msg_1?sessionId=sess_1", "");
    assert_eq!(put(&server, &two, "text/plain", "abc").status, 200, "a deleted message gives its memory back");
}

#[test]
fn a_screenshot_is_asked_for_once_and_becomes_a_message_unless_it_is_silent() {
    let server = connected();
    let requests = || ok(&server, "GET /screenshot/requests?sessionId=sess_1", "");
    assert_eq!(requests(), json!({"requests": []}));
    for (silent, message) in [(false, json!("msg_1")), (true, json!(null))] {
        let id = server.operator().asks_for_screenshot(&"sess_1".into(), silent);
        assert_eq!(requests(), json!({"requests": [{"requestId": id, "requestedFrom": "api", "silent": silent}]}));
        assert_eq!(requests(), json!({"requests": []}), "a widget takes one for each time it is told");
        let body = json!({"sessionId": "sess_1", "requestId": id}).to_string();
        let announced = ok(&server, "POST /screenshot/upload", &body);
        let attachment = announced["attachmentId"].as_str().unwrap();
        assert_eq!(announced["storageKey"], format!("screenshots/{attachment}"));
        assert_eq!(put(&server, &announced["uploadUrl"], "image/png", "PNG").status, 200);
        let mut done = json!({"sessionId": "sess_1", "requestId": id, "attachmentId": attachment, "size": 4});
        refused(&widget(&server, "POST /screenshot/upload/complete", &done.to_string()), 400, "`size`");
        done["size"] = json!(3);
        let shown = ok(&server, "POST /screenshot/upload/complete", &done.to_string());
        assert_eq!((&shown["success"], &shown["messageId"]), (&json!(true), &message));
        let picture = send(&server, &format!("GET {}", path(&server, &shown["url"])), &[], "");
        assert_eq!((picture.header("content-type"), picture.body.as_str()), (Some("image/png"), "PNG"));
        refused(&widget(&server, "POST /screenshot/upload/complete", &done.to_string()), 400, "`requestId`");
    }
    let messages = server.messages(&"sess_1".into());
    assert_eq!((messages.len(), messages[0].kind.as_str()), (1, "visitor"));
    refused(
        &widget(&server, "POST /screenshot/upload", r#"{"sessionId":"sess_1","requestId":"made-up"}"#),
        400,
        "`requestId`",
    );
}
