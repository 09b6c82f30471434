//! The server as a binary: its flags, its ready line and file, its end.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "the library's tests use all of it")]
#[path = "it/receiver.rs"]
mod receiver;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pocketping_sdk::webhooks::Verifier;

use receiver::Webhook;

const SECRET: &str = "POCKETPING_EVENTS_WEBHOOK_SECRET";

fn server(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping-mock-server"));
    command.args(args).env_remove("POCKETPING_API_KEY").env_remove(SECRET).stdin(Stdio::null());
    command
}

/// Starts a server and gives its URL.
fn started(command: &mut Command) -> (Running, String) {
    let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().split_once("ready at ").unwrap().1.split(' ').next().unwrap().to_owned();
    (running, url)
}

fn failed(args: &[&str]) -> (i32, String) {
    let mut running = Running(server(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let [mut line, mut stderr] = [String::new(), String::new()];
    // A server that starts says so, and would not end.
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "", "{args:?}");
    running.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (running.0.wait().unwrap().code().unwrap(), stderr)
}

/// Stops the server when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn get(url: &str, path: &str, key: &str) -> String {
    send(url, &format!("GET {path}"), &format!("Authorization: Bearer {key}"), "")
}

fn send(url: &str, line: &str, header: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{header}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_is_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("url");
    std::fs::write(&ready, "stale").unwrap();
    let args = ["--port", "0", "--seed", "demo", "--contract", "strict", "--ready-file", ready.to_str().unwrap()];
    let mut running = Running(server(&args).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (url, key) = line.trim().split_once("ready at ").unwrap().1.split_once(" (key ").unwrap();
    let key = key.trim_end_matches(')');
    assert!(key.starts_with("sk_mock_") && key.len() > 40, "a key nobody can guess: {key}");
    assert_eq!(std::fs::read_to_string(&ready).unwrap().trim(), url);
    let answer = get(url, "/sessions", key);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("sess_abc123"), "{answer}");
    assert!(!answer.contains("\nx-pocketping-contract:"), "strict");

    let terminated = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = running.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it did not end");
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
    assert!(!ready.exists(), "the ready file is gone with the server");
}

#[test]
fn a_signal_that_comes_as_early_as_it_can_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..10 {
        let ready = folder.path().join(n.to_string());
        let mut running = Running(
            server(&["--port", "0", "--ready-file", ready.to_str().unwrap()]).stdout(Stdio::null()).spawn().unwrap(),
        );
        let deadline = Instant::now() + Duration::from_secs(10);
        while !ready.exists() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap().success());
        assert!(running.0.wait().unwrap().success());
        assert!(!ready.exists());
    }
}

