//! Sessions: in an order, closed by the thousand, watched, exported.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Seed, Visit};
use pocketping_sdk::SessionStatus;
use serde_json::{Value, json};

use crate::pty::Pty;
use crate::run::{Listening, Nobody, at, error_of, pocketping, run, run_with_input};

/// A server with sessions that were made and moved in different orders.
fn three(contract: Contract) -> MockServer {
    let session = |id: &str, name: Value, created: u32, active: u32| {
        json!({"id": id, "identity": name, "createdAt": format!("2024-01-15T10:{created}:00Z"),
               "lastActivity": format!("2024-01-15T10:{active}:00Z")})
    };
    let seed = json!({"sessions": [
        session("sess_a", json!({"name": "zoe"}), 10, 15),
        session("sess_b", json!({"name": "Anna"}), 11, 13),
        session("sess_c", json!(null), 12, 14),
    ]});
    MockServer::builder().contract(contract).seed(Seed::from_json(&seed.to_string()).unwrap()).start().unwrap()
}

#[test]
fn a_list_is_sorted_before_it_is_cut() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = three(contract);
        let ids = |args: &[&str]| {
            let ended = run(at(&server, &[&["sessions", "list", "-q"], args].concat()));
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            ended.stdout.split_whitespace().map(|id| id.trim_start_matches("sess_").to_owned()).collect::<String>()
        };
        for (args, expected) in [
            (&[][..], "cba"),
            (&["--sort", "created"], "cba"),
            (&["--reverse"], "abc"),
            (&["--sort", "activity"], "acb"),
            (&["--sort", "activity", "--reverse"], "bca"),
            (&["--sort", "activity", "--limit", "1"], "a"),
            (&["--sort", "activity", "--all", "--status", "active"], "acb"),
        ] {
            assert_eq!(ids(args), expected, "{contract:?} {args:?}");
        }
        // Strict sessions have no name.
        let (by_name, reversed) = if contract == Contract::Strict { ("cba", "cba") } else { ("bac", "abc") };
        assert_eq!(ids(&["--sort", "name"]), by_name);
        assert_eq!(ids(&["--sort", "name", "--reverse"]), reversed);
    }
    let ended = run(pocketping(&["sessions", "list", "--sort", "colour"]));
    assert_eq!((ended.code, ended.stderr.contains("created, activity, name")), (2, true), "{}", ended.stderr);
}

#[test]
fn a_sorted_list_that_was_cut_says_so() {
    let server = three(Contract::Extended);
    let ended = run(at(&server, &["sessions", "list", "--sort", "name", "--limit", "2"]));
    assert_eq!(ended.stderr, "these are the first 2; --limit N or --all prints more\n");
    assert!(ended.stdout.contains("2024-01-15T10:13:00Z"), "a pipe gets times as they are: {}", ended.stdout);
}

#[test]
fn many_are_closed_with_a_line_each_in_the_order_given() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = three(contract);
        let ended = run(at(&server, &["sessions", "close", "sess_c", "none", "sess_a", "sess_c", "-o", "json"]));
        let lines: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(lines[0], json!({"id": "sess_c", "closed": true}));
        assert_eq!(
            lines[1],
            json!({"id": "none", "closed": false, "error": {
                "code": "SESSION_NOT_FOUND", "exit": 5, "status": 404, "retryable": false, "outcome": "rejected",
                "message": lines[1]["error"]["message"], "requestId": lines[1]["error"]["requestId"],
                "hint": "`pocketping sessions list` shows which there are"}})
        );
        assert_eq!((&lines[2]["id"], &lines[3]["id"], lines.len()), (&json!("sess_a"), &json!("sess_c"), 4));
        let error = error_of(&ended.stderr);
        assert_eq!((ended.code, &error["code"], &error["exit"]), (11, &json!("partial"), &json!(11)));
        assert_eq!(error["message"], "1 of 4 sessions were not closed");
        let closed = server.sessions().iter().filter(|session| session.status == SessionStatus::Closed).count();
        assert_eq!(closed, 2);
    }
}

