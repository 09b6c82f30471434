//! One conversation, two surfaces: whatever visitors and operators do, in whatever order, the contract's view, the
//! widget's view, what both sockets told and what both webhooks were sent are the same story.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::{Contract, MockServer};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::socket::{AUTH, Socket};
use crate::widget::widget;
use crate::wire::call;

/// What somebody does; numbers choose among the messages there are.
#[derive(Clone, Debug)]
enum Step {
    Say(u8),
    Edit(usize, u8),
    Delete(usize),
    Read(usize),
    Delivered(usize),
    Identify(u8),
    Rate(u8),
    Leave,
    Return,
    Send(u8),
    OperatorEdits(usize, u8),
    OperatorDeletes(usize),
    OperatorReads,
    Ai(bool),
    Close,
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Say),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(n, text)| Step::Edit(n, text)),
        2 => any::<usize>().prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::Read),
        1 => any::<usize>().prop_map(Step::Delivered),
        1 => any::<u8>().prop_map(Step::Identify),
        1 => any::<u8>().prop_map(Step::Rate),
        1 => Just(Step::Leave),
        1 => Just(Step::Return),
        4 => any::<u8>().prop_map(Step::Send),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(n, text)| Step::OperatorEdits(n, text)),
        1 => any::<usize>().prop_map(Step::OperatorDeletes),
        1 => Just(Step::OperatorReads),
        1 => any::<bool>().prop_map(Step::Ai),
        1 => Just(Step::Close),
        2 => any::<u8>().prop_map(Step::Wait),
    ]
}

/// A message in the contract's words, or in the widget's, as the test translates them.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    content: String,
    by: String,
    at: String,
    edited: Option<String>,
    deleted: Option<String>,
    delivered: Option<String>,
    read: Option<String>,
}

type Lines = BTreeMap<String, Line>;

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A time in whole milliseconds, whichever surface wrote it.
fn time(value: &Value) -> Option<String> {
    value.as_str().map(|text| if text.contains('.') { text.to_owned() } else { text.replace('Z', ".000Z") })
}

fn line(message: &Value, by: &str, at: &str) -> (String, Line) {
    let line = Line {
        content: text(&message["content"]).unwrap(),
        by: text(&message[by]).unwrap(),
        at: time(&message[at]).unwrap(),
        edited: time(&message["editedAt"]),
        deleted: time(&message["deletedAt"]),
        delivered: time(&message["deliveredAt"]),
        read: time(&message["readAt"]),
    };
    (text(&message["id"]).unwrap(), line)
}

fn of_contract(message: &Value) -> (String, Line) {
    line(message, "type", "createdAt")
}

fn of_widget(message: &Value) -> (String, Line) {
    line(message, "sender", "timestamp")
}

/// Both sides of one session.
struct Play {
    server: MockServer,
    /// Ids of what the visitor, and of what operators wrote.
    visitors: Vec<String>,
    operators: Vec<String>,
}

impl Play {
    fn contract(&self, line: &str, body: &Value) -> Value {
        let answer = call(&self.server, line, &body.to_string());
        // What is refused is refused: it must show nowhere.
        if answer.status < 300 { answer.json() } else { json!(null) }
    }

    fn visitor(&self, line: &str, mut body: Value) -> Value {
        body["sessionId"] = json!("sess_1");
        let answer = widget(&self.server, line, &body.to_string());
        if answer.status < 300 { answer.json() } else { json!(null) }
    }

    fn take(&mut self, step: &Step) {
        let own = |ids: &[String], n: usize| ids.get(n % ids.len().max(1)).cloned();
        match step {
            Step::Say(n) => {
                let said = self.visitor("POST /message", json!({"content": format!("v{n}"), "attachmentIds": []}));
                self.visitors.extend(text(&said["messageId"]));
            }
            Step::Edit(n, words) => {
                // Any message at all: others' are refused.
                let all: Vec<_> = self.visitors.iter().chain(&self.operators).cloned().collect();
                if let Some(id) = own(&all, *n) {
                    self.visitor(&format!("PATCH /message/{id}"), json!({"content": format!("e{words}")}));
                }
            }
            Step::Delete(n) => {
                if let Some(id) = own(&self.visitors, *n) {
                    widget(&self.server, &format!("DELETE /message/{id}?sessionId=sess_1"), "");
                }
            }
            Step::Read(n) => {
                let some: Vec<_> = self.operators.iter().take(n % 4).chain(&self.visitors).collect();
                self.visitor("POST /read", json!({"messageIds": some, "status": "read"}));
            }
            Step::Delivered(n) => {
                let some: Vec<_> = self.operators.iter().skip(n % 3).collect();
                self.visitor("POST /read", json!({"messageIds": some, "status": "delivered"}));
            }
            Step::Identify(n) => drop(self.visitor("POST /identify", json!({"identity": {"id": format!("u{n}")}}))),
            Step::Rate(n) => drop(self.visitor("POST /csat", json!({"score": n % 7}))),
            Step::Leave => drop(self.visitor("POST /disconnect", json!({"duration": 1, "reason": "page_unload"}))),
            Step::Return => {
                drop(self.visitor("POST /connect", json!({"visitorId": "v", "metadata": {"url": "https://b/"}})));
            }
            Step::Send(n) => {
                let sent = self.contract("POST /sessions/sess_1/messages", &json!({"content": format!("o{n}")}));
                if sent != json!(null) {
                    let messages = self.server.messages(&"sess_1".into());
                    self.operators.push(messages.last().unwrap().id.to_string());
                }
            }
            Step::OperatorEdits(n, words) => {
                if let Some(id) = own(&self.operators, *n).filter(|id| self.is_there(id)) {
                    self.server.operator().edits(&"sess_1".into(), &id.into(), format!("oe{words}"));
                }
            }
            Step::OperatorDeletes(n) => {
                if let Some(id) = own(&self.operators, *n).filter(|id| self.is_there(id)) {
                    self.server.operator().deletes(&"sess_1".into(), &id.into());
                }
            }
            Step::OperatorReads => drop(self.server.operator().reads(&"sess_1".into())),
            Step::Ai(enabled) => drop(self.contract("POST /sessions/sess_1/ai", &json!({"enabled": enabled}))),
            Step::Close => drop(self.contract("POST /sessions/sess_1/close", &json!({}))),
            Step::Wait(n) => self.server.clock().advance(Duration::from_millis(u64::from(*n))),
        }
    }

