//! `webhooks trigger`: made-up deliveries to any URL.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use pocketping_sdk::webhooks::{self, DeployedEvent, Payload, Verifier};
use pocketping_sdk::{EventKind, WebhookPayload};
use serde_json::{Value, json};

use crate::receiver::{Posted, Receiver};
use crate::run::{Ended, Nobody, error_of, pocketping, run};

/// Without a server and a key.
fn trigger(receiver: &Receiver, args: &[&str]) -> Command {
    let mut command = pocketping(&[&["webhooks", "trigger", "--to", receiver.url()], args].concat());
    command.env("POCKETPING_WEBHOOK_SECRET", "s3cret").env("POCKETPING_API_KEY", "k3y");
    command
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn genuine(posted: &Posted) -> Payload {
    let signature = posted.header("x-pocketping-signature");
    Verifier::new("s3cret").verify(Some(signature), &posted.body).unwrap().payload().clone()
}

#[test]
fn every_documented_event_can_be_made_up() {
    let receiver = Receiver::start();
    for event in EventKind::KNOWN {
        let child = start(&mut trigger(&receiver, &[event, "-o", "json"]));
        let posted = receiver.next();
        assert_eq!(
            (posted.line.as_str(), posted.header("x-pocketping-event")),
            ("POST /hook?token=t0ken HTTP/1.1", *event)
        );
        assert!(posted.header("x-pocketping-delivery").starts_with("dlv_"));
        let all = format!("{:?} {}", posted.headers, String::from_utf8_lossy(&posted.body));
        assert!(!all.contains("k3y"), "the key is nobody's business: {all}");
        let Payload::Documented(payload) = genuine(&posted) else { panic!("{all}") };
        assert_eq!(payload.event.as_str(), *event);
        let body = posted.json();
        let data = &body["data"];
        let (kind, of_message) = event.split_once('.').map(|(noun, what)| (what, noun == "message")).unwrap();
        assert_eq!(
            (data["message"].is_object(), data["session"].is_object()),
            (of_message, !of_message && kind != "closed")
        );
        let id = data["sessionId"].as_str().unwrap();
        for path in ["/message/sessionId", "/session/id"] {
            assert!(data.pointer(path).is_none_or(|other| other == id), "{data}");
        }
        let delivery = posted.header("x-pocketping-delivery").to_owned();
        posted.ok();
        let ended = end(child);
        let mut line: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(line["ms"].take().is_u64());
        let expected = json!({"delivery": delivery, "event": event, "session": id, "result": "taken", "status": 204,
            "ms": null, "signed": true});
        assert_eq!((ended.code, line, ended.stderr.as_str()), (0, expected, ""));
    }
}

#[test]
fn the_deployed_form_is_that_of_bridge_servers() {
    let receiver = Receiver::start();
    for event in DeployedEvent::KNOWN {
        let child = start(&mut trigger(&receiver, &[event, "--deployed"]));
        let posted = receiver.next();
        assert!(matches!(genuine(&posted), Payload::Deployed(payload) if payload.event.as_str() == *event));
        let body = posted.json();
        let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 3, "{keys:?}");
        assert_eq!(body["sentAt"].as_str().unwrap().len(), "2026-11-22T07:13:45Z".len(), "{body}");
        let names: Vec<_> = body["data"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = match *event {
            "new_session" | "identity_update" => vec!["session"],
            "visitor_message" => vec!["message", "session"],
            "visitor_message_edited" => vec!["content", "messageId", "sessionId"],
            "visitor_message_deleted" => vec!["messageId", "sessionId"],
            "message_read" => vec!["messageIds", "sessionId", "status"],
            "operator_status" => vec!["online"],
            "ai_takeover" => vec!["reason", "session"],
            "custom_event" => vec!["event", "session"],
            "visitor_disconnect" => vec!["duration", "reason", "session"],
            "csat_submitted" => vec!["comment", "respondedAt", "score", "sessionId"],
            "test" => vec![],
            _ => vec!["event"],
        };
        let mut names = names;
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{event}");
        posted.ok();
        assert_eq!(end(child).code, 0);
    }
}

#[test]
fn its_data_is_what_one_wants() {
    let receiver = Receiver::start();
    let args = ["message.created", "-f", "message.content=a=b", "-f", "session.id=sess_abc123", "-f", "x.y=z"];
    let child = start(&mut trigger(&receiver, &args));
    let posted = receiver.next();
    let data = posted.json()["data"].take();
    assert_eq!([&data["sessionId"], &data["message"]["sessionId"], &data["session"]["id"]], ["sess_abc123"; 3]);
    assert_eq!((&data["message"]["content"], &data["x"]), (&json!("a=b"), &json!({"y": "z"})));
    posted.ok();
    assert!(end(child).stdout.contains("\tsess_abc123\ttaken\t"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    std::fs::write(&file, r#"{"sessionId":"s","n":1}"#).unwrap();
    let from_file = format!("@{}", file.display());
    for (from, input) in [("-", r#"{"sessionId":"s","n":1}"#), (from_file.as_str(), "")] {
        let mut command = trigger(&receiver, &["session.closed", "--data", from]);
        let mut child = start(command.stdin(Stdio::piped()));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let posted = receiver.next();
        assert_eq!(posted.json()["data"], json!({"sessionId": "s", "n": 1}));
        posted.ok();
        assert_eq!(end(child).code, 0);
    }
}

#[test]
fn several_are_told_apart_and_each_has_a_line() {
    let receiver = Receiver::start();
    let child = start(&mut trigger(&receiver, &["message.created", "--count", "3", "-o", "ndjson", "--show-response"]));
    receiver.next().ok();
    receiver.next().answer("302 Found\r\nLocation: /elsewhere");
    receiver.next().ok();
    let ended = end(child);
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results: Vec<_> =
        lines.iter().map(|line| (line["result"].as_str().unwrap(), line["status"].as_u64())).collect();
    assert_eq!(results, [("taken", Some(204)), ("failed", Some(302)), ("taken", Some(204))]);
    let ids: std::collections::HashSet<_> =
        lines.iter().flat_map(|line| [line["delivery"].as_str(), line["session"].as_str()]).collect();
    assert_eq!(ids.len(), 6, "each is one by itself");
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, &error["code"]), (11, &json!("partial")), "{error}");
    assert!(receiver.is_quiet() && !ended.stderr.contains("t0ken"), "{error}");
}

#[test]
fn a_refusal_and_silence_have_their_exit_codes() {
    let receiver = Receiver::start();
    let child = start(&mut trigger(&receiver, &["test", "--deployed", "-o", "json"]));
    receiver.next().answer("500 Internal Server Error");
    let ended = end(child);
    assert_eq!((ended.code, &error_of(&ended.stderr)["code"]), (8, &json!("server_error")));
    assert!(ended.stdout.contains("\"status\":500"), "{}", ended.stdout);
    let nobody = Nobody::new();
    let ended = run(pocketping(&["webhooks", "trigger", "session.closed", "--to", &nobody.url(), "-o", "json"]));
    assert_eq!((ended.code, &error_of(&ended.stderr)["code"]), (9, &json!("network")));
    let line: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&line["signed"], line["status"].is_null()), (&json!(false), true));
    assert!(line["error"].as_str().unwrap().contains("no connection"), "{line}");
}

#[test]
fn what_the_receiver_says_is_shown_and_steers_no_terminal() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        use std::io::Read;
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _read = stream.read(&mut request).unwrap();
        let body = format!("\u{1b}[2Jno such hook{}", "x".repeat(10_000));
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .unwrap();
        // Until the other side is done.
        drop(stream.read(&mut request));
    });
    let ended = run(pocketping(&["webhooks", "trigger", "message.created", "--to", &url, "--show-response"]));
    answer.join().unwrap();
    assert_eq!(ended.code, 8);
    let response = ended.stdout.split('\t').next_back().unwrap();
    assert!(
        response.starts_with(r"\\u{1b}[2Jno such hook") || response.starts_with(r"\u{1b}[2Jno such hook"),
        "{response}"
    );
    assert!(response.len() < 2200 && ended.stdout.lines().count() == 1, "{response}");
}

