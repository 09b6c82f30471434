//! The server on a Unix socket, as a client sees it that knows nothing but bytes.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![cfg(unix)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pocketping_mock_server::{MockServer, StartError, Visit};

fn start(path: &Path) -> Result<MockServer, StartError> {
    MockServer::builder().unix_socket(path).start()
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.sock");
    (folder, path)
}

fn get(path: &Path, target: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer test_key\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn it_serves_what_the_port_serves_and_its_file_is_gone_at_the_end() {
    let (_folder, path) = socket();
    let server = start(&path).unwrap();
    let session = server.visitor_opens_session(Visit::new());
    for target in ["/sessions", "/_mock/state"] {
        let answer = get(&path, target);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(session.id.as_str()), "{answer}");
    }
    assert!(TcpStream::connect(server.address()).is_ok(), "the port is served besides");

    // A stream and a socket are ended with the server, as on the port.
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = format!("GET /pocketping/stream?sessionId={} HTTP/1.1\r\nHost: localhost\r\n\r\n", session.id);
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    let mut socket = UnixStream::connect(&path).unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).unwrap();
    let mut head = [0; 12];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    server.shutdown().await;
    for mut ended in [stream, socket] {
        ended.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        ended.read_to_end(&mut Vec::new()).unwrap();
    }
    assert!(!path.exists(), "its file is gone");
}

#[test]
fn curl_asks_as_it_does() {
    let (_folder, path) = socket();
    let server = start(&path).unwrap();
    let mut curl = Command::new("curl");
    let curl = curl.args(["-sS", "--max-time", "20", "--unix-socket"]).arg(&path);
    let asked = curl_of(curl.args(["-H", "Authorization: Bearer test_key", "http://localhost/sessions"]));
    assert!(asked.is_none_or(|answer| answer.contains("\"sessions\":[]")), "{server:?}");
}

/// What curl prints; nothing, and not silently, where there is no curl.
fn curl_of(command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            println!("curl was not asked: {error}");
            None
        }
    }
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
    let (folder, path) = socket();
    // A listener that is dropped leaves its file, as a server that was killed does.
    drop(UnixListener::bind(&path).unwrap());
    let server = start(&path).unwrap();
    assert!(get(&path, "/health").starts_with("HTTP/1.1 200"));

    let error = start(&path).unwrap_err();
    assert!(error.to_string().contains("mock.sock cannot be listened on"), "{error}");
    assert!(error.source().is_some());
    assert!(get(&path, "/health").starts_with("HTTP/1.1 200"), "the first one goes on");
    server.shutdown_blocking();

    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    assert!(start(&file).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_server_that_ends_leaves_another_s_file() {
    let (_folder, path) = socket();
    let first = start(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = start(&path).unwrap();
    first.shutdown_blocking();
    assert!(get(&path, "/health").starts_with("HTTP/1.1 200"));
    // Dropped, it does not block, and still cleans up.
    drop(second);
    let deadline = Instant::now() + Duration::from_secs(20);
    while path.exists() {
        assert!(Instant::now() < deadline, "its file stays behind");
        std::thread::yield_now();
    }
}

#[test]
fn connections_there_are_refused_and_cut_like_others() {
    let (_folder, path) = socket();
    let server = start(&path).unwrap();
    server.refuse_connections(true);
    let mut refused = UnixStream::connect(&path).unwrap();
    assert_eq!(refused.read(&mut [0; 8]).unwrap(), 0);
    server.refuse_connections(false);
    let mut idle = UnixStream::connect(&path).unwrap();
    assert!(get(&path, "/health").starts_with("HTTP/1.1 200"), "accepted behind the idle one");
    server.cut_connections();
    assert_eq!(idle.read(&mut [0; 8]).unwrap(), 0);
    idle.shutdown(Shutdown::Both).ok();
}
