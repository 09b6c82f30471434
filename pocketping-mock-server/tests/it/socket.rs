//! The socket, frame by frame.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::wire::{call, send};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The frame the API reference prints.
pub(crate) const AUTH: &str = r#"{"type":"auth","apiKey":"test_key"}"#;

fn start(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

pub(crate) async fn connect(server: &MockServer) -> Socket {
    connect_async(format!("ws://{}/ws", server.address())).await.unwrap().0
}

pub(crate) async fn authenticated(server: &MockServer, auth: &str) -> (Socket, Value) {
    let mut socket = connect(server).await;
    socket.send(Message::text(auth)).await.unwrap();
    let ok = frame(&mut socket).await;
    (socket, ok)
}

pub(crate) async fn message(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a frame in time").unwrap().unwrap()
}

pub(crate) async fn frame(socket: &mut Socket) -> Value {
    serde_json::from_str(message(socket).await.to_text().unwrap()).unwrap()
}

pub(crate) async fn close_code(socket: &mut Socket) -> u16 {
    match message(socket).await {
        Message::Close(Some(close)) => close.code.into(),
        other => panic!("a close was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn extended_says_that_the_key_was_taken_and_numbers_events() {
    let server = start(Contract::Extended);
    let (mut socket, ok) = authenticated(&server, AUTH).await;
    assert_eq!(ok, json!({"type": "auth.ok", "connectionId": "conn_1", "resume": "fresh", "seq": 0}));
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"Hi"}"#);
    let mut event = frame(&mut socket).await;
    let id = event.as_object_mut().unwrap().remove("id").unwrap();
    assert!(id.as_str().unwrap().starts_with("evt_") && id.as_str().unwrap().ends_with("_1"), "{id}");
    assert_eq!(
        event,
        json!({"type": "message.created", "seq": 1, "timestamp": "2024-01-15T10:35:00Z",
               "message": {"id": "msg_1", "sessionId": "sess_abc123", "content": "Hi", "type": "operator",
                           "createdAt": "2024-01-15T10:35:00Z"}})
    );
    call(&server, "POST /sessions/sess_abc123/ai", r#"{"enabled":false}"#);
    let event = frame(&mut socket).await;
    assert_eq!((&event["type"], &event["session"]["aiEnabled"]), (&json!("session.updated"), &json!(false)));
}

#[tokio::test]
async fn strict_is_silent_and_a_pong_shows_that_the_subscription_stands() {
    let server = start(Contract::Strict);
    let mut socket = connect(&server).await;
    socket.send(Message::text(AUTH)).await.unwrap();
    socket.send(Message::Ping("fence".into())).await.unwrap();
    assert_eq!(message(&mut socket).await, Message::Pong("fence".into()), "nothing before the pong");
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "Hello");
    call(&server, &format!("POST /sessions/{id}/ai"), r#"{"enabled":false}"#);
    call(&server, &format!("POST /sessions/{id}/close"), "");
    let created = frame(&mut socket).await;
    let keys: Vec<_> = created.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((&created["type"], keys), (&json!("session.created"), vec!["session", "type"]));
    let said = frame(&mut socket).await;
    assert_eq!(
        said,
        json!({"type": "message.created", "message": {"id": "msg_1", "sessionId": id, "content": "Hello",
               "type": "visitor", "createdAt": "2024-01-15T10:35:00Z"}})
    );
    assert_eq!(frame(&mut socket).await["message"]["content"], "Session closed");
    assert_eq!(frame(&mut socket).await, json!({"type": "session.closed", "sessionId": id}));
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_link_closed() {
    let server = start(Contract::Extended);
    for auth in [r#"{"type":"auth","apiKey":"wrong"}"#, r#"{"type":"auth"}"#, r#"{"type":"auth","apiKey":7}"#] {
        let (mut socket, error) = authenticated(&server, auth).await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("UNAUTHORIZED")));
        assert_eq!(error["error"], "Unauthorized");
        assert_eq!(close_code(&mut socket).await, 4401);
    }
    let server = start(Contract::Strict);
    let mut socket = connect(&server).await;
    socket.send(Message::text(r#"{"type":"auth","apiKey":"wrong"}"#)).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1008);
}

#[tokio::test]
async fn the_first_frame_must_be_auth_and_frames_are_text() {
    for (contract, code) in [(Contract::Extended, 4400), (Contract::Strict, 1008)] {
        let server = start(contract);
        for first in [r#"{"type":"hello"}"#, "not json", "[]", r#"{"apiKey":"test_key"}"#] {
            let mut socket = connect(&server).await;
            socket.send(Message::text(first)).await.unwrap();
            assert_eq!(close_code(&mut socket).await, code, "{first}");
        }
        let mut socket = connect(&server).await;
        socket.send(Message::binary(&b"{}"[..])).await.unwrap();
        assert_eq!(close_code(&mut socket).await, 1003);
    }
    let server = start(Contract::Extended);
    let (mut socket, _) = authenticated(&server, AUTH).await;
    socket.send(Message::binary(&b"{}"[..])).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1003);
    let (mut socket, _) = authenticated(&server, AUTH).await;
    // The server may hang up while the frame is still being written.
    drop(socket.send(Message::text("x".repeat((1 << 20) + 1))).await);
    let end = socket.next().await;
    let told = matches!(&end, Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == 1009);
    assert!(told || matches!(&end, Some(Err(Error::Protocol(_) | Error::Io(_)))), "{end:?}");
}

#[tokio::test]
async fn a_ping_before_the_key_is_refused_and_not_answered() {
    for (contract, code) in [(Contract::Extended, 4400), (Contract::Strict, 1008)] {
        let server = start(contract);
        let mut socket = connect(&server).await;
        socket.send(Message::Ping("early".into())).await.unwrap();
        assert_eq!(close_code(&mut socket).await, code, "{contract:?}");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let silent = async |contract| {
        let server = start(contract);
        close_code(&mut connect(&server).await).await
    };
    // Five seconds of real time each, so both at once.
    let codes = tokio::join!(silent(Contract::Extended), silent(Contract::Strict));
    assert_eq!(codes, (4408, 1008));
}

#[tokio::test]
async fn a_client_resumes_after_its_last_event() {
    let server = start(Contract::Extended);
    let (mut first, _) = authenticated(&server, AUTH).await;
    server.visitor_says(&"sess_abc123".into(), "0");
    let seen = frame(&mut first).await["id"].clone();
    drop(first);
    for n in 1..3 {
        server.visitor_says(&"sess_abc123".into(), n.to_string());
    }
    let auth = |id: Value| json!({"type": "auth", "apiKey": "test_key", "lastEventId": id}).to_string();
    let (mut socket, ok) = authenticated(&server, &auth(seen.clone())).await;
    assert_eq!(ok["resume"], "resumed");
    server.visitor_says(&"sess_abc123".into(), "3");
    for seq in 2..=4 {
        let event = frame(&mut socket).await;
        assert_eq!((&event["seq"], &event["message"]["content"]), (&json!(seq), &json!((seq - 1).to_string())));
    }
    let never = json!(seen.as_str().unwrap().replace("_1", "_9"));
    for unknown in [json!("evt_2_1"), json!("nonsense"), json!(""), json!(7), never] {
        assert_eq!(authenticated(&server, &auth(unknown.clone())).await.1["resume"], "expired", "{unknown}");
    }
    assert_eq!(authenticated(&server, &auth(Value::Null)).await.1["resume"], "fresh", "null is none");

    // Another start of a server, with the same sequential ids, is another epoch.
    let restarted = start(Contract::Extended);
    for n in 0..3 {
        restarted.visitor_says(&"sess_abc123".into(), n.to_string());
    }
    assert_eq!(authenticated(&restarted, &auth(seen)).await.1["resume"], "expired");
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered() {
    for contract in [Contract::Extended, Contract::Strict] {
        let server = start(contract);
        let mut early = connect(&server).await;
        early.close(None).await.unwrap();
        assert!(matches!(message(&mut early).await, Message::Close(_)));
        let mut socket = connect(&server).await;
        socket.send(Message::text(AUTH)).await.unwrap();
        let close = CloseFrame { code: 1000.into(), reason: "done".into() };
        socket.close(Some(close)).await.unwrap();
        loop {
            match message(&mut socket).await {
                Message::Close(close) => break assert_eq!(close.map(|close| u16::from(close.code)), Some(1000)),
                Message::Text(text) => assert!(text.contains("auth.ok")),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn another_tenants_events_are_not_heard() {
    let keys = ["test_key=a", "other=b"].map(|key| key.parse().unwrap());
    let [one, two] = keys;
    let server = MockServer::builder().key(one).key(two).start().unwrap();
    let (mut other, _) = authenticated(&server, r#"{"type":"auth","apiKey":"other"}"#).await;
    server.visitor_opens_session(Visit::new());
    other.send(Message::Ping("fence".into())).await.unwrap();
    assert_eq!(message(&mut other).await, Message::Pong("fence".into()));
}

#[tokio::test]
async fn pings_are_due_on_the_servers_clock() {
    let server = start(Contract::Extended);
    let (mut socket, _) = authenticated(&server, AUTH).await;
    for _ in 0..3 {
        server.clock().advance(Duration::from_secs(20));
        assert!(message(&mut socket).await.is_ping());
        // The pong goes out with the next write.
        socket.send(Message::Ping("fence".into())).await.unwrap();
        assert!(message(&mut socket).await.is_pong());
    }
}

#[tokio::test]
async fn a_stopping_server_says_goodbye_on_every_socket() {
    let server = start(Contract::Extended);
    let mut waiting = connect(&server).await;
    let (mut socket, _) = authenticated(&server, AUTH).await;
    let (shutdown, ready, early) = tokio::join!(server.shutdown(), close_code(&mut socket), close_code(&mut waiting));
    let () = shutdown;
    assert_eq!((ready, early), (1001, 1001));
}

#[tokio::test]
async fn only_pages_of_this_machine_may_connect() {
    let server = start(Contract::Extended);
    let upgrade = |origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers
    };
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "foo://localhost",
        "http://localhost\r\nOrigin: https://evil.example",
        "null",
        "nonsense",
    ] {
        let headers = upgrade(origin);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = send(&server, "GET /ws", &headers, "");
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("FORBIDDEN")), "{origin}");
    }
    for origin in ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"] {
        let mut request = format!("ws://{}/ws", server.address()).into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        connect_async(request).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_closed_and_never_skipped() {
    let server = start(Contract::Extended);
    let (mut slow, _) = authenticated(&server, AUTH).await;
    let text = "x".repeat(4000);
    // Far more than the server's queue and the socket's buffers hold.
    for _ in 0..5000 {
        server.visitor_says(&"sess_abc123".into(), text.as_str());
    }
    let mut last = 0;
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(20), slow.next()).await.expect("an end in time") {
            Some(Ok(Message::Text(text))) => {
                let seq = serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap();
                assert_eq!(seq, last + 1, "nothing is skipped");
                last = seq;
            }
            Some(Ok(Message::Close(close))) => break close.map(|close| u16::from(close.code)),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    assert!(last < 5000, "it was closed before the end");
    assert!(matches!(end, Some(1013) | None), "{end:?}");
}
