//! The widget's socket and event stream, frame by frame.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::{Limits, MockServer, Seed};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Events, HELLO, connected, ok};
use crate::socket::{Socket, close_code, frame, message};
use crate::wire::{call, send};

pub(crate) async fn join(server: &MockServer) -> Socket {
    let url = format!("ws://{}/pocketping/stream?sessionId=sess_1", server.address());
    connect_async(url).await.unwrap().0
}

fn said(id: &str, content: &str, sender: &str) -> Value {
    json!({"type": "message", "data": {"id": id, "sessionId": "sess_1", "content": content, "sender": sender,
           "timestamp": "2024-01-15T10:30:00.000Z", "status": "sent"}})
}

#[tokio::test]
async fn a_socket_begins_with_the_last_messages_and_hears_everything() {
    let server = connected();
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    let mut socket = join(&server).await;
    assert_eq!(frame(&mut socket).await, said("msg_1", "hello", "visitor"));

    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    assert_eq!(frame(&mut socket).await, said("msg_2", "Hi", "operator"));
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"two"}"#);
    assert_eq!(frame(&mut socket).await, said("msg_3", "two", "visitor"), "other tabs show it, too");

    ok(&server, "PATCH /message/msg_3", r#"{"sessionId":"sess_1","content":"three"}"#);
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "message_edited", "data": {"messageId": "msg_3", "content": "three",
               "editedAt": "2024-01-15T10:30:00.000Z"}})
    );
    ok(&server, "DELETE /message/msg_3?sessionId=sess_1", "");
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "message_deleted", "data": {"messageId": "msg_3", "deletedAt": "2024-01-15T10:30:00.000Z"}})
    );
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_2"],"status":"read"}"#);
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "read", "data": {"messageIds": ["msg_2"], "status": "read",
               "deliveredAt": "2024-01-15T10:30:00.000Z", "readAt": "2024-01-15T10:30:00.000Z"}})
    );
    call(&server, "POST /sessions/sess_1/close", "");
    assert_eq!(frame(&mut socket).await, said("msg_4", "Session closed", "system"));
}

#[tokio::test]
async fn what_operators_do_is_seen_at_once() {
    let server = connected();
    let mut socket = join(&server).await;
    let (id, operator) = ("sess_1".into(), server.operator());
    operator.is_online(true);
    operator.is_online(true);
    assert_eq!(frame(&mut socket).await, json!({"type": "presence", "data": {"online": true}}));
    operator.types(&id, true);
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "typing", "data": {"sessionId": "sess_1", "sender": "operator", "isTyping": true}})
    );
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    assert_eq!(frame(&mut socket).await, said("msg_1", "Hi", "operator"));
    operator.edits(&id, &"msg_1".into(), "Hello");
    let mut edited = said("msg_1", "Hello", "operator");
    edited["data"]["editedAt"] = json!("2024-01-15T10:30:00.000Z");
    assert_eq!(frame(&mut socket).await, edited, "the same message once more");
    operator.deletes(&id, &"msg_1".into());
    let deleted = frame(&mut socket).await;
    assert_eq!((&deleted["data"]["content"], &deleted["data"]["deletedAt"]), (&json!(""), &edited["data"]["editedAt"]));

    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    frame(&mut socket).await;
    assert_eq!(operator.reads(&id), 1);
    let read = frame(&mut socket).await;
    assert_eq!((&read["type"], &read["data"]["messageIds"]), (&json!("read"), &json!(["msg_2"])));

    operator.tells_page(&id, "offer", Some(json!({"percent": 10})));
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "event", "data": {"name": "offer", "data": {"percent": 10}, "sessionId": "sess_1",
               "timestamp": "2024-01-15T10:30:00.000Z"}})
    );
    operator.tracks(vec![json!({"selector": ".cta", "name": "clicked_cta"})]);
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "config_update", "data": {"trackedElements": [{"selector": ".cta", "name": "clicked_cta"}]}})
    );
    let shot = operator.asks_for_screenshot(&id, true);
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "screenshot_request", "data": {"requestId": shot, "requestedFrom": "api", "silent": true}})
    );
    let polled = ok(&server, "GET /screenshot/requests?sessionId=sess_1", "");
    assert_eq!(polled, json!({"requests": []}), "what was pushed is not handed out once more");
}

