//! Every command in every output.

use std::io::{Seek, Write};
use std::process::Command;

use pocketping_mock_server::{Contract, MockServer, Seed, Visit};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::run::{at, error_of, run, run_with_input, transcript};

fn demo(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

#[test]
fn a_conversation_in_every_output() {
    for format in ["table", "json", "ndjson", "csv", "tsv"] {
        let server = demo(Contract::Extended);
        let text = transcript(
            &server,
            &[
                &["sessions", "list", "-o", format],
                &["sessions", "get", "sess_abc123", "-o", format],
                &["messages", "list", "sess_abc123", "-o", format],
                &["messages", "send", "sess_abc123", "Thanks for reaching out!", "-o", format],
                &[
                    "sessions",
                    "identify",
                    "sess_abc123",
                    "--email",
                    "user@example.com",
                    "--metadata",
                    "plan=pro",
                    "-o",
                    format,
                ],
                &["sessions", "ai", "sess_abc123", "off", "-o", format],
                &["sessions", "close", "sess_abc123", "-o", format],
                &["sessions", "list", "--status", "active", "-o", format],
                &["webhooks", "create", "https://yoursite.com/webhook", "-o", format],
                &["webhooks", "list", "-o", format],
                &["webhooks", "delete", "wh_1", "-o", format],
            ],
        );
        insta::assert_snapshot!(format!("conversation_{format}"), text);
    }
}

#[test]
fn the_same_conversation_works_on_a_strict_server() {
    let server = demo(Contract::Strict);
    let text = transcript(
        &server,
        &[
            &["messages", "send", "sess_abc123", "Thanks for reaching out!"],
            &["sessions", "identify", "sess_abc123", "--name", "John Doe"],
            &["sessions", "list", "--unanswered"],
            &["sessions", "list", "--search", "reaching"],
            &["sessions", "close", "sess_abc123", "-o", "ndjson"],
            &["webhooks", "create", "https://yoursite.com/webhook", "--event", "message.created"],
            &["webhooks", "list"],
        ],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn stdout_holds_data_only_and_parses() {
    let server = demo(Contract::Extended);
    let commands: [&[&str]; 6] = [
        &["sessions", "list"],
        &["sessions", "get", "sess_abc123"],
        &["sessions", "close", "sess_abc123"],
        &["messages", "list", "sess_abc123", "--limit", "1"],
        &["webhooks", "create", "https://yoursite.com/webhook"],
        &["webhooks", "list"],
    ];
    for command in commands {
        let ended = run(at(&server, &[command, &["-o", "json"]].concat()));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        serde_json::from_str::<Value>(&ended.stdout).unwrap();
        let ended = run(at(&server, &[command, &["-o", "ndjson"]].concat()));
        for line in ended.stdout.lines() {
            assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}");
        }
    }
}

#[test]
fn a_list_that_was_cut_says_so_on_stderr() {
    let server = demo(Contract::Extended);
    server.visitor_opens_session(Visit::new());
    let sessions = run(at(&server, &["sessions", "list", "--limit", "1"]));
    assert!(sessions.stdout.starts_with("sess_1\t") && sessions.stdout.lines().count() == 1, "the newest one");
    assert!(sessions.stderr.contains("--all"), "{}", sessions.stderr);
    let cut = run(at(&server, &["messages", "list", "sess_abc123", "--limit", "1"]));
    assert!(cut.stdout.starts_with("msg_002\t") && cut.stdout.lines().count() == 1, "the last one");
    assert!(cut.stderr.contains("--all"), "{}", cut.stderr);
    for all in [&["--all"][..], &["--limit", "2"]] {
        let all = run(at(&server, &[&["messages", "list", "sess_abc123"], all].concat()));
        assert_eq!((all.stdout.lines().count(), all.stderr.as_str()), (2, ""));
    }
}

#[test]
fn a_text_may_come_from_standard_input() {
    let server = demo(Contract::Extended);
    let ended = run_with_input(at(&server, &["messages", "send", "sess_abc123", "-"]), "two\nlines\n");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(server.messages(&"sess_abc123".into())[2].content, "two\nlines");
    let dash = run(at(&server, &["messages", "send", "sess_abc123", "--", "-- signed"]));
    assert_eq!(dash.code, 0, "{}", dash.stderr);
    assert_eq!(server.messages(&"sess_abc123".into())[3].content, "-- signed");
}

#[test]
fn a_secret_comes_from_a_file_and_never_from_the_command_line() {
    let server = demo(Contract::Extended);
    let create = ["webhooks", "create", "https://yoursite.com/webhook", "-o", "json", "--secret-file"];
    let ended = run_with_input(at(&server, &[&create[..], &["-"]].concat()), "my-own-secret\n");
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["secret"], "my-own-secret");
    let ended = run(at(&server, &[&create[..], &["/nowhere"]].concat()));
    assert_eq!((ended.code, ended.stderr.contains("/nowhere")), (3, true), "{}", ended.stderr);
}

#[test]
fn what_a_visitor_writes_never_steers_the_terminal() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnp.exe\r\nfake\tcell\u{7f}\u{200b}";
    let seed = serde_json::json!({"sessions": [{
        "id": "sess_1",
        "metadata": {"pageUrl": format!("https://e.com/{hostile}"), "userAgent": hostile, "x": hostile},
        "identity": {"name": hostile, "metadata": {"y": hostile}},
        "messages": [{"content": hostile, "type": "visitor"}]
    }]});
    let server = MockServer::builder().seed(Seed::from_json(&seed.to_string()).unwrap()).start().unwrap();
    for command in [
        &["sessions", "list"][..],
        &["sessions", "get", "sess_1"],
        &["messages", "list", "sess_1"],
        &["messages", "send", "sess_1", hostile],
    ] {
        for format in ["table", "json", "ndjson"] {
            let ended = run(at(&server, &[command, &["-o", format]].concat()));
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || "\u{202e}\u{200b}".contains(c);
            assert!(!ended.stdout.contains(steers), "{command:?} {format}: {:?}", ended.stdout);
        }
    }
    let lines = run(at(&server, &["messages", "list", "sess_1"])).stdout;
    assert!(lines.lines().all(|line| line.matches('\t').count() == 3), "a tab in the text is no cell: {lines:?}");
    let json = run(at(&server, &["messages", "list", "sess_1", "-o", "json"])).stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()[0]["content"], hostile, "JSON keeps the text");
}