    fn is_there(&self, id: &str) -> bool {
        self.server.messages(&"sess_1".into()).iter().any(|it| it.id == id && it.deleted_at.is_none())
    }
}

/// Reads a socket up to a frame of this type.
async fn read_to(socket: &mut Socket, last: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a frame in time");
        let Message::Text(text) = next.unwrap().unwrap() else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == last {
            return frames;
        }
        frames.push(frame);
    }
}

/// Reads as many frames as there are.
async fn read_all(socket: &mut Socket, count: usize) -> Vec<Value> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a frame in time");
        if let Message::Text(text) = next.unwrap().unwrap() {
            frames.push(serde_json::from_str(&text).unwrap());
        }
    }
    frames
}

/// Reads a socket until the server has answered a ping: then it is subscribed.
async fn subscribed(socket: &mut Socket) {
    socket.send(Message::Ping("fence".into())).await.unwrap();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a pong in time");
        if let Message::Pong(_) = next.unwrap().unwrap() {
            return;
        }
    }
}

/// The conversation as the contract's events tell it.
fn told_by_events(events: &[Value], kind: &str) -> (Lines, Option<Value>) {
    let (mut lines, mut session) = (Lines::new(), None);
    for event in events {
        let data = event.get("data").unwrap_or(event);
        match event[kind].as_str().unwrap() {
            "message.created" | "message.updated" => lines.extend([of_contract(&data["message"])]),
            "session.created" | "session.updated" => session = Some(data["session"].clone()),
            _ => {}
        }
    }
    (lines, session)
}

/// The conversation as a widget shows it that hears these frames and nothing else.
fn told_by_frames(frames: &[Value]) -> Lines {
    let mut lines = Lines::new();
    for frame in frames {
        let data = &frame["data"];
        let id = text(&data["messageId"]).unwrap_or_default();
        match frame["type"].as_str().unwrap() {
            "message" => lines.extend([of_widget(data)]),
            "message_edited" => {
                let line = lines.get_mut(&id).unwrap();
                line.content = text(&data["content"]).unwrap();
                line.edited = time(&data["editedAt"]);
            }
            "message_deleted" => {
                let line = lines.get_mut(&id).unwrap();
                line.content.clear();
                line.deleted = time(&data["deletedAt"]);
            }
            "read" => {
                for id in data["messageIds"].as_array().unwrap() {
                    let line = lines.get_mut(id.as_str().unwrap()).unwrap();
                    line.delivered = line.delivered.take().or(time(&data["deliveredAt"]));
                    line.read = time(&data["readAt"]).or(line.read.take());
                }
            }
            _ => {}
        }
    }
    lines
}

/// Texts and authors as the deployed webhook tells them; receipts of the visitor, too.
fn told_by_deployed(events: &[Value]) -> BTreeMap<String, (String, Option<String>, bool, bool)> {
    let mut lines = BTreeMap::new();
    for event in events {
        let inner = if event["data"]["event"].is_object() { &event["data"]["event"] } else { &event["data"] };
        let id = text(&inner["messageId"]).unwrap_or_default();
        let content = text(&inner["content"]);
        match event["type"].as_str().unwrap() {
            "visitor_message" => {
                let (id, line) = of_widget(&inner["message"]);
                lines.insert(id, ("visitor".to_owned(), Some(line.content), false, false));
            }
            "operator_message" => drop(lines.insert(id, ("operator".to_owned(), content, false, false))),
            "visitor_message_edited" | "operator_message_edited" => lines.get_mut(&id).unwrap().1 = content,
            "visitor_message_deleted" | "operator_message_deleted" => {
                let line = lines.get_mut(&id).unwrap();
                (line.1, line.2) = (Some(String::new()), true);
            }
            "message_read" if inner["status"] == "read" => {
                for id in inner["messageIds"].as_array().unwrap() {
                    // The system's own words are no message there.
                    if let Some(line) = lines.get_mut(id.as_str().unwrap()) {
                        line.3 = true;
                    }
                }
            }
            _ => {}
        }
    }
    lines
}

