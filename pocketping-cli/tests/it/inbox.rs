//! `inbox`: on a real terminal, as screens.

use pocketping_mock_server::{Contract, MockServer, Visit};

use crate::pty::Pty;
use crate::run::{Nobody, at, error_of, hold_a_send, run};

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
        pty.wait_for("the answer, sent", |screen| screen.contains("operator 10:3") && !screen.contains("sending"));
        let sent: Vec<_> = server.messages(&ann).into_iter().map(|message| message.content).collect();
        assert_eq!(sent[1..], ["Hello??", "It comes tomorrow."]);
        pty.types("\tq");
        assert_eq!(pty.ends(), 0, "{}", pty.screen());
    }
}

#[test]
fn what_fails_says_so_and_is_a_draft_again() {
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
    // Another session changes: the failure is still there to be read.
    server.visitor_says(&"sess_abc123".into(), "Another visitor");
    pty.sees("! sess_abc123");
    assert!(pty.screen().contains("SESSION_CLOSED") && pty.screen().contains("Too late"), "{}", pty.screen());
    assert!(server.messages(&id).iter().all(|message| message.content != "Too late"));
    pty.types("\u{3}");
    assert_eq!(pty.ends(), 130);
    assert!(pty.screen().contains("it was not sent to sess_1: Too late"), "{}", pty.screen());
}

/// A server on which every send waits until it is let go.
fn holding(contract: Contract) -> MockServer {
    let server = server(contract);
    hold_a_send(&server, "b");
    server
}

/// What the operator wrote to the session of the inbox's tests.
fn answers(server: &MockServer) -> Vec<String> {
    let messages = server.messages(&"sess_1".into());
    messages.into_iter().filter(|message| message.kind == "operator").map(|message| message.content).collect()
}

/// The inbox with the session of the tests chosen, wherever it stands.
fn inbox(server: &MockServer) -> Pty {
    let mut pty = Pty::spawn(&at(server, &["inbox"]), 24, 100);
    let screen = pty.wait_for("all of it", |screen| screen.contains("Answer sess_") && screen.contains("q quit"));
    if !screen.contains("Answer sess_1 ") {
        pty.types("\u{1b}[B");
    }
    pty.wait_for("its conversation", |screen| {
        screen.contains("Where is my order?") && screen.contains("Answer sess_1 ")
    });
    pty
}

/// The inbox with the answer box of that session open.
fn answering(server: &MockServer) -> Pty {
    let mut pty = inbox(server);
    pty.types("\r");
    pty.sees("Enter send");
    pty
}

#[test]
fn each_text_is_sent_once_and_in_order_however_fast_one_types() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = holding(contract);
        let mut pty = answering(&server);
        pty.types("one\r\r");
        pty.sees("operator sending");
        pty.types("two\rthree\r\tq");
        pty.sees("it ends when everything is sent");
        assert_eq!(answers(&server), [""; 0]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(server.held("b", 1));
        server.release("b");
        assert_eq!(pty.ends(), 0, "{}", pty.screen());
        assert_eq!(answers(&server), ["one", "two", "three"]);
    }
}

#[test]
fn what_is_under_way_when_one_leaves_is_told() {
    let server = holding(Contract::Extended);
    let mut pty = answering(&server);
    pty.types("one\rtwo\rhalf");
    pty.wait_for("all of it", |screen| screen.contains("two") && screen.contains("half"));
    pty.types("\u{3}");
    assert_eq!(pty.ends(), 130);
    let screen = pty.screen();
    for line in
        ["it may have been sent to sess_1: one", "it was not sent to sess_1: two", "it was not sent to sess_1: half"]
    {
        assert!(screen.contains(line), "{screen}");
    }
}

