//! Frames of both sockets and of event streams, and the attempts of deliveries.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use futures::SinkExt;
use pocketping_mock_server::journal::{Direction, Entry, Frame, FrameKind, Kind};
use pocketping_mock_server::{Contract, Fault, MockServer, SocketFault, Surface};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::listed;
use crate::faults::sockets::{ended_without_a_word, ready};
use crate::receiver::Webhook;
use crate::socket::{AUTH, authenticated, close_code, frame, message};
use crate::widget::{HELLO, ok};
use crate::wire::{call, send};

const SOON: Duration = Duration::from_secs(10);

fn frames(entries: &[Entry]) -> Vec<&Frame> {
    entries.iter().filter_map(Entry::frame).collect()
}

#[tokio::test]
async fn the_contracts_socket_is_entered_in_both_directions() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let (mut socket, _) = authenticated(&server, AUTH).await;
    call(&server, "POST /sessions/sess_abc123/close", "");
    while frame(&mut socket).await["type"] != "session.closed" {}
    socket.send(Message::Close(None)).await.unwrap();
    let journal = server.journal().with_personal_data();
    let closed = |all: &[Entry]| frames(all).iter().any(|frame| frame.kind == FrameKind::Close);
    let entries = journal.frames().wait_until(closed, SOON).await.unwrap();
    let told: Vec<_> = frames(&entries)
        .iter()
        .map(|frame| {
            assert_eq!((frame.surface, frame.link), (Surface::Contract, 1));
            let json = frame.text.json().unwrap_or_default();
            (frame.direction, frame.kind, json["type"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(told[0], (Direction::Received, FrameKind::Text, "auth".to_owned()));
    assert_eq!(told[1], (Direction::Sent, FrameKind::Text, "auth.ok".to_owned()));
    assert!(told.contains(&(Direction::Sent, FrameKind::Text, "session.closed".to_owned())), "{told:?}");
    assert_eq!(told.last().unwrap(), &(Direction::Received, FrameKind::Close, String::new()));
    assert!(!frames(&entries)[0].text.text().contains("test_key"), "the key is masked even here");
    let upgrade = journal.requests().path("/ws").assert_count(1);
    assert_eq!(upgrade[0].request().unwrap().status, Some(101));
    assert_eq!(listed(&server, "kind=frame&tenant=default").len(), told.len() - 1, "the first came before the key");
}

#[tokio::test]
async fn a_refused_key_is_told_frame_by_frame() {
    let server = MockServer::start();
    let (mut socket, refused) = authenticated(&server, r#"{"type":"auth","apiKey":"sk_wrong_key"}"#).await;
    assert_eq!((refused["code"].as_str(), close_code(&mut socket).await), (Some("UNAUTHORIZED"), 4401));
    let sent = |all: &[Entry]| frames(all).iter().any(|frame| frame.text.text() == "4401 unauthorized");
    let entries = server.journal().frames().wait_until(sent, SOON).await.unwrap();
    let frames = frames(&entries);
    assert_eq!(frames[1].text.json().unwrap()["code"], "UNAUTHORIZED");
    assert!(!server.journal().with_personal_data().to_ndjson().contains("sk_wrong_key"));
}

#[tokio::test]
async fn a_widgets_socket_is_entered_with_its_session() {
    let server = MockServer::start();
    ok(&server, "POST /connect", HELLO);
    let url = format!("ws://{}/pocketping/stream?sessionId=sess_1", server.address());
    let mut socket = connect_async(url).await.unwrap().0;
    socket.send(Message::text(r#"{"type":"event","data":{"name":"offer","data":{"words":"buy"}}}"#)).await.unwrap();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hello"}"#);
    while frame(&mut socket).await["type"] != "message" {}
    let both = |all: &[Entry]| {
        let of = |direction| frames(all).iter().any(|frame| frame.direction == direction);
        of(Direction::Received) && of(Direction::Sent)
    };
    let entries = server.journal().frames().wait_until(both, SOON).await.unwrap();
    for frame in frames(&entries) {
        assert_eq!((frame.surface, frame.session_id.as_ref().unwrap().as_str()), (Surface::Widget, "sess_1"));
    }
    let text = server.journal().frames().to_ndjson();
    assert!(!text.contains("Hello") && !text.contains("buy") && text.contains("offer"), "{text}");
}

#[test]
fn an_event_stream_is_entered_frame_by_frame() {
    let server = MockServer::start();
    ok(&server, "POST /connect", HELLO);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /pocketping/stream?sessionId=sess_1 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with(": connected")).unwrap();
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hello"}"#);
    lines.find(|line| line.contains("Hello")).unwrap();
    let entries = server.journal().with_personal_data().frames().entries();
    let told: Vec<_> = frames(&entries).iter().map(|frame| (frame.kind, frame.text.text().into_owned())).collect();
    assert_eq!(told[0], (FrameKind::Comment, "connected".to_owned()));
    assert!(told.iter().any(|(kind, text)| *kind == FrameKind::Text && text.contains("Hello")), "{told:?}");
    // The request itself does not wait for an end that never comes.
    let request = server.journal().requests().path("/pocketping/stream").assert_count(1).remove(0);
    assert_eq!((request.request().unwrap().status, request.request().unwrap().answer.is_empty()), (Some(200), true));
}

#[tokio::test]
async fn a_fault_is_entered_where_it_meets_a_link() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        server.inject(Fault::socket(SocketFault::Duplicate));
        server.inject(Fault::socket(SocketFault::Cut).after(1));
        let mut socket = ready(&server).await;
        server.visitor_says(&"sess_abc123".into(), "1");
        server.visitor_says(&"sess_abc123".into(), "2");
        assert_eq!([message(&mut socket).await, message(&mut socket).await].map(|it| it.is_text()), [true; 2]);
        ended_without_a_word(&mut socket).await;
        let happened = |all: &[Entry]| frames(all).iter().filter(|frame| frame.fault.is_some()).count() == 2;
        let entries = server.journal().frames().wait_until(happened, SOON).await.unwrap();
        let met = frames(&entries).into_iter().filter(|frame| frame.kind == FrameKind::Fault);
        let met: Vec<_> = met.map(|it| (it.text.text().into_owned(), it.fault.clone().unwrap())).collect();
        let expected =
            [("duplicate", "fault_1"), ("cut", "fault_2")].map(|(text, id)| (text.to_owned(), id.to_owned()));
        assert_eq!(met, expected, "{contract:?}");
        assert_eq!(frames(&entries).last().unwrap().kind, FrameKind::Fault, "nothing was written behind it");
    }
}

#[tokio::test]
async fn attempts_are_entered_in_the_order_they_were_made_and_their_signatures_are_not() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let webhook = Webhook::start();
    let body = json!({"url": format!("{}&token=wh_tok_9", webhook.url), "events": ["message.created"], "secret": "whsec_long_enough"});
    call(&server, "POST /webhooks", &body.to_string());
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"Hello there"}"#);
    let signature = webhook.next("500 No").header("x-pocketping-signature").unwrap().to_owned();
    server.journal().attempts().wait_for(1, SOON).await.unwrap();
    server.clock().advance(Duration::from_secs(1));
    webhook.next("200 OK");
    let entries = server.journal().with_personal_data().attempts().wait_for(2, SOON).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let Kind::Attempt(attempt) = &entry.kind else { panic!() };
            (attempt.attempt, attempt.status, attempt.event.as_str(), attempt.body.json().unwrap()["event"].clone())
        })
        .collect();
    let kind = "message.created";
    assert_eq!(told, [(1, Some(500), kind, json!(kind)), (2, Some(200), kind, json!(kind))]);
    let all = server.journal().with_personal_data().to_ndjson();
    for secret in [signature.as_str(), "wh_tok_9", "whsec_long_enough"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("Hello there"));
    let numbers: Vec<_> = server.journal().entries().iter().map(|entry| entry.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn events_are_in_the_order_of_the_commits() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"x"}"#);
                }
            });
        }
    });
    let entries = server.journal().with_personal_data().events().entries();
    let seqs: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.kind {
            Kind::Event(event) => event.text.json().unwrap()["seq"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(seqs.len() >= 80 && seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    assert_eq!(
        send(&server, "GET /_mock/journal?kind=event&limit=3", &[], "").json()["entries"].as_array().unwrap().len(),
        3
    );
}
