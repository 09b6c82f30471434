//! `api`, `--dry-run`, and texts that are read: what is sent is looked at in the server's journal.

use std::fs;

use pocketping_mock_server::journal::Kind;
use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::failures::peer;
use crate::run::{Ended, at, error_of, pocketping, run, run_with_input};
use crate::stub::Stub;

fn server(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

fn parsed(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn fields_become_a_body_or_a_query() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        let session = run(at(&server, &["api", "get", "sessions/sess_abc123"]));
        assert_eq!(parsed(&session)["visitorId"], "vis_xyz789");
        let filtered = run(at(&server, &["api", "GET", "/sessions?status=active", "-f", "limit=1", "-o", "ndjson"]));
        assert_eq!((parsed(&filtered).is_object(), filtered.stdout.lines().count()), (true, 1));

        let path = "/sessions/sess_abc123/identify";
        let args = [
            "api",
            "POST",
            path,
            "-f",
            "email=user@example.com",
            "-F",
            "metadata[seats]=3",
            "-F",
            "metadata[vip]=true",
        ];
        assert_eq!(run(at(&server, &args)).code, 0);
        let args = ["api", "POST", "/webhooks", "-f", "url=https://a.test/", "-f", "events[]=message.created"];
        assert_eq!(run(at(&server, &args)).code, 0);
        let body = r#"{"content":"Hello \"you\"","type":"operator"}"#;
        let sent = run_with_input(
            at(
                &server,
                &["api", "POST", "/sessions/sess_abc123/messages", "--input", "-", "-H", "Idempotency-Key: k1"],
            ),
            body,
        );
        assert_eq!(sent.code, 0, "{}", sent.stderr);

        let journal = server.journal();
        let listed = journal.requests().method("GET").path("/sessions").assert_count(1);
        let Kind::Request(listed) = &listed[0].kind else { panic!("{listed:?}") };
        assert_eq!(listed.query.as_deref(), Some("status=active&limit=1"));
        let identity = json!({"email": "user@example.com", "metadata": {"seats": 3, "vip": true}});
        journal.requests().method("POST").path(path).body(identity).assert_count(1);
        let hook = json!({"url": "https://a.test/", "events": ["message.created"]});
        journal.requests().method("POST").path("/webhooks").body(hook).assert_count(1);
        journal.requests().body(json!({"content": "Hello \"you\"", "type": "operator"})).assert_count(1);
    }
}

#[test]
fn the_answer_is_shown_as_the_server_wrote_it() {
    let server = server(Contract::Extended);
    let ended = run(at(&server, &["api", "GET", "/sessions/sess_abc123"]));
    assert!(
        ended.stdout.starts_with("{\n  \"id\": \"sess_abc123\",\n  \"visitorId\": \"vis_xyz789\",\n"),
        "{}",
        ended.stdout
    );
    let ended = run(at(&server, &["api", "GET", "/sessions/sess_abc123", "--include"]));
    let (head, body) = ended.stdout.split_once("\n\n").unwrap();
    assert!(head.starts_with("HTTP 200 OK\n") && head.contains("\nx-pocketping-contract: extended"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["id"], "sess_abc123");
    let ended = run(at(&server, &["api", "GET", "/sessions/sess_abc123", "--include", "-o", "json"]));
    let included = parsed(&ended);
    assert_eq!((&included["status"], &included["body"]["id"]), (&json!(200), &json!("sess_abc123")));
    assert_eq!(included["headers"]["content-type"], "application/json");
    let ended = run(at(&server, &["api", "GET", "/sessions/sess_abc123", "--jq", ".visitorId"]));
    assert_eq!(ended.stdout, "vis_xyz789\n");
    let ended = run(at(&server, &["api", "GET", "/sessions/sess_abc123", "-q"]));
    assert_eq!(ended.stdout, "sess_abc123\n");

    // An answer without a body, and one that is no JSON.
    let hook: Value = parsed(&run(at(&server, &["webhooks", "create", "https://a.test/", "-o", "json"])));
    let path = format!("/webhooks/{}", hook["id"].as_str().unwrap());
    let ended = run(at(&server, &["api", "DELETE", &path, "--include"]));
    assert!(ended.stdout.starts_with("HTTP 204 No Content\n"), "{}{}", ended.stdout, ended.stderr);
    let page = run(at(&server, &["api", "GET", "/_mock/metrics"]));
    assert!(page.code == 0 && page.stdout.starts_with("# "), "{}{}", page.stdout, page.stderr);
    let page = run(at(&server, &["api", "GET", "/_mock/metrics", "-o", "json"]));
    assert_eq!((page.code, page.stdout.as_str()), (8, ""));
}

#[test]
fn all_pages_are_read_one_after_the_other() {
    let server = MockServer::builder().start().unwrap();
    let ids: Vec<_> = (0..5).map(|_| server.visitor_opens_session(Visit::new()).id.to_string()).collect();
    let args = ["api", "GET", "/sessions", "-F", "limit=2", "--paginate", "--jq", ".sessions[].id"];
    let ended = run(at(&server, &args));
    let mut printed: Vec<_> = ended.stdout.lines().collect();
    printed.sort_unstable();
    assert_eq!((ended.code, printed), (0, ids.iter().map(String::as_str).collect()));
    assert_eq!(server.journal().requests().len(), 3);
    let args = ["api", "GET", "/sessions", "-F", "limit=2", "--paginate", "-o", "ndjson"];
    assert_eq!(run(at(&server, &args)).stdout.lines().count(), 3, "a page a line");
}

#[test]
fn a_refusal_is_included_when_its_head_is_asked_for() {
    let server = server(Contract::Extended);
    let asked = ["api", "GET", "/sessions/nope", "--include"];
    let ended = run(at(&server, &asked));
    assert_eq!(ended.code, 5);
    assert!(ended.stdout.starts_with("HTTP 404 Not Found\ncontent-type: application/json\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\nx-request-id: req_") && ended.stdout.contains("\"SESSION_NOT_FOUND\""));
    assert!(ended.stderr.starts_with("error: GET /sessions/"), "{}", ended.stderr);
    let ended = run(at(&server, &[&asked[..], &["-o", "json"]].concat()));
    let included: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&included["status"], &included["body"]["code"]), (&json!(404), &json!("SESSION_NOT_FOUND")));
    assert_eq!(run(at(&server, &asked[..3])).stdout, "", "only when it is");
}

