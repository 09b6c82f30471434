//! `wait`: for what has happened, what happens, and what does not.

use std::net::TcpListener;
use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::Value;

use crate::run::{Nobody, at, pocketping, run};

const OPERATOR: &str = r#".message.type == "operator""#;

#[test]
fn what_has_happened_already_counts() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let args = ["wait", "--session", "sess_abc123", "--until", OPERATOR, "--timeout", "1m", "-o", "json"];
        let ended = run(at(&server, &args));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let event: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((&event["type"], &event["message"]["id"]), (&"message.created".into(), &"msg_002".into()));
        let ended = run(at(&server, &["wait", "--session", "nope", "--until", OPERATOR, "--timeout", "1m"]));
        assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{}", ended.stderr);
    }
}

#[test]
fn what_is_still_to_come_ends_it() {
    for contract in [Contract::Strict, Contract::Extended] {
        for after in ["msg_002", "2024-01-15T10:31:01Z", "now"] {
            let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
            let until = r#".message.type == "visitor", error("no")"#;
            let args = ["wait", "--session", "sess_abc123", "--until", until, "--timeout", "1m", "--after", after];
            let mut child =
                at(&server, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
            // It may wait already, or begin just now; what came before it began does not count for `now`.
            let say = ["messages", "send", "sess_abc123", "And now?", "--type", "visitor"];
            assert_eq!(run(at(&server, &say)).code, 0);
            while after == "now" && child.try_wait().unwrap().is_none() {
                assert_eq!(run(at(&server, &say)).code, 0);
            }
            let output = child.wait_with_output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{contract:?} {after}");
            assert!(printed.contains("visitor: And now?"), "{printed}");
        }
    }
}

#[test]
fn a_time_that_runs_out_has_its_own_code() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let wait =
        |until: &str| run(at(&server, &["wait", "--session", "sess_abc123", "--until", until, "--timeout", "300ms"]));
    let ended = wait(".message.type == \"system\"");
    assert_eq!((ended.code, ended.stdout.as_str()), (12, ""));
    assert_eq!(ended.stderr, "error: no event of sess_abc123 was as it should be within 300ms\n");
    let ended = wait(".message.content.nothing.there");
    assert_eq!((ended.code, ended.stdout.as_str()), (12, ""));
    assert_eq!(ended.stderr.lines().count(), 2, "said once: {}", ended.stderr);
    assert!(ended.stderr.starts_with("warning: for some events the expression failed: "), "{}", ended.stderr);
}

#[test]
fn an_expression_that_does_not_end_ends_with_the_time() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for until in ["repeat(.) | false", "def f: f; f"] {
        let ended = run(at(&server, &["wait", "--session", "sess_abc123", "--until", until, "--timeout", "2s"]));
        assert_eq!((ended.code, ended.stdout.as_str()), (12, ""), "{until}: {}", ended.stderr);
        assert!(ended.stderr.contains("the expression did not end"), "{until}: {}", ended.stderr);
    }
}

#[test]
fn a_server_that_is_never_reached_is_the_network() {
    let nobody = Nobody::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for url in [nobody.url(), format!("http://{}/", silent.local_addr().unwrap())] {
        let wait = ["wait", "--session", "s", "--until", ".a", "--timeout", "1s"];
        let ended = run(pocketping(&[&["--api-key", "k", "--api-url", &url], &wait[..]].concat()));
        assert_eq!((ended.code, ended.stdout.as_str()), (9, ""), "{url}: {}", ended.stderr);
        assert!(ended.stderr.contains("hint: check the address"), "{url}: {}", ended.stderr);
    }
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let other = server.visitor_opens_session(Visit::new()).id;
    let elsewhere = server.visitor_says(&other, "Hello!").id;
    for (session, after, code, named) in [
        ("", "now", 2, "session"),
        ("sess_abc123", "", 2, "--after"),
        ("sess_abc123", elsewhere.as_str(), 5, "is not in session sess_abc123"),
        ("nope", "msg_001", 5, "Session not found"),
    ] {
        let args = ["wait", "--session", session, "--until", "false", "--timeout", "1m", "--after", after];
        let ended = run(at(&server, &args));
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{session} {after}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{session} {after}: {}", ended.stderr);
    }
}

#[test]
fn what_cannot_be_waited_for_is_named_before_anything_is_asked() {
    let nobody = Nobody::new();
    for (until, timeout, named) in [
        (".message.type ==", "1m", "--until"),
        (".a | nope", "1m", "there is no filter nope"),
        (".a", "10", "--timeout"),
        (".a", "soon", "--timeout"),
    ] {
        let args = [
            "--api-key",
            "k",
            "--api-url",
            &nobody.url(),
            "wait",
            "--session",
            "s",
            "--until",
            until,
            "--timeout",
            timeout,
        ];
        let ended = run(pocketping(&args));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{until}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{until}: {}", ended.stderr);
    }
}
