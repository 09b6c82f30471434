//! `events listen`: events as lines.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::Value;

use crate::run::at;

#[test]
fn events_are_lines_as_they_happen() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let mut command = at(&server, &["events", "listen", "--limit", "3", "-o", "ndjson"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut remarks = BufReader::new(child.stderr.take().unwrap());
        let mut ready = String::new();
        remarks.read_line(&mut ready).unwrap();
        assert!(ready.starts_with("listening on ws://"), "{ready}");
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello \u{1b}[2J");
        server.visitor_says(&id, "Anyone?");
        let mut lines = String::new();
        child.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
        let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["session.created", "message.created", "message.created"]);
        assert_eq!(events[1]["message"]["content"], "Hello \u{1b}[2J");
        assert!(!lines.contains('\u{1b}'));
        assert!(child.wait().unwrap().success());
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
