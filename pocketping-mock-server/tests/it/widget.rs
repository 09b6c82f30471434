//! The visitor's side over HTTP, as the browser widget speaks it: literal requests against literal answers.

use std::time::Duration;

use pocketping_mock_server::{Contract, Limits, MockServer, Seed};
use serde_json::{Value, json};

use crate::wire::{Answer, call, send};

/// What the widget says when a visitor comes for the first time.
pub(crate) const HELLO: &str = r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":null,"metadata":{"url":"https://example.com/pricing","referrer":"https://example.com/","pageTitle":"T","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36","timezone":"UTC","language":"en-US","screenResolution":"1920x1080","botSignals":{"webdriver":false,"plugins":false,"languages":false,"chrome":false,"permissions":false}}}"#;

/// A call with the headers the widget sends with every one of its own.
pub(crate) fn widget(server: &MockServer, line: &str, body: &str) -> Answer {
    let line = line.replacen(' ', " /pocketping", 1);
    let headers = [
        ("Content-Type", "application/json"),
        ("X-PocketPing-Version", "2.6.0"),
        ("Origin", "https://example.com"),
        ("Accept", "*/*"),
    ];
    send(server, &line, &headers, body)
}

#[track_caller]
pub(crate) fn ok(server: &MockServer, line: &str, body: &str) -> Value {
    let answer = widget(server, line, body);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    answer.json()
}

#[track_caller]
fn refused(server: &MockServer, line: &str, body: &str, status: u16, sentence: &str) {
    let answer = widget(server, line, body);
    assert_eq!(answer.status, status, "{line} {body}: {answer:?}");
    let told = answer.json();
    assert!(told["error"].as_str().unwrap().contains(sentence), "{line} {body}: {told}");
    assert!(told["code"].is_string() && told.get("message").is_none(), "{told}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.com"));
}

pub(crate) fn connected() -> MockServer {
    let server = MockServer::start();
    ok(&server, "POST /connect", HELLO);
    server
}

fn seeded(json: &str) -> MockServer {
    MockServer::builder().seed(Seed::from_json(json).unwrap()).start().unwrap()
}

#[test]
fn a_first_visit_opens_a_session_with_all_that_the_browser_told() {
    let server = MockServer::start();
    assert_eq!(
        ok(&server, "POST /connect", HELLO),
        json!({"sessionId": "sess_1", "visitorId": "mwri6tl9-iwzugjfcc", "operatorOnline": false,
               "operatorReachable": true, "messages": []})
    );
    let session = call(&server, "GET /sessions/sess_1", "").json();
    assert_eq!(
        session,
        json!({
            "id": "sess_1", "visitorId": "mwri6tl9-iwzugjfcc", "projectId": "proj_1", "status": "active",
            "createdAt": "2024-01-15T10:30:00Z", "lastActivity": "2024-01-15T10:30:00Z",
            "metadata": {
                "pageUrl": "https://example.com/pricing",
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
                "referrer": "https://example.com/", "pageTitle": "T", "timezone": "UTC", "language": "en-US",
                "screenResolution": "1920x1080", "ip": "127.0.0.1", "deviceType": "desktop", "browser": "Chrome",
                "os": "Linux",
                "botSignals": {"webdriver": false, "plugins": false, "languages": false, "chrome": false, "permissions": false}
            },
            "aiEnabled": true, "unanswered": false, "visitorOnline": true
        })
    );
    let events: Vec<_> = server.events().iter().map(|event| event.kind().to_string()).collect();
    assert_eq!(events, ["session.created"]);
}

