//! The frames of both sockets, and of the widget's event stream, are as the document says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::descriptions::{BOTH, Descriptions, Document, SOCKETS};
use super::player::{Request, begin, send};
use crate::contract::Contract;
use crate::responder::Responder;
use crate::server::MockServer;
use crate::store::Visit;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The frames of an operation, by their type: where the schema of each is, and where its example.
fn frames(document: &Document, operation: &str) -> BTreeMap<String, (String, Value)> {
    let messages = format!("/operations/{operation}/messages");
    let count = document.at(&messages).and_then(Value::as_array).unwrap().len();
    let frame = |n: usize| {
        let place = document.follow(document.follow(format!("{messages}/{n}")));
        let message = document.at(&place).unwrap();
        let kind = message["payload"]["properties"]["type"]["const"].as_str().unwrap().to_owned();
        (kind, (format!("{place}/payload"), message["examples"][0]["payload"].clone()))
    };
    (0..count).map(frame).collect()
}

/// Holds frames against the document, until it has seen one of each type.
struct Judge<'a> {
    descriptions: &'a Descriptions,
    frames: BTreeMap<String, (String, Value)>,
    seen: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    fn of(descriptions: &'a Descriptions, operation: &str) -> Self {
        let frames = frames(descriptions.document(SOCKETS), operation);
        Self { descriptions, frames, seen: BTreeSet::new() }
    }

    /// Gives the frame's type.
    fn judge(&mut self, text: &str) -> String {
        let frame: Value = serde_json::from_str(text).unwrap();
        let kind = frame["type"].as_str().unwrap();
        let (schema, _) = self.frames.get(kind).unwrap_or_else(|| panic!("{kind:?} is not documented: {text}"));
        self.descriptions.check(SOCKETS, schema, &frame).unwrap();
        self.seen.insert(kind.to_owned());
        kind.to_owned()
    }

    fn unseen(&self) -> Vec<&str> {
        self.frames.keys().filter(|kind| !self.seen.contains(*kind)).map(String::as_str).collect()
    }
}

async fn connect(server: &MockServer, path: &str) -> Socket {
    connect_async(format!("ws://{}{path}", server.address())).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a frame in time").unwrap().unwrap()
}

/// Judges frames until one of this type came.
async fn until(kind: &str, socket: &mut Socket, judge: &mut Judge<'_>) {
    loop {
        match next(socket).await {
            Message::Text(text) if judge.judge(&text) == kind => break,
            Message::Text(_) | Message::Ping(_) => {}
            other => panic!("{other:?} is no frame"),
        }
    }
}

/// The close code, after whatever is said before it.
async fn close_code(socket: &mut Socket, judge: &mut Judge<'_>) -> String {
    loop {
        match next(socket).await {
            Message::Close(close) => return u16::from(close.unwrap().code).to_string(),
            said => drop(judge.judge(said.to_text().unwrap())),
        }
    }
}

async fn call(server: &MockServer, line: &str, body: Value) -> Value {
    let answer = send(server.service(), Request::line(line).key(server.api_key()).json(&body)).await;
    assert!((200..300).contains(&answer.status), "{line}: {answer:?}");
    answer.json()
}

#[tokio::test]
async fn events_are_as_the_document_says() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        let server = MockServer::builder().contract(contract).api_key("your_api_key").start().unwrap();
        let mut judge = Judge::of(&descriptions, "tellEvents");
        let heard = frames(descriptions.document(SOCKETS), "authenticate");
        let mut socket = connect(&server, "/ws").await;
        socket.send(Message::text(heard["auth"].1.to_string())).await.unwrap();
        // A pong shows that the subscription stands, also where nothing else does.
        socket.send(Message::Ping("fence".into())).await.unwrap();
        loop {
            match next(&mut socket).await {
                Message::Pong(_) => break,
                said => drop(judge.judge(said.to_text().unwrap())),
            }
        }
        let id = server.visitor_opens_session(Visit::new().page_url("https://example.com/")).id;
        server.visitor_says(&id, "Hello");
        server.operator().reads(&id);
        call(&server, &format!("POST /sessions/{id}/ai"), json!({"enabled": false})).await;
        call(&server, &format!("POST /sessions/{id}/close"), Value::Null).await;
        until("session.closed", &mut socket, &mut judge).await;
        refused_links(&server, contract, &descriptions, &mut judge).await;
        assert_eq!(judge.unseen(), [""; 0], "{contract:?}: documented, and never told");
    }
}

