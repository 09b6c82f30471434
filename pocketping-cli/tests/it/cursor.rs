//! `listen --cursor`: over kills, restarts and broken links nothing is missing.

use std::fs;

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::run::{Listening, at, run};

#[test]
fn nothing_is_missing_after_a_kill() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "before");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor.json");
        let args = ["--cursor", file.to_str().unwrap()];

        // Killed before anything happened: the place stands with the ready line.
        Listening::start(&server, &args).kill();
        server.visitor_says(&id, "one");
        let mut listening = Listening::start(&server, &args);
        assert_eq!(listening.contents_until("one"), ["one"]);
        server.visitor_says(&id, "two");
        assert_eq!(listening.contents_until("two"), ["two"]);
        listening.kill();

        server.visitor_says(&id, "three");
        let other = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&other, "four");
        let mut listening = Listening::start(&server, &args);
        server.cut_connections();
        server.visitor_says(&id, "five");
        let mut contents = listening.contents_until("five");
        // What was printed last may not have been noted before the kill.
        contents.retain(|content| content != "one" && content != "two");
        if !contents.contains(&"four".to_owned()) {
            contents.extend(listening.contents_until("four"));
        }
        contents.sort();
        assert_eq!(contents, ["five", "four", "three"], "{contract:?}");
        listening.kill();
    }
}

#[test]
fn an_end_in_order_leaves_every_event_exactly_once() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor.json");
        let args = ["--cursor", file.to_str().unwrap()];
        let mut listening = Listening::start(&server, &args);
        server.visitor_says(&id, "one");
        assert_eq!(listening.contents_until("one"), ["one"]);
        listening.signal("INT");
        assert_eq!(listening.end().0, 130);
        server.visitor_says(&id, "two");
        let mut listening = Listening::start(&server, &[&args[..], &["--limit", "2"]].concat());
        server.visitor_says(&id, "three");
        assert_eq!(listening.contents_until("three"), ["two", "three"]);
        assert_eq!(listening.end().0, 0);
        server.visitor_says(&id, "four");
        let mut listening = Listening::start(&server, &args);
        assert_eq!(listening.contents_until("four"), ["four"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["cursor.json"]);
    }
}

#[test]
fn what_was_not_delivered_is_delivered_by_the_next_run_under_the_same_id() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let (slow, fast) =
            (server.visitor_opens_session(Visit::new()).id, server.visitor_opens_session(Visit::new()).id);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor.json");
        let receiver = Receiver::start();
        let args = ["--cursor", file.to_str().unwrap(), "--forward-to", receiver.url(), "--retries", "0"];

        // Killed while one was under way and a later one was already taken.
        let mut listening = Listening::start(&server, &args);
        server.visitor_says(&slow, "held");
        let held = receiver.next();
        let delivery = held.header("x-pocketping-delivery").to_owned();
        server.visitor_says(&fast, "taken");
        receiver.next().ok();
        listening.contents_until("taken");
        listening.kill();
        drop(held);

        // The receiver says no: the cursor stays before it.
        let listening = Listening::start(&server, &args);
        let posted = loop {
            let posted = receiver.next();
            if posted.content() == "held" {
                break posted;
            }
            posted.ok();
        };
        assert_eq!(posted.header("x-pocketping-delivery"), delivery);
        posted.answer("500 Internal Server Error");
        assert_eq!(listening.end().0, 8);

        // A dead letter counts as dealt with.
        let dead = folder.path().join("failed.ndjson");
        let dead = ["--dead-letter", dead.to_str().unwrap()];
        let mut listening = Listening::start(&server, &[&args[..], &dead].concat());
        server.visitor_says(&fast, "last");
        let mut seen = Vec::new();
        while !(seen.contains(&"held".to_owned()) && seen.contains(&"last".to_owned())) {
            let posted = receiver.next();
            seen.push(posted.content());
            let is_held = posted.content() == "held";
            posted.answer(if is_held { "500 Internal Server Error" } else { "200 OK" });
        }
        listening.contents_until("last");
        listening.signal("INT");
        assert_eq!(listening.end().0, 130);

        let mut listening = Listening::start(&server, &args);
        server.visitor_says(&fast, "after that");
        assert_eq!(listening.contents_until("after that"), ["after that"], "{contract:?}");
        receiver.next().ok();
    }
}