#[test]
fn a_paste_is_one_text_and_in_the_list_it_is_nothing() {
    let server = server(Contract::Extended);
    let mut pty = inbox(&server);
    pty.types("\u{1b}[200~success\rqa\r\u{1b}[201~");
    pty.sees("press Enter first");
    pty.types("\r\u{1b}[200~It comes\r\ntomorrow\u{1b}[201~");
    pty.sees("It comes↵tomorrow");
    pty.types(", at noon\u{1b}\rBye");
    pty.sees(", at noon↵Bye");
    pty.types("\r");
    pty.wait_for("the answer, sent", |screen| screen.contains("operator 10:3") && !screen.contains("sending"));
    assert_eq!(answers(&server), ["It comes\ntomorrow, at noon\nBye"]);
    let session = server.sessions().into_iter().find(|session| session.id == "sess_1").unwrap();
    assert_eq!((session.status.as_str(), session.ai_enabled), ("active", Some(true)));
    pty.types("\tq");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn the_ai_is_switched_off_and_on_where_no_server_tells_it() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let has_ai = || server.sessions().into_iter().find(|session| session.id == "sess_1").unwrap().ai_enabled;
        let mut pty = inbox(&server);
        for (seen, is_on) in [("active, AI off", false), ("active, AI on", true), ("active, AI off", false)] {
            pty.types("a");
            pty.sees(seen);
            assert_eq!(has_ai(), Some(is_on));
        }
        pty.types("q");
        assert_eq!(pty.ends(), 0);
    }
}

#[test]
fn it_fails_as_other_commands_do() {
    let server = server(Contract::Extended);
    let mut wrong_key = at(&server, &["inbox"]);
    wrong_key.env("POCKETPING_API_KEY", "wrong");
    let nobody = Nobody::new();
    let mut not_there = at(&server, &["inbox"]);
    not_there.env("POCKETPING_API_URL", nobody.url());
    for (command, code, said) in [(wrong_key, 4, "UNAUTHORIZED"), (not_there, 9, "no connection")] {
        let mut pty = Pty::spawn(&command, 24, 100);
        assert_eq!(pty.ends(), code, "{}", pty.screen());
        assert!(pty.screen().starts_with("error: ") && pty.screen().contains(said), "{}", pty.screen());
    }
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
    let whole = |screen: &str| screen.contains("Sessions 2") && screen.contains("Answer ") && screen.contains("q quit");
    pty.wait_for("the whole of it, whatever came between", whole);
    // Something else wrote on the terminal.
    pty.shows(b"\x1b[2JBroadcast message");
    assert!(!whole(&pty.screen()));
    pty.types("\u{c}");
    pty.wait_for("the whole of it again", |screen| whole(screen) && !screen.contains("Broadcast"));
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

#[test]
fn letters_that_combine_stay_in_their_conversation() {
    let server = server(Contract::Extended);
    let (one, other) = ("sess_1".into(), "sess_abc123".into());
    let text = "क्षि देवनागरी  ᄒ한ᅡᆫ ﷽ a\u{310}\u{310} 👨\u{200d}👩\u{200d}👧\u{200d}e\u{301} ก็ำ";
    server.visitor_says(&other, "a plain text");
    server.visitor_says(&one, "a first one");
    let mut pty = Pty::spawn(&at(&server, &["inbox"]), 24, 80);
    pty.sees("a first one");
    // What a person sees of the other conversation, before and after that one was on the screen.
    let mut plain = None;
    for text in [text, &text.repeat(6)] {
        pty.types("\u{1b}[B");
        let seen = pty.wait_for("the plain one, whole", |screen| {
            screen.contains("Answer sess_abc123") && screen.contains("a plain text") && !screen.contains("sess_1")
        });
        assert_eq!(*plain.get_or_insert(seen.clone()), seen);
        server.visitor_says(&one, text);
        pty.types("\u{1b}[A");
        pty.wait_for("the other one", |screen| screen.contains("Answer sess_1") && screen.contains("देवनागरी"));
    }
    pty.types("\u{1b}[B");
    pty.wait_for("the plain one, whole", |screen| Some(screen) == plain.as_deref());
    pty.types("q");
    assert_eq!(pty.ends(), 0, "{}", pty.screen());
}
