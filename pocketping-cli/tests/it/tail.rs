//! `messages tail`: what is there, then what comes, each once.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::Value;

use crate::run::{Listening, at, error_of, run};

fn tail(server: &MockServer, args: &[&str]) -> Listening {
    Listening::spawn(at(server, &[&["messages", "tail", "sess_1", "-o", "ndjson"], args].concat()))
}

fn conversation(contract: Contract) -> MockServer {
    let server = MockServer::builder().contract(contract).start().unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    for text in ["one", "two", "three"] {
        server.visitor_says(&id, text);
    }
    server
}

#[test]
fn the_last_messages_come_first_and_then_those_that_are_written() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = conversation(contract);
        let mut tail = tail(&server, &["-n", "2"]);
        let first = tail.line();
        assert_eq!(
            (&first["content"], &first["type"], &first["id"]),
            (&"two".into(), &"visitor".into(), &"msg_2".into())
        );
        assert_eq!(tail.line()["content"], "three");
        server.visitor_says(&"sess_1".into(), "four \u{1b}[2J");
        let other = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&other, "elsewhere");
        let sent = run(at(&server, &["messages", "send", "sess_1", "five"]));
        assert_eq!(sent.code, 0, "{}", sent.stderr);
        assert_eq!(tail.line()["content"], "four \u{1b}[2J");
        let five = tail.line();
        assert_eq!((&five["content"], &five["type"]), (&"five".into(), &"operator".into()));
        tail.signal("INT");
        let (code, lines, stderr) = tail.end();
        assert_eq!((code, lines.len(), stderr.as_str()), (130, 0, ""));
    }
}

#[test]
fn it_ends_when_the_session_is_closed() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = conversation(contract);
        let mut tail = tail(&server, &["--until-closed", "-n", "1"]);
        assert_eq!(tail.line()["content"], "three");
        assert_eq!(run(at(&server, &["sessions", "close", "sess_1"])).code, 0);
        let (code, lines, stderr) = tail.end();
        assert_eq!((code, stderr.as_str()), (0, ""));
        let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        assert_eq!((lines.len(), &last["content"]), (1, &"Session closed".into()));
        // One that is closed already ends at once.
        let ended = run(at(&server, &["messages", "tail", "sess_1", "--until-closed", "-q"]));
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "msg_1\nmsg_2\nmsg_3\nmsg_4\n"));
    }
}

#[test]
fn every_format_has_the_columns_of_the_list() {
    let server = conversation(Contract::Extended);
    assert_eq!(run(at(&server, &["sessions", "close", "sess_1"])).code, 0);
    let printed = |args: &[&str]| {
        run(at(&server, &[&["messages", "tail", "sess_1", "--until-closed", "-n", "1"], args].concat())).stdout
    };
    let row = "msg_4\t2024-01-15T10:30:00Z\tsystem\tSession closed\n";
    assert_eq!(printed(&[]), row);
    assert_eq!(printed(&["-o", "tsv"]), format!("id\ttime\tfrom\ttext\n{row}"));
    assert_eq!(printed(&["-o", "csv"]), format!("id,time,from,text\n{}", row.replace('\t', ",")));
    assert_eq!(printed(&["-o", "json"]), printed(&["-o", "ndjson"]), "a line each");
    assert_eq!(printed(&["--jq", ".type"]), "system\n");
    assert_eq!(printed(&["--fields", "content,type"]), "Session closed\tsystem\n");
    assert_eq!(printed(&["-n", "0"]), "");
}

#[test]
fn an_edit_is_told_and_a_receipt_is_not() {
    let server = conversation(Contract::Extended);
    let id = "sess_1".into();
    run(at(&server, &["messages", "send", "sess_1", "four"]));
    let mut tail = tail(&server, &["-n", "1"]);
    assert_eq!(tail.line()["content"], "four");
    server.operator().reads(&id);
    server.operator().edits(&id, &"msg_4".into(), "five");
    let edited = tail.line();
    assert_eq!((&edited["id"], &edited["content"]), (&"msg_4".into(), &"five".into()));
    assert!(edited["editedAt"].is_string());
    server.operator().deletes(&id, &"msg_4".into());
    assert!(tail.line()["deletedAt"].is_string());
}

#[test]
fn a_broken_link_loses_and_repeats_nothing() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = conversation(contract);
        let mut tail = tail(&server, &["-n", "1"]);
        assert_eq!(tail.line()["content"], "three");
        let id = "sess_1".into();
        server.refuse_connections(true);
        server.cut_connections();
        server.visitor_says(&id, "meanwhile");
        server.refuse_connections(false);
        assert_eq!(tail.line()["content"], "meanwhile");
        server.visitor_says(&id, "after");
        assert_eq!(tail.line()["content"], "after");
        tail.signal("TERM");
        assert_eq!(tail.end().0, 143);
    }
}

#[test]
fn what_cannot_be_followed_is_said() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = conversation(contract);
        let ended = run(at(&server, &["messages", "tail", "none", "-o", "json"]));
        assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{}", ended.stderr);
        assert_eq!(error_of(&ended.stderr)["code"], "SESSION_NOT_FOUND");
        let mut command = at(&server, &["messages", "tail", "sess_1"]);
        command.env("POCKETPING_API_KEY", "wrong");
        assert_eq!(run(command).code, 4);
        let ended = run(at(&server, &["messages", "tail", "sess_1", "-n", "-1"]));
        assert_eq!(
            (ended.code, ended.stderr.contains("-1") || ended.stderr.contains("'-n")),
            (2, true),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_reader_that_hangs_up_ends_it_quietly() {
    let server = conversation(Contract::Extended);
    let mut command = at(&server, &["messages", "tail", "sess_1", "-n", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut data = BufReader::new(child.stdout.take().unwrap());
    data.read_line(&mut String::new()).unwrap();
    drop(data);
    let id = "sess_1".into();
    // A process that another test is starting has a copy of the reading end until it runs.
    while child.try_wait().unwrap().is_none() {
        server.visitor_says(&id, "anyone?");
        std::thread::yield_now();
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