#[test]
fn what_is_known_of_a_visitor_is_not_deleted_by_an_empty_variable() {
    let server = three(Contract::Extended);
    let identify = |args: &[&str]| run(at(&server, &[&["sessions", "identify", "sess_a"], args].concat()));
    for field in ["--name", "--email", "--customer-id"] {
        let ended = identify(&[field, ""]);
        assert!(ended.code == 2 && ended.stderr.contains(field), "{}", ended.stderr);
    }
    let ended = identify(&["--metadata", "plan=pro", "--metadata", "plan=free"]);
    assert!(ended.code == 2 && ended.stderr.contains("--metadata says plan twice"), "{}", ended.stderr);
    assert_eq!(server.journal().requests().len(), 0);
}

#[test]
fn results_are_printed_in_every_format() {
    let server = three(Contract::Extended);
    let printed = |args: &[&str]| run(at(&server, &[&["sessions", "close", "sess_a", "none"], args].concat())).stdout;
    let failed = "failed: POST /sessions/:sessionId/close: 404 SESSION_NOT_FOUND: Session not found";
    assert_eq!(printed(&[]), format!("sess_a\tclosed\nnone\t{failed}\n"));
    assert_eq!(printed(&["-o", "csv"]), format!("id,result\nsess_a,closed\nnone,{failed}\n"));
    assert_eq!(printed(&["-o", "tsv"]), format!("id\tresult\nsess_a\tclosed\nnone\t{failed}\n"));
    assert_eq!(printed(&["-q"]), "sess_a\n", "what is closed");
    let told = run(at(&server, &["sessions", "close", "sess_a", "none", "-q"])).stderr;
    assert!(told.starts_with("warning: none is not closed: POST "), "{told}");
    assert_eq!(printed(&["-o", "ndjson"]).lines().count(), 2);
    assert_eq!(printed(&["--fields", "closed,id"]), "true\tsess_a\nfalse\tnone\n");
    assert_eq!(printed(&["--jq", ".[] | select(.closed|not).error.code"]), "SESSION_NOT_FOUND\n");
}

#[test]
fn when_all_failed_for_one_reason_that_is_the_exit_code() {
    let server = three(Contract::Extended);
    let none = run(at(&server, &["sessions", "close", "none", "neither"]));
    assert_eq!((none.code, none.stdout.lines().count()), (5, 2));
    let hint = "hint: `pocketping sessions list` shows which there are\n";
    assert_eq!(none.stderr, format!("error: 2 of 2 sessions were not closed\n{hint}"));
    let mut command = at(&server, &["sessions", "close", "sess_a", "sess_b", "sess_c", "--concurrency", "1"]);
    command.env("POCKETPING_API_KEY", "wrong");
    let refused = run(command);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let lines: Vec<_> = refused.stdout.lines().collect();
    assert!(lines[0].contains("401") && lines[1].contains("it was not tried") && lines.len() == 3, "{lines:?}");
    // Nor is a server that takes no more for now asked for the rest.
    for command in ["close", "export"] {
        let fault = r#"{"do": {"kind": "status", "status": 429, "retryAfter": 600}, "times": "always"}"#;
        server.inject(fault.parse().unwrap());
        let before = server.journal().requests().len();
        let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let limited = run(at(&server, &[&["sessions", command][..], &ids, &["-o", "json"]].concat()));
        let error = error_of(limited.stderr.lines().next_back().unwrap());
        assert_eq!((limited.code, &error["exit"], &error["outcome"]), (7, &json!(7), &json!("rejected")), "{error}");
        assert_eq!((&error["retryable"], &error["retryAfterSeconds"]), (&json!(true), &json!(600)), "{error}");
        assert!(server.journal().requests().len() - before <= 4, "those that were begun at once");
        server.clear_faults();
    }
    let nobody = Nobody::new();
    let mut command = at(&server, &["sessions", "close", "sess_a", "sess_b", "--concurrency", "1"]);
    command.env("POCKETPING_API_URL", nobody.url()).args(["-o", "json"]);
    let ended = run(command);
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, &error["retryable"], &error["outcome"]), (9, &json!(true), &json!("not_sent")), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("check the address"), "{error}");
    let untried = &serde_json::from_str::<Value>(&ended.stdout).unwrap()[1]["error"];
    assert_eq!((&untried["retryable"], &untried["outcome"]), (&json!(true), &json!("not_sent")), "{untried}");
}

