//! The JSON blocks of the API reference, byte for byte: read, checked field by field, and written back the same.

use pocketping_sdk::{
    ErrorBody, ErrorCode, Event, EventData, EventKind, Identify, Message, MessageKind, MessageList, NewMessage,
    NewWebhook, Session, SessionList, SessionStatus, SetAi, WebhookPayload,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn round_trip<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let value: T = serde_json::from_str(text).unwrap();
    let written = serde_json::to_value(&value).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
    value
}

#[test]
fn the_documented_session_list() {
    let list: SessionList = round_trip(include_str!("../contract/list_sessions.json"));
    let [session] = list.sessions.as_slice() else { panic!("one session") };
    assert_eq!(session.id, "sess_abc123");
    assert_eq!(session.visitor_id.as_ref().unwrap(), &"vis_xyz789");
    assert_eq!(session.project_id.as_ref().unwrap(), &"proj_def456");
    assert_eq!(session.status, SessionStatus::Active);
    assert_eq!(session.created_at.unwrap().to_string(), "2024-01-15T10:30:00Z");
    assert_eq!(session.last_activity.unwrap().to_string(), "2024-01-15T10:35:00Z");
    assert_eq!(session.metadata.page_url.as_deref(), Some("https://example.com/pricing"));
    assert_eq!(session.metadata.user_agent.as_deref(), Some("Mozilla/5.0..."));
}

#[test]
fn the_documented_message_list() {
    let list: MessageList = round_trip(include_str!("../contract/list_messages.json"));
    let kinds: Vec<_> = list.messages.iter().map(|message| (message.id.as_str(), message.kind.clone())).collect();
    assert_eq!(kinds, [("msg_001", MessageKind::Visitor), ("msg_002", MessageKind::Operator)]);
    assert_eq!(list.messages[1].content, "Hi! How can I help?");
    assert_eq!(list.messages[1].session_id.as_ref().unwrap(), &"sess_abc123");
}

#[test]
fn the_documented_request_bodies() {
    let message: NewMessage = round_trip(include_str!("../contract/send_message.json"));
    assert_eq!(message, NewMessage::operator("Thanks for reaching out!"));
    let identify: Identify = round_trip(include_str!("../contract/identify.json"));
    let expected = Identify::new().email("user@example.com").name("John Doe").customer_id("cust_123");
    assert_eq!(identify, expected.metadata("plan", "pro").metadata("company", "Acme Inc"));
    assert_eq!(round_trip::<SetAi>(include_str!("../contract/ai.json")), SetAi::new(false));
    let webhook: NewWebhook = round_trip(include_str!("../contract/create_webhook.json"));
    let events = [EventKind::SessionCreated, EventKind::MessageCreated, EventKind::SessionClosed];
    assert_eq!(webhook, NewWebhook::new("https://yoursite.com/webhook", events));
}

#[test]
fn the_documented_error() {
    let error: ErrorBody = round_trip(include_str!("../contract/error.json"));
    assert_eq!((error.error.as_deref(), error.message.as_deref()), (Some("Not found"), Some("Session not found")));
    assert_eq!(error.code, ErrorCode::SessionNotFound);
}

#[test]
fn the_documented_webhook_payload() {
    let payload: WebhookPayload = round_trip(include_str!("../contract/webhook_payload.json"));
    assert_eq!(payload.event, EventKind::MessageCreated);
    assert_eq!(payload.timestamp.unwrap().to_string(), "2024-01-15T10:30:00Z");
    assert_eq!(payload.data.session_id.as_ref().unwrap(), &"sess_abc123");
    let message = payload.data.message.unwrap();
    assert_eq!((message.id.as_str(), message.content.as_str()), ("msg_001", "Hello!"));
    assert_eq!((message.session_id, message.created_at), (None, None), "a webhook's message may lack them");
    // As a webhook's, a socket's message may have its session beside it; it is written back with all it came with.
    for frame in [
        r#"{"type":"message.created","sessionId":"s","message":{"id":"msg_001","content":"Hello!","type":"visitor"}}"#,
        r#"{"message":{"id":"msg_001","content":"Hello!","type":"visitor"},"sessionId":"s","type":"message.updated"}"#,
    ] {
        let event: pocketping_sdk::Event = serde_json::from_str(frame).unwrap();
        assert_eq!(event.session_id(), Some("s"), "{frame}");
        assert_eq!(serde_json::to_value(&event).unwrap()["sessionId"], "s");
    }
}