#[test]
fn a_visitor_comes_back_by_session_then_by_visitor_and_else_anew() {
    let server = connected();
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello","sender":"visitor","attachmentIds":[]}"#);
    let again = |body: &str| ok(&server, "POST /connect", body)["sessionId"].clone();
    assert_eq!(again(r#"{"visitorId":"another","sessionId":"sess_1"}"#), "sess_1", "by its id");
    assert_eq!(again(r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":"lost"}"#), "sess_1", "by the visitor");
    assert_eq!(again(r#"{"visitorId":"new","sessionId":"lost"}"#), "sess_2", "an unknown session is no error");
    assert_eq!(again(r#"{"visitorId":"new"}"#), "sess_2");
    let answer = ok(&server, "POST /connect", r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":null}"#);
    assert_eq!(
        answer["messages"],
        json!([{"id": "msg_1", "sessionId": "sess_1", "content": "hello", "sender": "visitor", "status": "sent",
                "timestamp": "2024-01-15T10:30:00.000Z"}])
    );
    let kinds: Vec<_> = server.events().iter().map(|event| event.kind().to_string()).collect();
    assert_eq!(
        kinds,
        [
            "session.created",
            "message.created",
            "session.updated",
            "session.updated",
            "session.created",
            "session.updated",
            "session.updated"
        ]
    );
}

#[test]
fn where_a_visitor_was_first_seen_stays_and_the_rest_is_replaced() {
    let server = MockServer::start();
    let from = |address: &str, body: &str| {
        let answer = send(&server, "POST /pocketping/connect", &[("X-Forwarded-For", address)], body);
        assert_eq!(answer.status, 200);
    };
    from("203.0.113.7, 10.0.0.1", r#"{"visitorId":"v","metadata":{"url":"https://a/","pageTitle":"A"}}"#);
    from("198.51.100.1", r#"{"visitorId":"v","metadata":{"url":"https://b/","userAgent":"x"}}"#);
    let metadata = call(&server, "GET /sessions/sess_1", "").json()["metadata"].clone();
    assert_eq!(
        metadata,
        json!({"pageUrl": "https://b/", "userAgent": "x", "ip": "203.0.113.7", "deviceType": "desktop"})
    );
    let real = [("X-Real-IP", "192.0.2.9")];
    send(&server, "POST /pocketping/connect", &real, r#"{"visitorId":"w","metadata":{}}"#);
    assert_eq!(call(&server, "GET /sessions/sess_2", "").json()["metadata"]["ip"], "192.0.2.9");
}

#[test]
fn a_project_says_how_its_widget_looks_and_whom_it_asks() {
    let server = seeded(
        r##"{"projects": [{"id": "proj_shop", "name": "Shop", "widget": {
            "welcomeMessage": "Hi!", "operatorName": "Ada", "operatorAvatar": "https://a/x.png", "primaryColor": "#123456",
            "headerColor": {"from": "#1", "to": "#2"}, "chatBackground": "dots", "operatorReachable": false,
            "preChatForm": {"enabled": true, "fields": "email-only"},
            "trackedElements": [{"selector": ".cta", "name": "clicked_cta"}], "inspectorToken": "secret"}}]}"##,
    );
    let hello = |body: &str| ok(&server, "POST /connect", body);
    assert_eq!(
        hello(r#"{"visitorId":"v"}"#),
        json!({"sessionId": "sess_1", "visitorId": "v", "operatorOnline": false, "operatorReachable": false,
               "messages": [], "welcomeMessage": "Hi!", "operatorName": "Ada", "operatorAvatar": "https://a/x.png",
               "primaryColor": "#123456", "headerColor": {"from": "#1", "to": "#2"}, "chatBackground": "dots",
               "preChatForm": {"enabled": true, "required": false, "timing": "before-first-message",
                               "fields": "email-only", "completed": false},
               "trackedElements": [{"selector": ".cta", "name": "clicked_cta"}]})
    );
    assert_eq!(hello(r#"{"visitorId":"v","inspectorToken":"wrong"}"#).get("inspectorMode"), None);
    assert_eq!(hello(r#"{"visitorId":"v","inspectorToken":"secret"}"#)["inspectorMode"], true);
    ok(&server, "POST /prechat", r#"{"sessionId":"sess_1","email":"a@b.c"}"#);
    assert_eq!(hello(r#"{"visitorId":"v"}"#)["preChatForm"]["completed"], true);
}

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
    let ids = |query: &str| {
        let list = ok(&server, &format!("GET /messages?sessionId=sess_1{query}"), "");
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
    assert_eq!(polled("02.000"), ["msg_2"], "once is enough");

    second();
    write("two");
    second();
    // It notes when it read something by its own clock, which may be fast.
    ok(&server, "POST /read", r#"{"sessionId":"sess_1","messageIds":["msg_1"],"status":"read"}"#);
    second();
    assert_eq!(polled("59.123"), ["msg_1", "msg_3"]);
    second();
    write("three");
    assert_eq!(polled("59.123"), ["msg_4"], "as long as it is fast");
    ok(&server, "DELETE /message/msg_2?sessionId=sess_1", "");
    second();
    write("four");
    assert_eq!(polled("59.500"), ["msg_4", "msg_5"]);
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

#[test]
fn a_visitor_is_identified_in_the_contracts_words() {
    let server = connected();
    let said = r#"{"sessionId":"sess_1","identity":{"id":"u1","email":"a@b.c","plan":"pro"}}"#;
    assert_eq!(ok(&server, "POST /identify", said), json!({"ok": true}));
    let form = r#"{"sessionId":"sess_1","email":"a@b.c","phone":"+33612345678","phoneCountry":"FR"}"#;
    assert_eq!(ok(&server, "POST /prechat", form), json!({"ok": true}));
    assert_eq!(
        call(&server, "GET /sessions/sess_1", "").json()["identity"],
        json!({"email": "a@b.c", "customerId": "u1",
               "metadata": {"plan": "pro", "phone": "+33612345678", "phoneCountry": "FR"}})
    );
    let back =
        ok(&server, "POST /connect", r#"{"visitorId":"v","sessionId":"sess_1","identity":{"id":"u1","name":"Ann"}}"#);
    assert_eq!(
        back["identity"],
        json!({"id": "u1", "email": "a@b.c", "name": "Ann", "plan": "pro", "phone": "+33612345678", "phoneCountry": "FR"})
    );
    for (line, body, sentence) in [
        ("POST /identify", r#"{"sessionId":"sess_1","identity":{"email":"a@b.c"}}"#, "`identity.id`"),
        ("POST /identify", r#"{"sessionId":"sess_1","identity":{"id":""}}"#, "`identity.id`"),
        ("POST /identify", r#"{"sessionId":"sess_1","identity":"u1"}"#, "`identity`"),
        ("POST /identify", r#"{"sessionId":"sess_1"}"#, "identity"),
        ("POST /prechat", r#"{"sessionId":"sess_1"}"#, "`email` and `phone`"),
        ("POST /prechat", r#"{"sessionId":"sess_1","email":" ","phone":""}"#, "`email` and `phone`"),
        ("POST /prechat", r#"{"sessionId":"sess_1","email":"nobody"}"#, "`email`"),
        ("POST /prechat", r#"{"sessionId":"sess_1","phone":"0612345678"}"#, "`phone`"),
        ("POST /prechat", r#"{"sessionId":"sess_1","phone":"+33612345678","phoneCountry":"France"}"#, "`phoneCountry`"),
    ] {
        refused(&server, line, body, 400, sentence);
    }
    let big = json!({"sessionId": "sess_1", "identity": {"id": "u1", "notes": "x".repeat(40_000)}}).to_string();
    refused(&server, "POST /identify", &big, 400, "at most 32768");
}

#[test]
fn the_first_rating_counts() {
    let server = connected();
    let rate = |body: &str| ok(&server, "POST /csat", body);
    assert_eq!(rate(r#"{"sessionId":"sess_1","score":5,"comment":"great"}"#), json!({"ok": true}));
    assert_eq!(rate(r#"{"sessionId":"sess_1","score":1}"#), json!({"ok": true, "alreadyRated": true}));
    assert_eq!(
        call(&server, "GET /sessions/sess_1", "").json()["csat"],
        json!({"score": 5, "comment": "great", "at": "2024-01-15T10:30:00Z"})
    );
    for (body, sentence) in [
        (r#"{"sessionId":"sess_1","score":0}"#.to_owned(), "`score`"),
        (r#"{"sessionId":"sess_1","score":6}"#.to_owned(), "`score`"),
        (r#"{"sessionId":"sess_1","score":4.5}"#.to_owned(), "`score`"),
        (json!({"sessionId": "sess_1", "score": 3, "comment": "x".repeat(1001)}).to_string(), "`comment`"),
    ] {
        refused(&server, "POST /csat", &body, 400, sentence);
    }
}

#[test]
fn leaving_is_told_once_and_looking_away_is_not() {
    let server = connected();
    // Beacons bring the content type alone.
    let beacon = |line: &str, body: &str| {
        let headers = [("Content-Type", "application/json"), ("Origin", "https://example.com")];
        let answer = send(&server, line, &headers, body);
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    };
    beacon("POST /pocketping/visibility", r#"{"sessionId":"sess_1","state":"visible","timestamp":1795331784212}"#);
    assert_eq!(server.events().len(), 1);
    for _ in 0..2 {
        beacon("POST /pocketping/disconnect", r#"{"sessionId":"sess_1","duration":3,"reason":"page_unload"}"#);
    }
    let events = server.events();
    assert_eq!((events.len(), events[1].session().unwrap().visitor_online), (2, Some(false)));
    ok(&server, "POST /connect", r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":"sess_1"}"#);
    assert_eq!(call(&server, "GET /sessions/sess_1", "").json()["visitorOnline"], true);
    refused(&server, "POST /visibility", r#"{"sessionId":"sess_1","state":"sideways"}"#, 400, "`state`");
    refused(&server, "POST /disconnect", r#"{"sessionId":"sess_1","duration":-1}"#, 400, "`duration`");
}

#[test]
fn presence_is_the_operators() {
    let server = MockServer::start();
    let presence = || ok(&server, "GET /presence", "");
    assert_eq!(presence(), json!({"online": false, "aiEnabled": false, "aiActiveAfter": 300}));
    server.operator().is_online(true);
    assert_eq!(presence()["online"], true);
    assert_eq!(ok(&server, "POST /connect", HELLO)["operatorOnline"], true);
}

#[test]
fn a_widget_reaches_its_own_project_and_no_other() {
    let server = seeded(
        r#"{"projects": [{"id": "proj_a"}, {"id": "proj_b"}],
            "sessions": [{"id": "sess_a", "projectId": "proj_a", "visitorId": "v"}]}"#,
    );
    let at = |line: &str, body: &str| send(&server, line, &[], body);
    let say = r#"{"sessionId":"sess_a","content":"x"}"#;
    assert_eq!(at("POST /api/widget/proj_b/message", say).status, 404);
    assert_eq!(at("POST /api/widget/proj_a/message", say).status, 200);
    assert_eq!(at("POST /pocketping/message", say).status, 200, "the first project");
    let other = at("POST /api/widget/proj_b/connect", r#"{"visitorId":"v","sessionId":"sess_a"}"#).json();
    assert_eq!(other["sessionId"], "sess_1", "neither its session nor its visitor's is this project's");
    assert_eq!(call(&server, "GET /sessions/sess_1", "").json()["projectId"], "proj_b");
    let none = at("POST /api/widget/nope/connect", HELLO);
    assert_eq!((none.status, &none.json()["error"]), (404, &json!("Project not found")));
}

#[test]
fn every_path_answers_a_preflight_as_browsers_send_it() {
    let server = MockServer::start();
    for path in ["/connect", "/message", "/message/msg_1", "/messages", "/upload/att_1", "/stream", "/nope"] {
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
            let answer = send(
                &server,
                &format!("OPTIONS /pocketping{path}"),
                &[
                    ("Origin", "https://example.com"),
                    ("Access-Control-Request-Method", method),
                    ("Access-Control-Request-Headers", "content-type,x-pocketping-version"),
                ],
                "",
            );
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.com"));
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            let methods = answer.header("access-control-allow-methods").unwrap();
            assert!(methods.split(',').any(|known| known == method), "{methods}");
            assert_eq!(answer.header("access-control-max-age"), Some("600"));
            let headers = answer.header("access-control-allow-headers").unwrap();
            assert!(headers.contains("content-type") && headers.contains("x-pocketping-version"), "{headers}");
        }
    }
    let answer = widget(&server, "GET /presence", "");
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some(
            "x-pocketping-version-status,x-pocketping-min-version,x-pocketping-latest-version,x-pocketping-version-message"
        )
    );
    assert!(answer.header("vary").unwrap().contains("origin"));
    let rest = send(&server, "GET /health", &[("Origin", "https://example.com")], "");
    assert_eq!(rest.header("access-control-allow-origin"), Some("*"), "the contract's calls carry no credentials");
}

#[test]
fn versions_are_negotiated() {
    let server = MockServer::builder().widget_versions(Some("1.5.0"), Some("2.6.0")).start().unwrap();
    let told = |version: &str| {
        let answer = send(&server, "GET /pocketping/presence", &[("X-PocketPing-Version", version)], "");
        let header = |name: &str| answer.header(&format!("x-pocketping-{name}")).map(str::to_owned);
        (answer.status, header("version-status").unwrap(), header("version-message"), header("min-version"))
    };
    let oldest = Some("1.5.0".to_owned());
    assert_eq!(told("2.6.0"), (200, "ok".into(), None, oldest.clone()));
    assert_eq!(told("2.5.0").1, "outdated");
    let (status, standing, message, _) = told("1.9.0");
    assert_eq!((status, standing.as_str()), (200, "deprecated"));
    assert!(message.unwrap().contains("2.6.0 is current"));
    let refused = widget_of(&server, "1.0.0");
    assert_eq!((refused.status, refused.header("x-pocketping-version-status")), (426, Some("unsupported")));
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://example.com"), "the page may read it");
    assert_eq!((&refused.json()["minVersion"], server.sessions().len()), (&json!("1.5.0"), 0));
    assert_eq!(send(&server, "GET /pocketping/presence", &[], "").status, 200, "one that says none is welcome");
}

fn widget_of(server: &MockServer, version: &str) -> Answer {
    let headers = [("X-PocketPing-Version", version), ("Origin", "https://example.com")];
    send(server, "POST /pocketping/connect", &headers, HELLO)
}

#[test]
fn what_nobody_serves_is_refused_in_the_widgets_words() {
    let server = connected();
    refused(&server, "GET /nope", "", 404, "there is no /pocketping/nope");
    refused(&server, "GET /connect", "", 405, "/pocketping/connect is not served by GET");
    let mut limits = Limits::default();
    limits.body = 2000;
    let small = MockServer::builder().limits(limits).start().unwrap();
    let big = json!({"visitorId": "v", "metadata": {"url": "x".repeat(2000)}}).to_string();
    refused(&small, "POST /connect", &big, 413, "larger than 2000 bytes");
    refused(&server, "POST /connect", r#"{"visitorId":""}"#, 400, "`visitorId`");
    refused(&server, "POST /connect", r#"{"sessionId":null}"#, 400, "visitorId");
    let huge = json!({"visitorId": "v", "metadata": {"url": "x".repeat(40_000)}}).to_string();
    refused(&server, "POST /connect", &huge, 400, "`metadata`");
    assert_eq!(server.sessions().len(), 1);
}

#[test]
fn the_visitors_side_is_the_same_in_strict() {
    let server = MockServer::builder().contract(Contract::Strict).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hello"}"#);
    ok(&server, "DELETE /message/msg_1?sessionId=sess_1", "");
    let told = ok(&server, "GET /messages?sessionId=sess_1", "")["messages"].clone();
    assert_eq!(told[0]["deletedAt"], "2024-01-15T10:30:00.000Z");
    assert_eq!(call(&server, "GET /sessions/sess_1/messages", "").json(), json!({"messages": []}));
}