#[test]
fn a_write_of_which_nobody_knows_is_not_called_a_failure_and_never_harmless_to_repeat() {
    let page = Stub::start(|_| ("200 OK\r\nContent-Type: text/html", "<html></html>"));
    let post = ["api", "POST", "/sessions/s/messages", "-f", "content=x", "-o", "json"];
    for (url, status) in [(page.url().to_owned(), json!(200)), (peer(""), json!(null))] {
        let mut command = pocketping(&post);
        command.env("POCKETPING_API_URL", url).env("POCKETPING_API_KEY", "k");
        let ended = run(command);
        let error = error_of(&ended.stderr);
        assert_eq!((ended.code, &error["outcome"], &error["status"]), (10, &json!("unknown"), &status), "{error}");
        assert!(!error["hint"].as_str().unwrap().contains("changes nothing more"), "{error}");
    }
}

#[test]
fn what_cannot_be_asked_is_named_before_anything_is_sent() {
    let server = server(Contract::Extended);
    let get = ["api", "GET", "/sessions"];
    for (args, named) in [
        (&["api", "FETCH", "/sessions"][..], "GET, POST"),
        (&["api", "GET", "https://elsewhere.test/sessions"], "not a whole URL"),
        (&["api", "GET", "/a/../b"], "change the path"),
        (&["api", "GET", "/a//b"], "empty"),
        (&["api", "GET", "/a#b"], "fragment"),
        (&["api", "GET", "/a/%ff"], "UTF-8"),
        (&["api", "POST", "/a", "--paginate"], "--paginate"),
        (&["api", "POST", "/a", "-f", "x"], "KEY=VALUE"),
        (&["api", "POST", "/a", "-f", "x=1", "-f", "x[y]=2"], "x[y]"),
        (&["api", "POST", "/a", "-F", "x=-", "-F", "y=-"], "read once"),
        (&["api", "POST", "/a", "-F", "x=12345678901234567890123"], "12345678901234567890123"),
        (&["api", "POST", "/a", "-F", "x=-1e400"], "-1e400 is too large"),
        (&["api", "GET", "//127.0.0.1:1/a"], "part of the path is empty"),
        (&["api", "GET", "/sessions/"], "part of the path is empty"),
        (&[&get[..], &["--input", "-"]].concat(), "GET takes no --input"),
        (&[&get[..], &["-H", "Authorization: Bearer mine"]].concat(), "Authorization"),
        (&[&get[..], &["-H", "nonsense"]].concat(), "NAME: VALUE"),
        (&[&get[..], &["--curl", "--dry-run"]].concat(), "--dry-run"),
    ] {
        let ended = run(at(&server, args));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
    for file in [&["-F", "x=@/nowhere/file"], &["--input", "/nowhere/file"]] {
        let ended = run(at(&server, &[&["api", "POST", "/a"], &file[..]].concat()));
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains("/nowhere/file"), "{}", ended.stderr);
    }
    let ended = run_with_input(at(&server, &["api", "POST", "/a", "--input", "-"]), "{\"a\":");
    assert!(ended.code == 2 && ended.stderr.contains("standard input is no JSON"), "{}", ended.stderr);
    assert!(server.journal().requests().is_empty());
    let error = run(at(&server, &["api", "GET", "/nothing/here", "-o", "json"]));
    assert_eq!((error.code, &error_of(&error.stderr)["code"]), (5, &json!("NOT_FOUND")));
}