#[test]
fn ids_come_from_standard_input_and_files() {
    let server = three(Contract::Extended);
    let ended = run_with_input(at(&server, &["sessions", "close", "-"]), "# those\nsess_b\n\n  sess_a\r\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "sess_b\tclosed\nsess_a\tclosed\n"), "{}", ended.stderr);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids");
    std::fs::write(&file, "sess_c\n").unwrap();
    let ended = run(at(&server, &["sessions", "close", &format!("@{}", file.display())]));
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "sess_c\tclosed\n"), "one of a list is a list");
    let nothing = run_with_input(at(&server, &["sessions", "close", "-", "-o", "json"]), "\n");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""));
    assert_eq!(nothing.stderr, "no ids were given; nothing is closed\n");
    for (args, input, code, what) in [
        (&["-", "-"][..], "", 2, "twice"),
        (&["@"], "", 2, "name of a file"),
        (&["@/nowhere/ids"], "", 3, "/nowhere/ids cannot be read"),
        (&["-"], "sess_a\nsess_b\tactive\n", 2, "line 2 of standard input is no id"),
        (&["sess_a", "sess_b", "--concurrency", "0"], "", 2, "1 or more"),
        (&[], "", 2, "SESSION"),
    ] {
        let ended = run_with_input(at(&server, &[&["sessions", "close"], args].concat()), input);
        assert_eq!((ended.code, ended.stderr.contains(what)), (code, true), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_thousand_ids_come_over_standard_input() {
    let server = MockServer::start();
    let mut ids = String::new();
    for _ in 0..1000 {
        writeln!(ids, "{}", server.visitor_opens_session(Visit::new()).id).unwrap();
    }
    let ended = run_with_input(at(&server, &["sessions", "close", "-", "--concurrency", "16"]), &ids);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let expected = ids.lines().fold(String::new(), |all, id| all + id + "\tclosed\n");
    assert_eq!(ended.stdout, expected, "in the order given");
    assert!(server.sessions().iter().all(|session| session.status == SessionStatus::Closed));
}

fn watch(server: &MockServer, args: &[&str]) -> Listening {
    Listening::spawn(at(server, &[&["sessions", "watch", "-o", "ndjson"], args].concat()))
}

#[test]
fn a_watch_tells_the_list_and_then_each_change() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = three(contract);
        let mut watch = watch(&server, &[]);
        let ids: Vec<Value> = (0..3).map(|_| watch.line()["id"].clone()).collect();
        assert_eq!(ids, ["sess_c", "sess_b", "sess_a"]);
        server.visitor_says(&"sess_b".into(), "Hello");
        let moved = watch.line();
        assert_eq!((&moved["id"], &moved["lastActivity"]), (&json!("sess_b"), &json!("2024-01-15T10:30:00Z")));
        let new = server.visitor_opens_session(Visit::new()).id;
        assert_eq!(watch.line()["id"], new.as_str());
        assert_eq!(run(at(&server, &["sessions", "close", "sess_a"])).code, 0);
        let closed = watch.line();
        assert_eq!((&closed["id"], &closed["status"]), (&json!("sess_a"), &json!("closed")));
        watch.signal("INT");
        let (code, lines, stderr) = watch.end();
        assert_eq!((code, lines.len(), stderr.as_str()), (130, 0, ""));
    }
}

