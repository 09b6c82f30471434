//! What is counted at `/_mock/metrics`.

use std::io::Read;

use pocketping_mock_server::{MockServer, Seed, Visit};

use crate::wire::{begin, call, raw};

#[track_caller]
fn sample(server: &MockServer, name: &str) -> u64 {
    let text = read(server);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn read(server: &MockServer) -> String {
    let answer = raw(server, b"GET /_mock/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.status, answer.header("content-type").unwrap().split(';').next()), (200, Some("text/plain")));
    answer.body
}

#[test]
fn requests_events_deliveries_and_what_is_held_are_counted() {
    let seed = r#"{"webhooks": [{"url": "http://127.0.0.1:1/", "events": ["message.created"]}]}"#;
    let server = MockServer::builder().seed(Seed::from_json(seed).unwrap()).start().unwrap();
    let session = server.visitor_opens_session(Visit::new());
    server.visitor_says(&session.id, "Hello");
    server.visitor_says(&session.id, "Anybody?");
    call(&server, "GET /sessions", "");
    call(&server, "GET /nowhere", "");
    call(&server, "POST /pocketping/connect", "{}");
    for (name, value) in [
        (r#"pocketping_mock_requests_total{surface="contract",method="GET",status="2xx"}"#, 1),
        (r#"pocketping_mock_requests_total{surface="contract",method="GET",status="4xx"}"#, 1),
        (r#"pocketping_mock_requests_total{surface="widget",method="POST",status="4xx"}"#, 1),
        ("pocketping_mock_sessions", 1),
        ("pocketping_mock_messages", 2),
        ("pocketping_mock_events_total", 3),
        (r#"pocketping_mock_deliveries{state="delivered"}"#, 0),
    ] {
        assert_eq!(sample(&server, name), value, "{name}");
    }
    assert_eq!(sample(&server, r#"pocketping_mock_deliveries{state="pending"}"#), 2);
}

#[test]
fn an_open_stream_is_counted_until_it_ends() {
    let server = MockServer::start();
    let session = server.visitor_opens_session(Visit::new()).id;
    let name = r#"pocketping_mock_open_streams{surface="widget",kind="sse"}"#;
    assert_eq!(sample(&server, name), 0);
    let mut stream =
        begin(&server, &format!("GET /pocketping/stream?sessionId={session} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    // What is told behind the greeting is told by what is counted.
    server.operator().tells_page(&session, "hello", None);
    let mut heard = String::new();
    while !heard.contains("hello") {
        let mut some = [0; 4096];
        let n = stream.read(&mut some).unwrap();
        assert!(n > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&some[..n]));
        if heard.contains("connected") && !heard.contains("hello") {
            server.operator().tells_page(&session, "hello", None);
        }
    }
    assert_eq!(sample(&server, name), 1);
    drop(stream);
    // The server learns of it when it next writes, or reads the end.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while sample(&server, name) > 0 {
        assert!(std::time::Instant::now() < deadline, "still open");
    }
}

#[test]
fn only_whoever_may_control_the_server_reads_them() {
    let server = MockServer::builder().control_token("secret").start().unwrap();
    assert_eq!(call(&server, "GET /_mock/metrics", "").status, 401);
}
