//! What a person at a terminal sees: tables, colour, questions, and nothing that steers the terminal.

use std::net::TcpListener;

use pocketping_mock_server::{MockServer, Visit};

use crate::pty::Pty;
use crate::run::{at, pocketping, run};

fn server() -> MockServer {
    let server = MockServer::builder().demo_seed().start().unwrap();
    server.visitor_opens_session(Visit::new());
    server
}

#[test]
fn a_list_is_a_table_with_colour_unless_it_is_unwanted() {
    let server = server();
    let printed = |env: &[(&str, &str)], args: &[&str]| {
        let mut command = at(&server, &[&["sessions", "list"], args].concat());
        command.envs(env.iter().copied());
        let mut pty = Pty::spawn(&command, 24, 80);
        assert_eq!(pty.ends(), 0);
        (pty.screen(), String::from_utf8(pty.printed.clone()).unwrap())
    };
    let (screen, bytes) = printed(&[], &[]);
    insta::assert_snapshot!(screen);
    assert!(bytes.starts_with("\u{1b}[1mID "), "{bytes:?}");
    for (env, args) in [
        (&[("NO_COLOR", "1")][..], &[][..]),
        (&[("TERM", "dumb")], &[]),
        (&[], &["--color", "never"]),
        (&[], &["--no-color"]),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]),
    ] {
        let (plain, bytes) = printed(env, args);
        assert_eq!((plain.as_str(), bytes.contains('\u{1b}')), (screen.as_str(), false), "{env:?} {args:?}");
    }
    let (_, bytes) = printed(&[("NO_COLOR", "1")], &["--color", "always"]);
    assert!(bytes.contains('\u{1b}'), "what was typed goes first");
}

#[test]
fn what_was_typed_wrong_does_nothing_to_the_terminal() {
    let odd = "\u{1b}[2J\u{202e}x";
    for args in
        [&["sessions", "list", "--limit", odd][..], &["sessions", odd], &[odd], &["--profile", odd, "sessions", "-x"]]
    {
        let mut pty = Pty::spawn(&at(&MockServer::start(), args), 24, 100);
        assert_eq!(pty.ends(), 2, "{args:?}");
        let printed = String::from_utf8(pty.printed.clone()).unwrap();
        assert!(!printed.contains("\u{1b}[2J") && !printed.contains('\u{202e}'), "{args:?}: {printed:?}");
    }
}

#[test]
fn a_visitor_s_text_does_nothing_to_the_terminal() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m \u{202e}txt.exe");
    for format in ["table", "json", "ndjson", "csv", "tsv"] {
        let mut pty = Pty::spawn(&at(&server, &["messages", "list", id.as_str(), "-o", format, "--no-color"]), 24, 100);
        assert_eq!(pty.ends(), 0);
        let printed = String::from_utf8(pty.printed.clone()).unwrap();
        assert!(!printed.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{format}: {printed:?}");
        assert!(pty.screen().contains("owned"), "{format}: {}", pty.screen());
    }
}

#[test]
fn what_takes_longer_gives_a_sign_of_life_that_leaves_nothing_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut pty = Pty::spawn(&pocketping(&["--api-key", "k", "--api-url", &url, "sessions", "get", "s"]), 24, 80);
    let (mut stream, _) = listener.accept().unwrap();
    pty.sees("… 1 s");
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    drop(stream);
    assert_eq!(pty.ends(), 8);
    assert!(pty.screen().starts_with("error: GET /sessions/:sessionId"), "{}", pty.screen());
}

#[test]
fn who_sits_there_is_asked_before_something_is_gone() {
    let server = MockServer::start();
    for (answer, code, is_gone) in [("n\r", 130, false), ("\r", 130, false), ("y\r", 0, true)] {
        let created = run(at(&server, &["webhooks", "create", "https://a.test/", "-q"])).stdout;
        let id = created.trim();
        let mut pty = Pty::spawn(&at(&server, &["webhooks", "delete", id]), 24, 80);
        pty.sees(&format!("delete the webhook {id}? [y/N]"));
        pty.types(answer);
        assert_eq!(pty.ends(), code, "{}", pty.screen());
        let left = run(at(&server, &["webhooks", "list", "-q"])).stdout;
        assert_eq!(left.is_empty(), is_gone, "{answer:?}");
    }
    run(at(&server, &["webhooks", "create", "https://a.test/", "-q"]));
    let id = run(at(&server, &["webhooks", "list", "-q"])).stdout;
    for flag in ["--yes", "--no-input"] {
        let mut pty = Pty::spawn(&at(&server, &["webhooks", "delete", id.trim(), flag]), 24, 80);
        let code = pty.ends();
        assert!(!pty.screen().contains("[y/N]"), "{}", pty.screen());
        assert_eq!(code, if flag == "--yes" { 0 } else { 5 }, "{}", pty.screen());
    }
}

#[test]
fn a_key_that_is_typed_is_not_shown() {
    let server = MockServer::builder().api_key("sk_typed_0123456789").start().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = pocketping(&["login", "--api-url", server.url()]);
    command.env("POCKETPING_CONFIG_DIR", home.path());
    let mut pty = Pty::spawn(&command, 24, 80);
    pty.sees("API key (it is not shown):");
    pty.types("sk_typed_0123456789\r");
    assert_eq!(pty.ends(), 0, "{}", pty.screen());
    assert!(!pty.screen().contains("0123456789") && pty.screen().contains("sk_t…6789"), "{}", pty.screen());
}

#[test]
fn ctrl_c_at_a_question_ends_it() {
    let server = MockServer::start();
    let mut pty = Pty::spawn(&at(&server, &["webhooks", "delete", "wh_1"]), 24, 80);
    pty.sees("[y/N]");
    pty.types("\u{3}");
    assert_ne!(pty.ends(), 0);
}