#[test]
fn a_watch_keeps_to_its_filter_and_tells_who_leaves() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = three(contract);
        server.visitor_says(&"sess_a".into(), "Hello?");
        let mut watch = watch(&server, &["--unanswered", "--status", "active"]);
        assert_eq!(watch.line()["id"], "sess_a");
        // Nobody waits there.
        run(at(&server, &["messages", "send", "sess_c", "Hi!"]));
        server.visitor_says(&"sess_b".into(), "Me, too");
        assert_eq!(watch.line()["id"], "sess_b");
        run(at(&server, &["messages", "send", "sess_a", "Yes?"]));
        let left = watch.line();
        assert_eq!((&left["id"], left["unanswered"] == true), (&json!("sess_a"), false));
        server.refuse_connections(true);
        server.cut_connections();
        server.visitor_says(&"sess_c".into(), "meanwhile");
        server.refuse_connections(false);
        assert_eq!(watch.line()["id"], "sess_c", "what happened without a link is told, too");
    }
}

#[test]
fn a_watch_on_a_terminal_is_one_table_whose_rows_move() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = three(contract);
        let mut pty = Pty::spawn(&at(&server, &["sessions", "watch"]), 24, 100);
        let is_in_order = |screen: &str, ids: [&str; 3]| {
            let rows = ids.map(|id| screen.lines().position(|line| line.contains(id)));
            let once = ids.iter().all(|id| screen.matches(*id).count() == 1);
            once && rows.is_sorted() && rows[0].is_some()
        };
        pty.wait_for("what moved last is first", |screen| is_in_order(screen, ["sess_a", "sess_c", "sess_b"]));
        server.visitor_says(&"sess_b".into(), "Hello?");
        pty.wait_for("it goes to the top", |screen| is_in_order(screen, ["sess_b", "sess_a", "sess_c"]));
        assert_eq!(run(at(&server, &["sessions", "close", "sess_c"])).code, 0);
        let screen = pty.wait_for("it is closed", |screen| screen.contains("closed"));
        assert!(screen.lines().any(|line| line.contains("sess_c") && line.contains("closed")), "{screen}");
        let new = server.visitor_opens_session(Visit::new()).id;
        let screen = pty.sees(new.as_str());
        assert_eq!(screen.lines().filter(|line| line.contains("sess_")).count(), 4, "{screen}");
        pty.types("\u{3}");
        assert_eq!(pty.ends(), 130);
    }
}

#[test]
fn a_watch_fits_its_terminal_whatever_becomes_of_its_size() {
    let server = MockServer::start();
    let page = format!("https://example.com/{}", "long/".repeat(30));
    let ids = [(); 3].map(|()| server.visitor_opens_session(Visit::new().page_url(&page)).id);
    let mut pty = Pty::spawn(&at(&server, &["sessions", "watch"]), 24, 100);
    let has_each_once = |screen: &str| ids.iter().all(|id| screen.matches(id.as_str()).count() == 1);
    pty.wait_for("all of them", has_each_once);
    for (n, (rows, cols)) in [(60, 24), (10, 60), (60, 22)].into_iter().enumerate() {
        pty.resize(rows, cols);
        assert_eq!(run(at(&server, &["sessions", "close", ids[n].as_str()])).code, 0);
        pty.wait_for("each of them once, as it is now", |screen| {
            has_each_once(screen) && screen.matches("closed").count() == n + 1
        });
    }
}

#[test]
fn a_watch_prints_rows_and_the_fields_asked_for() {
    let server = three(Contract::Extended);
    for (args, expected) in [
        (&["--search", "Anna"][..], "sess_b\tactive\tno\t2024-01-15T10:13:00Z\tAnna\t\n"),
        (&["--search", "Anna", "-o", "csv"], "id,status,unanswered,last_activity,name,page\n"),
        (&["--limit", "1", "-q"], "sess_c\n"),
        (&["--limit", "1", "--fields", "status,id"], "active\tsess_c\n"),
        (&["--limit", "1", "--jq", ".id"], "sess_c\n"),
    ] {
        let mut command = at(&server, &[&["sessions", "watch"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(line, expected);
    }
    let mut command = at(&server, &["sessions", "watch"]);
    command.env("POCKETPING_API_KEY", "wrong");
    assert_eq!(run(command).code, 4);
}