#[test]
fn the_documented_socket_events() {
    let created: Event = round_trip(r#"{"type":"session.created","session":{"id":"sess_abc123","metadata":{}}}"#);
    assert!(matches!(&created.data, EventData::SessionCreated(session) if session.id == "sess_abc123"));
    let message: Event = round_trip(
        r#"{"type":"message.created","message":{"id":"msg_001","sessionId":"s","content":"Hello!","type":"visitor"}}"#,
    );
    assert_eq!((message.kind(), message.session_id()), (EventKind::MessageCreated, Some("s")));
    let closed: Event = round_trip(r#"{"type":"session.closed","sessionId":"sess_abc123"}"#);
    assert!(matches!(&closed.data, EventData::SessionClosed(id) if id == "sess_abc123"));
}

#[test]
fn what_this_version_does_not_know_is_kept_and_written_back() {
    for text in [
        r#"{"id":"s","status":"snoozed","metadata":{"pageUrl":"u","country":"FR"},"assignee":{"id":7}}"#,
        r#"{"id":"s","metadata":{},"aiEnabled":false,"csat":{"score":5,"label":"good"}}"#,
    ] {
        round_trip::<Session>(text);
    }
    round_trip::<Message>(
        r#"{"id":"m","content":"","type":"robot","replyTo":{"id":"m0","content":"x"},"stars":[1,2]}"#,
    );
    round_trip::<Event>(r#"{"type":"typing","sessionId":"s","isTyping":true,"id":5,"seq":"x"}"#);
    round_trip::<Event>(
        r#"{"type":"session.closed","sessionId":"s","id":"evt_1","seq":9,"timestamp":"2024-01-15T10:30:00Z","by":"bot"}"#,
    );
    round_trip::<WebhookPayload>(r#"{"event":"rating.created","data":{"sessionId":"s","rating":{"score":5}},"v":2}"#);
    round_trip::<ErrorBody>(r#"{"error":"e","message":"m","code":"TEAPOT","docs":"https://example.com"}"#);
    let session: Session = serde_json::from_str(r#"{"id":"s","status":"snoozed"}"#).unwrap();
    assert_eq!(session.status, SessionStatus::Other("snoozed".into()));
}

#[test]
fn an_addition_of_another_shape_costs_only_itself() {
    // Nothing documents the shape of these: whoever has another one must not lose the list.
    let rated = r#"{"sessions":[{"id":"s","metadata":{},"csat":{"score":4.5,"comment":7,"at":"now"}}]}"#;
    let list: SessionList = round_trip(rated);
    let csat = list.sessions[0].csat.as_ref().unwrap();
    assert_eq!((csat.score, &csat.extra["score"]), (None, &json!(4.5)));
    let sessions = r#"{"sessions":[{"id":"s","metadata":{},"closedAt":0,"identity":"Alice","aiEnabled":"yes","unanswered":3,"visitorOnline":{},"messages":3},{"id":"t","metadata":{},"aiEnabled":true,"unanswered":false}]}"#;
    let list: SessionList = round_trip(sessions);
    assert_eq!((list.sessions[0].ai_enabled, &list.sessions[0].extra["aiEnabled"]), (None, &json!("yes")));
    assert_eq!((list.sessions[1].ai_enabled, list.sessions[1].unanswered), (Some(true), Some(false)));
    let messages = r#"{"messages":[{"id":"m","content":"Hello","type":"visitor","updatedAt":0,"editedAt":"",
        "deletedAt":false,"deliveredAt":1705314600,"readAt":1705314600,"replyTo":5,"attachments":[{"filename":"a.png"}]},
        {"id":"n","content":"","attachments":[{"id":"a","filename":null,"mimeType":1,"size":"123","url":{}}]}]}"#;
    let list: MessageList = serde_json::from_str(messages).unwrap();
    assert_eq!((list.messages[0].content.as_str(), list.messages[0].deleted_at), ("Hello", None));
    assert_eq!(list.messages[0].extra["readAt"], json!(1_705_314_600));
    let attachment = &list.messages[1].attachments.as_ref().unwrap()[0];
    assert_eq!((attachment.id.as_str(), attachment.size, &attachment.extra["size"]), ("a", None, &json!("123")));
    round_trip::<ErrorBody>(r#"{"error":"Too many requests","message":"slow down","code":429}"#);
    // The last one of two counts, whatever its shape.
    let twice: Message = serde_json::from_str(r#"{"id":"m","replyTo":1,"replyTo":"m0"}"#).unwrap();
    assert_eq!((twice.reply_to.unwrap().id(), twice.extra.is_empty()), (Some("m0"), true));
    // The documented ones are held to their shape.
    let error = serde_json::from_str::<Session>(r#"{"id":"s","createdAt":7}"#).unwrap_err().to_string();
    assert!(error.contains("invalid type: integer `7`"), "{error}");
}

#[test]
fn missing_and_null_mean_the_same() {
    let thin: Session = serde_json::from_str(r#"{"id":"s"}"#).unwrap();
    let nulls =
        r#"{"id":"s","visitorId":null,"status":null,"createdAt":null,"metadata":null,"identity":null,"messages":null}"#;
    assert_eq!(serde_json::from_str::<Session>(nulls).unwrap(), thin);
    assert_eq!(serde_json::to_value(&thin).unwrap(), json!({"id": "s", "metadata": {}}));
    let error = serde_json::from_str::<Session>(r#"{"id":null}"#).unwrap_err().to_string();
    assert!(error.contains("missing field `id`"), "{error}");
}

#[test]
fn aliases_are_read_and_never_written() {
    let alias: Message =
        serde_json::from_str(r#"{"id":"m","sender":"ai","timestamp":"2024-01-15T10:30:00Z"}"#).unwrap();
    assert_eq!(
        serde_json::to_value(&alias).unwrap(),
        json!({"id": "m", "content": "", "type": "ai", "createdAt": "2024-01-15T10:30:00Z"})
    );
    for both in [r#"{"id":"m","sender":"ai","type":"visitor"}"#, r#"{"id":"m","type":"visitor","sender":"ai"}"#] {
        assert_eq!(serde_json::from_str::<Message>(both).unwrap().kind, MessageKind::Visitor, "the printed name wins");
    }
    let shaped: Message =
        serde_json::from_str(r#"{"id":"m","type":"visitor","sender":{"name":"Zoe"},"timestamp":7}"#).unwrap();
    assert_eq!(
        (shaped.kind, shaped.created_at),
        (MessageKind::Visitor, None),
        "an alias of another shape costs nothing"
    );
    assert_eq!(serde_json::to_value(&shaped.extra).unwrap(), json!({"sender": {"name": "Zoe"}, "timestamp": 7}));
    let null: Message = serde_json::from_str(r#"{"id":"m","type":null,"sender":"ai"}"#).unwrap();
    assert_eq!(null.kind, MessageKind::Ai, "null is absent");
    let session: Session = serde_json::from_str(r#"{"id":"s","metadata":{"url":"u"}}"#).unwrap();
    assert_eq!(session.metadata.page_url.as_deref(), Some("u"));
    let last: Session = serde_json::from_str(r#"{"id":"a","id":"b","stat\u0075s":"closed"}"#).unwrap();
    assert_eq!((last.id.as_str(), last.status.as_str()), ("b", "closed"), "the last one wins, escaped keys count");
}