#[test]
fn fields_are_printed_by_their_names_in_every_format() {
    let server = demo(Contract::Extended);
    let printed = |format: &str, fields: &str| {
        run(at(&server, &["messages", "list", "sess_abc123", "-o", format, "--fields", fields])).stdout
    };
    assert_eq!(
        printed("table", "type,id,none"),
        "visitor\tmsg_001\t\noperator\tmsg_002\t\n",
        "what nothing has is empty in a row"
    );
    assert_eq!(printed("csv", "type,id"), "type,id\nvisitor,msg_001\noperator,msg_002\n");
    assert_eq!(printed("tsv", "id"), "id\nmsg_001\nmsg_002\n");
    assert_eq!(
        printed("ndjson", "type,id"),
        "{\"type\":\"visitor\",\"id\":\"msg_001\"}\n{\"type\":\"operator\",\"id\":\"msg_002\"}\n"
    );
    let json: Value = serde_json::from_str(&printed("json", "none,id")).unwrap();
    assert_eq!(json, serde_json::json!([{"id": "msg_001"}, {"id": "msg_002"}]));

    let get = ["sessions", "get", "sess_abc123", "--fields", "id,metadata.pageUrl,nope"];
    let ended = run(at(&server, &get));
    assert_eq!(ended.stdout, "id\tsess_abc123\nmetadata.pageUrl\thttps://example.com/pricing\nnope\t\n");
    assert!(ended.stderr.starts_with("warning: nothing here has the field nope; there are "), "{}", ended.stderr);
    let bad = run(at(&server, &["sessions", "list", "--fields", "id,,status"]));
    assert_eq!((bad.code, bad.stdout.as_str()), (2, ""), "{}", bad.stderr);
}

#[test]
fn jq_needs_nothing_but_this_program() {
    let server = demo(Contract::Extended);
    let printed = |args: &[&str]| {
        let ended = run(at(&server, args));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        ended.stdout
    };
    let list = ["messages", "list", "sess_abc123", "--jq"];
    assert_eq!(printed(&[&list[..], &[".[] | .id, .type"]].concat()), "msg_001\nvisitor\nmsg_002\noperator\n");
    assert_eq!(printed(&[&list[..], &["[.[].id]"]].concat()), "[\"msg_001\",\"msg_002\"]\n");
    assert_eq!(printed(&["sessions", "close", "sess_abc123", "--jq", ".status"]), "closed\n");
    assert_eq!(printed(&["explain", "not_found", "--jq", ".exit"]), "5\n");
}

