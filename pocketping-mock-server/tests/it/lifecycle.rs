//! Starting and stopping: nothing is left behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pocketping_mock_server::{MockServer, Visit};

use crate::wire::call;

#[test]
fn a_server_answers_as_soon_as_it_is_made_in_a_blocking_test() {
    let server = MockServer::start();
    assert_eq!(call(&server, "GET /sessions", "").status, 200);
}

#[tokio::test]
async fn shutdown_ends_idle_half_sent_and_kept_alive_connections() {
    let server = MockServer::start();
    let address = server.address();
    let idle = TcpStream::connect(address).unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"POST /sessions/x/close HTTP/1.1\r\nContent-Le").unwrap();
    let mut kept = TcpStream::connect(address).unwrap();
    kept.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
    server.shutdown().await;
    for mut stream in [idle, half, kept] {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The end of the stream, or its reset: either is an end.
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
}

#[test]
fn a_dropped_server_is_gone_soon_after() {
    let server = MockServer::start();
    let address = server.address();
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "still listening");
        std::thread::yield_now();
    }
}

#[test]
fn many_servers_leave_no_thread_and_no_descriptor() {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).map_or(0, Iterator::count);
    let name = "pocketping-mock";
    let threads = || {
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
        let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        tasks.filter_map(Result::ok).map(comm).filter(|comm| comm.trim() == name).count()
    };
    let before = count("fd");
    for _ in 0..100 {
        let server = MockServer::start();
        server.visitor_opens_session(Visit::new());
        assert_eq!(call(&server, "GET /sessions", "").status, 200);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    // Other tests run servers of their own meanwhile; a leak would be a hundred.
    while threads() > 50 || count("fd") > before + 200 {
        assert!(Instant::now() < deadline, "{} threads, {} descriptors", threads(), count("fd"));
        std::thread::yield_now();
    }
}

#[test]
#[should_panic(expected = "cannot say this")]
fn a_visitor_cannot_write_to_a_session_that_is_not_there() {
    MockServer::start().visitor_says(&"nope".into(), "Hello");
}

#[test]
fn a_clock_before_1970_is_no_reason_to_fail() {
    let clock = pocketping_mock_server::Clock::frozen_at("1950-01-01T00:00:00Z".parse().unwrap());
    let server = MockServer::builder().clock(clock).start().unwrap();
    let answer = call(&server, "GET /sessions", "");
    assert_eq!((answer.status, answer.header("date")), (200, Some("Thu, 01 Jan 1970 00:00:00 GMT")));
}
