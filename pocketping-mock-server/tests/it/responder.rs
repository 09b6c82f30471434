//! The scripted AI: when it answers, what, and where that is seen.
//!
//! That nothing comes is shown by what comes instead: advancing the clock wakes timers in their order, so an answer that
//! was due earlier would be there before that of another session.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::Duration;

use futures::SinkExt;
use pocketping_mock_server::{Contract, MockServer, Responder, Seed, Visit};
use pocketping_sdk::SessionId;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::deliveries::register;
use crate::receiver::Webhook;
use crate::socket::{AUTH, Socket, connect, message};
use crate::wire::{begin, call, request, send};

const DELAY: Duration = Duration::from_secs(30);
const BOTH: [Contract; 2] = [Contract::Strict, Contract::Extended];

fn responder() -> Responder {
    Responder::after(DELAY).rule("price|cost", "Plans start at $19.").unwrap().fallback("One moment.").unwrap()
}

/// A server with an AI, and a socket that hears of everything.
struct Scene {
    server: MockServer,
    socket: Socket,
}

impl Scene {
    async fn start(contract: Contract) -> Self {
        Self::with(MockServer::builder().contract(contract).responder(responder()).start().unwrap()).await
    }

    async fn with(server: MockServer) -> Self {
        let mut socket = connect(&server).await;
        socket.send(Message::text(AUTH)).await.unwrap();
        socket.send(Message::Ping("fence".into())).await.unwrap();
        while message(&mut socket).await != Message::Pong("fence".into()) {}
        Self { server, socket }
    }

    fn opens(&self) -> SessionId {
        self.server.visitor_opens_session(Visit::new()).id
    }

    /// A new session whose visitor writes now.
    fn asks(&self, text: &str) -> SessionId {
        let id = self.opens();
        self.server.visitor_says(&id, text);
        id
    }

    fn pass(&self, seconds: u64) {
        self.server.clock().advance(Duration::from_secs(seconds));
    }

    #[track_caller]
    fn rest(&self, id: &SessionId, line: &str, body: &str) {
        let answer = call(&self.server, &format!("POST /sessions/{id}/{line}"), body);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }

    /// The AI's next message: its session and text.
    async fn answer(&mut self) -> (SessionId, String) {
        loop {
            let event = heard(&mut self.socket).await;
            if event["message"]["type"] == "ai" && event["type"] == "message.created" {
                let text = |name: &str| event["message"][name].as_str().unwrap().to_owned();
                return (text("sessionId").into(), text("content"));
            }
        }
    }

    /// Nobody is answered who wrote until now: another session, which writes now, is the next one.
    async fn silence(&mut self) {
        let fence = self.asks("Are you there?");
        self.server.clock().advance(DELAY);
        assert_eq!(self.answer().await, (fence, "One moment.".to_owned()));
    }
}

