//! The events webhook in the form of PocketPing's deployments: what each event says, byte for byte where it matters.

use std::time::Duration;

use futures::SinkExt;
use pocketping_mock_server::{MockServer, MockServerBuilder, Responder, Visit};
use pocketping_sdk::webhooks::Verifier;
use pocketping_sdk::{MessageId, SessionId};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::receiver::{Received, Webhook};
use crate::wire::{Answer, call, send};

pub(crate) const SECRET: &str = "s3cret";

/// A server at half a second past, which sends its events to a receiver.
pub(crate) struct Deployment {
    pub(crate) server: MockServer,
    pub(crate) hook: Webhook,
}

impl Deployment {
    pub(crate) fn start() -> Self {
        Self::with(MockServer::builder())
    }

    pub(crate) fn with(builder: MockServerBuilder) -> Self {
        let hook = Webhook::start();
        let server = builder.events_webhook(&hook.url, Some(SECRET)).start().unwrap();
        server.clock().advance(Duration::from_millis(1500));
        Self { server, hook }
    }

    /// The next event, which was sent as deployments do, and is taken.
    #[track_caller]
    pub(crate) fn next(&self) -> Value {
        let got = self.hook.next("200 OK");
        check_headers(&got);
        got.json()
    }

    /// The next event as its name and what it carries.
    #[track_caller]
    fn told(&self) -> (String, Value) {
        let mut body = self.next();
        let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["data", "sentAt", "type"], "the envelope");
        assert_eq!(body["sentAt"], "2024-01-15T10:30:01Z", "in whole seconds");
        (body["type"].as_str().unwrap().to_owned(), body["data"].take())
    }

    /// The next event is this one.
    #[track_caller]
    fn tells(&self, kind: &str, data: Value) {
        assert_eq!(self.told(), (kind.to_owned(), data));
    }

    /// A visitor comes by the widget's own call.
    #[track_caller]
    pub(crate) fn connect(&self, visitor: &str) -> SessionId {
        let body = json!({"visitorId": visitor, "metadata": {"url": "https://example.com/pricing"}});
        self.widget("POST /pocketping/connect", &body)["sessionId"].as_str().unwrap().into()
    }

    /// An operator writes; gives the message's id.
    #[track_caller]
    pub(crate) fn operator_says(&self, id: &SessionId, text: &str) -> MessageId {
        self.rest(&format!("POST /sessions/{id}/messages"), &json!({"content": text}));
        // A strict server does not say which one it was.
        self.server.messages(id).pop().unwrap().id
    }

    #[track_caller]
    fn widget(&self, line: &str, body: &Value) -> Value {
        accepted(&send(&self.server, line, &[], &body.to_string()))
    }

    #[track_caller]
    fn rest(&self, line: &str, body: &Value) -> Value {
        accepted(&call(&self.server, line, &body.to_string()))
    }
}

#[track_caller]
fn accepted(answer: &Answer) -> Value {
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    answer.json()
}

/// Named, signed, and neither numbered nor counted.
#[track_caller]
fn check_headers(got: &Received) {
    assert_eq!((got.line.as_str(), got.header("content-type")), ("POST /hook?a=1 HTTP/1.1", Some("application/json")));
    assert_eq!(got.header("x-pocketping-event"), got.json()["type"].as_str());
    let ours: Vec<_> =
        got.headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("x-")).collect();
    assert_eq!(ours, ["x-pocketping-event", "x-pocketping-signature"]);
    let verifier = Verifier::new(SECRET).allow_stale();
    verifier.verify(got.header("x-pocketping-signature"), got.body.as_bytes()).unwrap().done();
}

/// A session of the visitor `v`, as it stands in events, with what is else known of it.
fn session(id: &str, more: Value) -> Value {
    let mut session = json!({
        "id": id, "visitorId": "v", "createdAt": "2024-01-15T10:30:01.500Z", "lastActivity": "2024-01-15T10:30:01.500Z",
        "operatorOnline": false, "aiActive": true,
        "metadata": {"url": "https://example.com/pricing", "ip": "127.0.0.1"}});
    let Value::Object(more) = more else { panic!("an object") };
    session.as_object_mut().unwrap().extend(more);
    session
}