#[test]
fn a_signal_lets_a_delivery_under_way_finish() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor.json");
    let receiver = Receiver::start();
    let args = ["--cursor", file.to_str().unwrap(), "--forward-to", receiver.url()];
    let mut listening = Listening::start(&server, &args);
    server.visitor_says(&id, "one");
    server.visitor_says(&id, "two");
    let posted = receiver.next();
    listening.contents_until("two");
    listening.signal("INT");
    posted.ok();
    assert_eq!(listening.end().0, 130);
    let mut listening = Listening::start(&server, &args);
    assert_eq!(listening.contents_until("two"), ["two"], "the first one was taken, the second never begun");
    assert_eq!(receiver.next().content(), "two");
}

#[test]
fn a_file_that_is_no_cursor_of_this_server_is_refused_and_left_as_it_is() {
    let server = MockServer::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor.json");
    for (text, named) in [
        ("", "is empty"),
        ("\n", "delete it to begin now"),
        ("{", "no event cursor"),
        ("[]", "no event cursor"),
        (r#"{"version":1,"server":"http://elsewhere"}"#, "http://elsewhere"),
        (r#"{"version":2,"server":"http://elsewhere"}"#, "version 2"),
    ] {
        fs::write(&file, text).unwrap();
        let ended = run(at(&server, &["listen", "--cursor", file.to_str().unwrap()]));
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(named) && ended.stderr.contains("cursor.json"), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains("was left as it is"), "{text}: {}", ended.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let same = file.to_str().unwrap();
    let other = folder.path().join("./cursor.json");
    fs::remove_file(&file).unwrap();
    for flags in [
        &["--forward-to", "http://localhost/", "--dead-letter", other.to_str().unwrap()][..],
        &["--ready-file", other.to_str().unwrap()],
    ] {
        let ended = run(at(&server, &[&["listen", "--cursor", same], flags].concat()));
        assert_eq!((ended.code, ended.stderr.contains("same file"), file.exists()), (2, true, false), "{flags:?}");
    }
    let ended = run(at(&server, &["listen", "--cursor", "/nowhere/cursor.json"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("/nowhere/cursor.json"), "{}", ended.stderr);
}

#[test]
fn the_cursor_of_one_session_is_not_taken_for_that_of_all() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor.json");
    let cursor = ["--cursor", file.to_str().unwrap()];
    let of_one = [&cursor[..], &["--session", id.as_str()]].concat();
    Listening::start(&server, &of_one).kill();
    let ended = run(at(&server, &[&["listen"], &cursor[..]].concat()));
    assert_eq!((ended.code, ended.stderr.contains("of session sess_1")), (3, true), "{}", ended.stderr);
    server.visitor_says(&id, "one");
    let mut listening = Listening::start(&server, &of_one);
    assert_eq!(listening.contents_until("one"), ["one"]);
}

#[test]
fn the_cursor_of_another_project_is_named_with_its_file() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor.json");
        let args = ["listen", "--cursor", file.to_str().unwrap()];
        Listening::start(&server, &args[1..]).kill();
        let mut cursor: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        cursor["projects"] = json!(["elsewhere"]);
        fs::write(&file, cursor.to_string()).unwrap();
        let ended = run(at(&server, &args));
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("of another project"), "{}", ended.stderr);
        let hint = format!("hint: the cursor file {} was left as it is", file.display());
        assert!(ended.stderr.contains(&hint), "{}", ended.stderr);
        let left: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(left, cursor);
    }
}
