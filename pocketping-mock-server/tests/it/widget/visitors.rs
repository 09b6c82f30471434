//! Who visitors are, what they think of it, and when they leave.

use pocketping_mock_server::MockServer;
use serde_json::json;

use super::{HELLO, connected, ok, refused};
use crate::wire::{call, send};

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
    let is_online = || call(&server, "GET /sessions/sess_1", "").json()["visitorOnline"].clone();
    ok(&server, "POST /connect", r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":"sess_1"}"#);
    assert_eq!(is_online(), true);
    // A page that comes back from the browser's memory does not connect again.
    beacon("POST /pocketping/disconnect", r#"{"sessionId":"sess_1","duration":null}"#);
    assert_eq!(is_online(), false);
    ok(&server, "POST /message", r#"{"sessionId":"sess_1","content":"still here","attachmentIds":null}"#);
    assert_eq!(is_online(), true);
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
