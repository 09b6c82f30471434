//! Sessions: lists, one with its messages, replies.

use pocketping_mock_server::{MockServer, Visit};
use serde_json::{Value, json};

use super::{get, refused, seeded, with_seed};
use crate::wire::{call, send};

/// The ids of the sessions that a list gives.
#[track_caller]
fn listed(server: &MockServer, query: &str) -> Vec<String> {
    let list = get(server, &format!("/sessions{query}"));
    list["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

fn blog_messages() -> Value {
    json!([{"id": "msg_b1", "sessionId": "sess/blog", "content": "Hello", "sender": "visitor",
            "timestamp": "2024-01-14T10:30:00.000Z", "status": "sent"},
           {"id": "msg_b2", "sessionId": "sess/blog", "content": "Hi Jane", "sender": "operator",
            "timestamp": "2024-01-14T10:31:30.000Z", "status": "sent"}])
}

fn blog_session() -> Value {
    json!({"id": "sess/blog", "visitorId": "vis_b", "projectId": "proj/blog", "status": "active",
           "createdAt": "2024-01-14T10:30:00.000Z", "lastActivity": "2024-01-14T10:31:30.000Z",
           "operatorOnline": false, "aiActive": false, "unanswered": false, "messageCount": 2,
           "metadata": {"url": "https://blog.test/", "userAgent": "Mozilla/5.0", "country": "FR"},
           "identity": {"id": "cus_1", "email": "jane@example.com", "name": "Jane", "plan": "pro"},
           "visitor": {"name": "Jane", "email": "jane@example.com"},
           "lastMessage": blog_messages()[1], "csat": null})
}

#[test]
fn sessions_are_listed_newest_first_with_all_that_a_client_may_want() {
    let server = seeded();
    assert_eq!(listed(&server, ""), ["sess_shop", "sess/blog", "sess_old"]);
    let list = get(&server, "/sessions?limit=2");
    assert_eq!(
        list,
        json!({"sessions": [
            {"id": "sess_shop", "visitorId": "vis_c", "projectId": "proj_shop", "status": "active",
             "createdAt": "2024-01-15T10:00:00.000Z", "lastActivity": "2024-01-15T10:00:00.000Z",
             "operatorOnline": false, "aiActive": true, "unanswered": true, "messageCount": 1, "metadata": {},
             "lastMessage": {"id": "msg_c", "sessionId": "sess_shop", "content": "Where is my order?",
                             "sender": "visitor", "timestamp": "2024-01-15T10:00:00.000Z", "status": "sent"},
             "csat": null},
            blog_session()]})
    );
}

#[test]
fn sessions_are_filtered() {
    let server = seeded();
    for (query, expected) in [
        ("?projectId=proj_shop", &["sess_shop", "sess_old"][..]),
        ("?projectId=proj%2Fblog&status=active", &["sess/blog"]),
        ("?status=active", &["sess_shop", "sess/blog"]),
        ("?status=closed", &["sess_old"]),
        ("?status=archived", &[]),
        ("?unanswered=true", &["sess_shop"]),
        ("?unanswered=true&status=closed", &["sess_old"]),
        ("?unanswered=true&projectId=proj%2Fblog", &[]),
        ("?unanswered=false", &["sess_shop", "sess/blog", "sess_old"]),
        ("?q=JANE%40example", &["sess/blog"]),
        ("?q=my+order", &["sess_shop"]),
        ("?q=nowhere", &[]),
        ("?q=&unknown=1", &["sess_shop", "sess/blog", "sess_old"]),
        ("?limit=1", &["sess_shop"]),
        ("?limit=1&status=closed&q=any", &["sess_old"]),
    ] {
        assert_eq!(listed(&server, query), expected, "{query}");
    }
    for (query, named) in [
        ("status=open", "`status`"),
        ("status=", "`status`"),
        ("unanswered=yes", "`unanswered`"),
        ("limit=0", "`limit`"),
        ("limit=101", "`limit`"),
        ("limit=ten", "`limit`"),
    ] {
        refused(&call(&server, &format!("GET /api/v1/sessions?{query}"), ""), 400, "INVALID_REQUEST", named);
    }
    let unknown = call(&server, "GET /api/v1/sessions?projectId=nope", "");
    refused(&unknown, 404, "PROJECT_NOT_FOUND", "Project not found");
}

#[test]
fn a_list_has_25_sessions_unless_told_otherwise_and_finds_far_ones() {
    let server = MockServer::start();
    let needle = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&needle, "a needle");
    (0..1200).for_each(|_| drop(server.visitor_opens_session(Visit::new())));
    assert_eq!(listed(&server, "").len(), 25);
    assert_eq!(listed(&server, "?limit=100").len(), 100);
    assert_eq!(listed(&server, "")[0], "sess_1201");
    assert_eq!(listed(&server, "?q=NEEDLE"), ["sess_1"]);
    assert_eq!(listed(&server, "?unanswered=true"), ["sess_1"]);
    let figures = get(&server, "/stats");
    assert_eq!((&figures["conversations"], &figures["messages"]), (&json!(1201), &json!(1)));
    assert_eq!(get(&server, "/projects")["projects"][0]["sessionCount"], 1201);
}

#[test]
fn a_session_comes_with_all_its_messages_in_order() {
    let server = seeded();
    let expected = json!({"session": blog_session(), "messages": blog_messages()});
    assert_eq!(get(&server, "/sessions/sess%2Fblog"), expected);
    server.operator().is_online(true);
    server.visitor_says(&"sess/blog".into(), "Thanks");
    let told = get(&server, "/sessions/sess%2Fblog");
    assert_eq!((&told["session"]["operatorOnline"], &told["session"]["unanswered"]), (&json!(true), &json!(true)));
    assert_eq!((&told["session"]["messageCount"], &told["messages"][2]["content"]), (&json!(3), &json!("Thanks")));
    assert_eq!(told["session"]["lastMessage"], told["messages"][2]);
    refused(&call(&server, "GET /api/v1/sessions/nope", ""), 404, "SESSION_NOT_FOUND", "Session not found");
}

#[test]
fn both_session_calls_carry_the_rating() {
    let server = seeded();
    let rated =
        send(&server, "POST /pocketping/csat", &[], r#"{"sessionId": "sess_shop", "score": 4, "comment": "ok"}"#);
    assert_eq!(rated.status, 200);
    let csat = json!({"score": 4, "comment": "ok", "at": "2024-01-15T10:30:00.000Z"});
    assert_eq!(get(&server, "/sessions/sess_shop")["session"]["csat"], csat);
    assert_eq!(get(&server, "/sessions?limit=1")["sessions"][0]["csat"], csat);
}

#[test]
fn a_reply_reaches_every_surface() {
    let server = with_seed().events_webhook("http://127.0.0.1:1/", None).start().unwrap();
    let reply = |body: &str| call(&server, "POST /api/v1/sessions/sess_shop/reply", body);
    let sent = reply(r#"{"content": "On its way", "operatorName": "Sam", "other": 1}"#);
    assert_eq!(sent.status, 200);
    let message = json!({"id": "msg_1", "sessionId": "sess_shop", "content": "On its way", "sender": "operator",
                         "timestamp": "2024-01-15T10:30:00.000Z", "metadata": {"operatorName": "Sam"},
                         "status": "sent"});
    assert_eq!(sent.json(), json!({"ok": true, "message": message}));
    assert_eq!(get(&server, "/sessions/sess_shop")["messages"][1], message);
    assert_eq!(listed(&server, "?unanswered=true"), [""; 0]);

    let contracts = call(&server, "GET /sessions/sess_shop/messages", "").json()["messages"][1].clone();
    assert_eq!(
        contracts,
        json!({"id": "msg_1", "sessionId": "sess_shop", "content": "On its way", "type": "operator",
               "createdAt": "2024-01-15T10:30:00Z", "metadata": {"operatorName": "Sam"}})
    );
    let event = serde_json::to_value(server.events().last().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["message"]), (&json!("message.created"), &contracts));
    let deployed: Value = serde_json::from_slice(&server.deliveries()[0].body).unwrap();
    assert_eq!(
        deployed["data"]["event"],
        json!({"type": "operator_message", "sessionId": "sess_shop", "messageId": "msg_1", "content": "On its way",
               "sourceBridge": "api", "operatorName": "Sam"})
    );
    let widgets = send(&server, "GET /pocketping/messages?sessionId=sess_shop", &[], "").json();
    assert_eq!(widgets["messages"][1], message);

    for body in [
        r#"{"content": "Bye"}"#,
        r#"{"content": "Bye", "operatorName": null}"#,
        r#"{"content": "Bye", "operatorName": " "}"#,
    ] {
        let unnamed = reply(body).json();
        assert_eq!((&unnamed["message"]["content"], unnamed["message"].get("metadata")), (&json!("Bye"), None));
    }
}

#[test]
fn a_reply_is_refused_as_the_contract_refuses_it() {
    let server = seeded();
    let name = format!(r#"{{"content": "x", "operatorName": "{}"}}"#, "n".repeat(256));
    for (body, words) in [
        ("", "body"),
        ("{}", "content"),
        (r#"{"content": " \n"}"#, "`content` is blank"),
        (&format!(r#"{{"content": "{}"}}"#, "x".repeat(4001)), "`content` has 4001 characters"),
        (r#"{"content": 5}"#, "`content`"),
        (r#"{"content": "x", "operatorName": 5}"#, "`operatorName`"),
        (&name, "`operatorName`"),
    ] {
        refused(&call(&server, "POST /api/v1/sessions/sess_shop/reply", body), 400, "INVALID_REQUEST", words);
    }
    let most = format!(r#"{{"content": "{}"}}"#, "é".repeat(4000));
    assert_eq!(call(&server, "POST /api/v1/sessions/sess_shop/reply", &most).status, 200);
    let words = r#"{"content": "late"}"#;
    let closed = call(&server, "POST /api/v1/sessions/sess_old/reply", words);
    refused(&closed, 400, "SESSION_CLOSED", "session sess_old is closed");
    let unknown = call(&server, "POST /api/v1/sessions/nope/reply", words);
    refused(&unknown, 404, "SESSION_NOT_FOUND", "Session not found");
    let large = format!(r#"{{"content": "{}"}}"#, "x".repeat(1 << 20));
    refused(&call(&server, "POST /api/v1/sessions/nope/reply", &large), 413, "PAYLOAD_TOO_LARGE", "larger");
    assert_eq!(server.messages(&"sess_old".into()).len(), 1);
}
