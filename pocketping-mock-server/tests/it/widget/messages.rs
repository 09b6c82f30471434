//! What visitors write, edit, delete and have read.

use std::time::Duration;

use serde_json::json;

use super::{connected, ok, refused};
use crate::wire::{call, send};

#[test]
fn what_a_visitor_writes_is_a_message_of_the_contract() {
    let server = connected();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Welcome"}"#);
    server.clock().advance(Duration::from_millis(1500));
    assert_eq!(
        ok(
            &server,
            "POST /message",
            r#"{"sessionId":"sess_1","content":"hello","sender":"visitor","attachmentIds":[],"replyTo":"msg_1"}"#
        ),
        json!({"messageId": "msg_2", "timestamp": "2024-01-15T10:30:01.500Z"})
    );
    // Clients that are no widget leave out what they do not know.
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"short"}"#);
    let messages = call(&server, "GET /sessions/sess_1/messages", "").json();
    assert_eq!(
        messages["messages"][1],
        json!({"id": "msg_2", "sessionId": "sess_1", "content": "hello", "type": "visitor",
               "createdAt": "2024-01-15T10:30:01.500Z", "replyTo": "msg_1"})
    );
    assert_eq!(messages["messages"][2]["type"], "visitor");
    for (body, sentence) in [
        (r#"{"sessionId":"sess_1","content":"x","sender":"operator"}"#, "`sender`"),
        (r#"{"sessionId":"sess_1","content":"x","sender":"system"}"#, "`sender`"),
        (r#"{"sessionId":"sess_1","content":" ","attachmentIds":[]}"#, "`content` is blank"),
        (r#"{"sessionId":"sess_1"}"#, "`content` is blank"),
        (r#"{"content":"x"}"#, "sessionId"),
        (r#"{"sessionId":"sess_1","content":7}"#, "`content`"),
        ("", "body is missing"),
        ("{", "cannot be read"),
    ] {
        refused(&server, "POST /message", body, 400, sentence);
    }
    let long = json!({"sessionId": "sess_1", "content": "é".repeat(4001)}).to_string();
    refused(&server, "POST /message", &long, 400, "4001 characters");
    refused(&server, "POST /message", r#"{"sessionId":"nope","content":"x"}"#, 404, "Session not found");
    assert_eq!(server.messages(&"sess_1".into()).len(), 3, "nothing was kept of what was refused");
}

#[test]
fn writing_opens_a_closed_session_again() {
    let server = connected();
    call(&server, "POST /sessions/sess_1/close", "");
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"one more thing"}"#);
    assert_eq!(call(&server, "GET /sessions/sess_1", "").json()["status"], "active");
}

#[test]
fn polling_gives_what_changed_since_a_time_or_a_message() {
    let server = connected();
    let second = || server.clock().advance(Duration::from_secs(1));
    for text in ["one", "two", "three"] {
        call(&server, "POST /sessions/sess_1/messages", &json!({"content": text}).to_string());
        second();
    }
    // Without a widget's version an `after` is what it says.
    let ids = |query: &str| {
        let list = send(&server, &format!("GET /pocketping/messages?sessionId=sess_1{query}"), &[], "").json();
        list["messages"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(""), ["msg_1", "msg_2", "msg_3"]);
    assert_eq!(ids("&after=2024-01-15T10%3A30%3A01.000Z"), ["msg_2", "msg_3"], "its own millisecond, too");
    assert_eq!(ids("&after=msg_2"), ["msg_3"]);
    assert_eq!(ids("&after=msg_3"), [""; 0]);
    assert_eq!(ids("&after=of-another-server").len(), 3, "whoever knows none of these has seen none");
    // What was read is news, too.
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_1"],"status":"read"}"#);
    assert_eq!(ids("&after=2024-01-15T10%3A30%3A02.500Z"), ["msg_1"]);
    assert_eq!(ids("&after=msg_3"), ["msg_1"]);
    let page = ok(&server, "GET /messages?sessionId=sess_1&limit=2", "");
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["hasMore"]), (2, &json!(true)));
    for bad in ["0", "101", "x"] {
        refused(&server, &format!("GET /messages?sessionId=sess_1&limit={bad}"), "", 400, "`limit`");
    }
    refused(&server, "GET /messages", "", 400, "`sessionId` is missing");
}

#[test]
fn what_an_operator_wrote_is_shown_whatever_time_the_widget_has_got_to_by_itself() {
    let server = connected();
    let second = || server.clock().advance(Duration::from_secs(1));
    let write =
        |text: &str| drop(call(&server, "POST /sessions/sess_1/messages", &json!({"content": text}).to_string()));
    let polled = |after: &str| {
        let list = ok(&server, &format!("GET /messages?sessionId=sess_1&after=2024-01-15T10%3A30%3A{after}Z"), "");
        let ids = list["messages"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    second();
    write("one");
    second();
    // The widget's own message is the latest it knows, and later than what it has not seen.
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    assert_eq!(polled("02.000"), ["msg_1", "msg_2"]);
    assert_eq!(polled("02.000"), ["msg_1", "msg_2"], "an answer that is lost proves nothing");
    assert_eq!(polled("01.000"), ["msg_1", "msg_2"], "a time that others made proves what was before it");

    second();
    write("two");
    // It shows its own message before the server has it, and notes what it reads, by its own clock, which may be fast.
    assert_eq!(polled("59.123"), ["msg_1", "msg_3"]);
    assert_eq!(polled("03.000"), ["msg_3"], "now it is known to have seen this one");
    second();
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_1"],"status":"read"}"#);
    second();
    write("three");
    assert_eq!(polled("59.123"), ["msg_1", "msg_3", "msg_4"]);
    assert_eq!(polled("05.000"), ["msg_4"]);
    assert_eq!(polled("59.500"), ["msg_4"], "and nothing from before that");

    // A time that is its own message's, too, proves nothing: who wrote in the same millisecond need not have been read.
    second();
    write("not read yet");
    second();
    write("at the same time");
    let mine = ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"mine"}"#);
    assert_eq!(mine["timestamp"], "2024-01-15T10:30:07.000Z");
    assert_eq!(polled("07.000"), ["msg_4", "msg_5", "msg_6", "msg_7"]);
    assert_eq!(polled("06.000"), ["msg_5", "msg_6", "msg_7"], "this one was read");
}

#[test]
fn a_visitor_edits_and_deletes_own_messages_only() {
    let server = connected();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"of the operator"}"#);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    server.clock().advance(Duration::from_secs(2));
    assert_eq!(
        ok(&server, "PATCH /message/msg_2", r#"{"sessionId":"sess_1","content":"hello2"}"#),
        json!({"message": {"id": "msg_2", "sessionId": "sess_1", "content": "hello2", "sender": "visitor", "status": "sent",
                           "timestamp": "2024-01-15T10:30:00.000Z", "editedAt": "2024-01-15T10:30:02.000Z"}})
    );
    let edit = |id: &str, content: &str| {
        (format!("PATCH /message/{id}"), json!({"sessionId": "sess_1", "content": content}).to_string())
    };
    for (id, content, status, sentence) in [
        ("msg_1", "mine now", 403, "written by the operator"),
        ("nope", "x", 404, "Message nope not found"),
        ("msg_2", " ", 400, "`content` is blank"),
    ] {
        let (line, body) = edit(id, content);
        refused(&server, &line, &body, status, sentence);
    }
    refused(&server, "DELETE /message/msg_1?sessionId=sess_1", "", 403, "written by the operator");
    refused(&server, "DELETE /message/msg_2", "", 400, "`sessionId` is missing");
    assert_eq!(ok(&server, "DELETE /message/msg_2?sessionId=sess_1", ""), json!({"deleted": true}));
    refused(&server, "DELETE /message/msg_2?sessionId=sess_1", "", 410, "msg_2 is deleted");
    let (line, body) = edit("msg_2", "back");
    refused(&server, &line, &body, 410, "msg_2 is deleted");
    assert_eq!(
        call(&server, "GET /sessions/sess_1/messages", "").json()["messages"][1],
        json!({"id": "msg_2", "sessionId": "sess_1", "content": "", "type": "visitor", "createdAt": "2024-01-15T10:30:00Z",
               "updatedAt": "2024-01-15T10:30:02Z", "editedAt": "2024-01-15T10:30:02Z", "deletedAt": "2024-01-15T10:30:02Z"})
    );
    assert_eq!(call(&server, "GET /sessions/sess_1", "").json()["unanswered"], false, "what was asked is gone");
}

#[test]
fn receipts_count_once_and_for_what_others_wrote() {
    let server = connected();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    let read = |body: &str| ok(&server, "POST /read", body)["updated"].clone();
    assert_eq!(read(r#"{"sessionId":"sess_1","messageIds":["msg_1"],"status":"delivered"}"#), 1);
    let all = r#"{"sessionId":"sess_1","messageIds":["msg_1","msg_2","nope"],"status":"read"}"#;
    assert_eq!((read(all), read(all)), (json!(1), json!(0)));
    let told = ok(&server, "GET /messages?sessionId=sess_1", "")["messages"].clone();
    assert_eq!(told.as_array().unwrap().len(), 2, "a receipt is no message of its own");
    assert_eq!((&told[0]["status"], &told[0]["readAt"]), (&json!("read"), &json!("2024-01-15T10:30:00.000Z")));
    assert_eq!(told[1]["status"], "sent");
    assert_eq!(server.messages(&"sess_1".into())[0].read_at.unwrap().to_string(), "2024-01-15T10:30:00Z");
    let kinds = server.events().iter().filter(|event| event.kind() == "message.updated").count();
    assert_eq!(kinds, 2, "delivered, then read");
    refused(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":[],"status":"lost"}"#, 400, "`status`");
    assert_eq!(read(r#"{"sessionId":"sess_1","messageIds":null}"#), 0);
    let many = json!({"sessionId": "sess_1", "messageIds": vec!["x"; 501]}).to_string();
    refused(&server, "POST /read", &many, 400, "`messageIds` names 501");
}

#[test]
fn a_keystroke_costs_an_answer_and_nothing_else() {
    let server = connected();
    let before = server.sessions();
    for _ in 0..200 {
        let key = r#"{"sessionId":"sess_1","sender":"visitor","isTyping":true}"#;
        assert_eq!(ok(&server, "POST /typing", key), json!({"ok": true}));
    }
    assert_eq!(server.sessions(), before);
    assert_eq!(server.events().len(), 1);
    refused(&server, "POST /typing", r#"{"sessionId":"nope","isTyping":true}"#, 404, "Session not found");
    refused(&server, "POST /typing", r#"{"sessionId":"sess_1","sender":"operator"}"#, 400, "`sender`");
}
