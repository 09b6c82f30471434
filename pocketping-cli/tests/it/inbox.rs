//! `inbox`: on a real terminal, as screens.

use pocketping_mock_server::{Contract, MockServer, Visit};

use crate::pty::Pty;
use crate::run::{at, error_of, run};

fn server(contract: Contract) -> MockServer {
    let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
    let id = server.visitor_opens_session(Visit::new().page_url("https://example.com/cart")).id;
    assert_eq!(run(at(&server, &["sessions", "identify", id.as_str(), "--name", "Ann Lee"])).code, 0);
    server.visitor_says(&id, "Where is my order? It was to be here on Monday, and nobody tells me anything about it.");
    server
}

#[test]
fn a_visitor_is_answered_on_a_screen_of_80_by_24() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let mut pty = Pty::spawn(&at(&server, &["inbox"]), 24, 80);
        pty.wait_for("the list and a conversation", |screen| {
            screen.contains("sess_abc123") && screen.contains("visitor 10:3")
        });
        if contract == Contract::Extended {
            insta::assert_snapshot!("the_inbox", pty.screen());
        }
        let ann = server.sessions().into_iter().find(|session| session.id == "sess_1").unwrap().id;
        // The list is in another order where nobody says what waits.
        if !pty.screen().contains("Answer sess_1") {
            pty.types("\u{1b}[B");
            pty.sees("Answer sess_1");
        }
        pty.sees("Where is my order?");
        pty.types("\rIt comes tomorrow.");
        pty.sees("It comes tomorrow.");
        server.visitor_says(&ann, "Hello??");
        pty.sees("Hello??");
        assert!(pty.screen().contains("It comes tomorrow."), "{}", pty.screen());
        pty.types("\r");
        pty.sees("operator 10:3");
        let sent: Vec<_> = server.messages(&ann).into_iter().map(|message| message.content).collect();
        assert_eq!(sent[1..], ["Hello??", "It comes tomorrow."]);
        pty.types("\tq");
        assert_eq!(pty.ends(), 0, "{}", pty.screen());
    }
}

#[test]
fn what_fails_says_so_and_the_draft_stays() {
    let server = server(Contract::Extended);
    let id = "sess_1".into();
    let mut pty = Pty::spawn(&at(&server, &["inbox"]), 24, 100);
    pty.sees("Where is my order?");
    pty.types("c");
    pty.sees("c once more closes sess_1");
    pty.types("c");
    pty.sees("(closed");
    pty.types("\rToo late");
    pty.sees("Too late");
    pty.types("\r");
    pty.sees("SESSION_CLOSED");
    assert!(pty.screen().contains("Too late"), "{}", pty.screen());
    assert!(server.messages(&id).iter().all(|message| message.content != "Too late"));
    pty.types("\u{3}");
    assert_eq!(pty.ends(), 130);
}

#[test]
fn any_size_and_any_text_can_be_shown() {
    let server = server(Contract::Extended);
    let mut pty = Pty::spawn(&at(&server, &["inbox"]), 24, 80);
    pty.sees("Where is my order?");
    server.visitor_says(&"sess_1".into(), "\u{1b}[2J\u{202e}日本語 👩\u{200d}💻 e\u{301}");
    pty.sees("\\u{1b}[2J\\u{202e}");
    for (rows, cols) in [(5, 20), (1, 1), (2, 80), (50, 200), (24, 40), (24, 80)] {
        pty.resize(rows, cols);
        pty.types("j\tx\t");
    }
    pty.types("\u{c}");
    pty.wait_for("the whole of it again", |screen| screen.contains("Sessions 2") && screen.contains("Answer "));
    pty.types("\u{3}");
    assert_eq!(pty.ends(), 130);
    let printed = String::from_utf8_lossy(&pty.printed).into_owned();
    assert!(!printed.contains('\u{202e}'));
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let server = MockServer::start();
    let ended = run(at(&server, &["inbox", "-o", "json"]));
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str(), error["code"].as_str()), (2, "", Some("usage")));
    assert!(error["hint"].as_str().unwrap().contains("sessions watch"), "{error}");
}
