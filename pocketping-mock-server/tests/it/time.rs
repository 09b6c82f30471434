//! The clock: schedules play timer by timer, in the time their work takes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use pocketping_mock_server::{DeliveryState, MockServer, Responder, Visit};
use pocketping_sdk::Timestamp;
use serde_json::json;

use crate::wire::call;

/// A receiver that answers so to everything.
fn receiver(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                head.push(byte[0]);
            }
            // The body is left unread: the sender has its answer all the same.
            drop(write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        }
    });
    url
}

fn seconds(from: Timestamp, times: impl IntoIterator<Item = Timestamp>) -> Vec<u64> {
    times.into_iter().map(|time| time.since(from).as_secs()).collect()
}

#[tokio::test]
async fn two_hours_of_retries_play_at_their_times() {
    let server = MockServer::start();
    let start = server.clock().now();
    for (n, answer) in ["500 No", "503 Busy\r\nRetry-After: 100"].into_iter().enumerate() {
        let body = json!({"url": receiver(answer), "events": ["session.created"]}).to_string();
        assert_eq!(call(&server, "POST /webhooks", &body).status, 201, "{n}");
    }
    server.visitor_opens_session(Visit::new());
    server.advance(Duration::from_secs(7200)).await;
    assert_eq!(server.clock().now(), start.saturating_add(Duration::from_secs(7200)));
    let deliveries = server.deliveries();
    let times = |n: usize| seconds(start, deliveries[n].attempts.iter().map(|attempt| attempt.at));
    assert_eq!(times(0), [0, 1, 6, 36, 156, 756]);
    assert_eq!(times(1), [0, 100, 200, 300, 420, 1020]);
    assert!(deliveries.iter().all(|delivery| delivery.state == DeliveryState::Failed));
}

#[tokio::test]
async fn what_the_time_brings_about_is_there_before_it_goes_on() {
    let responder = Responder::after(Duration::from_secs(30));
    let server = MockServer::builder().responder(responder).start().unwrap();
    let start = server.clock().now();
    let body = json!({"url": receiver("200 OK"), "events": ["message.created"]}).to_string();
    assert_eq!(call(&server, "POST /webhooks", &body).status, 201);
    let ids: Vec<_> = (0..3).map(|_| server.visitor_opens_session(Visit::new()).id).collect();
    for id in &ids {
        server.visitor_says(id, "Hello");
        server.advance(Duration::from_secs(10)).await;
    }
    server.advance(Duration::from_secs(3600)).await;
    let answered = ids.iter().map(|id| server.messages(id)[1].created_at.unwrap());
    assert_eq!(seconds(start, answered), [30, 40, 50]);
    let deliveries = server.deliveries();
    assert!(deliveries.iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    let told = seconds(start, deliveries.iter().map(|delivery| delivery.attempts[0].at));
    assert_eq!(told, [0, 10, 20, 30, 40, 50]);
}

#[tokio::test]
async fn a_clock_can_run_on_and_be_stopped_again() {
    let server = MockServer::start();
    let clock = server.clock();
    let start = clock.now();
    assert!(clock.is_frozen());
    clock.run();
    let waited = tokio::time::Instant::now();
    while clock.now() == start {
        tokio::task::yield_now().await;
        assert!(waited.elapsed() < Duration::from_secs(10), "it stands");
    }
    clock.freeze();
    let stopped = clock.now();
    assert!(clock.is_frozen() && stopped > start && stopped.since(start) < Duration::from_secs(60));
    assert_eq!(clock.now(), stopped);
}
