//! `sessions export`: Markdown that nothing of a visitor can break, JSON, files, and what could not be read.

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::Value;

use crate::run::{at, run};

#[test]
fn sessions_with_their_messages_in_every_form() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        server.visitor_opens_session(Visit::new());
        let evil = "<b>hi</b>\n# no\u{1b}[2J";
        assert_eq!(run(at(&server, &["messages", "send", "sess_abc123", evil])).code, 0);
        let text = run(at(&server, &["sessions", "export", "sess_abc123"])).stdout;
        assert!(text.starts_with("# sess\\_abc123\n\n- status: active\n"), "{text}");
        assert!(text.contains("\n> &lt;b&gt;hi&lt;/b&gt;  \n> \\# no\\\\u{1b}\\[2J\n"), "{text}");
        let all = run(at(&server, &["sessions", "export", "--all", "-o", "ndjson"]));
        let lines: Vec<Value> = all.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["id"], lines[1]["messages"].as_array().unwrap().len()), (&"sess_1".into(), 3));
        let document = run(at(&server, &["sessions", "export", "--all", "--status", "closed", "-o", "json"]));
        assert_eq!((document.code, document.stdout.trim()), (0, "[]"));
    }
}

#[test]
fn a_session_that_the_list_showed_is_not_asked_for_once_more() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        assert_eq!(run(at(&server, &["sessions", "export", "--all"])).code, 0);
        assert_eq!(server.journal().requests().len(), 2);
        server.journal().requests().path("/sessions/sess_abc123/messages").assert_count(1);
    }
}

#[test]
fn what_cannot_be_read_is_said_and_files_are_private() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.md");
    let to_file = |ids: &[&str]| {
        run(at(&server, &[&["sessions", "export"], ids, &["--output-file", file.to_str().unwrap()]].concat()))
    };
    let none = to_file(&["nowhere"]);
    assert!(none.code == 5 && !file.exists(), "{}", none.stderr);
    let some = to_file(&["nowhere", "sess_abc123"]);
    assert!(some.code == 11 && some.stdout.is_empty() && some.stderr.contains("nowhere is missing"), "{}", some.stderr);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# sess"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    #[cfg(unix)]
    {
        let (link, device) = (folder.path().join("link"), folder.path().join("device"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        let export = |to: &std::path::Path| {
            run(at(&server, &["sessions", "export", "sess_abc123", "-q", "--output-file", to.to_str().unwrap()]))
        };
        assert_eq!(export(&link).code, 0);
        assert!(link.is_symlink() && std::fs::read_to_string(&file).unwrap() == "sess_abc123\n");
        let refused = export(&device);
        assert!(refused.code == 3 && refused.stderr.contains("no ordinary file"), "{}", refused.stderr);
        assert!(device.is_symlink(), "it was left as it is");
    }
    for wrong in [
        &["sessions", "export"][..],
        &["sessions", "export", "x", "--all"],
        &["sessions", "export", "x", "--unanswered"],
    ] {
        assert_eq!(run(at(&server, wrong)).code, 2, "{wrong:?}");
    }
}

#[test]
fn rows_are_messages() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    server.visitor_opens_session(Visit::new());
    let printed = run(at(&server, &["sessions", "export", "sess_abc123", "sess_1", "-o", "csv"])).stdout;
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "session,status,name,id,time,from,text");
    assert_eq!(lines[1], "sess_abc123,active,,msg_001,2024-01-15T10:30:00Z,visitor,\"Hello, I have a question\"");
    assert_eq!((lines[3], lines.len()), ("sess_1,active,,,,,", 4));
    let ended = run(at(&server, &["sessions", "export", "--status", "closed"]));
    assert!(ended.code == 2 && ended.stderr.contains("filters go with --all"), "{}", ended.stderr);
    let ended = run(at(&server, &["sessions", "export"]));
    assert!(ended.code == 2 && ended.stderr.contains("--all"), "{}", ended.stderr);
    let ended = run(at(&server, &["sessions", "export", "sess_1", "--output-file", "-"]));
    assert!(ended.code == 2 && ended.stderr.contains("stdout"), "{}", ended.stderr);
}