#[tokio::test]
async fn a_rating_is_asked_for_until_there_is_one() {
    let seed = r#"{"projects": [{"id": "p", "settings": {"csatEnabled": true}}]}"#;
    let server = MockServer::builder().seed(Seed::from_json(seed).unwrap()).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    let mut socket = join(&server).await;
    let asked = json!({"type": "csat_request", "data": {"requestedAt": "2024-01-15T10:30:00.000Z"}});
    call(&server, "POST /sessions/sess_1/close", "");
    assert_eq!(frame(&mut socket).await["type"], "message");
    assert_eq!(frame(&mut socket).await, asked);

    server.clock().advance(Duration::from_secs(5));
    let mut reloaded = join(&server).await;
    assert_eq!(frame(&mut reloaded).await["type"], "message");
    assert_eq!(frame(&mut reloaded).await, asked, "again after a reload");
    ok(&server, "POST /csat", r#"{"sessionId":"sess_1","score":4}"#);
    assert!(!server.operator().asks_for_rating(&"sess_1".into()));
    let mut reloaded = join(&server).await;
    assert_eq!(frame(&mut reloaded).await["type"], "message");
    server.operator().is_online(true);
    assert_eq!(frame(&mut reloaded).await["type"], "presence", "and not any more");
}

#[tokio::test]
async fn a_page_tells_what_happens_on_it() {
    let server = connected();
    let mut socket = join(&server).await;
    let large = json!({"type": "event", "data": {"name": "x".repeat(40_000)}}).to_string();
    for text in [
        large.as_str(),
        r#"{"type":"event","data":{"name":"clicked_cta","data":{"x":1},"timestamp":"2026-11-22T07:16:24.117Z"}}"#,
        r#"{"type":"inspector_select","data":{"selector":"a.buy","tagName":"A","text":"Buy","url":"https://a/"}}"#,
        r#"{"type":"event","data":{}}"#,
        r#"{"type":"typing","data":{"isTyping":true}}"#,
        r#"{"type":"of the future"}"#,
        "no json",
    ] {
        socket.send(Message::text(text)).await.unwrap();
    }
    // What is heard is heard in order: an answer to the last one shows that all were.
    socket.send(Message::Ping("fence".into())).await.unwrap();
    assert_eq!(message(&mut socket).await, Message::Pong("fence".into()));
    let signals = server.visitor_signals(&"sess_1".into());
    let told: Vec<_> = signals.iter().map(|signal| (signal.kind.as_str(), signal.data.clone())).collect();
    assert_eq!(
        told,
        [
            ("event", json!({"name": "clicked_cta", "data": {"x": 1}, "timestamp": "2026-11-22T07:16:24.117Z"})),
            ("inspector_select", json!({"selector": "a.buy", "tagName": "A", "text": "Buy", "url": "https://a/"})),
        ]
    );
    assert_eq!(server.events().len(), 1, "nothing of it is an event of the contract");
}

#[tokio::test]
async fn a_socket_that_cannot_be_is_refused() {
    let server = connected();
    let open = |query: &str| connect_async(format!("ws://{}/pocketping/stream{query}", server.address()));
    let mut nobody = open("").await.unwrap().0;
    assert_eq!(close_code(&mut nobody).await, 4000);
    let Err(Error::Http(answer)) = open("?sessionId=nope").await else { panic!("an unknown session was let in") };
    assert_eq!(answer.status(), 404);
    let unversioned = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let answer = send(&server, "GET /pocketping/stream?sessionId=sess_1", &unversioned, "");
    assert_eq!(answer.status, 400, "a broken upgrade is no event stream");

    let mut socket = join(&server).await;
    socket.send(Message::Binary("x".into())).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1003);
    let mut limits = Limits::default();
    limits.frame = 100;
    let small = MockServer::builder().limits(limits).start().unwrap();
    ok(&small, "POST /connect", HELLO);
    let mut socket = join(&small).await;
    socket.send(Message::text("x".repeat(200))).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1009);
}

#[tokio::test]
async fn a_socket_ends_with_the_server() {
    let server = connected();
    let mut socket = join(&server).await;
    let (code, ()) = tokio::join!(close_code(&mut socket), server.shutdown());
    assert_eq!(code, 1001);
}

