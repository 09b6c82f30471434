//! A visitor comes, and comes back.

use pocketping_mock_server::MockServer;
use serde_json::json;

use super::{HELLO, connected, ok, refused, seeded, widget};
use crate::wire::{call, send};

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
fn what_a_browser_tells_cannot_pass_for_the_contracts_own_words() {
    let server = connected();
    for (metadata, sentence) in [
        (json!({"url": 7}), "`metadata.url` must be a text"),
        (json!({"userAgent": 7}), "`metadata.userAgent` must be a text"),
        (json!({"url": "https://a/", "pageUrl": 7}), "`metadata.pageUrl` must be a text"),
    ] {
        let body = json!({"visitorId": "v", "metadata": metadata}).to_string();
        refused(&server, "POST /connect", &body, 400, sentence);
    }
    ok(&server, "POST /connect", r#"{"visitorId":"v","metadata":{"url":"https://a/","pageUrl":"https://b/"}}"#);
    let metadata = call(&server, "GET /sessions/sess_2", "").body;
    assert_eq!(metadata.matches("pageUrl").count(), 1, "{metadata}");
    assert!(metadata.contains(r#""pageUrl":"https://a/""#));

    // Whoever reads an event has a limit, too.
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    for (depth, status) in [(32, 200), (33, 400)] {
        let body = json!({"visitorId": "w", "metadata": {"deep": nested(depth)}}).to_string();
        assert_eq!(widget(&server, "POST /connect", &body).status, status, "{depth}");
        let body = json!({"sessionId": "sess_1", "identity": {"id": "u", "deep": nested(depth)}}).to_string();
        assert_eq!(widget(&server, "POST /identify", &body).status, status, "{depth}");
    }
    assert_eq!(server.events().len(), 4, "all of them can be read");
}

#[test]
fn another_persons_id_makes_it_another_person() {
    let server = MockServer::start();
    let known = |body: &str| ok(&server, "POST /connect", body)["identity"].clone();
    let ann = r#"{"visitorId":"v","identity":{"id":"u1","email":"a@b.c","name":"Ann"}}"#;
    assert_eq!(known(ann), json!({"id": "u1", "email": "a@b.c", "name": "Ann"}));
    assert_eq!(known(r#"{"visitorId":"v","identity":{"id":"u1","plan":"pro"}}"#)["email"], "a@b.c");
    assert_eq!(known(r#"{"visitorId":"v","identity":{"id":"u2"}}"#), json!({"id": "u2"}));
    ok(&server, "POST /identify", r#"{"sessionId":"sess_1","identity":{"id":"u3","name":"Bob"}}"#);
    assert_eq!(
        call(&server, "GET /sessions/sess_1", "").json()["identity"],
        json!({"name": "Bob", "customerId": "u3"})
    );
}