async fn tells_one_story(contract: Contract, steps: Vec<Step>) {
    let server = MockServer::builder()
        .contract(contract)
        .events_webhook("http://127.0.0.1:9/events", Some("secret"))
        .start()
        .unwrap();
    let mut play = Play { server, visitors: Vec::new(), operators: Vec::new() };
    let names: &[&str] = match contract {
        Contract::Extended => {
            &["session.created", "message.created", "session.closed", "session.updated", "message.updated"]
        }
        Contract::Strict => &["session.created", "message.created", "session.closed"],
    };
    // Nobody listens there: what matters is what is to be sent, and in which order.
    play.contract("POST /webhooks", &json!({"url": "http://127.0.0.1:9/hook", "events": names}));
    let mut operator = connect_async(format!("ws://{}/ws", play.server.address())).await.unwrap().0;
    operator.send(Message::text(AUTH)).await.unwrap();
    subscribed(&mut operator).await;
    play.visitor("POST /connect", json!({"visitorId": "v", "metadata": {"url": "https://a/"}}));
    let url = format!("ws://{}/pocketping/stream?sessionId=sess_1", play.server.address());
    let mut visitor = connect_async(url).await.unwrap().0;

    for step in &steps {
        play.take(step);
    }
    let server = &play.server;
    let events = read_all(&mut operator, server.events().len()).await;
    server.operator().is_online(true);
    let frames = read_to(&mut visitor, "presence").await;

    // The contract's view.
    let list = call(server, "GET /sessions/sess_1/messages", "").json();
    let shown: Lines = list["messages"].as_array().unwrap().iter().map(of_contract).collect();
    let mut session = call(server, "GET /sessions/sess_1", "").json();
    // The widget's view.
    let polled = widget(server, "GET /messages?sessionId=sess_1", "").json();
    let polled: Lines = polled["messages"].as_array().unwrap().iter().map(of_widget).collect();
    assert_eq!(told_by_frames(&frames), polled, "the widget's socket and its polls");

    let of_hook = |hook: &str| {
        let deliveries = server.deliveries();
        let of_it = deliveries.iter().filter(|delivery| delivery.url.ends_with(hook));
        of_it.map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect::<Vec<Value>>()
    };
    let hooked = of_hook("/hook");
    match contract {
        Contract::Extended => {
            assert_eq!(shown, polled, "the contract's view and the widget's");
            let (lines, told) = told_by_events(&events, "type");
            assert_eq!(lines, shown, "the contract's socket and its list");
            // What moved since is not the session's own word: its last activity, and whether it is answered or closed.
            let mut told = told.unwrap();
            for moved in ["lastActivity", "unanswered", "status", "closedAt"] {
                told.as_object_mut().unwrap().remove(moved);
                session.as_object_mut().unwrap().remove(moved);
            }
            assert_eq!(told, session, "the last word on the session");
            assert_eq!(told_by_events(&hooked, "event").0, shown, "the documented webhook");
            let ids = |list: &[Value]| list.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
            assert_eq!(ids(&hooked), ids(&events), "the same events in the same order");
        }
        Contract::Strict => {
            let there: Lines = polled.iter().filter(|(_, line)| line.deleted.is_none()).map(bare).collect();
            assert_eq!(shown, there, "without what was deleted, and without receipts");
            let kinds = |list: &[Value], kind: &str| list.iter().map(|event| event[kind].clone()).collect::<Vec<_>>();
            assert_eq!(kinds(&hooked, "event"), kinds(&events, "type"));
            let created = events.iter().filter(|event| event["type"] == "message.created").count();
            assert_eq!(created, polled.len(), "every message was told once");
        }
    }

    let expected: BTreeMap<_, _> = polled
        .iter()
        .filter(|(_, line)| line.by != "system")
        .map(|(id, line)| {
            let was_read = line.by != "visitor" && line.read.is_some();
            (id.clone(), (line.by.clone(), Some(line.content.clone()), line.deleted.is_some(), was_read))
        })
        .collect();
    assert_eq!(told_by_deployed(&of_hook("/events")), expected, "the deployed webhook");
}

/// A line as strict shows it.
fn bare((id, line): (&String, &Line)) -> (String, Line) {
    let bare = Line { edited: None, deleted: None, delivered: None, read: None, ..line.clone() };
    (id.clone(), bare)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_surfaces_tell_the_same_story(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for contract in [Contract::Extended, Contract::Strict] {
            runtime.block_on(tells_one_story(contract, steps.clone()));
        }
    }
}
