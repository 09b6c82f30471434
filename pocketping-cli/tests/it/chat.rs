//! `chat`: on a real terminal, and in a pipe.

use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::pty::Pty;
use crate::run::{at, hold_a_send, run, run_with_input};

fn server(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

/// What was said in the demo's session, after its two first messages.
fn said(server: &MockServer) -> Vec<(String, String)> {
    let messages = server.messages(&"sess_abc123".into());
    messages.iter().skip(2).map(|message| (message.kind.to_string(), message.content.clone())).collect()
}

/// Waits until something can be typed.
#[track_caller]
fn prompted(pty: &mut Pty) {
    pty.wait_for("the prompt", |screen| screen.contains("/help tells") && screen.ends_with("\n>"));
}

#[test]
fn what_is_typed_stays_while_others_write() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let mut pty = Pty::spawn(&at(&server, &["chat", "sess_abc123"]), 24, 80);
        prompted(&mut pty);
        pty.types("How can I he");
        pty.sees("> How can I he");
        server.visitor_says(&"sess_abc123".into(), "Are you\nthere?");
        pty.wait_for("both", |screen| screen.contains("visitor: Are you") && screen.ends_with("\n> How can I he"));
        pty.types("lp?\r");
        let screen = pty.wait_for("the next line", |screen| screen.contains("✓ 10:3") && screen.ends_with("\n>"));
        insta::assert_snapshot!("a_conversation", screen);
        assert_eq!(said(&server)[1], ("operator".to_owned(), "How can I help?".to_owned()));
        // Ctrl-D.
        pty.types("\u{4}");
        assert_eq!(pty.ends(), 0);
    }
}

#[test]
fn commands_do_what_they_say_and_others_send_nothing() {
    let server = server(Contract::Extended);
    let mut pty = Pty::spawn(&at(&server, &["chat", "sess_abc123", "--history", "0"]), 24, 100);
    prompted(&mut pty);
    for (typed, seen) in [
        ("/help", "Times are UTC"),
        ("/ai off", "the AI is off"),
        ("/identify name='Ann Lee' plan=pro", "the visitor is identified"),
        ("/clsoe", "error: there is no /clsoe"),
        ("//clsoe is no command", "✓ 10:3"),
        ("/close", "the session is closed; it opens again"),
        ("Too late", "it was not done: Too late"),
    ] {
        pty.types(&format!("{typed}\r"));
        pty.sees(seen);
    }
    assert!(pty.screen().contains("SESSION_CLOSED"), "{}", pty.screen());
    // What was not sent is there again.
    pty.types("\u{1b}[A");
    pty.wait_for("the text again", |screen| screen.ends_with("> Too late"));
    pty.types("\u{15}/quit\r");
    assert_eq!(pty.ends(), 0);
    let session = server.sessions().into_iter().find(|session| session.id == "sess_abc123").unwrap();
    assert_eq!((session.ai_enabled, session.status.as_str()), (Some(false), "closed"));
    assert_eq!(session.identity.unwrap().name.as_deref(), Some("Ann Lee"));
    assert_eq!(said(&server)[0], ("operator".to_owned(), "/clsoe is no command".to_owned()));
}

#[test]
fn ctrl_c_ends_it_when_it_is_meant() {
    let server = server(Contract::Extended);
    let mut pty = Pty::spawn(&at(&server, &["chat", "sess_abc123"]), 24, 80);
    prompted(&mut pty);
    pty.types("\u{3}");
    pty.sees("Ctrl-C once more");
    pty.types("still here\r");
    pty.sees("✓ 10:3");
    pty.types("\u{3}");
    pty.wait_for("the second remark", |screen| screen.matches("Ctrl-C once more").count() == 2);
    pty.types("\u{3}");
    assert_eq!(pty.ends(), 130);
    assert_eq!(said(&server).len(), 1);
}