#[test]
fn a_visitor_comes_and_a_robot_is_marked() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.tells("new_session", json!({"session": session("sess_1", json!({}))}));
    // Whoever comes back is no new session.
    assert_eq!(it.connect("v"), id);

    let robot = |n: u32, metadata: Value| {
        it.widget("POST /pocketping/connect", &json!({"visitorId": format!("robot {n}"), "metadata": metadata}));
        let (kind, data) = it.told();
        (kind, data["isBot"].clone(), data["session"]["id"].clone())
    };
    let agent = "Mozilla/5.0 (compatible; Googlebot/2.1)";
    assert_eq!(robot(1, json!({"userAgent": agent})), ("new_session".into(), json!(true), json!("sess_2")));
    let signals = json!({"botSignals": {"webdriver": true}});
    assert_eq!(robot(2, signals), ("new_session".into(), json!(true), json!("sess_3")));
    let person =
        json!({"userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "botSignals": {"webdriver": false}});
    assert_eq!(robot(3, person).1, Value::Null);
}

#[test]
fn a_project_that_looks_for_no_robots_marks_none() {
    let seed = r#"{"projects": [{"id": "proj_a", "settings": {"botHeuristicsEnabled": false}}]}"#;
    let it = Deployment::with(MockServer::builder().seed(seed_of(seed)));
    it.server.visitor_opens_session(Visit::new().user_agent("curl/8.0"));
    let (kind, data) = it.told();
    assert_eq!((kind.as_str(), data.get("isBot")), ("new_session", None));
}

fn seed_of(json: &str) -> pocketping_mock_server::Seed {
    pocketping_mock_server::Seed::from_json(json).unwrap()
}

#[test]
fn a_visitor_writes_edits_and_deletes() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.told();
    let said =
        it.widget("POST /pocketping/message", &json!({"sessionId": id, "content": "Héllo", "sender": "visitor"}));
    let message = json!({"id": said["messageId"], "sessionId": id, "content": "Héllo", "sender": "visitor",
                         "timestamp": "2024-01-15T10:30:01.500Z", "status": "sent"});
    it.tells("visitor_message", json!({"message": message, "session": session("sess_1", json!({}))}));

    it.widget("PATCH /pocketping/message/msg_1", &json!({"sessionId": id, "content": "Hello"}));
    it.tells("visitor_message_edited", json!({"sessionId": id, "messageId": "msg_1", "content": "Hello"}));
    accepted(&send(&it.server, &format!("DELETE /pocketping/message/msg_1?sessionId={id}"), &[], ""));
    it.tells("visitor_message_deleted", json!({"sessionId": id, "messageId": "msg_1"}));
}

#[test]
fn operators_come_write_edit_and_delete() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.told();
    it.server.operator().is_online(true);
    it.tells("operator_status", json!({"online": true}));
    it.rest(&format!("POST /sessions/{id}/messages"), &json!({"content": "Hello", "type": "operator"}));
    let message = json!({"type": "operator_message", "sessionId": id, "messageId": "msg_1", "content": "Hello",
                         "sourceBridge": "api"});
    it.tells("operator_message", json!({"event": message}));
    it.server.operator().edits(&id, &"msg_1".into(), "Hello!");
    let edited = json!({"type": "operator_message_edited", "sessionId": id, "messageId": "msg_1", "content": "Hello!",
                        "editedAt": "2024-01-15T10:30:01.500Z"});
    it.tells("operator_message_edited", json!({"event": edited}));
    it.server.operator().deletes(&id, &"msg_1".into());
    let deleted = json!({"type": "operator_message_deleted", "sessionId": id, "messageId": "msg_1",
                         "deletedAt": "2024-01-15T10:30:01.500Z"});
    it.tells("operator_message_deleted", json!({"event": deleted}));

    it.rest(&format!("POST /api/v1/sessions/{id}/reply"), &json!({"content": "Me again", "operatorName": "Ada"}));
    let named = json!({"type": "operator_message", "sessionId": id, "messageId": "msg_2", "content": "Me again",
                       "sourceBridge": "api", "operatorName": "Ada"});
    it.tells("operator_message", json!({"event": named}));

    it.widget("POST /pocketping/message", &json!({"sessionId": id, "content": "Bye"}));
    assert_eq!(it.told().1["session"], session("sess_1", json!({"operatorOnline": true})));
    it.server.operator().is_online(false);
    it.tells("operator_status", json!({"online": false}));
}

#[test]
fn a_visitor_receives_and_reads_what_operators_wrote() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.told();
    for text in ["one", "two"] {
        it.rest(&format!("POST /sessions/{id}/messages"), &json!({"content": text}));
        it.told();
    }
    let receipt = |status: &str| {
        it.widget(
            "POST /pocketping/read",
            &json!({"sessionId": id, "messageIds": ["msg_1", "msg_2"], "status": status}),
        );
        let ids = ["msg_1", "msg_2"];
        it.tells("message_read", json!({"sessionId": id, "messageIds": ids, "status": status}));
    };
    receipt("delivered");
    receipt("read");
}

