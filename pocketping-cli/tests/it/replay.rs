//! `events replay`: dead letters and recorded events once more.

use std::fs;
use std::process::Stdio;
use std::thread;

use pocketping_mock_server::{Contract, MockServer, Visit};
use pocketping_sdk::webhooks::{Verifier, VerifyError};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::run::{Listening, Nobody, error_of, pocketping, run, run_with_input};

const SECRET: &str = "whsec_of_the_test";

/// A dead letter of a session, from long ago.
fn letter(session: &str) -> String {
    format!(
        r#"{{"delivery":"dlv_{session}","attempts":5,"error":"no connection","failedAt":"2024-01-15T10:31:00Z","payload":{{ "event":"session.closed","timestamp":"2024-01-15T10:30:00Z","data":{{"sessionId":"{session}"}}}}}}"#
    )
}

#[test]
fn dead_letters_are_posted_again_freshly_signed_or_verbatim() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("failed.ndjson"), folder.path().join("secret"));
        fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let (file, secret) = (file.to_str().unwrap(), secret.to_str().unwrap());
        let receiver = Receiver::start();
        let args = ["--forward-to", receiver.url(), "--retries", "0", "--dead-letter", file, "--limit", "2"];
        let listening = Listening::start(&server, &args);
        let mut deliveries = Vec::new();
        let mut bodies = Vec::new();
        for text in ["one", "two"] {
            server.visitor_says(&id, text);
            let posted = receiver.next();
            deliveries.push(posted.header("x-pocketping-delivery").to_owned());
            bodies.push(posted.body.clone());
            posted.answer("500 Internal Server Error");
        }
        assert_eq!(listening.end().0, 0);

        for flags in [&[][..], &["--verbatim"]] {
            let args = ["events", "replay", file, "--to", receiver.url(), "--secret-file", secret, "-o", "ndjson"];
            let replay = thread::spawn({
                let command = pocketping(&[&args, flags].concat());
                move || run(command)
            });
            for n in 0..2 {
                let posted = receiver.next();
                assert_eq!(posted.header("x-pocketping-delivery"), deliveries[n], "in order, under their ids");
                assert_eq!(posted.header("x-pocketping-attempt"), "1");
                let signature = Some(posted.header("x-pocketping-signature"));
                let verified = Verifier::new(SECRET).verify(signature, &posted.body);
                assert!(verified.is_ok(), "{verified:?}");
                assert_eq!(posted.body == bodies[n], flags.len() == 1, "{flags:?}");
                assert_eq!(posted.content(), ["one", "two"][n]);
                posted.ok();
            }
            let ended = replay.join().unwrap();
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
            let expected = |n: usize| {
                format!(
                    r#"{{"delivery":"{}","event":"message.created","session":"{id}","result":"taken","attempts":1,"status":204}}"#,
                    deliveries[n]
                )
            };
            assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), [expected(0), expected(1)]);
        }
    }
}

#[test]
fn what_cannot_be_printed_is_posted_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letters");
    fs::write(&file, ["a", "b", "c"].map(letter).join("\n")).unwrap();
    let receiver = Receiver::start();
    let args = ["events", "replay", file.to_str().unwrap(), "--to", receiver.url(), "--jq", ".status.x", "-o", "json"];
    let replay = thread::spawn({
        let command = pocketping(&args);
        move || run(command)
    });
    (0..3).for_each(|_| receiver.next().ok());
    let ended = replay.join().unwrap();
    let error = error_of(&ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (11, ""), "{error}");
    assert_eq!((&error["outcome"], &error["code"]), (&json!("applied"), &json!("partial")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("cannot index 204"), "{error}");
}