#[test]
fn quiet_prints_ids_only() {
    let server = demo(Contract::Extended);
    let printed = |args: &[&str]| run(at(&server, &[args, &["-q"]].concat())).stdout;
    assert_eq!(printed(&["sessions", "list"]), "sess_abc123\n");
    assert_eq!(printed(&["messages", "list", "sess_abc123"]), "msg_001\nmsg_002\n");
    assert_eq!(printed(&["messages", "send", "sess_abc123", "Hi"]), "msg_1\n");
    assert_eq!(printed(&["sessions", "close", "sess_abc123"]), "sess_abc123\n");
    assert_eq!(printed(&["webhooks", "create", "https://yoursite.com/webhook"]), "wh_1\n");
    let told = printed(&["events", "listen", "--since", "2020-01-01T00:00:00Z", "--limit", "4"]);
    assert_eq!(told, "sess_abc123\nmsg_001\nmsg_002\nmsg_1\n", "an event's own, or that of what it is about");
}

#[test]
fn colour_is_a_matter_of_what_was_asked_for() {
    let server = demo(Contract::Extended);
    let is_coloured = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = at(&server, &[&["sessions", "get", "nope"], args].concat());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("TERM", "xterm").envs(env.iter().copied());
        run(command).stderr.contains('\u{1b}')
    };
    assert!(!is_coloured(&[], &[]), "a pipe");
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1"), ("TERM", "dumb")]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!is_coloured(&["--no-color"], &[("CLICOLOR_FORCE", "1")]));
    assert_eq!(run(at(&server, &["sessions", "list", "--no-color", "--color", "always"])).code, 2);
}

#[test]
fn a_secret_that_is_not_printed_is_told() {
    for args in [&["-q"][..], &["--fields", "id"], &["--jq", ".id"]] {
        let server = MockServer::start();
        let ended = run(at(&server, &[&["webhooks", "create", "https://a.test/"], args].concat()));
        assert!(ended.stdout.contains("wh_1") && !ended.stdout.contains("whsec"), "{args:?}: {}", ended.stdout);
        assert_eq!(ended.stderr, "the secret, which is shown this once: whsec_1_secret\n", "{args:?}");
    }
    let server = MockServer::start();
    let created = run_with_input(
        at(&server, &["webhooks", "create", "https://a.test/", "--secret-file", "-", "--dry-run", "-o", "json"]),
        "a-secret-of-mine-that-is-long\n",
    );
    let told: Value = serde_json::from_str(&created.stdout).unwrap();
    assert_eq!(told["body"]["secret"], "a-se…long");
    let asked = ["api", "POST", "/webhooks", "-f", "url=https://a.test/", "-f", "secret=a-secret-of-mine-that-is-long"];
    let curl = run(at(&server, &[&asked[..], &["--curl"]].concat())).stdout;
    assert!(curl.contains("a-secret-of-mine-that-is-long"), "it does the same: {curl}");
}