#[test]
fn a_rating_is_asked_for_and_given_with_a_comment_or_without() {
    let it = Deployment::start();
    for (n, comment) in [Some("Très bien"), None].into_iter().enumerate() {
        let id = it.connect(&format!("visitor {n}"));
        it.told();
        it.server.operator().asks_for_rating(&id);
        let asked = json!({"type": "csat_request", "sessionId": id, "requestedAt": "2024-01-15T10:30:01Z"});
        it.tells("csat_request", json!({"event": asked}));
        it.widget("POST /pocketping/csat", &json!({"sessionId": id, "score": 5 - n, "comment": comment}));
        let rated = json!({"sessionId": id, "score": 5 - n, "comment": comment.unwrap_or(""),
                           "respondedAt": "2024-01-15T10:30:01.500Z"});
        it.tells("csat_submitted", rated);
        // Rated once is rated.
        it.widget("POST /pocketping/csat", &json!({"sessionId": id, "score": 1}));
        it.widget("POST /pocketping/message", &json!({"sessionId": id, "content": "Bye"}));
        let mut csat = json!({"score": 5 - n, "respondedAt": "2024-01-15T10:30:01.500Z"});
        if let Some(comment) = comment {
            csat["comment"] = json!(comment);
        }
        assert_eq!(it.told().1["session"]["csat"], csat);
    }
}

#[test]
fn a_visitor_is_identified_by_the_page_by_an_operator_and_by_a_form() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.told();
    let identity = json!({"id": "u1", "email": "ada@example.com", "plan": "pro"});
    it.widget("POST /pocketping/identify", &json!({"sessionId": id, "identity": identity}));
    it.tells("identity_update", json!({"session": session("sess_1", json!({"identity": identity}))}));
    it.rest(&format!("POST /sessions/{id}/identify"), &json!({"name": "Ada"}));
    let named = json!({"id": "u1", "email": "ada@example.com", "plan": "pro", "name": "Ada"});
    it.tells("identity_update", json!({"session": session("sess_1", json!({"identity": named}))}));
    let form = json!({"sessionId": id, "phone": "+33612345678", "phoneCountry": "FR"});
    it.widget("POST /pocketping/prechat", &form);
    let (kind, data) = it.told();
    assert_eq!((kind.as_str(), &data["session"]["userPhone"]), ("identity_update", &json!("+33612345678")));
    assert_eq!(data["session"]["userPhoneCountry"], "FR");
}

#[tokio::test]
async fn a_page_tells_something_and_a_visitor_leaves() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.told();
    let stream = format!("ws://{}/pocketping/stream?sessionId={id}", it.server.address());
    let (mut socket, _) = connect_async(stream).await.unwrap();
    for (event, told) in [
        (
            json!({"name": "clicked_cta", "data": {"button": "signup"}, "timestamp": "2024-01-15T10:29:59.250Z"}),
            json!({"name": "clicked_cta", "data": {"button": "signup"}, "timestamp": "2024-01-15T10:29:59.250Z",
                   "sessionId": id}),
        ),
        (
            json!({"name": "viewed"}),
            json!({"name": "viewed", "timestamp": "2024-01-15T10:30:01.500Z", "sessionId": id}),
        ),
    ] {
        socket.send(Message::text(json!({"type": "event", "data": event}).to_string())).await.unwrap();
        it.tells("custom_event", json!({"event": told, "session": session("sess_1", json!({}))}));
    }

    let goodbye = json!({"sessionId": id, "duration": 42, "reason": "page_unload"});
    it.widget("POST /pocketping/disconnect", &goodbye);
    let left = json!({"session": session("sess_1", json!({})), "duration": 42, "reason": "page_unload"});
    it.tells("visitor_disconnect", left);
    // Browsers say goodbye in more than one way.
    it.widget("POST /pocketping/disconnect", &goodbye);
    it.server.operator().is_online(true);
    it.tells("operator_status", json!({"online": true}));
}

#[test]
fn the_ai_takes_over() {
    let it = Deployment::with(MockServer::builder().responder(Responder::after(Duration::from_secs(30))));
    let id = it.connect("v");
    it.widget("POST /pocketping/message", &json!({"sessionId": id, "content": "Hello"}));
    it.told();
    it.told();
    it.server.clock().advance(Duration::from_secs(30));
    let now = json!({"lastActivity": "2024-01-15T10:30:01.500Z"});
    let taken = json!({"session": session("sess_1", now), "reason": "timeout"});
    let body = it.next();
    assert_eq!(body, json!({"type": "ai_takeover", "data": taken, "sentAt": "2024-01-15T10:30:31Z"}));
}

#[test]
fn what_deployments_tell_nobody_is_not_told() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.widget("POST /pocketping/message", &json!({"sessionId": id, "content": "Hello"}));
    it.told();
    it.told();
    assert_eq!(it.server.operator().reads(&id), 1);
    it.server.operator().types(&id, true);
    it.server.operator().asks_for_screenshot(&id, true);
    it.server.operator().tells_page(&id, "open", None);
    for (line, body) in [("messages", json!({"content": "Beep", "type": "ai"})), ("ai", json!({"enabled": false}))] {
        it.rest(&format!("POST /sessions/{id}/{line}"), &body);
    }
    it.widget("POST /pocketping/typing", &json!({"sessionId": id, "isTyping": true}));
    it.rest(&format!("POST /sessions/{id}/close"), &json!({}));
    it.server.operator().is_online(true);
    it.tells("operator_status", json!({"online": true}));
}