#[test]
fn the_terminal_is_left_as_it_was_however_it_ends() {
    let server = server(Contract::Extended);
    for keys in ["/quit\r", "\u{4}"] {
        let plain = at(&server, &["chat", "sess_abc123"]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "\"$0\" chat sess_abc123; stty -a"]).arg(plain.get_program());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let mut pty = Pty::spawn(&shell, 40, 100);
        prompted(&mut pty);
        pty.types(keys);
        pty.ends();
        let screen = pty.screen();
        let has = |flag: &str| screen.split_whitespace().any(|word| word.trim_end_matches(';') == flag);
        assert!(has("icanon") && has("echo") && has("isig"), "{keys:?}: {screen}");
    }
}

#[test]
fn a_visitor_does_nothing_to_the_terminal() {
    let server = server(Contract::Extended);
    server.visitor_says(&"sess_abc123".into(), "\u{1b}]0;owned\u{7}");
    let mut pty = Pty::spawn(&at(&server, &["chat", "sess_abc123"]), 24, 80);
    prompted(&mut pty);
    server.visitor_says(&"sess_abc123".into(), "\u{1b}[2J\u{202e}");
    pty.sees("\\u{1b}[2J\\u{202e}");
    assert!(pty.screen().contains("\\u{1b}]0;owned\\u{7}"), "{}", pty.screen());
    let printed = String::from_utf8_lossy(&pty.printed).into_owned();
    assert!(!printed.contains("\u{1b}]0") && !printed.contains("\u{1b}[2J") && !printed.contains('\u{202e}'));
}

#[test]
fn lines_of_a_pipe_are_sent_in_order_and_it_ends_with_them() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let ended = run_with_input(
            at(&server, &["chat", "sess_abc123", "--history", "1", "-o", "ndjson"]),
            "one\n\n//two\n/ai off\nthree",
        );
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let texts: Vec<_> = lines.iter().map(|line| line["content"].clone()).collect();
        assert_eq!(texts[1..], [json!("one"), json!("/two"), json!("three")]);
        assert_eq!(lines[0]["id"], "msg_002", "the last of the history");
        assert!(ended.stderr.contains("the AI is off"), "{}", ended.stderr);
        let said: Vec<_> = said(&server).into_iter().map(|(_, text)| text).collect();
        assert_eq!(said, ["one", "/two", "three"]);
    }
}

#[test]
fn a_line_that_is_no_text_costs_no_other_line() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let chat = at(&server, &["chat", "sess_abc123", "--history", "0"]);
        let ended = run_with_input(chat, b"one\ntwo\n\xff\nthree\n");
        assert_eq!(ended.code, 11, "{}", ended.stderr);
        let told = "error: line 3 of standard input is no text: its byte 1 is no UTF-8\n";
        assert!(ended.stderr.contains(told) && ended.stderr.contains("1 of 4 lines"), "{}", ended.stderr);
        let said: Vec<_> = said(&server).into_iter().map(|(_, text)| text).collect();
        assert_eq!(said, ["one", "two", "three"]);
    }
}

#[test]
fn what_fails_in_a_pipe_is_told_by_the_exit_code() {
    let server = server(Contract::Extended);
    let chat = ["chat", "sess_abc123", "--history", "0"];
    let ended = run_with_input(at(&server, &chat), "/close\ntoo late\n/nonsense\n");
    assert_eq!(ended.code, 11, "{}", ended.stderr);
    let is_servers = |line: &str| line.ends_with("\tsystem\tSession closed");
    assert!(ended.stdout.lines().all(is_servers), "what the server adds, if it came in time: {}", ended.stdout);
    assert!(ended.stderr.contains("it was not done: too late") && ended.stderr.contains("2 of 3"), "{}", ended.stderr);
    let ended = run_with_input(at(&server, &[&chat[..], &["-o", "json"]].concat()), "too late\n");
    assert_eq!((ended.code, ended.stderr.matches("400 SESSION_CLOSED").count()), (6, 1), "{}", ended.stderr);
    let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "SESSION_CLOSED", "{error}");
    let ended = run(at(&server, &["chat", "nope"]));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(server.messages(&"sess_abc123".into()).iter().all(|message| message.content != "too late"));
}

