//! The control surface, `/_mock`: literal calls, and who may make them.

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer};
use serde_json::{Value, json};

use crate::socket::{AUTH, authenticated};
use crate::wire::{Answer, call, send};

fn mock(server: &MockServer, line: &str, body: &str) -> Answer {
    send(server, &line.replacen(" /", " /_mock/", 1), &[("Content-Type", "application/json")], body)
}

#[track_caller]
fn ok(server: &MockServer, line: &str, body: &str) -> Value {
    let answer = mock(server, line, body);
    assert!(matches!(answer.status, 200 | 201), "{line}: {answer:?}");
    answer.json()
}

#[track_caller]
fn refused(server: &MockServer, line: &str, body: &str, status: u16, sentence: &str) {
    let answer = mock(server, line, body);
    assert_eq!(answer.status, status, "{line} {body}: {answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains(sentence), "{line} {body}: {answer:?}");
}

#[test]
fn a_visitor_is_played_and_an_operator() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let opened = ok(
            &server,
            "POST /visitors",
            r#"{"visitorId":"v","metadata":{"pageUrl":"https://a/"},"identity":{"email":"a@b.c"}}"#,
        );
        assert_eq!((&opened["id"], &opened["metadata"]), (&json!("sess_1"), &json!({"pageUrl": "https://a/"})));
        let said = ok(&server, "POST /sessions/sess_1/visitor/say", r#"{"content":"Hello"}"#);
        assert_eq!((&said["id"], &said["type"]), (&json!("msg_1"), &json!("visitor")));
        ok(&server, "POST /sessions/sess_1/visitor/type", r#"{"isTyping":true}"#);
        call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
        assert_eq!(ok(&server, "POST /sessions/sess_1/visitor/read", ""), json!({"updated": 1}));
        assert_eq!(ok(&server, "POST /sessions/sess_1/operator/read", ""), json!({"updated": 1}));
        let edited = r#"{"messageId":"msg_2","content":"Hi!"}"#;
        assert_eq!(ok(&server, "POST /sessions/sess_1/operator/edit", edited)["content"], "Hi!");
        ok(&server, "POST /sessions/sess_1/operator/delete", r#"{"messageId":"msg_2"}"#);
        refused(&server, "POST /sessions/sess_1/operator/delete", r#"{"messageId":"msg_2"}"#, 410, "msg_2 is deleted");
        refused(
            &server,
            "POST /sessions/sess_1/operator/edit",
            r#"{"messageId":"msg_1","content":"x"}"#,
            403,
            "visitor",
        );
        ok(&server, "POST /operator", r#"{"online":true}"#);
        ok(&server, "POST /sessions/sess_1/operator/type", r#"{"isTyping":true}"#);
        ok(&server, "POST /sessions/sess_1/operator/tell-page", r#"{"name":"offer","data":{"percent":10}}"#);
        ok(&server, "POST /tracked-elements", r#"{"trackedElements":[{"selector":".cta","name":"cta"}]}"#);
        assert_eq!(ok(&server, "POST /sessions/sess_1/operator/ask-for-rating", ""), json!({"asked": true}));
        let shot = ok(&server, "POST /sessions/sess_1/operator/ask-for-screenshot", r#"{"silent":true}"#);
        assert_eq!(shot, json!({"requestId": "shot_1"}));
        let rated = ok(&server, "POST /sessions/sess_1/visitor/rate", r#"{"score":5}"#);
        assert_eq!(rated, json!({"ok": true, "first": true}));
        ok(&server, "POST /sessions/sess_1/visitor/leave", "");
        let state = ok(&server, "GET /state", "");
        let session = &state["sessions"][0];
        assert_eq!(
            (&session["visitorOnline"], &session["csat"]["score"], &state["operatorOnline"]),
            (&json!(false), &json!(5), &json!(true)),
            "the state is whole in both contracts"
        );
        assert_eq!(session["messages"][1]["deletedAt"], "2024-01-15T10:30:00Z");
        assert_eq!(state["projects"][0]["settings"]["csatEnabled"], false);
    }
}

#[test]
fn an_operator_without_a_key_answers_closes_and_switches_the_ai() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        ok(&server, "POST /visitors", "{}");
        ok(&server, "POST /sessions/sess_1/visitor/say", r#"{"content":"Hello"}"#);
        let said = ok(&server, "POST /sessions/sess_1/operator/say", r#"{"content":"Hi"}"#);
        assert_eq!((&said["id"], &said["type"], &said["content"]), (&json!("msg_2"), &json!("operator"), &json!("Hi")));
        assert_eq!(ok(&server, "POST /sessions/sess_1/operator/ai", r#"{"enabled":false}"#)["aiEnabled"], false);
        assert_eq!(ok(&server, "POST /sessions/sess_1/operator/close", "")["status"], "closed");
        refused(&server, "POST /sessions/sess_1/operator/say", r#"{"content":"Hi"}"#, 400, "is closed");
        let events = ok(&server, "GET /events", "")["events"].clone();
        let kinds: Vec<_> = events.as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
        assert_eq!((&kinds[0], &kinds[2]), (&json!("session.created"), &json!("message.created")));
        assert_eq!(ok(&server, "GET /events?limit=1", "")["events"], json!([events.as_array().unwrap().last()]));
    }
}

#[test]
fn a_wrong_call_names_what_is_wrong_and_changes_nothing() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for (line, body, status, sentence) in [
        ("POST /visitors", r#"{"visitor":"v"}"#, 400, "visitor"),
        ("POST /visitors", r#"{"projectId":"nope"}"#, 404, "Project not found"),
        ("POST /visitors", r#"{"identity":{"email":"nobody"}}"#, 400, "`email`"),
        ("POST /sessions/nope/visitor/say", r#"{"content":"x"}"#, 404, "Session not found"),
        ("POST /sessions/sess_abc123/visitor/say", r#"{"content":" "}"#, 400, "`content`"),
        ("POST /sessions/sess_abc123/visitor/rate", r#"{"score":9}"#, 400, "`score`"),
        ("POST /sessions/sess_abc123/operator/tell-page", r#"{"name":""}"#, 400, "`name`"),
        ("POST /operator", r#"{"online":1}"#, 400, "`online`"),
        ("POST /clock/advance", r#"{"by":"soon"}"#, 400, "`by`"),
        ("POST /clock/advance", r#"{"by":"721h"}"#, 400, "30d"),
        ("POST /snapshots/nope/restore", "", 404, "no snapshot \"nope\""),
        ("POST /deliveries/nope/redeliver", "", 404, "no delivery nope"),
        ("POST /sessions/nope/operator/close", "", 404, "Session not found"),
        ("POST /sessions/sess_abc123/operator/say", r#"{"content":"x","type":"ai"}"#, 400, "type"),
        ("POST /sessions/sess_abc123/operator/ai", r#"{"enabled":1}"#, 400, "`enabled`"),
        ("POST /sessions/sess_abc123/operator/ai", r#"{"enabled":true,"bogus":1}"#, 400, "`bogus`"),
        ("GET /events?limit=0", "", 400, "`limit`"),
        ("GET /state?tenant=nobody", "", 400, "`tenant`"),
        ("GET /state?key=nobody", "", 401, "key"),
        ("GET /nope", "", 404, "/_mock/nope"),
        ("GET /reset", "", 405, "/_mock/reset is not served by GET"),
    ] {
        refused(&server, line, body, status, sentence);
    }
    assert_eq!((server.sessions().len(), server.events().len()), (1, 0));
}

#[tokio::test]
async fn the_state_is_put_back_and_a_new_epoch_begins() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let (mut socket, ok_frame) = authenticated(&server, AUTH).await;
    assert_eq!(ok_frame["seq"], 0);
    ok(&server, "POST /snapshots/start", "");
    let key = [("Idempotency-Key", "k")];
    let send_once =
        || crate::wire::call_with(&server, "POST /sessions/sess_abc123/messages", &key, r#"{"content":"Hi"}"#);
    let first = send_once().json()["id"].clone();
    let event = server.events()[0].id.clone().unwrap();
    server.clock().advance(Duration::from_secs(600));
    ok(&server, "POST /snapshots/start/restore", "");

    while let Ok(code) = tokio::time::timeout(Duration::from_secs(5), close_or_frame(&mut socket)).await.unwrap() {
        if code == 1012 {
            break;
        }
    }
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 2, "as in the seed");
    assert_eq!(server.events(), [], "events are numbered anew");
    let resume = format!(r#"{{"type":"auth","apiKey":"test_key","lastEventId":"{event}"}}"#);
    let (_socket, resumed) = authenticated(&server, &resume).await;
    assert_eq!((&resumed["resume"], &resumed["seq"]), (&json!("expired"), &json!(0)));
    let again = send_once();
    assert_eq!(again.header("idempotent-replayed"), None, "what was answered is forgotten");
    assert_ne!(again.json()["id"], first, "ids never go back");
    assert!(again.json()["createdAt"].as_str().unwrap() >= "2024-01-15T10:40:00Z", "nor do times");

    assert_eq!(ok(&server, "GET /snapshots", ""), json!({"snapshots": ["start"]}));
    ok(&server, "DELETE /snapshots/start", "");
    assert_eq!(ok(&server, "GET /snapshots", ""), json!({"snapshots": []}));
    ok(&server, "POST /reset", "");
    assert_eq!(server.messages(&"sess_abc123".into()).len(), 2);
}

/// A close code, or 0 for a frame.
async fn close_or_frame(socket: &mut crate::socket::Socket) -> Result<u16, ()> {
    match crate::socket::message(socket).await {
        tokio_tungstenite::tungstenite::Message::Close(Some(close)) => {
            let code = u16::from(close.code);
            assert!(code != 1012 || close.reason == "the state was replaced", "{close:?}");
            Ok(code)
        }
        tokio_tungstenite::tungstenite::Message::Close(None) => Err(()),
        _ => Ok(0),
    }
}

#[tokio::test]
async fn what_was_under_way_is_over_after_a_reset() {
    let server = MockServer::start();
    let session = ok(&server, "POST /visitors", "{}")["id"].as_str().unwrap().to_owned();
    call(&server, "POST /webhooks", r#"{"url":"http://127.0.0.1:9/","events":["message.created"]}"#);
    ok(&server, &format!("POST /sessions/{session}/visitor/say"), r#"{"content":"Hello"}"#);
    let failed = server.deliveries_until(|all| all.iter().any(|delivery| delivery.attempts.len() == 1)).await;
    let listed = ok(&server, "GET /deliveries", "")["deliveries"].clone();
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"], &listed[0]["body"]["event"]),
        (&json!(failed[0].id), &json!("pending"), &json!("message.created"))
    );
    ok(&server, "POST /reset", "");
    assert_eq!(server.deliveries(), []);
    server.advance(Duration::from_secs(3600)).await;
    assert_eq!((server.deliveries(), server.sessions()), (vec![], vec![]));
    assert_eq!(call(&server, "GET /webhooks", "").json(), json!({"webhooks": []}));
}

#[test]
fn the_clock_is_read_advanced_and_let_run() {
    let server = MockServer::start();
    assert_eq!(ok(&server, "GET /clock", ""), json!({"now": "2024-01-15T10:30:00Z", "frozen": true}));
    let advanced = ok(&server, "POST /clock/advance", r#"{"by":"2h"}"#);
    assert_eq!(advanced, json!({"now": "2024-01-15T12:30:00Z", "frozen": true}));
    assert_eq!(ok(&server, "POST /clock/run", "")["frozen"], false);
    assert_eq!(ok(&server, "POST /clock/freeze", "")["frozen"], true);
}

#[test]
fn each_key_has_a_state_of_its_own() {
    let server =
        MockServer::builder().key("a=one".parse().unwrap()).key("b=two".parse().unwrap()).any_key().start().unwrap();
    ok(&server, "POST /visitors?tenant=one", "{}");
    ok(&server, "POST /visitors?key=b", "{}");
    ok(&server, "POST /visitors?key=unseen", "{}");
    ok(&server, "POST /reset?tenant=two", "");
    let sessions = |query: &str| ok(&server, &format!("GET /state{query}"), "")["sessions"].as_array().unwrap().len();
    assert_eq!([sessions(""), sessions("?key=b"), sessions("?key=unseen")], [1, 0, 1]);
    let tenants = json!({"tenants": ["one", "two"], "unnamedKeys": ["…"]});
    assert_eq!(ok(&server, "GET /tenants", ""), tenants, "no unseen key is told");
    refused(&server, "GET /state?tenant=one&key=b", "", 400, "both");
}

#[test]
fn a_seed_takes_the_place_of_a_tenants_state() {
    let server = MockServer::builder().key("a=one".parse().unwrap()).key("b=two".parse().unwrap()).start().unwrap();
    let seed =
        r#"{"projects":[{"id":"proj_x"}],"sessions":[{"id":"s","messages":[{"content":"Hello","type":"visitor"}]}]}"#;
    ok(&server, "POST /seed?tenant=two", seed);
    let state = |query: &str| ok(&server, &format!("GET /state{query}"), "");
    assert_eq!((&state("?key=b")["sessions"][0]["id"], &state("")["sessions"]), (&json!("s"), &json!([])));
    ok(&server, "POST /sessions/s/visitor/say?tenant=two", r#"{"content":"more"}"#);
    ok(&server, "POST /reset?tenant=two", "");
    let back = state("?key=b");
    assert_eq!(back["sessions"][0]["messages"].as_array().unwrap().len(), 1);
    assert_eq!(back["projects"][0]["id"], "proj_x");
    refused(&server, "POST /seed?tenant=two", r#"{"sessions":[{"id":""}]}"#, 400, "sessions[0].id");
    refused(&server, "POST /seed?tenant=two", r#"{"session":[]}"#, 400, "session");
    assert_eq!(state("?key=b"), back, "nothing has changed");
}

#[test]
fn only_this_machine_controls_it_or_whoever_has_the_token() {
    let server = MockServer::start();
    let reset = |headers: &[(&str, &str)]| send(&server, "POST /_mock/reset", headers, "").status;
    assert_eq!(reset(&[("Origin", "http://localhost:3000")]), 200);
    assert_eq!(reset(&[("Origin", "https://evil.example")]), 403);
    assert_eq!(reset(&[("Origin", "null")]), 403);
    let by_name = "POST /_mock/reset HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(crate::wire::raw(&server, by_name.as_bytes()).status, 403, "a name that leads here");

    let guarded = MockServer::builder().control_token("let me in").start().unwrap();
    let with = |token: &str| send(&guarded, "GET /_mock/clock", &[("Authorization", token)], "").status;
    assert_eq!((with("Bearer let me in"), with("bearer let me in")), (200, 200), "schemes have no case");
    assert_eq!((with("Bearer let"), with("let me in")), (401, 401));
    assert!(!format!("{:?}", MockServer::builder().control_token("let me in")).contains("let me in"));
    assert_eq!(send(&guarded, "GET /_mock/clock", &[], "").status, 401);

    let open = MockServer::builder().address("0.0.0.0:0".parse().unwrap()).start().unwrap();
    let local = MockServer::builder().address("127.0.0.1:0".parse().unwrap()).start().unwrap();
    assert_eq!(send(&local, "GET /_mock/clock", &[], "").status, 200);
    let request = "GET /_mock/clock HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", open.address().port())).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let answer = crate::wire::answer(&crate::wire::rest(stream));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["message"].as_str().unwrap().contains("--control-token"));
}

#[test]
fn what_a_call_does_not_take_is_refused_and_named() {
    let server = MockServer::start();
    ok(&server, "POST /visitors", "{}");
    for (line, body, sentence) in [
        ("DELETE /journal?kind=request", "", "`kind` is no parameter here; this call takes none"),
        ("GET /state?tenants=a", "", "`tenants` is no parameter here; there are tenant, key"),
        ("GET /events?limit=1&limit=2", "", "`limit` is given twice"),
        ("GET /journal?limit=many", "", "`limit` must be a whole number"),
        ("POST /clock/freeze", r#"{"by":"1s"}"#, "this call takes no body"),
        ("POST /sessions/sess_1/visitor/leave", "now", "this call takes no body"),
        ("POST /reset", r#"{"seed":1}"#, "this call takes no body"),
        (
            "POST /visitors",
            r#"{"identity":{"id":"u_1"}}"#,
            "`identity.id` is no such field; there are email, name, customerId",
        ),
        ("POST /visitors", r#""ann""#, "expected an object"),
        ("POST /sessions/sess_1/visitor/rate", r#"{"score":"5"}"#, "expected a whole number"),
        ("POST /clock/advance", r#"{"by":"31d"}"#, "`by` is more than 30d"),
        ("POST /journal/wait", "{}", "missing field `match`"),
        ("POST /journal/wait", r#"{"match":{},"count":0}"#, "`count` is 1 or more"),
    ] {
        refused(&server, line, body, 400, sentence);
    }
    assert_eq!(server.sessions().len(), 1, "nothing was begun anew");
    assert_eq!(server.sessions()[0].visitor_online, Some(true), "nobody left");
    refused(&server, "POST /deliveries/dlv_9/redeliver", "", 404, "there is no delivery dlv_9");
    // What some clients send when they have nothing to say.
    ok(&server, "POST /sessions/sess_1/visitor/leave", "{}");
}

#[test]
fn who_writes_is_there_again() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        ok(&server, "POST /visitors", "{}");
        ok(&server, "POST /sessions/sess_1/visitor/leave", "");
        ok(&server, "POST /sessions/sess_1/visitor/say", r#"{"content":"Back"}"#);
        assert_eq!(ok(&server, "GET /state", "")["sessions"][0]["visitorOnline"], true);
    }
}

#[test]
fn a_seed_of_times_to_come_is_gone_with_its_times() {
    let server = MockServer::start();
    ok(&server, "POST /seed", r#"{"sessions":[{"id":"s","createdAt":"2099-01-01T00:00:00Z"}]}"#);
    let said =
        |id: &str| ok(&server, &format!("POST /sessions/{id}/visitor/say"), r#"{"content":"x"}"#)["createdAt"].clone();
    assert_eq!(said("s"), "2099-01-01T00:00:00Z", "times never go back");
    ok(&server, "POST /seed", r#"{"sessions":[{"id":"t"}]}"#);
    assert_eq!(said("t"), "2024-01-15T10:30:00Z");
    ok(&server, "POST /reset", "");
    assert_eq!(said("t"), "2024-01-15T10:30:00Z");
}

#[test]
fn a_seeded_session_is_no_younger_than_what_was_said_in_it() {
    let server = MockServer::start();
    let seed = r#"{"sessions":[{"id":"s","messages":[{"content":"x","createdAt":"2023-01-01T00:00:00Z"}]}]}"#;
    ok(&server, "POST /seed", seed);
    assert_eq!(ok(&server, "GET /state", "")["sessions"][0]["createdAt"], "2023-01-01T00:00:00Z");
}

#[test]
fn keys_that_opened_a_tenant_unnamed_are_told_by_their_first_characters() {
    let server = MockServer::builder().any_key().start().unwrap();
    let ask = |key: &str| send(&server, "GET /sessions", &[("Authorization", &format!("Bearer {key}"))], "");
    assert_eq!((ask("sk_of_a_worker_1").status, ask("short").status), (200, 200));
    let tenants = ok(&server, "GET /tenants", "");
    assert_eq!(tenants, json!({"tenants": ["default"], "unnamedKeys": ["sk_o…", "…"]}));
}

#[test]
fn nothing_is_waited_for_where_the_journal_is_off() {
    let mut limits = pocketping_mock_server::Limits::default();
    limits.journal_entries = 0;
    let server = MockServer::builder().limits(limits).start().unwrap();
    refused(&server, "POST /journal/wait", r#"{"match":{}}"#, 409, "the journal is off");
}

#[test]
fn pages_of_this_machine_may_control_it_and_no_others() {
    let server = MockServer::start();
    for (origin, is_let_in) in [
        ("http://localhost:3000", true),
        ("http://127.0.0.1:5173", true),
        ("http://[::1]:8080", true),
        ("https://app.localhost", true),
        ("https://elsewhere.example", false),
        ("http://localhost.elsewhere.example", false),
        ("null", false),
    ] {
        let asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let preflight = send(&server, "OPTIONS /_mock/reset", &asked, "");
        let answer = send(&server, "POST /_mock/reset", &[("Origin", origin)], "");
        let allowed = is_let_in.then_some(origin);
        for answer in [&preflight, &answer] {
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}: {answer:?}");
        }
        assert_eq!(answer.status, if is_let_in { 200 } else { 403 }, "{origin}");
    }
}

#[test]
fn a_host_that_may_mean_another_is_turned_away() {
    use std::io::{Read, Write};

    let server = MockServer::start();
    for (head, status) in [
        (&b"GET /_mock/state HTTP/1.1\r\nHost: 127.0.0.1\r\n"[..], "200"),
        (b"GET /_mock/state HTTP/1.1\r\nHost: localhost:3001\r\n", "200"),
        (b"GET /_mock/state HTTP/1.1\r\nHost: evil.example\r\n", "403"),
        (b"GET /_mock/state HTTP/1.1\r\nHost: evil\xe9.example\r\n", "403"),
        (b"GET /_mock/state HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n", "403"),
        (b"GET /_mock/state HTTP/1.1\r\nHost: evil.example@127.0.0.1\r\n", "403"),
        (b"GET http://evil.example/_mock/state HTTP/1.1\r\nHost: 127.0.0.1\r\n", "403"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n", "403"),
    ] {
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        stream.write_all(head).unwrap();
        stream.write_all(b"Connection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{}: {answer}", String::from_utf8_lossy(head));
    }
}

#[test]
#[cfg(feature = "yaml")]
fn a_line_of_yaml_does_not_take_all_memory() {
    let server = MockServer::start();
    let long = "a".repeat(20_000);
    let yaml = format!("about: &a \"{long}\"\nsteps:\n  - say: {{as: [{}], text: x}}\n", vec!["*a"; 100].join(","));
    let answer = send(&server, "POST /_mock/scenarios", &[("Content-Type", "application/yaml")], &yaml);
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains("aliases"), "{answer:?}");
    // A few are what they are for.
    let yaml = "about: &a ann\nsteps:\n  - visit: {as: *a}\n  - say: {as: *a, text: *a}\n";
    let answer = send(&server, "POST /_mock/scenarios", &[("Content-Type", "application/yaml")], yaml);
    assert_eq!(answer.status, 200, "{answer:?}");
}
