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
        (&long_type(), 400, "`mimeType`"),
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
    refused(&put(&server, url, "text/plain", "abcd"), 400, "more than the 3 announced bytes");
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
    let done = r#"{"sessionId":"sess_1","attachmentId":"att_2"}"#;
    refused(&widget(&server, "POST /upload/complete", done), 410, "att_2 has expired");

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
    refused(&put(&server, &one, "text/plain", "abcdefgh"), 400, "more than the 3 announced bytes");
    refused(&put(&server, &one, "text/plain", "ab"), 400, "2 bytes were sent, and 3 announced");
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

fn long_type() -> String {
    json!({"sessionId": "sess_1", "filename": "a", "mimeType": format!("text/plain;{}", "x".repeat(300)), "size": 3})
        .to_string()
}

#[test]
fn what_belongs_to_no_message_is_gone_in_time() {
    let mut limits = Limits::default();
    limits.upload_memory = 5;
    let server = MockServer::builder().limits(limits).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    let one = ok(&server, "POST /upload", ANNOUNCE)["uploadUrl"].clone();
    assert_eq!(put(&server, &one, "text/plain", "abc").status, 200);
    ok(&server, "POST /upload/complete", COMPLETE);
    server.clock().advance(Duration::from_secs(1799));
    let two = ok(&server, "POST /upload", ANNOUNCE)["uploadUrl"].clone();
    refused(&put(&server, &two, "text/plain", "abc"), 507, "5 bytes");
    server.clock().advance(Duration::from_secs(1));
    let three = ok(&server, "POST /upload", ANNOUNCE)["uploadUrl"].clone();
    assert_eq!(put(&server, &three, "text/plain", "abc").status, 200, "the first one is gone");
    refused(&widget(&server, "POST /upload/complete", COMPLETE), 404, "no upload att_1");
}

#[test]
fn a_session_has_a_hundred_files_on_their_way_at_most() {
    let server = connected();
    for _ in 0..100 {
        ok(&server, "POST /upload", ANNOUNCE);
    }
    refused(&widget(&server, "POST /upload", ANNOUNCE), 409, "100 files");
    ok(&server, "POST /connect", r#"{"visitorId":"other"}"#);
    let others = r#"{"sessionId":"sess_2","filename":"a.txt","mimeType":"text/plain","size":3}"#;
    ok(&server, "POST /upload", others);
}

#[test]
fn a_file_is_where_the_server_is_and_not_where_a_visitor_says() {
    let seed = pocketping_mock_server::Seed::from_json(r#"{"projects": [{"id": "proj b/é"}]}"#).unwrap();
    let server = MockServer::builder().seed(seed.clone()).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    let announced = |server: &MockServer, path: &str, host: &str| {
        let request = format!(
            "POST {path}/upload HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{ANNOUNCE}",
            ANNOUNCE.len()
        );
        let url = crate::wire::raw(server, request.as_bytes()).json()["uploadUrl"].as_str().unwrap().to_owned();
        url.split("/upload/").next().unwrap().to_owned()
    };
    let own = format!("{}/pocketping", server.url());
    assert_eq!(announced(&server, "/pocketping", "chat.localhost:3001"), "http://chat.localhost:3001/pocketping");
    for host in ["evil.example", "127.0.0.1@evil.example", "evil.example/x?", &"x".repeat(300), ""] {
        assert_eq!(announced(&server, "/pocketping", host), own, "{host}");
    }
    let encoded = "/api/widget/proj%20b%2F%C3%A9";
    assert_eq!(announced(&server, encoded, "localhost"), format!("http://localhost{encoded}"));
    let public = MockServer::builder().seed(seed).public_url("https://chat.example.com/bridge/").start().unwrap();
    ok(&public, "POST /connect", HELLO);
    assert_eq!(announced(&public, "/pocketping", "evil.example"), "https://chat.example.com/bridge/pocketping");
}

#[test]
fn a_screenshot_is_the_file_that_was_announced_for_it_and_asks_nothing() {
    let server = connected();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    let id = server.operator().asks_for_screenshot(&"sess_1".into(), false);
    ok(&server, "GET /screenshot/requests?sessionId=sess_1", "");
    let other = ok(&server, "POST /upload", ANNOUNCE);
    put(&server, &other["uploadUrl"], "text/plain", "abc");
    let complete = |attachment: &str| {
        let body = json!({"sessionId": "sess_1", "requestId": id, "attachmentId": attachment, "size": 3});
        widget(&server, "POST /screenshot/upload/complete", &body.to_string())
    };
    refused(&complete("att_1"), 400, "`attachmentId`");
    let body = json!({"sessionId": "sess_1", "requestId": id}).to_string();
    let announced = ok(&server, "POST /screenshot/upload", &body);
    put(&server, &announced["uploadUrl"], "image/png", "PNG");
    refused(&complete("att_1"), 400, "`attachmentId`");
    call(&server, "POST /sessions/sess_1/close", "");
    assert_eq!(complete("att_2").status, 200);
    let session = call(&server, "GET /sessions/sess_1", "").json();
    assert_eq!((&session["status"], &session["unanswered"]), (&json!("active"), &json!(false)));
}
