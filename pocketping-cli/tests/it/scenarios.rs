//! `mock run`, `mock stories`, `mock export`: timelines as files.

use std::io::Write;
use std::process::Stdio;

use pocketping_mock_server::{Contract, MockServer, Scenario, Visit};
use serde_json::{Value, json};

use crate::run::{at, pocketping, run, run_with_input};

#[test]
fn every_story_runs_in_both_contracts() {
    for story in Scenario::stock_names() {
        for contract in ["strict", "extended"] {
            let ended = run(pocketping(&["mock", "run", story, "--contract", contract, "-o", "json"]));
            assert_eq!(ended.code, 0, "{story} {contract}: {}", ended.stderr);
            let steps: Value = serde_json::from_str(&ended.stdout).unwrap();
            assert!(steps.as_array().unwrap().len() > 5, "{story}");
        }
    }
}

#[test]
fn what_was_done_is_printed_and_what_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("story.yaml");
    std::fs::write(&file, "steps:\n  - visit: {as: ann}\n  - wait: 2h\n  - expect: {in: ann, count: 3}\n").unwrap();
    let ended = run(pocketping(&["mock", "run", file.to_str().unwrap()]));
    let said = "1\tann opens sess_1\n2\t2h later\n3\tfailed: not all is as expected\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (12, said));
    assert_eq!(ended.stderr, "- count: 3\n+ count: 0\nerror: step 3, line 4: not all is as expected\n");
    let ended = run(pocketping(&["mock", "run", file.to_str().unwrap(), "-o", "json"]));
    let steps: Value = serde_json::from_str(&ended.stdout).unwrap();
    let failed = json!({"why": "not all is as expected", "line": 4, "differences": ["- count: 3", "+ count: 0"]});
    assert_eq!((ended.code, &steps[1]), (12, &json!({"step": 2, "done": "2h later"})));
    assert_eq!(steps[2], json!({"step": 3, "failed": failed}));
}

#[test]
fn what_cannot_be_read_is_a_wrong_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("story.yaml");
    std::fs::write(&file, "steps:\n  - visit: {as: ann}\n  - say: {as: ann}\n").unwrap();
    let ended = run(pocketping(&["mock", "run", file.to_str().unwrap()]));
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("step 2, line 3: `say`: missing field `text`"), "{}", ended.stderr);
    let ended = run(pocketping(&["mock", "run", "no-such-story"]));
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("no-such-story") && ended.stderr.contains("rush-hour"), "{}", ended.stderr);
    let ended = run(pocketping(&["mock", "stories", "no-such-story"]));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
}

#[test]
fn a_story_that_is_printed_can_be_run_from_standard_input() {
    let listed = run(pocketping(&["mock", "stories"]));
    let about = "demo\tTwo visitors, one operator: a question about prices, and a broken page.\n";
    assert!(listed.stdout.contains(about), "{}", listed.stdout);
    let story = run(pocketping(&["mock", "stories", "demo"]));
    assert_eq!((story.code, story.stdout.as_str()), (0, Scenario::stock_file("demo").unwrap()));
    let mut child = pocketping(&["mock", "run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(story.stdout.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_session_of_a_server_becomes_a_scenario() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let session = server.visitor_opens_session(Visit::new().page_url("https://a/"));
        server.visitor_says(&session.id, "Hello");
        let url = server.url().to_owned();
        let command = ["--api-url", &url, "--api-key", "test_key", "mock", "export", session.id.as_str()];
        let ended = run(pocketping(&command));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let scenario: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(scenario["steps"][0], json!({"visit": {"as": "visitor", "page": "https://a/"}}), "{contract:?}");
        assert_eq!(scenario["steps"][1], json!({"say": {"as": "visitor", "text": "Hello"}}));
        if contract == Contract::Extended {
            server.operator().reads(&session.id);
            assert_eq!(run(pocketping(&command)).stderr, "note: 1 receipt is left out\n");
        }
    }
}

#[test]
fn an_exported_session_is_a_story_whatever_its_visitor_wrote() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let said = "left\u{200e}right \u{feff}\u{1b}[2J \"quoted\"";
    server.visitor_says(&"sess_abc123".into(), said);
    // More than a page.
    for n in 0..120 {
        server.visitor_says(&"sess_abc123".into(), format!("message {n}"));
    }
    let story = run(at(&server, &["mock", "export", "sess_abc123"])).stdout;
    assert!(!story.contains(['\u{200e}', '\u{feff}', '\u{1b}']), "it steers no terminal");
    let read: Value = serde_json::from_str(&story).unwrap();
    assert!(read.to_string().contains(&serde_json::to_string(said).unwrap()[1..12]), "{read}");
    assert!(story.contains("message 119"));
    let played = run_with_input(pocketping(&["mock", "run", "-"]), &story);
    assert_eq!(played.code, 0, "{}", played.stderr);
}
