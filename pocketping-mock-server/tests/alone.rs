//! What can only be counted in a process of its own: threads, descriptors, ports. One test, so that nothing else runs.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "the library's tests use all of it")]
#[path = "it/wire.rs"]
mod wire;

use std::collections::HashSet;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pocketping_mock_server::{MockServer, Visit};

use wire::{begin, call, request};

fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}

/// The ports that this process listens on or is connected by.
fn ports() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|fd| Some(std::fs::read_link(fd.ok()?.path()).ok()?.display().to_string()));
    let own: HashSet<String> =
        links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let inode = |line: &&str| line.split_whitespace().nth(9).is_some_and(|inode| own.contains(inode));
    tables.iter().flat_map(|table| table.lines().skip(1)).filter(inode).count()
}

/// Waits until as much is left as there was: threads, descriptors.
fn settle(before: (usize, usize), what: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while (count("task"), count("fd")) != before {
        let now = (count("task"), count("fd"));
        assert!(Instant::now() < deadline, "{what}: threads and descriptors were {before:?}, and are {now:?}");
        std::thread::yield_now();
    }
}

/// A socket that is open, and an event stream, which never end by themselves.
fn open(server: &MockServer) -> [TcpStream; 2] {
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut socket = begin(server, &request("GET /ws", &upgrade, "").replacen("Connection: close\r\n", "", 1));
    let connected = call(server, "POST /pocketping/connect", r#"{"visitorId":"v"}"#).json();
    let session = connected["sessionId"].as_str().unwrap();
    let mut stream = begin(server, &request(&format!("GET /pocketping/stream?sessionId={session}"), &[], ""));
    for (stream, begins) in [(&mut socket, "HTTP/1.1 101"), (&mut stream, "HTTP/1.1 200")] {
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8_lossy(&head), begins);
    }
    [socket, stream]
}

fn ended(streams: [TcpStream; 2]) {
    for mut stream in streams {
        // In order or by a reset: either is an end.
        drop(stream.read_to_end(&mut Vec::new()));
    }
}

#[test]
fn a_thousand_servers_leave_nothing_behind() {
    // Whatever the process makes once and keeps.
    drop(MockServer::start());
    let threads = count("task");
    let deadline = Instant::now() + Duration::from_secs(30);
    while count("task") > 2 {
        assert!(Instant::now() < deadline, "{threads} threads");
        std::thread::yield_now();
    }
    let before = (count("task"), count("fd"));
    assert_eq!(ports(), 0);

    // Shut down, with a socket and a stream open.
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for _ in 0..500 {
        // The client's socket never answers the goodbye: each server would wait for it a quarter of a second.
        let server = MockServer::builder().stop_within(Duration::from_millis(20)).start().unwrap();
        addresses.push(server.address());
        server.visitor_opens_session(Visit::new());
        assert_eq!(call(&server, "GET /sessions", "").status, 200);
        let streams = open(&server);
        server.shutdown_blocking();
        // Not one more than there was: this one is gone by now.
        ended(streams);
    }
    settle(before, "shut down");

    // Dropped, as tests do; all at once.
    let servers: Vec<_> = (0..500).map(|_| MockServer::start()).collect();
    addresses.extend(servers.iter().map(MockServer::address));
    assert_eq!(ports(), 500);
    let streams: Vec<_> = servers.iter().map(open).collect();
    drop(servers);
    streams.into_iter().for_each(ended);
    settle(before, "dropped");
    assert_eq!(ports(), 0);
    for address in addresses {
        assert!(TcpStream::connect(address).is_err(), "{address} is listened on");
    }

    in_memory();
    settle(before, "in memory");
}

#[cfg(feature = "memory")]
fn in_memory() {
    let servers: Vec<_> = (0..100).map(|_| MockServer::builder().in_memory().start().unwrap()).collect();
    assert_eq!(ports(), 0);
    assert!(servers.iter().all(|server| server.url() == "http://localhost"));
}

#[cfg(not(feature = "memory"))]
fn in_memory() {}