#[test]
fn an_event_stream_begins_at_once_and_tells_the_same() {
    let server = connected();
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    let (mut events, head) = Events::open(&server, "sessionId=sess_1");
    assert_eq!(head[0], "http/1.1 200 ok");
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-cache",
        "access-control-allow-origin: https://example.com",
    ] {
        assert!(head.iter().any(|header| header == line), "{line}: {head:?}");
    }
    assert_eq!(events.next(), ": connected");
    assert_eq!(events.frame(), said("msg_1", "hello", "visitor"));
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    assert_eq!(events.frame(), said("msg_2", "Hi", "operator"));
    server.clock().advance(Duration::from_secs(20));
    assert_eq!(events.next(), ": ping", "on the server's clock");

    let (mut later, _) = Events::open(&server, "sessionId=sess_1&after=msg_1");
    assert_eq!(later.next(), ": connected");
    assert_eq!(later.frame()["data"]["id"], "msg_2", "what came after");
    // A widget's clock may be ahead of what it has seen.
    let (mut later, _) = Events::open(&server, "sessionId=sess_1&after=2024-01-15T10%3A30%3A01.000Z");
    assert_eq!(later.next(), ": connected");
    assert_eq!(later.frame()["data"]["id"], "msg_2", "what the operator wrote");
    server.operator().is_online(true);
    assert_eq!(later.frame()["type"], "presence", "and nothing else");
    for (query, status) in [("", "http/1.1 400 bad request"), ("sessionId=nope", "http/1.1 404 not found")] {
        let (_, head) = Events::open(&server, query);
        assert_eq!(head[0], status);
    }
}

#[tokio::test]
async fn a_widget_that_is_behind_hears_of_its_version() {
    let server = MockServer::builder().widget_versions(None, Some("3.0.0")).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    let mut socket = join(&server).await;
    assert_eq!(
        frame(&mut socket).await,
        json!({"type": "version_warning", "data": {"severity": "warning", "canContinue": true, "currentVersion": "2.6.0",
               "latestVersion": "3.0.0", "message": "this widget is a major version behind; 3.0.0 is current"}})
    );
}

#[tokio::test]
async fn a_widget_that_reads_too_slowly_is_closed_and_never_skipped() {
    let server = connected();
    let mut slow = join(&server).await;
    let text = "x".repeat(3990);
    // Far more than the server's queue and the socket's buffers hold.
    for n in 0..5000 {
        server.visitor_says(&"sess_1".into(), format!("{n} {text}"));
    }
    let mut next = 0;
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(20), slow.next()).await.expect("an end in time") {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                let content = frame["data"]["content"].as_str().unwrap();
                assert!(content.starts_with(&format!("{next} ")), "nothing is skipped");
                next += 1;
            }
            Some(Ok(Message::Close(close))) => break close.map(|close| u16::from(close.code)),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    assert!(next < 5000, "it was closed before the end");
    assert!(matches!(end, Some(1013) | None), "{end:?}");
}

#[tokio::test]
async fn what_was_delivered_at_different_times_is_told_so() {
    let server = connected();
    for text in ["one", "two"] {
        call(&server, "POST /sessions/sess_1/messages", &json!({"content": text}).to_string());
    }
    let mut socket = join(&server).await;
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_1"],"status":"delivered"}"#);
    server.clock().advance(Duration::from_secs(1));
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_1","msg_2"],"status":"read"}"#);
    let mut told = Vec::new();
    while told.len() < 3 {
        let frame = frame(&mut socket).await;
        if frame["type"] == "read" {
            told.push((frame["data"]["messageIds"].clone(), frame["data"]["deliveredAt"].clone()));
        }
    }
    let (at, later) = (json!("2024-01-15T10:30:00.000Z"), json!("2024-01-15T10:30:01.000Z"));
    assert_eq!(told, [(json!(["msg_1"]), at.clone()), (json!(["msg_1"]), at), (json!(["msg_2"]), later)]);
}

#[test]
fn only_a_request_that_hears_it_takes_what_is_told_once() {
    let server = connected();
    server.operator().asks_for_screenshot(&"sess_1".into(), false);
    for line in ["HEAD /pocketping/screenshot/requests?sessionId=sess_1", "HEAD /pocketping/stream?sessionId=sess_1"] {
        assert_eq!(send(&server, line, &[], "").status, 200);
    }
    // A client that offers HTTP/2 by upgrade is no socket.
    let (mut events, head) =
        Events::open(&server, "sessionId=sess_1 HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nX: ");
    assert_eq!(head[0], "http/1.1 200 ok");
    assert_eq!(events.next(), ": connected");
    assert_eq!(events.frame()["type"], "screenshot_request");
}