/// A socket's next frame; pings are due as the clock is advanced.
async fn heard(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = message(socket).await {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// A widget's stream of server-sent events.
struct Sse(BufReader<TcpStream>);

impl Sse {
    fn open(server: &MockServer, id: &SessionId) -> Self {
        let get = request(&format!("GET /pocketping/stream?sessionId={id}"), &[("Accept", "text/event-stream")], "");
        let mut stream = Self(BufReader::new(begin(server, &get)));
        stream.line(": connected");
        stream
    }

    #[track_caller]
    fn line(&mut self, prefix: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(prefix) {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        }
        line[prefix.len()..].trim_end().to_owned()
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.line("data: ")).unwrap()
    }
}

/// What a widget is told when the AI answers, in this order.
fn told(id: &SessionId) -> [Value; 3] {
    let message = json!({"id": "msg_2", "sessionId": id, "content": "Plans start at $19.", "sender": "ai",
                         "timestamp": "2024-01-15T10:30:30.000Z", "status": "sent"});
    [
        json!({"type": "ai_takeover", "data": {"sessionId": id, "reason": "timeout"}}),
        json!({"type": "typing", "data": {"sessionId": id, "sender": "ai", "isTyping": true}}),
        json!({"type": "message", "data": message}),
    ]
}

#[tokio::test]
async fn the_widget_is_told_of_the_takeover_the_typing_and_the_answer_in_this_order() {
    for contract in BOTH {
        let it = Scene::start(contract).await;
        let id = it.opens();
        let mut sse = Sse::open(&it.server, &id);
        let stream = format!("ws://{}/pocketping/stream?sessionId={id}", it.server.address());
        let (mut socket, _) = connect_async(stream).await.unwrap();
        it.server.visitor_says(&id, "What does it cost?");
        assert_eq!((&sse.next()["type"], &heard(&mut socket).await["type"]), (&json!("message"), &json!("message")));
        it.server.clock().advance(Duration::from_millis(29_999));
        it.server.operator().is_online(true);
        let online = json!({"type": "presence", "data": {"online": true}});
        assert_eq!((sse.next(), heard(&mut socket).await), (online.clone(), online), "a millisecond early");
        it.server.clock().advance(Duration::from_millis(1));
        for expected in told(&id) {
            assert_eq!((sse.next(), heard(&mut socket).await), (expected.clone(), expected));
        }
        // Once and for all.
        it.pass(3600);
        it.server.operator().is_online(false);
        let offline = json!({"type": "presence", "data": {"online": false}});
        assert_eq!((sse.next(), heard(&mut socket).await), (offline.clone(), offline));
    }
}

#[tokio::test]
async fn its_answer_is_a_message_everywhere() {
    for contract in BOTH {
        let (events, documented) = (Webhook::start(), Webhook::start());
        let server = MockServer::builder().contract(contract).responder(responder()).events_webhook(&events.url, None);
        let mut it = Scene::with(server.start().unwrap()).await;
        register(&documented, &it.server, &["message.created"]);
        let id = it.asks("What does it cost?");
        it.pass(30);
        assert_eq!(it.answer().await, (id.clone(), "Plans start at $19.".to_owned()));

        let kinds = [(); 3].map(|()| events.next("200 OK").json()["type"].clone());
        assert_eq!(kinds, ["new_session", "visitor_message", "ai_takeover"]);
        let delivered = [(); 2].map(|()| documented.next("200 OK").json()["data"]["message"].clone());
        assert_eq!([&delivered[0]["type"], &delivered[1]["type"]], ["visitor", "ai"]);
        let listed = call(&it.server, &format!("GET /sessions/{id}/messages"), "").json()["messages"][1].clone();
        assert_eq!(
            listed,
            json!({"id": "msg_2", "sessionId": id, "content": "Plans start at $19.", "type": "ai",
                   "createdAt": "2024-01-15T10:30:30Z"})
        );
        assert_eq!(delivered[1]["content"], listed["content"]);
        let polled = send(&it.server, &format!("GET /pocketping/messages?sessionId={id}&after=msg_1"), &[], "").json();
        assert_eq!(polled, json!({"messages": [told(&id)[2]["data"]], "hasMore": false}));
        assert_eq!(it.server.sessions()[0].unanswered, Some(false));
    }
}

#[tokio::test]
async fn an_answer_a_close_and_off_end_the_wait() {
    for contract in BOTH {
        let mut it = Scene::start(contract).await;
        for (line, body) in [
            ("messages", r#"{"content":"Hello","type":"operator"}"#),
            ("messages", r#"{"content":"Beep","type":"ai"}"#),
            ("close", ""),
            ("ai", r#"{"enabled":false}"#),
        ] {
            let id = it.asks("What does it cost?");
            it.pass(29);
            it.rest(&id, line, body);
            if body.contains("Beep") {
                assert_eq!(it.answer().await, (id, "Beep".to_owned()), "somebody else's");
            }
            it.silence().await;
        }
    }
}

#[tokio::test]
async fn where_it_is_off_it_never_waits() {
    let seed = r#"{"sessions": [{"id": "sess_off", "aiEnabled": false}]}"#;
    let server = MockServer::builder().responder(responder()).seed(Seed::from_json(seed).unwrap()).start().unwrap();
    let mut it = Scene::with(server).await;
    it.server.visitor_says(&"sess_off".into(), "What does it cost?");
    it.silence().await;
}

#[tokio::test]
async fn on_again_the_wait_begins_anew_where_nobody_answered() {
    for contract in BOTH {
        let mut it = Scene::start(contract).await;
        let [asked, answered, on] = ["cost?", "cost?", "cost?"].map(|text| it.asks(text));
        it.rest(&answered, "messages", r#"{"content":"19"}"#);
        it.pass(10);
        it.rest(&asked, "ai", r#"{"enabled":false}"#);
        it.rest(&answered, "ai", r#"{"enabled":false}"#);
        // Was on, and stays it: its wait goes on.
        it.rest(&on, "ai", r#"{"enabled":true}"#);
        it.pass(9);
        let fence = it.asks("Hello");
        it.pass(1);
        it.rest(&asked, "ai", r#"{"enabled":true}"#);
        it.rest(&answered, "ai", r#"{"enabled":true}"#);
        it.pass(29);
        assert_eq!(it.answer().await.0, on);
        assert_eq!(it.answer().await.0, fence, "a second early");
        it.pass(1);
        assert_eq!(it.answer().await.0, asked);
        it.silence().await;
    }
}

#[tokio::test]
async fn one_wait_from_the_first_unanswered_message() {
    let mut it = Scene::start(Contract::Extended).await;
    let id = it.asks("What does it cost?");
    it.pass(20);
    it.server.visitor_says(&id, "Hello?");
    it.pass(10);
    assert_eq!(it.answer().await, (id.clone(), "Plans start at $19.".to_owned()), "to all that was said");
    let messages = it.server.messages(&id);
    assert_eq!(messages[2].created_at.unwrap().to_string(), "2024-01-15T10:30:30Z");
    it.silence().await;

    // What is said after an answer waits again.
    it.server.visitor_says(&id, "Thanks");
    it.pass(30);
    assert_eq!(it.answer().await, (id, "One moment.".to_owned()), "what was answered before does not count");
}

#[tokio::test]
async fn a_session_that_opens_again_waits_again() {
    let mut it = Scene::start(Contract::Extended).await;
    let id = it.asks("What does it cost?");
    it.pass(10);
    it.rest(&id, "close", "");
    it.pass(9);
    let fence = it.asks("Hello");
    it.pass(1);
    it.server.visitor_says(&id, "Wait!");
    it.pass(29);
    assert_eq!(it.answer().await.0, fence, "neither from the first message on, nor a second early");
    it.pass(1);
    assert_eq!(it.answer().await, (id, "Plans start at $19.".to_owned()), "nobody has answered the first message");
}

#[tokio::test]
async fn what_was_deleted_is_not_answered() {
    let mut it = Scene::start(Contract::Extended).await;
    let delete = |it: &Scene, id: &SessionId, message: &str| {
        let line = format!("DELETE /pocketping/message/{message}?sessionId={id}");
        assert_eq!(send(&it.server, &line, &[], "").status, 200);
    };
    let id = it.asks("What does it cost?");
    it.pass(10);
    delete(&it, &id, "msg_1");
    it.silence().await;

    // The next message is a first one.
    let (id, first) = (id, it.server.visitor_says(&"sess_1".into(), "What does it cost?").id);
    it.pass(10);
    delete(&it, &id, first.as_str());
    it.pass(9);
    let fence = it.asks("Hello");
    it.pass(1);
    it.server.visitor_says(&id, "Never mind");
    it.pass(29);
    assert_eq!(it.answer().await.0, fence);
    it.pass(1);
    assert_eq!(it.answer().await, (id.clone(), "One moment.".to_owned()));

    // One of two: the other is answered, for what it says.
    let first = it.server.visitor_says(&id, "What does it cost?").id;
    it.server.visitor_says(&id, "Hello");
    delete(&it, &id, first.as_str());
    it.pass(30);
    assert_eq!(it.answer().await, (id, "One moment.".to_owned()));
}

#[tokio::test]
async fn the_first_rule_that_fits_is_said_and_else_the_fallback() {
    let file = r#"{"rules": [{"pattern": "refund", "reply": "Within 30 days."}, {"pattern": "^(hi|hello)\\b", "reply": "Hi!"},
        {"pattern": "REFUND|price", "reply": "never for refunds"}], "fallback": "Nobody is here."}"#;
    let with_rules = Responder::after(DELAY).rules_json(file).unwrap();
    let mut it = Scene::with(MockServer::builder().responder(with_rules).start().unwrap()).await;
    for (said, reply) in [
        ("I want a REFUND", "Within 30 days."),
        ("hello there", "Hi!"),
        ("the price", "never for refunds"),
        ("Oh, hello", "Nobody is here."),
    ] {
        let id = it.asks(said);
        it.pass(30);
        assert_eq!(it.answer().await, (id, reply.to_owned()), "{said}");
    }

    let mut it = Scene::with(MockServer::builder().responder(Responder::after(DELAY)).start().unwrap()).await;
    it.asks("Hello");
    it.pass(30);
    assert!(it.answer().await.1.starts_with("Thanks for your message!"));
}

#[test]
fn the_widget_asks_whether_there_is_one() {
    let presence = |server: &MockServer| send(server, "GET /pocketping/presence", &[], "").json();
    let server = MockServer::builder().responder(responder()).start().unwrap();
    assert_eq!(presence(&server), json!({"online": false, "aiEnabled": true, "aiActiveAfter": 30}));
    assert_eq!(presence(&MockServer::start())["aiEnabled"], false);
}

#[tokio::test]
async fn an_answer_that_is_taken_back_leaves_the_question_to_the_ai() {
    let mut scene = Scene::start(Contract::Extended).await;
    let id = scene.asks("What does it cost?");
    scene.rest(&id, "messages", r#"{"content":"Let me see"}"#);
    scene.pass(60);
    let answer = scene.server.messages(&id)[1].id.clone();
    scene.server.operator().deletes(&id, &answer);
    scene.pass(30);
    assert_eq!(scene.answer().await, (id, "Plans start at $19.".to_owned()));
}
