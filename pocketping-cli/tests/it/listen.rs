//! `events listen`: events as lines.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pocketping_mock_server::{Clock, Contract, MockServer, Visit};
use serde_json::Value;

use crate::run::{Listening, at, pocketping, run};

#[test]
fn events_are_lines_as_they_happen() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let mut command = at(&server, &["events", "listen", "--limit", "3", "-o", "ndjson"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut data = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        data.read_line(&mut ready).unwrap();
        assert_eq!(ready, format!("{{\"event\":\"ready\",\"socket\":\"ws://{}/ws\"}}\n", server.address()));
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello \u{1b}[2J");
        server.visitor_says(&id, "Anyone?");
        let mut lines = String::new();
        data.read_to_string(&mut lines).unwrap();
        let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["session.created", "message.created", "message.created"]);
        assert_eq!(events[1]["message"]["content"], "Hello \u{1b}[2J");
        assert!(!lines.contains('\u{1b}'));
        assert!(child.wait().unwrap().success());
        let mut remarks = String::new();
        child.stderr.take().unwrap().read_to_string(&mut remarks).unwrap();
        assert_eq!(remarks, "", "the ready line is data");
    }
}

#[test]
fn a_link_that_ends_is_made_again_and_nothing_is_missed() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let mut command = at(&server, &["events", "listen", "--limit", "2"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut remarks = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        remarks.read_line(&mut line).unwrap();
        server.visitor_opens_session(Visit::new().page_url("https://example.com/"));
        let mut data = BufReader::new(child.stdout.take().unwrap());
        let mut event = String::new();
        data.read_line(&mut event).unwrap();
        assert_eq!(event, "2024-01-15T10:30:00Z\tsession.created\tsess_1\thttps://example.com/\n");
        server.cut_connections();
        server.visitor_says(&"sess_1".into(), "Still there?");
        event.clear();
        data.read_line(&mut event).unwrap();
        assert_eq!(event, "2024-01-15T10:30:00Z\tmessage.created\tsess_1\tvisitor: Still there?\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_was_read_after_a_broken_link_says_so() {
    let extended = MockServer::start();
    let mut listening = Listening::start(&extended, &[]);
    extended.visitor_opens_session(Visit::new());
    assert_eq!(listening.line().get("backfilled"), None, "the socket told it");

    let server = MockServer::builder().contract(Contract::Strict).start().unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    let mut listening = Listening::start(&server, &[]);
    server.refuse_connections(true);
    server.cut_connections();
    server.visitor_says(&id, "meanwhile");
    server.refuse_connections(false);
    let line = listening.line();
    assert_eq!((line["message"]["content"].as_str(), &line["backfilled"]), (Some("meanwhile"), &true.into()));
}

#[test]
fn an_outage_is_told_once_and_its_end_too() {
    for contract in [Contract::Strict, Contract::Extended] {
        for format in ["table", "ndjson"] {
            let server = MockServer::builder().contract(contract).start().unwrap();
            let mut command = at(&server, &["listen", "--limit", "1", "-o", format]);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut remarks = BufReader::new(child.stderr.take().unwrap());
            let mut data = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            if format == "table" { remarks.read_line(&mut line) } else { data.read_line(&mut line) }.unwrap();
            let socket = format!("the link to ws://{}/ws", server.address());
            server.refuse_connections(true);
            server.cut_connections();
            line.clear();
            remarks.read_line(&mut line).unwrap();
            assert_eq!(line, format!("{socket} is down; trying again\n"));
            server.refuse_connections(false);
            line.clear();
            remarks.read_line(&mut line).unwrap();
            assert_eq!(line, format!("{socket} is back\n"));
            server.visitor_opens_session(Visit::new());
            line.clear();
            remarks.read_to_string(&mut line).unwrap();
            assert_eq!((line.as_str(), child.wait().unwrap().code()), ("", Some(0)));
        }
    }
}

#[test]
fn a_ready_file_stands_while_the_subscription_was_made_and_goes_with_the_command() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready");
        let listening = Listening::start(&server, &["--ready-file", file.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("ws://{}/ws\n", server.address()));
        listening.signal("INT");
        let (code, _, stderr) = listening.end();
        assert_eq!((code, stderr.as_str(), file.exists()), (130, "", false));
    }
    let server = MockServer::start();
    let ended = run(at(&server, &["listen", "--ready-file", "/nowhere/ready"]));
    assert_eq!((ended.code, ended.stderr.contains("/nowhere/ready")), (3, true), "{}", ended.stderr);
}

#[test]
fn a_signal_ends_it_with_its_own_code() {
    let server = MockServer::start();
    let listening = Listening::start(&server, &[]);
    listening.signal("TERM");
    let (code, _, stderr) = listening.end();
    assert_eq!((code, stderr.as_str()), (143, ""));
}

#[test]
fn a_reader_that_reads_no_more_cannot_keep_it_from_ending() {
    let server = MockServer::start();
    let listening = Listening::start(&server, &[]);
    let id = server.visitor_opens_session(Visit::new()).id;
    for _ in 0..100 {
        server.visitor_says(&id, "x".repeat(4000));
    }
    listening.signal("INT");
    listening.signal("TERM");
    assert_eq!(listening.end_unread(), 130);
}

#[test]
fn a_reader_that_hangs_up_ends_it_quietly() {
    let server = MockServer::start();
    let mut child =
        at(&server, &["listen", "-o", "ndjson"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut data = BufReader::new(child.stdout.take().unwrap());
    data.read_line(&mut String::new()).unwrap();
    drop(data);
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || drop(tell.send(child.wait_with_output().unwrap())));
    // A process that another test is starting has a copy of the reading end until it runs: the next event finds it closed.
    let output = (0..30).find_map(|_| {
        server.visitor_opens_session(Visit::new());
        ended.recv_timeout(Duration::from_secs(1)).ok()
    });
    let output = output.expect("it ends with an event that nobody reads");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_session_and_a_time_narrow_it() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let one = server.visitor_opens_session(Visit::new()).id;
        let other = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&one, "before");
        server.visitor_says(&other, "elsewhere");
        let args = ["--session", one.as_str(), "--since", "2024-01-15T10:00:00Z", "--limit", "3"];
        let mut listening = Listening::start(&server, &args);
        let kinds = [listening.line()["type"].clone(), listening.line()["type"].clone()];
        assert_eq!(kinds, ["session.created", "message.created"]);
        server.visitor_says(&other, "elsewhere again");
        server.visitor_says(&one, "now");
        assert_eq!(listening.contents_until("now"), ["now"]);
        assert_eq!(listening.end().0, 0);
    }
    let server = MockServer::builder().clock(Clock::system()).start().unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "a moment ago");
    let mut listening = Listening::start(&server, &["--since", "10m", "--limit", "2"]);
    assert_eq!(listening.contents_until("a moment ago"), ["a moment ago"]);
    let ended = run(pocketping(&["listen", "--since", "0s"]));
    assert_eq!((ended.code, ended.stderr.contains("longer than zero")), (2, true), "{}", ended.stderr);
    let ended = run(pocketping(&["listen", "--since", "2024-01-15T10:00:00Z", "--cursor", "c.json"]));
    assert_eq!((ended.code, ended.stderr.contains("--cursor")), (2, true), "{}", ended.stderr);
    let ended = run(pocketping(&["listen", "--dead-letter", "d.ndjson"]));
    assert_eq!((ended.code, ended.stderr.contains("--forward-to")), (2, true), "{}", ended.stderr);
}
