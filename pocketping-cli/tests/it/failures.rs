//! How commands fail: one line on stderr, nothing on stdout, and an exit code that says what kind of failure it was.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use pocketping_mock_server::{Contract, MockServer};

use crate::run::{Nobody, at, error_of, pocketping, run, transcript};

#[test]
fn refusals_of_a_server() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let text = transcript(
            &server,
            &[
                &["sessions", "get", "nope"],
                &["messages", "send", "sess_abc123", "  "],
                &["sessions", "identify", "sess_abc123", "--email", "nobody"],
                &["webhooks", "create", "/relative"],
                &["--api-key", "wrong", "sessions", "list"],
                &["--api-key", "wrong", "events", "listen"],
            ],
        );
        // The two keys on the command line and in the environment: the flag wins.
        insta::assert_snapshot!(format!("refusals_{contract:?}"), text);
    }
}

#[test]
fn a_rate_limit_is_said_with_its_own_code() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    // A minute would be waited for; the deadline is 90 seconds.
    server.inject(r#"{"do": {"kind": "status", "status": 429, "retryAfter": 91}}"#.parse().unwrap());
    let ended = run(at(&server, &["sessions", "list"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (7, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("429 RATE_LIMITED"), "{}", ended.stderr);
}

#[test]
fn a_code_that_the_server_did_not_say_is_not_told_as_its_own() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let body = r#"{"error": "x", "message": "down"}"#;
    let fault = format!(r#"{{"do": {{"kind": "status", "status": 503, "retryAfter": 600, "body": {body}}}}}"#);
    server.inject(fault.parse().unwrap());
    let ended = run(at(&server, &["sessions", "get", "sess_abc123", "-o", "json"]));
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, error["code"].as_str()), (8, Some("server_error")), "{error}");
    assert_eq!(error["message"], "GET /sessions/:sessionId: 503: down");
}

#[test]
fn every_code_ends_as_the_catalogue_says() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let explained = run(pocketping(&["explain", "-o", "json"]));
    let entries: Vec<serde_json::Value> = serde_json::from_str(&explained.stdout).unwrap();
    let mut seen = 0;
    for entry in entries {
        let code = entry["code"].as_str().unwrap();
        let status = match code {
            "INVALID_REQUEST" | "SESSION_CLOSED" | "IDEMPOTENCY_KEY_REUSED" => 400,
            "UNAUTHORIZED" => 401,
            "SESSION_NOT_FOUND" | "WEBHOOK_NOT_FOUND" | "NOT_FOUND" => 404,
            "METHOD_NOT_ALLOWED" => 405,
            "IDEMPOTENCY_IN_PROGRESS" => 409,
            "PAYLOAD_TOO_LARGE" => 413,
            "RATE_LIMITED" => 429,
            "INTERNAL_ERROR" => 500,
            own if own.bytes().any(|byte| byte.is_ascii_lowercase()) => continue,
            other => panic!("which status has {other}?"),
        };
        seen += 1;
        let body = format!(r#"{{"error": "x", "message": "y", "code": "{code}"}}"#);
        let fault = format!(
            r#"{{"do": {{"kind": "status", "status": {status}, "retryAfter": 600, "body": {body}}}, "times": "always"}}"#
        );
        server.inject(fault.parse().unwrap());
        // What a server failed to do may have been done, of a write; so it is read.
        let call = if status == 409 { ["POST", "/sessions/sess_abc123/close"] } else { ["GET", "/sessions"] };
        let ended = run(at(&server, &[&["api"], &call[..], &["-o", "json"]].concat()));
        let error = error_of(&ended.stderr);
        assert_eq!((&error["code"], &error["exit"]), (&entry["code"], &entry["exit"]), "{error}");
        server.clear_faults();
    }
    assert_eq!(seen, 12);
}

#[test]
fn a_write_that_was_led_elsewhere_may_have_been_done() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let fault =
        r#"{"on": {"method": "POST"}, "do": {"kind": "status", "status": 302, "headers": {"location": "/elsewhere"}}}"#;
    server.inject(fault.parse().unwrap());
    let ended = run(at(&server, &["sessions", "close", "sess_abc123", "-o", "json"]));
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, &error["code"], &error["status"]), (10, &"outcome_unknown".into(), &302.into()), "{error}");
    assert!(error["hint"].as_str().unwrap().starts_with("it may have been done; "), "{error}");
    let read = r#"{"do": {"kind": "status", "status": 302, "headers": {"location": "http://elsewhere.test/"}}}"#;
    server.inject(read.parse().unwrap());
    assert_eq!(run(at(&server, &["sessions", "list"])).code, 3);
}

#[test]
fn a_code_is_what_the_server_said_and_nothing_it_did_not_say() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    for (status, exit, code) in
        [(404, 8, "server_error"), (413, 8, "server_error"), (502, 8, "server_error"), (401, 4, "auth")]
    {
        let fault = format!(r#"{{"do": {{"kind": "gateway", "status": {status}}}, "times": "always"}}"#);
        server.inject(fault.parse().unwrap());
        let ended = run(at(&server, &["api", "GET", "/sessions", "-o", "json"]));
        let error = error_of(&ended.stderr);
        assert_eq!((ended.code, &error["code"], &error["status"]), (exit, &code.into(), &status.into()), "{error}");
        server.clear_faults();
    }
}

