//! What the binary tells on stderr while it runs, and on stdout of its socket.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const KEY: &str = "sk_live_never_to_be_told";
const TOKEN: &str = "token_never_to_be_told";

/// Runs the server, asks it these, stops it, and gives its ready line and what it told.
fn told(flags: &[&str], targets: &[&str]) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.sock");
    let mut server = Command::new(env!("CARGO_BIN_EXE_pocketping-mock-server"))
        .args(["--port", "0", "--print", "json", "--api-key", KEY, "--control-token", TOKEN, "--unix-socket"])
        .arg(&path)
        .args(flags)
        .env_remove("POCKETPING_API_KEY")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["socket"], path.to_str().unwrap());
    for target in targets {
        ask(&path, target);
    }
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    let mut stderr = String::new();
    server.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(server.wait().unwrap().success());
    assert!(!path.exists());
    for secret in [KEY, TOKEN, "personal"] {
        assert!(!stderr.contains(secret), "{secret} is told: {stderr}");
    }
    (ready, stderr)
}

fn ask(path: &Path, target: &str) {
    let mut stream = UnixStream::connect(path).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
         X-Request-Id: mine-1\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn every_request_is_a_line_for_programs_without_keys_ids_or_queries() {
    let asked = ["/sessions?q=personal", "/sessions/personal@example.com", "/_mock/state?key=personal"];
    let (_, stderr) = told(&["--log", "info", "--log-format", "json"], &asked);
    let lines: Vec<Value> = stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let lines: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    let told: Vec<_> = lines.iter().map(|line| (&line["surface"], &line["route"], &line["status"])).collect();
    let told = serde_json::to_value(told).unwrap();
    let expected = serde_json::json!([
        ["contract", "/sessions", 200],
        ["contract", "/sessions/:sessionId", 404],
        ["control", "/_mock/state", 401]
    ]);
    assert_eq!(told, expected, "{stderr}");
    assert_eq!((&lines[0]["method"], &lines[0]["request_id"]), (&"GET".into(), &"mine-1".into()), "{stderr}");
}

#[test]
fn nothing_is_told_of_requests_unless_it_is_asked_for() {
    for flags in [&[][..], &["--log", "warn"], &["--log", "off"]] {
        assert_eq!(told(flags, &["/sessions", "/nowhere"]).1, "", "{flags:?}");
    }
    let (_, text) = told(&["--log", "info"], &["/sessions"]);
    assert!(text.contains("answered") && !text.contains('\u{1b}'), "no colours: {text}");
    told(&["--log", "debug"], &["/sessions?q=personal", "/sessions/x"]);
}