#[test]
fn a_server_that_cannot_start_takes_away_what_a_killed_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, seed) = (folder.path().join("url"), folder.path().join("seed.json"));
    std::fs::write(&seed, "{\"sessions\": 5}").unwrap();
    let mut killed = Running(
        server(&["--port", "0", "--ready-file", ready.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap(),
    );
    BufReader::new(killed.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    assert!(ready.exists());
    let (code, stderr) =
        failed(&["--port", "0", "--ready-file", ready.to_str().unwrap(), "--seed", seed.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains("--seed") && stderr.contains("seed.json"), "{stderr}");
    assert!(!ready.exists(), "whoever waits for it would be led to nobody");
}

#[test]
fn a_server_that_cannot_start_leaves_the_others_ready_file() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("url");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = format!("http://{}", taken.local_addr().unwrap());
    std::fs::write(&ready, &other).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, stderr) = failed(&["--port", &port, "--ready-file", ready.to_str().unwrap()]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(std::fs::read_to_string(&ready).unwrap(), other);
}

#[test]
fn several_keys_are_taken_and_the_limit_too() {
    let args = ["--port", "0", "--api-key", "one=a", "--api-key", "two=b", "--rate-limit", "7/min"];
    let mut running = Running(server(&args).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().split_once("ready at ").unwrap().1;
    assert!(!line.contains("one"), "a key that was given is not repeated: {line}");
    for key in ["one", "two"] {
        assert!(get(url, "/sessions", key).contains("ratelimit-limit: 7"));
    }
}

#[test]
fn wrong_flags_and_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("seed.json");
    std::fs::write(&bad, r#"{"sessions": [{"visitor": "v"}]}"#).unwrap();
    let bad = bad.to_str().unwrap();
    let rules = folder.path().join("rules.json");
    std::fs::write(&rules, r#"{"rules": [{"pattern": "(", "reply": "x"}]}"#).unwrap();
    let rules = rules.to_str().unwrap();
    let twice = folder.path().join("twice.json");
    std::fs::write(&twice, r#"{"sessions": [{"id": "a"}, {"id": "a"}]}"#).unwrap();
    let twice = twice.to_str().unwrap();
    for (args, code, named) in [
        (&["--contract", "loose"][..], 2, "strict"),
        (&["--rate-limit", "gold"], 2, "N/min"),
        (&["--port", "70000"], 2, "--port"),
        (&["--host", "nowhere"], 2, "--host"),
        (&["--api-key", "=t"], 2, "API key"),
        (&["--port", "0", "--api-key", "k=a", "--api-key", "k=b"], 1, "two tenants"),
        (&["--port", "0", "--seed", "/nowhere.json"], 1, "--seed /nowhere.json cannot be read"),
        (&["--port", "0", "--seed", bad], 1, "sessions[0].visitor"),
        (&["--port", "0", "--seed", twice], 1, "twice.json: the seed cannot be used: sessions[1].id"),
        (&["--port", "0", "--webhook-ca", "/nowhere.pem"], 1, "/nowhere.pem cannot be read"),
        (&["--port", "0", "--webhook-ca", twice], 1, "twice.json: the webhook root certificate holds no PEM block"),
        (&["--port", "0", "--ready-file", "/nowhere/file"], 1, "--ready-file /nowhere/file"),
        (&["--events-webhook", "nowhere"], 2, "--events-webhook"),
        (&["--events-webhook", "ftp://example.com/"], 2, "must start with http:// or https://"),
        (&["--events-webhook-secret", "whsec_test"], 2, "--events-webhook"),
        (&["--events-webhook", "http://a/", "--events-webhook-secret", ""], 2, "it is empty"),
        (&["--host", "0.0.0.0", "--port", "0", "--events-webhook", "http://10.0.0.1/"], 1, "--allow-private-webhooks"),
        (&["--host", "0.0.0.0", "--port", "0", "--events-webhook", "http://localhost/"], 1, "the events webhook"),
        (&["--ai-delay", "30"], 2, "a number with its unit, such as 500ms, 30s, 10m, 2h or 7d; or off"),
        (&["--ai-delay", "0s"], 2, "--ai-delay"),
        (&["--ai-rules", rules], 2, "--ai-delay"),
        (&["--port", "0", "--ai-delay", "off", "--ai-rules", rules], 2, "--ai-rules needs an --ai-delay"),
        (
            &["--port", "0", "--ai-delay", "1s", "--ai-rules", "/nowhere.json"],
            1,
            "--ai-rules /nowhere.json cannot be read",
        ),
        (
            &["--port", "0", "--ai-delay", "1s", "--ai-rules", rules],
            1,
            "rules.json: the AI rules cannot be used: rules[0]",
        ),
        (&["--print", "yaml"], 2, "text or json"),
        (&["--tls"], 2, "--tls-ca-file"),
        (&["--tls-name", "mock.example"], 2, "--tls"),
        (
            &["--port", "0", "--tls", "--tls-ca-file", "/nowhere/ca.pem"],
            1,
            "--tls-ca-file /nowhere/ca.pem cannot be written",
        ),
        (&["--port", "0", "--tls", "--tls-ca-file", "/nowhere/ca.pem", "--tls-name", "naïve"], 1, "naïve"),
        (&["--stop-within", "0s"], 2, "longer than zero"),
        (&["--max-body", "1023"], 2, "it must be 1KiB or more"),
        (&["--max-body", "1MB"], 2, "--max-body"),
        (&["--max-frame", "0"], 2, "--max-frame"),
        (&["--max-upload", "1.5MiB"], 2, "--max-upload"),
        (&["--upload-memory", "17179869184GiB"], 2, "it is too large"),
        (&["--max-queue", "0"], 2, "--max-queue"),
        (&["--widget-min-version", "two"], 2, "--widget-min-version"),
        (&["--widget-latest-version", "1.2.3.4"], 2, "such as 2.6.0"),
    ] {
        let (status, stderr) = failed(args);
        assert_eq!(status, code, "{args:?}: {stderr}");
        assert!(stderr.contains(named), "{args:?}: {stderr}");
        assert!(code == 2 || stderr.lines().count() == 1, "one line: {stderr}");
        assert!(!stderr.contains("whsec_test"), "a secret is not repeated: {stderr}");
    }
}

#[test]
fn events_limits_versions_and_the_ai_are_set_by_flags() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.json");
    std::fs::write(&rules, r#"{"rules": [{"pattern": "price|cost", "reply": "Plans start at $19."}]}"#).unwrap();
    let hook = Webhook::start();
    let (_running, url) = started(
        server(&["--port", "0", "--api-key", "key", "--events-webhook", &hook.url])
            .args(["--ai-delay", "1ms", "--ai-rules", rules.to_str().unwrap()])
            .args(["--max-body", "2KiB", "--max-frame", "64KiB", "--max-upload", "10"])
            .args(["--upload-memory", "1MiB", "--max-queue", "7"])
            .args(["--widget-min-version", "1.5", "--widget-latest-version", "v2.6.0"])
            .env(SECRET, "whsec_test"),
    );
    let verifier = Verifier::new("whsec_test");
    let next = || {
        let got = hook.next("200 OK");
        let genuine = verifier.verify(got.header("x-pocketping-signature"), got.body.as_bytes()).unwrap();
        (genuine.payload().name().to_owned(), genuine.payload().session_id().map(str::to_owned))
    };

    let version = "X-PocketPing-Version: 1.9.0";
    let connected = send(&url, "POST /pocketping/connect", version, r#"{"visitorId":"v"}"#);
    for told in ["HTTP/1.1 200", "version-status: deprecated", "min-version: 1.5.0", "latest-version: 2.6.0"] {
        assert!(connected.contains(told), "{told}: {connected}");
    }
    let (name, session) = next();
    let session = session.unwrap();
    assert_eq!(name, "new_session");
    let old = send(&url, "POST /pocketping/connect", "X-PocketPing-Version: 1.4.9", r#"{"visitorId":"w"}"#);
    assert!(old.starts_with("HTTP/1.1 426"), "{old}");

    let body = format!(r#"{{"sessionId":"{session}","content":"{}"}}"#, "x".repeat(2048));
    assert!(send(&url, "POST /pocketping/message", "Accept: */*", &body).starts_with("HTTP/1.1 413"));
    let file = format!(r#"{{"sessionId":"{session}","filename":"a.txt","mimeType":"text/plain","size":11}}"#);
    let refused = send(&url, "POST /pocketping/upload", "Accept: */*", &file);
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("10 bytes"), "{refused}");

    let said = format!(r#"{{"sessionId":"{session}","content":"What does it cost?"}}"#);
    assert!(send(&url, "POST /pocketping/message", "Accept: */*", &said).starts_with("HTTP/1.1 200"));
    assert_eq!([next().0, next().0], ["visitor_message", "ai_takeover"]);
    let messages = get(&url, &format!("/sessions/{session}/messages"), "key");
    assert!(messages.contains("Plans start at $19."), "{messages}");
}

#[test]
fn the_secret_of_the_environment_is_looked_at_where_it_is_needed() {
    // Nobody asks for it, or the flag wins.
    drop(started(server(&["--port", "0"]).env(SECRET, "")));
    let hook = Webhook::start();
    let flags = ["--port", "0", "--events-webhook", &hook.url, "--events-webhook-secret", "whsec_test"];
    let (_running, url) = started(server(&flags).env(SECRET, ""));
    send(&url, "POST /pocketping/connect", "Accept: */*", r#"{"visitorId":"v"}"#);
    assert!(hook.next("200 OK").header("x-pocketping-signature").is_some());

    let mut command = server(&["--port", "0", "--events-webhook", "http://127.0.0.1:1/"]);
    let Output { status, stderr, .. } = command.env(SECRET, "").output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stderr.contains(SECRET)), (Some(1), true), "{stderr}");
}

#[test]
fn faults_are_said_on_the_command_line_and_wrong_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fault.json");
    std::fs::write(&file, r#"{"on": {"route": "/webhooks"}, "do": {"kind": "status", "status": 418}}"#).unwrap();
    let path = format!("@{}", file.display());
    let inline = r#"{"on": {"route": "/sessions"}, "do": {"kind": "status", "status": 503, "body": "no"}, "times": 2}"#;
    let args = ["--port", "0", "--api-key", "k", "--fault", inline, "--fault", &path];
    let (_running, url) = started(&mut server(&args));
    for (route, status) in [("/sessions", 503), ("/sessions", 503), ("/sessions", 200), ("/webhooks", 418)] {
        let answer = get(&url, route, "k");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{route}: {answer}");
    }
    let refused = |fault: &str, said: &str| {
        let (code, stderr) = failed(&["--port", "0", "--fault", fault]);
        assert!(code == 2 && stderr.contains(said), "{code} {stderr}");
    };
    let wrong = r#"{"do": {"kind": "status", "status": 99}}"#;
    refused(wrong, "`do.status` must be a whole number from 200 to 599");
    std::fs::write(&file, wrong).unwrap();
    refused(&path, &format!("{}: `do.status` must be a whole number", file.display()));
    let never = r#"{"on": {"key": "nobody's"}, "do": {"kind": "reset"}}"#;
    refused(never, "a fault that is wanted from the start: `on.key` must be a key that this server takes");
    refused("@/nowhere/fault.json", "/nowhere/fault.json cannot be read");
}

#[test]
fn the_ready_line_is_an_object_when_that_is_asked_for() {
    for (args, contract, has_key) in [
        (&["--port", "0", "--print", "json"][..], "extended", true),
        (&["--port", "0", "--print", "json", "--contract", "strict", "--api-key", "given_key"], "strict", false),
    ] {
        let mut running = Running(server(args).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["contract"], contract, "{line}");
        assert_eq!(ready["pid"], running.0.id(), "{line}");
        assert_eq!(ready["apiKey"].is_string(), has_key, "{line}");
        assert!(!line.contains("given_key"), "{line}");
        let key = ready["apiKey"].as_str().unwrap_or("given_key");
        assert!(get(ready["url"].as_str().unwrap(), "/sessions", key).starts_with("HTTP/1.1 200"));
    }
}

/// Sends SIGTERM.
fn terminate(running: &Running) {
    assert!(Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap().success());
}

/// A server with an hour to stop, on which a request has half arrived when it is told to.
fn stopping() -> (Running, TcpStream) {
    let (mut running, url) = started(&mut server(&["--port", "0", "--api-key", "key", "--stop-within", "1h"]));
    let address = url.strip_prefix("http://").unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n").unwrap();
    // A whole one behind it: by its answer the half one was accepted.
    assert!(get(&url, "/health", "key").starts_with("HTTP/1.1 200"));
    terminate(&running);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "still listening");
        std::thread::yield_now();
    }
    assert!(running.0.try_wait().unwrap().is_none(), "it waits for the request");
    (running, half)
}

#[test]
fn a_running_request_is_answered_before_the_end() {
    let (mut running, mut half) = stopping();
    half.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // With an hour left: nothing else is waited for.
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut running, _half) = stopping();
    terminate(&running);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_authority_s_file_is_there_with_the_ready_line_and_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let flags = ["--port", "0", "--print", "json", "--tls", "--tls-name", "mock.example", "--tls-ca-file"];
    let mut running = Running(server(&flags).arg(&ca).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(ready["url"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{line}");
    assert_eq!(ready["ca"], ca.to_str().unwrap());
    let pem = std::fs::read_to_string(&ca).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"), "{pem}");
    terminate(&running);
    assert!(running.0.wait().unwrap().success());
    assert!(!ca.exists());
}