#[test]
fn wrong_settings_are_named_before_anything_is_sent() {
    for (args, code, named) in [
        (&["sessions", "list"][..], 3, "POCKETPING_API_KEY"),
        (&["--api-key", "k", "--api-url", "localhost:3001", "sessions", "list"], 3, "localhost:3001"),
        (&["--api-key", "k", "--api-url", "", "sessions", "list"], 3, "absolute URL"),
        (&["--api-key", "a b", "sessions", "list"], 3, "API key"),
        (&["--api-key", "", "sessions", "list"], 3, "API key"),
        (&["--api-key", "k", "messages", "send", "s", "--tpye"], 2, "--tpye"),
        (&["--api-key", "k", "messages", "send", "s", "x", "--type", ""], 2, "--type"),
        (&["--api-key", "a", "--api-key", "b", "sessions", "list"], 2, "more than once"),
        (&["--api-key", "k", "sessions", "get", ".."], 2, "sessionId"),
        (&["sessions", "identify", "s"], 2, "--email"),
        (&["sessions", "identify", "s", "--metadata", "novalue"], 2, "KEY=VALUE"),
        (&["sessions", "list", "--since", "yesterday"], 2, "RFC 3339"),
        (&["sessions", "list", "--limit", "0"], 2, "--limit"),
        (&["sessions", "list", "--status", "ACTIVE"], 2, "active, closed"),
        (&["events", "listen", "--limit", "0"], 2, "--limit"),
        (&["sessions", "ai", "s", "maybe"], 2, "on, off"),
        (&["sessions"], 2, "Usage"),
        (&["nonsense"], 2, "nonsense"),
        (&["sessions", "list", "-o", "xml"], 2, "table, json, ndjson, csv, tsv"),
    ] {
        let ended = run(pocketping(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
    for (name, value) in [("POCKETPING_PLAN", "gold"), ("POCKETPING_API_URL", ""), ("POCKETPING_API_KEY", "")] {
        let mut command = pocketping(&["sessions", "list"]);
        command.env("POCKETPING_API_KEY", "k").env(name, value);
        let ended = run(command);
        assert_eq!((ended.code, ended.stderr.contains(name)), (3, true), "{}", ended.stderr);
        // A demo needs none of them.
        let mut demo = pocketping(&["demo"]);
        demo.env(name, value);
        assert_eq!(run(demo).code, 0, "{name}");
    }
}

/// A peer that answers every request with this, or hangs up when it is empty.
pub(crate) fn peer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if stream.read(&mut [0; 4096]).unwrap_or(0) > 0 {
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    url
}

#[test]
fn what_is_not_pocketping_is_recognised() {
    let html =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>";
    let bridge = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 19\r\nConnection: close\r\n\r\n404 page not found\n";
    let send = &["messages", "send", "s", "x"][..];
    let list = &["sessions", "list"][..];
    let cases = [
        (html, list, 8, ["not JSON (text/html)", "hint: this is a web page"]),
        (html, send, 10, ["hint: it may have been sent", "; this is a web page"]),
        (
            bridge,
            list,
            8,
            [
                "404: the answer was not the API's JSON (text/plain)",
                "hint: this looks like PocketPing's Go bridge server",
            ],
        ),
        ("", send, 10, ["the connection broke", "hint: it may have been sent"]),
    ];
    // A send is looked for before it is given up, so all at once.
    thread::scope(|scope| {
        for (answer, command, code, words) in cases {
            scope.spawn(move || {
                let ended = run(pocketping(&[&["--api-key", "k", "--api-url", &peer(answer)], command].concat()));
                assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{command:?}: {}", ended.stderr);
                for word in words {
                    assert!(ended.stderr.contains(word), "{command:?}: {}", ended.stderr);
                }
            });
        }
    });
}

#[test]
fn nobody_there_is_said_after_the_retries() {
    let nobody = Nobody::new();
    let ended = run(pocketping(&["--api-key", "k", "--api-url", &nobody.url(), "sessions", "list"]));
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("error: GET /sessions: no connection to http://127.0.0.1:"), "{lines:?}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains("pocketping mock"), "{lines:?}");
}

#[test]
fn errors_are_json_where_the_output_is() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let nobody = Nobody::new();
    let url = nobody.url();
    for (args, code, exit, status, outcome) in [
        (&["sessions", "get", "nope"][..], "SESSION_NOT_FOUND", 5, Some(404), Some("rejected")),
        (&["--api-key", "wrong", "sessions", "list"], "UNAUTHORIZED", 4, Some(401), Some("rejected")),
        (&["messages", "send", "sess_abc123", " "], "INVALID_REQUEST", 6, Some(400), Some("rejected")),
        (&["--api-url", &url, "sessions", "close", "s"], "network", 9, None, Some("not_sent")),
        (&["--api-url", "nonsense", "sessions", "list"], "config", 3, None, None),
        (&["sessions", "list", "--limit", "0"], "usage", 2, None, None),
        (&["sessions", "list", "--jq", ".["], "usage", 2, None, None),
        (&["sessions", "get", "sess_abc123", "--jq", ".id.x"], "usage", 2, None, None),
        (&["explain", "nope"], "not_found", 5, None, None),
    ] {
        for format in [&["-o", "json"][..], &["--output=ndjson"]] {
            let ended = run(at(&server, &[args, format].concat()));
            let error = error_of(&ended.stderr);
            assert_eq!((ended.code, ended.stdout.as_str()), (exit, ""), "{error}");
            assert_eq!((error["code"].as_str(), error["exit"].as_i64()), (Some(code), Some(exit.into())), "{error}");
            assert_eq!((error["status"].as_i64(), error["outcome"].as_str()), (status, outcome), "{error}");
            assert_eq!(error["retryable"], code == "network", "{error}");
            assert_eq!(error["requestId"].is_string(), outcome.is_some(), "{error}");
            let message = error["message"].as_str().unwrap();
            assert!(!message.is_empty() && !message.contains("--help") && error.get("hint").is_some(), "{error}");
        }
    }
}