/// Links that are closed, with codes that are documented.
async fn refused_links(server: &MockServer, contract: Contract, descriptions: &Descriptions, judge: &mut Judge<'_>) {
    let codes = descriptions.document(SOCKETS).at("/channels/events/x-close-codes").unwrap();
    for (first, code) in [
        (Message::text(r#"{"type":"auth","apiKey":"wrong"}"#), "4401"),
        (Message::text(r#"{"type":"hello"}"#), "4400"),
        (Message::binary("x"), "1003"),
    ] {
        let mut socket = connect(server, "/ws").await;
        socket.send(first).await.unwrap();
        let expected = if contract.is_extended() || code == "1003" { code } else { "1008" };
        assert_eq!(close_code(&mut socket, judge).await, expected, "{contract:?}");
        assert!(codes[expected].is_string(), "{contract:?}: {expected} is not documented");
    }
    let known: Vec<_> = codes.as_object().unwrap().keys().map(String::as_str).collect();
    let extended = ["1001", "1003", "1009", "1013", "4400", "4401", "4408"];
    let strict = ["1001", "1003", "1008", "1009", "1013"];
    assert_eq!(known, if contract.is_extended() { &extended[..] } else { &strict[..] });
}

/// Everything that a widget can be told.
async fn everything(server: &MockServer) {
    let id = "sess_1".into();
    let widget = async |line: &str, body| call(server, &line.replace(' ', " /pocketping"), body).await;
    let message = widget("POST /message", json!({"sessionId": id, "content": "Hello"})).await["messageId"].clone();
    let line = format!("/message/{}", message.as_str().unwrap());
    widget(&format!("PATCH {line}"), json!({"sessionId": id, "content": "Hello!"})).await;
    let operator = server.operator();
    operator.is_online(true);
    operator.reads(&id);
    operator.types(&id, true);
    operator.tells_page(&id, "show_offer", Some(json!({"percent": 10})));
    operator.tracks(vec![json!({"selector": "#buy", "name": "clicked_buy"})]);
    operator.asks_for_screenshot(&id, false);
    operator.asks_for_rating(&id);
    widget(&format!("DELETE {line}?sessionId={id}"), Value::Null).await;
    server.visitor_says(&id, "Is anybody there?");
    server.clock().advance(Duration::from_secs(30));
}

#[tokio::test]
async fn a_widget_s_frames_are_as_the_document_says() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        let builder = MockServer::builder().contract(contract).widget_versions(Some("2.0.0"), Some("2.6.0"));
        let server = builder.responder(Responder::after(Duration::from_secs(30))).start().unwrap();
        let hello = Request::line("POST /pocketping/connect").header("x-pocketping-version", "2.5.0");
        send(server.service(), hello.json(&json!({"visitorId": "mwri6tl9-iwzugjfcc"}))).await;
        let path = "/pocketping/stream?sessionId=sess_1";
        let mut socket = connect(&server, path).await;
        let mut stream = begin(server.service(), Request::new("GET", path)).await.into_body().into_data_stream();
        assert_eq!(stream.next().await.unwrap().unwrap(), ": connected\n\n");
        everything(&server).await;

        let mut judge = Judge::of(&descriptions, "showWidget");
        until("ai_takeover", &mut socket, &mut judge).await;
        assert_eq!(judge.unseen(), [""; 0], "{contract:?}: documented, and never told on the socket");
        let mut judge = Judge::of(&descriptions, "showWidget");
        loop {
            let text = stream.next().await.unwrap().unwrap();
            let text = std::str::from_utf8(&text).unwrap();
            match text.strip_prefix("data: ") {
                Some(frame) if judge.judge(frame) == "ai_takeover" => break,
                Some(_) => {}
                None => assert_eq!(text, ": ping\n\n"),
            }
        }
        assert_eq!(judge.unseen(), [""; 0], "{contract:?}: documented, and never told on the stream");

        for (_, example) in frames(descriptions.document(SOCKETS), "hearPage").into_values() {
            socket.send(Message::text(example.to_string())).await.unwrap();
        }
        socket.send(Message::Ping("fence".into())).await.unwrap();
        while !matches!(next(&mut socket).await, Message::Pong(_)) {}
        let kinds: Vec<_> = server.visitor_signals(&"sess_1".into()).into_iter().map(|signal| signal.kind).collect();
        assert_eq!(kinds, ["event", "inspector_select"], "{contract:?}: documented, and not kept");

        let codes = descriptions.document(SOCKETS).at("/channels/widget/x-close-codes").unwrap();
        let mut nobody = connect(&server, "/pocketping/stream").await;
        assert_eq!(close_code(&mut nobody, &mut judge).await, "4000");
        let known: Vec<_> = codes.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, ["1001", "1003", "1009", "1013", "4000"]);
    }
}