#[test]
fn what_cannot_be_used_is_named_before_anything_is_sent() {
    let receiver = Receiver::start();
    for (args, named) in [
        (&["message.creatd"][..], "message.created"),
        (&["visitor_message"], "--deployed"),
        (&["message.created", "--deployed"], "visitor_message"),
        (&["message.created", "-f", "content"], "PATH=TEXT"),
        (&["message.created", "-f", "message..content=x"], "PATH=TEXT"),
        (&["message.created", "-f", "message.content.deeper=x"], "message.content.deeper"),
        (&["message.created", "--data", "{}"], "@FILE"),
        (&["message.created", "--count", "0"], "--count"),
        (&["message.created", "--to", "localhost:3000"], "https://"),
    ] {
        let mut command = pocketping(&[&["webhooks", "trigger"], args].concat());
        if !args.contains(&"--to") {
            command.args(["--to", receiver.url()]);
        }
        let ended = run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
    assert!(receiver.is_quiet());
}

#[test]
fn what_is_made_up_reads_as_what_it_says_it_is() {
    let receiver = Receiver::start();
    let child = start(&mut trigger(&receiver, &["session.updated"]));
    let posted = receiver.next();
    let payload: WebhookPayload = serde_json::from_slice(&posted.body).unwrap();
    let session = payload.data.session.unwrap();
    assert_eq!(session.identity.unwrap().email.as_deref(), Some("user@example.com"));
    assert!(session.extra.is_empty() && payload.extra.is_empty(), "nothing that is not in the reference");
    assert!(webhooks::parse(&posted.body).is_ok());
    posted.ok();
    assert_eq!(end(child).code, 0);
}
