//! `listen --forward-to`: what is posted, in which order, and what happens when nobody takes it.

use std::fs;

use pocketping_mock_server::{Clock, Contract, MockServer, Visit};
use pocketping_sdk::webhooks::Verifier;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::run::{Listening, Nobody, at, error_of, run};

const SECRET: &str = "whsec_of_the_test";

#[test]
fn each_event_is_posted_as_a_webhook_signed_and_without_the_key() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).clock(Clock::system()).start().unwrap();
        let receiver = Receiver::start();
        let mut command = at(&server, &["listen", "-o", "ndjson", "--limit", "4", "--forward-to", receiver.url()]);
        command.env("POCKETPING_WEBHOOK_SECRET", SECRET);
        let mut listening = Listening::spawn(command);
        assert_eq!(listening.line()["event"], "ready");
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello!");
        let verifier = Verifier::new(SECRET);
        let mut time = Value::Null;
        for kind in ["session.created", "message.created"] {
            let posted = receiver.next();
            assert_eq!(posted.line, "POST /hook?token=t0ken HTTP/1.1");
            assert_eq!(posted.header("content-type"), "application/json");
            assert_eq!((posted.header("x-pocketping-event"), posted.header("x-pocketping-attempt")), (kind, "1"));
            let delivery = posted.header("x-pocketping-delivery");
            assert!(delivery.len() == 36 && delivery.starts_with("dlv_"), "{delivery}");
            let genuine = verifier.verify(Some(posted.header("x-pocketping-signature")), &posted.body).unwrap();
            assert_eq!(genuine.payload().session_id(), Some(id.as_str()));
            let all = format!("{:?} {}", posted.headers, String::from_utf8_lossy(&posted.body));
            assert!(!all.contains(server.api_key()) && !all.to_lowercase().contains("bearer"), "{all}");
            let event = listening.line();
            let name = kind.split('.').next().unwrap();
            let at = event.get("timestamp").unwrap_or(&event[name]["createdAt"]).clone();
            let mut expected =
                json!({"event": kind, "timestamp": at, "data": {"sessionId": id.as_str(), name: event[name]}});
            if let Some(id) = event.get("id") {
                expected["id"] = id.clone();
            }
            assert_eq!(posted.json(), expected);
            time = at;
            posted.ok();
        }
        assert!(time.as_str().unwrap().starts_with("20"), "{time}");
        assert!(run(at(&server, &["sessions", "close", id.as_str()])).code == 0);
        let posted = receiver.next();
        assert_eq!(posted.content(), "Session closed");
        posted.ok();
        let posted = receiver.next();
        let mut body = posted.json();
        assert!(verifier.verify(Some(posted.header("x-pocketping-signature")), &posted.body).is_ok());
        assert!(body["timestamp"].take().as_str().unwrap().ends_with('Z'));
        let id_of_event = body.as_object_mut().unwrap().remove("id").is_some();
        assert_eq!(body, json!({"event": "session.closed", "timestamp": null, "data": {"sessionId": id.as_str()}}));
        assert_eq!(id_of_event, contract == Contract::Extended);
        posted.ok();
        let (code, lines, stderr) = listening.end();
        assert_eq!((code, lines.len(), stderr.as_str()), (0, 2, ""), "what was left was printed, and the end in order");
    }
}

#[test]
fn what_is_old_is_posted_with_the_time_of_now_and_unsigned_without_a_secret() {
    // Its clock stands at 2024: a receiver would take that for stale.
    let server = MockServer::start();
    let receiver = Receiver::start();
    let listening = Listening::start(&server, &["--forward-to", receiver.url(), "--limit", "2"]);
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "Hello!");
    receiver.next().ok();
    let posted = receiver.next();
    assert!(!posted.headers.contains_key("x-pocketping-signature"));
    let mut body = posted.json();
    let signature = pocketping_sdk::webhooks::sign(SECRET, &posted.body);
    assert!(Verifier::new(SECRET).verify(Some(&signature), &posted.body).is_ok(), "it is fresh");
    body["timestamp"].take();
    let message = json!({"id": "msg_1", "sessionId": "sess_1", "content": "Hello!", "type": "visitor",
        "createdAt": "2024-01-15T10:30:00Z"});
    let expected = json!({"event": "message.created", "timestamp": null, "data": {"sessionId": "sess_1",
        "message": message}, "id": body["id"]});
    assert_eq!(body, expected);
    posted.ok();
    assert_eq!(listening.end().0, 0);
}

#[test]
fn a_session_keeps_its_order_while_others_go_ahead() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let (slow, fast) =
            (server.visitor_opens_session(Visit::new()).id, server.visitor_opens_session(Visit::new()).id);
        let receiver = Receiver::start();
        let mut listening =
            Listening::start(&server, &["--forward-to", receiver.url(), "--concurrency", "2", "--limit", "6"]);
        server.visitor_says(&slow, "slow 1");
        let held = receiver.next();
        assert_eq!(held.content(), "slow 1");
        server.visitor_says(&slow, "slow 2");
        server.visitor_says(&slow, "slow 3");
        for n in 1..=3 {
            server.visitor_says(&fast, format!("fast {n}"));
            let posted = receiver.next();
            assert_eq!(posted.content(), format!("fast {n}"), "the slow session holds nobody up");
            posted.ok();
        }
        assert_eq!(listening.contents_until("fast 3").len(), 6, "all are printed as they happen");
        held.ok();
        for n in 2..=3 {
            let posted = receiver.next();
            assert_eq!(posted.content(), format!("slow {n}"));
            posted.ok();
        }
        assert_eq!(listening.end().0, 0);
    }
}

