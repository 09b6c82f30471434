//! The server as a binary: its flags, its ready line and file, its end.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn server(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping-mock-server"));
    command.args(args).env_remove("POCKETPING_API_KEY").stdin(Stdio::null());
    command
}

fn failed(args: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = server(args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
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
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
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
fn a_server_that_cannot_start_leaves_the_others_ready_file() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("url");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(&ready, "http://the.other").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, stderr) = failed(&["--port", &port, "--ready-file", ready.to_str().unwrap()]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(std::fs::read_to_string(&ready).unwrap(), "http://the.other");
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
        (&["--port", "0", "--seed", "/nowhere.json"], 1, "/nowhere.json cannot be read"),
        (&["--port", "0", "--seed", bad], 1, "sessions[0].visitor"),
        (&["--port", "0", "--seed", twice], 1, "twice.json: the seed cannot be used: sessions[1].id"),
        (&["--port", "0", "--webhook-ca", "/nowhere.pem"], 1, "/nowhere.pem cannot be read"),
        (&["--port", "0", "--webhook-ca", twice], 1, "twice.json: the webhook root certificate holds no PEM block"),
        (&["--port", "0", "--ready-file", "/nowhere/file"], 1, "/nowhere/file"),
    ] {
        let (status, stderr) = failed(args);
        assert_eq!(status, code, "{args:?}: {stderr}");
        assert!(stderr.contains(named), "{args:?}: {stderr}");
        assert!(code == 2 || stderr.lines().count() == 1, "one line: {stderr}");
    }
}