#[test]
fn what_was_done_is_not_called_a_wrong_command_line() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let count = || server.messages(&"sess_abc123".into()).len() - 2;
        let send = ["messages", "send", "sess_abc123", "once", "--jq", ".id | error(\"boom\")", "-o", "json"];
        let ended = run(at(&server, &send));
        let error = error_of(&ended.stderr);
        assert_eq!((ended.code, count()), (11, 1), "{error}");
        assert_eq!((&error["outcome"], &error["code"]), (&json!("applied"), &json!("partial")), "{error}");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = at(&server, &["messages", "send", "sess_abc123", "twice"]);
        let output = command.stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), count()), (Some(11), 2), "{stderr}");
        assert!(stderr.contains("hint: it was done"), "{stderr}");
        let unprinted = |args: &[&str], input: &str| {
            let mut lines = tempfile::tempfile().unwrap();
            lines.write_all(input.as_bytes()).unwrap();
            lines.rewind().unwrap();
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let ended = at(&server, args).stdin(lines).stdout(full).output().unwrap();
            (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
        };
        let (code, said) = unprinted(&["chat", "sess_abc123", "--history", "0"], "once more\nand again\n");
        assert_eq!((code, count()), (Some(11), 3), "{said}");
        assert!(said.contains("it was done: once more"), "{said}");
        let receiver = Receiver::start();
        let to = receiver.url().to_owned();
        let taker = std::thread::spawn(move || receiver.next().answer("204 No Content"));
        let (code, said) = unprinted(&["webhooks", "trigger", "message.created", "--to", &to], "");
        taker.join().unwrap();
        assert_eq!((code, said.contains("it was done")), (Some(11), true), "{said}");
        // Nobody took this one.
        let to = format!("{}/sessions", server.url());
        let (code, said) = unprinted(&["webhooks", "trigger", "message.created", "--to", &to], "");
        assert_eq!((code, said.contains("it was done")), (Some(1), false), "{said}");
        // A page of help that is lost is not printed.
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(at(&server, &["sessions", "--help"]).stdout(full).output().unwrap().status.code(), Some(1));
        // What is only read is as before.
        for read in [&["sessions", "list"][..], &["api", "GET", "/sessions"]] {
            assert_eq!(run(at(&server, &[read, &["--jq", "error(\"boom\")"]].concat())).code, 2, "{read:?}");
        }
        let closed =
            run(at(&server, &["sessions", "close", "sess_abc123", "none", "--jq", ".[0] | .id.x", "-o", "json"]));
        assert_eq!(closed.code, 11, "{}", closed.stderr);
    }
}

#[test]
fn a_field_that_nothing_had_of_what_came_over_time_is_said_at_the_end() {
    let server = MockServer::builder().contract(Contract::Extended).demo_seed().start().unwrap();
    let listen = ["listen", "--since", "2024-01-01T00:00:00Z", "--limit", "2", "-o", "ndjson", "--fields"];
    let ended = run(at(&server, &[&listen[..], &["type,nope,type,message.content"]].concat()));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let said = "warning: nothing here has the field nope; there are ";
    assert_eq!(ended.stderr.matches(said).count(), 1, "{}", ended.stderr);
    assert!(ended.stdout.lines().all(|line| line.matches("\"type\"").count() == 1), "{}", ended.stdout);
    let ended = run(at(&server, &[&listen[..], &["type,message.content"]].concat()));
    assert!(!ended.stderr.contains("warning: nothing"), "{}", ended.stderr);
}

#[test]
fn ids_alone_are_ids() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let printed = |args: &[&str]| run(at(&server, args)).stdout;
    assert_eq!(printed(&["api", "GET", "/sessions", "-q"]), "sess_abc123\n");
    assert_eq!(printed(&["api", "GET", "/sessions/sess_abc123", "-q", "-i"]), "sess_abc123\n");
    assert_eq!(printed(&["api", "GET", "/sessions/sess_abc123/messages", "-q"]), "msg_001\nmsg_002\n");
    let wait = ["wait", "--session", "sess_abc123", "--until", ".message", "--timeout", "1m", "-q"];
    let told = printed(&wait);
    assert!(told.starts_with("evt_") || told.starts_with("msg_"), "{told}");
}

#[test]
fn texts_of_an_expression_have_their_tabs_and_what_is_no_json_is_said() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let get = |jq: &str| run(at(&server, &["sessions", "get", "sess_abc123", "--jq", jq]));
    assert_eq!(get(r#""\(.id)\t\(.status)\na\u001b""#).stdout, "sess_abc123\tactive\na\\u{1b}\n");
    let ended = get("{(0|tostring): 1}");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "{\"0\":1}\n"));
    let ended = get("[1] | pick(.[0]) | {a: .} , ({} | .[0] = 1)");
    assert_ne!(ended.code, 0, "{}", ended.stdout);
}

#[test]
#[cfg(unix)]
fn without_a_home_the_environment_is_enough() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    // No user of this number is known here.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=54321", "--regid=54321", "--clear-groups", "env", "-i"]);
    command.arg(format!("POCKETPING_API_URL={}", server.url())).arg(format!("POCKETPING_API_KEY={}", server.api_key()));
    command.arg("POCKETPING_PLAN=pro").arg(env!("CARGO_BIN_EXE_pocketping")).args(["sessions", "list", "-q"]);
    let Ok(output) = command.output() else { return };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    // Only root becomes another user.
    if stderr.contains("setpriv") {
        return;
    }
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
    assert_eq!(output.stdout, b"sess_abc123\n");
}