#[test]
#[cfg(unix)]
fn a_curl_command_does_the_same_and_holds_no_key() {
    let server = server(Contract::Extended);
    let path = "/sessions/sess_abc123/messages";
    let args = ["api", "POST", path, "-f", "content=It's \"me\" $HOME", "-f", "type=operator", "--curl"];
    let ended = run(at(&server, &args));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(
        ended.stdout.starts_with("curl -X POST -H \"Authorization: Bearer $POCKETPING_API_KEY\" "),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains(server.api_key()), "{}", ended.stdout);
    assert!(server.journal().requests().is_empty(), "nothing was sent");
    // What a shell gives to curl.
    let script = format!("curl() {{ printf '<%s>' \"$@\"; }}; {}", ended.stdout);
    let told = std::process::Command::new("sh").args(["-c", &script]).env("POCKETPING_API_KEY", "sk").output().unwrap();
    let words = format!(
        "<-X><POST><-H><Authorization: Bearer sk><-H><content-type: application/json>\
         <--data-raw><{{\"content\":\"It's \\\"me\\\" $HOME\",\"type\":\"operator\"}}><{}{path}>",
        server.url()
    );
    assert_eq!(String::from_utf8(told.stdout).unwrap(), words);
}

#[test]
fn every_write_can_be_told_instead_of_done() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = server(contract);
        for (args, method, path, body) in [
            (&["sessions", "close", "sess_abc123"][..], "POST", "/sessions/sess_abc123/close", json!(null)),
            (&["sessions", "ai", "sess_abc123", "off"], "POST", "/sessions/sess_abc123/ai", json!({"enabled": false})),
            (
                &["sessions", "identify", "sess_abc123", "--name", "Ann"],
                "POST",
                "/sessions/sess_abc123/identify",
                json!({"name": "Ann"}),
            ),
            (
                &["messages", "send", "sess_abc123", "Hi"],
                "POST",
                "/sessions/sess_abc123/messages",
                json!({"content": "Hi", "type": "operator"}),
            ),
            (
                &["webhooks", "create", "https://a.test/", "--event", "message.created"],
                "POST",
                "/webhooks",
                json!({"url": "https://a.test/", "events": ["message.created"]}),
            ),
            (&["webhooks", "delete", "wh_1"], "DELETE", "/webhooks/wh_1", json!(null)),
            (&["api", "PATCH", "/anything", "-F", "a=1"], "PATCH", "/anything", json!({"a": 1})),
            (
                &[
                    "api",
                    "PUT",
                    "/anything",
                    "-F",
                    "a= 5",
                    "-F",
                    "b=-0",
                    "-F",
                    "c=1e3",
                    "-F",
                    "d=inf",
                    "-F",
                    "e=1e400x",
                ],
                "PUT",
                "/anything",
                json!({"a": " 5", "b": -0.0, "c": 1000.0, "d": "inf", "e": "1e400x"}),
            ),
        ] {
            let ended = run(at(&server, &[args, &["--dry-run", "-o", "json"]].concat()));
            let told = parsed(&ended);
            assert_eq!((&told["dryRun"], &told["method"], &told["body"]), (&json!(true), &json!(method), &body));
            assert_eq!(told["url"], format!("{}{path}", server.url()));
            assert!(told["headers"]["authorization"].as_str().unwrap().starts_with("Bearer "), "{told}");
            assert!(!ended.stdout.contains(server.api_key()) && ended.stderr.is_empty(), "{told}");
            let told = run(at(&server, &[args, &["--dry-run", "-o", "tsv"]].concat())).stdout;
            assert!(told.starts_with(&format!("method\turl\tbody\n{method}\t{}{path}\t", server.url())), "{told}");
        }
        assert!(server.journal().requests().is_empty(), "nothing was sent");
    }
}

#[test]
fn a_text_is_typed_read_from_a_file_or_from_standard_input() {
    let server = server(Contract::Extended);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    fs::write(&file, "two\nlines\n").unwrap();
    let file = format!("@{}", file.display());
    for (typed, input, sent) in [
        ("plain", "", "plain"),
        (file.as_str(), "", "two\nlines"),
        ("-", "from a pipe\r\n", "from a pipe"),
        ("@@ann look", "", "@ann look"),
        ("@", "", "@"),
        ("a@b.c", "", "a@b.c"),
    ] {
        let ended = run_with_input(at(&server, &["messages", "send", "sess_abc123", typed, "--jq", ".content"]), input);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, format!("{sent}\n").as_str()), "{typed}: {}", ended.stderr);
    }
    let ended = run(at(&server, &["messages", "send", "sess_abc123", "@ann look"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    assert!(
        ended.stderr.contains("ann look") && ended.stderr.contains("hint: ") && ended.stderr.contains("two of them")
    );
    server.journal().requests().method("POST").assert_count(6);
}