#[test]
fn a_retry_keeps_the_delivery_and_says_which_attempt_it_is() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    let receiver = Receiver::start();
    // With one slot: between its attempts a delivery holds none.
    let listening = Listening::start(&server, &["--forward-to", receiver.url(), "--limit", "2", "--concurrency", "1"]);
    server.visitor_says(&id, "Hello!");
    let first = receiver.next();
    let (delivery, body) = (first.header("x-pocketping-delivery").to_owned(), first.body.clone());
    first.answer("302 Found\r\nLocation: /elsewhere");
    server.visitor_opens_session(Visit::new());
    let other = receiver.next();
    assert_eq!(other.header("x-pocketping-event"), "session.created");
    other.ok();
    let second = receiver.next();
    assert_eq!((second.header("x-pocketping-delivery"), &second.body), (delivery.as_str(), &body));
    assert_eq!((second.line.as_str(), second.header("x-pocketping-attempt")), ("POST /hook?token=t0ken HTTP/1.1", "2"));
    second.answer("500 Internal Server Error");
    receiver.next().ok();
    let (code, _, stderr) = listening.end();
    let hook = receiver.url().split('?').next().unwrap();
    let told = format!(
        "{delivery} (message.created of {id}) was not taken by {hook} (attempt 1 of 5: 302 Found); trying again in 1 s\n"
    );
    assert_eq!((code, stderr), (0, told), "only the first failure is told");
}

#[test]
fn what_nobody_takes_ends_the_command_or_becomes_a_dead_letter() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        let receiver = Receiver::start();
        let listening = Listening::start(&server, &["--forward-to", receiver.url(), "--retries", "0"]);
        server.visitor_says(&id, "Hello!");
        let posted = receiver.next();
        let delivery = posted.header("x-pocketping-delivery").to_owned();
        posted.answer("503 Service Unavailable");
        let (code, _, stderr) = listening.end();
        assert_eq!(code, 8, "{stderr}");
        let error = error_of(&stderr);
        let (named, message) = (
            format!("{delivery} (message.created of {id}) was not taken by http://127.0.0.1:"),
            error["message"].as_str().unwrap(),
        );
        assert!(message.starts_with(&named) && message.contains("in 1 attempt: 503 Service Unavailable"), "{stderr}");
        assert!(!stderr.contains("t0ken"), "{stderr}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("failed.ndjson");
        fs::write(&file, "torn").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let args =
            ["--forward-to", receiver.url(), "--retries", "0", "--limit", "2", "--dead-letter", file.to_str().unwrap()];
        let listening = Listening::start(&server, &args);
        server.visitor_says(&id, "Anyone?");
        let posted = receiver.next();
        let body = posted.body.clone();
        posted.answer("500 Internal Server Error");
        server.visitor_says(&id, "Still there?");
        let posted = receiver.next();
        assert_eq!(posted.content(), "Still there?", "it goes on");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "one that was there, too");
        }
        posted.ok();
        let (code, _, stderr) = listening.end();
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.starts_with("warning: dlv_") && stderr.contains("failed.ndjson"), "{stderr}");
        let text = fs::read_to_string(&file).unwrap();
        let letter: Value = serde_json::from_str(text.strip_prefix("torn\n").unwrap()).unwrap();
        assert_eq!((letter["attempts"].as_u64(), letter["status"].as_u64()), (Some(1), Some(500)));
        assert!(text.contains(&format!("\"payload\":{}}}\n", String::from_utf8(body).unwrap())), "{text}");
    }
}

#[test]
fn nobody_there_is_the_network() {
    let server = MockServer::start();
    let nobody = Nobody::new();
    let listening = Listening::start(&server, &["--forward-to", &nobody.url(), "--retries", "0"]);
    server.visitor_opens_session(Visit::new());
    let (code, lines, stderr) = listening.end();
    assert_eq!((code, lines.len()), (9, 1), "{stderr}");
    let error = error_of(&stderr);
    let said = |field: &str| error[field].as_str().unwrap();
    assert!(said("message").contains("no connection") && said("hint").starts_with("--dead-letter FILE"), "{stderr}");
}

#[test]
fn what_cannot_be_used_is_named_before_anything_happens() {
    let server = MockServer::start();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    let empty = empty.to_str().unwrap();
    for (args, code, named) in [
        (&["--forward-to", "localhost:3000"][..], 2, "https://"),
        (&["--forward-to", "http://u:p@localhost/"], 2, "user name"),
        (&["--forward-to", "http://localhost/", "--secret-file", "/nowhere"], 3, "/nowhere"),
        (&["--forward-to", "http://localhost/", "--secret-file", empty], 3, "is empty"),
        (&["--forward-to", "http://localhost/", "--dead-letter", "/nowhere/d"], 3, "/nowhere/d"),
        (&["--forward-to", "http://localhost/", "--concurrency", "0"], 2, "--concurrency"),
    ] {
        let ended = run(at(&server, &[&["listen"], args].concat()));
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}