#[test]
fn what_was_done_is_not_said_to_be_undone() {
    // A strict server only says that it is ok; then the message cannot be read.
    let server = server(Contract::Strict);
    hold_a_send(&server, "b");
    let mut command = at(&server, &["chat", "sess_abc123", "--history", "0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"once\n").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.held("b", 1));
    let fault = json!({"on": {"route": "/sessions/:sessionId/messages", "method": "GET"}, "times": "always", "do": {"kind": "status", "status": 403}});
    server.inject(fault.to_string().parse().unwrap());
    server.release("b");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_ne!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("it was done: once"), "{stderr}");
    assert_eq!(said(&server), [("operator".to_owned(), "once".to_owned())]);
}

#[test]
fn lines_are_sent_also_when_nobody_reads_what_is_printed() {
    let server = server(Contract::Extended);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = at(&server, &["chat", "sess_abc123"]);
    let mut child = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"one\ntwo\nthree\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
    let sent: Vec<_> = said(&server).into_iter().map(|(_, text)| text).collect();
    assert_eq!(sent, ["one", "two", "three"]);
}

#[test]
fn an_edit_is_told_once_and_receipts_are_no_news() {
    let server = server(Contract::Extended);
    let id = "sess_abc123".into();
    let mut pty = Pty::spawn(&at(&server, &["chat", "sess_abc123", "--history", "0"]), 24, 80);
    prompted(&mut pty);
    pty.types("Helo\r");
    pty.sees("✓ 10:3");
    let sent = server.messages(&id).pop().unwrap().id;
    server.operator().edits(&id, &sent, "Hello");
    pty.sees("the operator edited: Hello");
    server.visitor_says(&id, "Hi");
    pty.sees("visitor: Hi");
    server.operator().reads(&id);
    server.operator().deletes(&id, &sent);
    let screen = pty.sees("the operator deleted");
    assert_eq!((screen.matches("edited").count(), screen.matches("visitor: Hi").count()), (1, 1), "{screen}");
    pty.types("/quit\r");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn on_a_terminal_without_a_cursor_it_is_line_by_line() {
    let server = server(Contract::Extended);
    let mut command = at(&server, &["chat", "sess_abc123", "--history", "0"]);
    command.env("TERM", "dumb");
    let mut pty = Pty::spawn(&command, 24, 80);
    pty.types("Hello there\n");
    pty.sees("operator  Hello there");
    pty.types("\u{4}");
    assert_eq!(pty.ends(), 0, "{}", pty.screen());
    assert!(!pty.printed.contains(&0x1b), "{}", pty.screen());
}

#[test]
#[cfg(unix)]
fn what_an_early_end_leaves_undone_is_told() {
    let server = server(Contract::Extended);
    // The first send is held for as long as the test lasts.
    hold_a_send(&server, "b");
    let mut command = at(&server, &["chat", "sess_abc123", "--history", "0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut keyboard, b"under way\nwaits\n/help\n").unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The lines were read once the help is there.
    while !line.contains("Times are UTC") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut stderr, &mut line).unwrap() > 0, "it ended early");
    }
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(rest, "it may have been done: under way\nit was not done: waits\n");
}

#[test]
fn what_others_write_is_printed_while_the_pipe_is_open() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    let mut command = at(&server, &["chat", id.as_str(), "-o", "ndjson"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let keyboard = child.stdin.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    // Before or after the link stood: it is printed once.
    server.visitor_says(&id, "Hello?");
    let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&line["content"], &line["type"]), (&json!("Hello?"), &json!("visitor")));
    drop(keyboard);
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}