#[test]
fn recorded_events_are_posted_as_they_were_forwarded() {
    let server = MockServer::start();
    let receiver = Receiver::start();
    let mut listening = Listening::start(&server, &["--forward-to", receiver.url(), "--limit", "2"]);
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "Hello!");
    let mut deliveries = Vec::new();
    let mut lines = String::from("{\"event\":\"ready\",\"socket\":\"ws://a/ws\"}\n");
    for _ in 0..2 {
        let posted = receiver.next();
        deliveries.push((posted.header("x-pocketping-delivery").to_owned(), posted.json()["data"].clone()));
        posted.ok();
        lines += &listening.line().to_string();
        lines.push('\n');
    }
    lines += "{\"type\":\"typing.started\",\"sessionId\":\"sess_1\"}\n";
    let replay = thread::spawn({
        let command = pocketping(&["events", "replay", "-", "--to", receiver.url()]);
        move || run_with_input(command, &lines)
    });
    for (delivery, data) in deliveries {
        let posted = receiver.next();
        assert_eq!((posted.header("x-pocketping-delivery"), &posted.json()["data"]), (delivery.as_str(), &data));
        posted.ok();
    }
    let ended = replay.join().unwrap();
    assert_eq!((ended.code, ended.stdout.lines().count()), (0, 2), "{}", ended.stderr);
    assert!(
        ended.stdout.lines().next().unwrap().ends_with("\tsession.created\tsess_1\ttaken\t1\t204"),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.starts_with("1 events of kinds"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_hangs_up_does_not_keep_the_rest_from_being_posted() {
    let receiver = Receiver::start();
    let input: String = ["a", "b", "c"].iter().map(|session| letter(session) + "\n").collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("failed.ndjson");
    fs::write(&file, input).unwrap();
    let args = ["events", "replay", file.to_str().unwrap(), "--to", receiver.url(), "--concurrency", "1"];
    for (answer, code) in [("200 OK", 0), ("500 Internal Server Error", 8)] {
        let mut command = pocketping(&[&args[..], &["--retries", "0"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        for _ in 0..3 {
            receiver.next().answer(answer);
        }
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), stderr.contains("not posted")), (Some(code), false), "{stderr}");
    }
}

#[test]
fn a_bad_line_sends_nothing() {
    let receiver = Receiver::start();
    let input = format!("{}\n{{\"type\":\"message.created\"}}\n", letter("a"));
    let ended = run_with_input(pocketping(&["events", "replay", "-", "--to", receiver.url()]), &input);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error: line 2 is no event"), "{}", ended.stderr);
    assert!(receiver.is_quiet());
}

#[test]
fn how_many_failed_decides_the_code_and_what_failed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("failed.ndjson"), folder.path().join("again.ndjson"));
    fs::write(&file, format!("{}\n{}\n", letter("a"), letter("b"))).unwrap();
    let (file, again) = (file.to_str().unwrap().to_owned(), again.to_str().unwrap().to_owned());
    let receiver = Receiver::start();
    let replay = |file: &str, to: &str, more: &[&str]| {
        let mut command = pocketping(&[&["events", "replay", file, "--to", to, "--retries", "0"], more].concat());
        command.env("POCKETPING_WEBHOOK_SECRET", SECRET);
        thread::spawn(move || run(command))
    };

    let replaying = replay(&file, receiver.url(), &["--dead-letter", &again, "--verbatim"]);
    for _ in 0..2 {
        let posted = receiver.next();
        let signature = Some(posted.header("x-pocketping-signature"));
        let verified = Verifier::new(SECRET).verify(signature, &posted.body);
        assert!(matches!(verified, Err(VerifyError::Stale { .. })), "{verified:?}");
        assert!(posted.body.starts_with(br#"{ "event""#), "byte for byte");
        let is_a = posted.header("x-pocketping-delivery") == "dlv_a";
        posted.answer(if is_a { "200 OK" } else { "410 Gone" });
    }
    let ended = replaying.join().unwrap();
    assert_eq!((ended.code, ended.stdout.lines().count()), (11, 2), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 2 deliveries failed"), "{}", ended.stderr);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&again).unwrap()).unwrap();
    assert_eq!((kept["delivery"].as_str(), kept["status"].as_u64()), (Some("dlv_b"), Some(410)));

    let replaying = replay(&again, receiver.url(), &[]);
    receiver.next().answer("503 Service Unavailable");
    assert_eq!(replaying.join().unwrap().code, 8);
    let nobody = Nobody::new();
    assert_eq!(replay(&again, &nobody.url(), &[]).join().unwrap().code, 9);

    let ended = replay(&again, receiver.url(), &["--dead-letter", &again]).join().unwrap();
    assert_eq!((ended.code, ended.stderr.contains("again.ndjson")), (2, true), "{}", ended.stderr);
    let ended = run(pocketping(&["events", "replay", "-", "--to", receiver.url(), "--secret-file", "-"]));
    assert_eq!((ended.code, ended.stderr.contains("standard input")), (2, true), "{}", ended.stderr);
    let ended = run(pocketping(&["events", "replay", "/nowhere", "--to", receiver.url()]));
    assert_eq!((ended.code, ended.stderr.contains("/nowhere")), (3, true), "{}", ended.stderr);
    let ended = run(pocketping(&["events", "replay", "-", "--to", receiver.url()]));
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "", "no deliveries in standard input\n")
    );
    let ended = run(pocketping(&["events", "replay", "-", "--to", "localhost:3000"]));
    assert_eq!((ended.code, ended.stderr.starts_with("error: --to is")), (2, true), "{}", ended.stderr);
    assert!(receiver.is_quiet());
}
