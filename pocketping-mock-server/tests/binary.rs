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
fn several_keys_are_taken_and_the_limit_too() {
    let args = ["--port", "0", "--api-key", "one=a", "--api-key", "two=b", "--rate-limit", "7/min"];
    let mut running = Running(server(&args).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_once("ready at ").unwrap().1.split(' ').next().unwrap();
    assert!(line.contains("(key one)"), "{line}");
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
    for (args, code, named) in [
        (&["--contract", "loose"][..], 2, "strict"),
        (&["--rate-limit", "gold"], 2, "N/min"),
        (&["--port", "70000"], 2, "--port"),
        (&["--host", "nowhere"], 2, "--host"),
        (&["--api-key", "k="], 2, "tenant"),
        (&["--port", "0", "--seed", "/nowhere.json"], 1, "/nowhere.json cannot be read"),
        (&["--port", "0", "--seed", bad], 1, "sessions[0].visitor"),
        (&["--port", "0", "--ready-file", "/nowhere/file"], 1, "/nowhere/file"),
    ] {
        let (status, stderr) = failed(args);
        assert_eq!(status, code, "{args:?}: {stderr}");
        assert!(stderr.contains(named), "{args:?}: {stderr}");
        assert!(code == 2 || stderr.lines().count() == 1, "one line: {stderr}");
    }
}
