//! Injected faults on the socket, frame by frame, and what the server holds after each.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::{Contract, Fault, MockServer, SocketFault, Visit};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{BOTH, start, until};
use crate::socket::{AUTH, Socket, authenticated, close_code, connect, frame, message};
use crate::wire::call;

/// A link whose subscription stands.
pub(crate) async fn ready(server: &MockServer) -> Socket {
    let mut socket = connect(server).await;
    socket.send(Message::text(AUTH)).await.unwrap();
    fence(&mut socket).await;
    socket
}

/// Waits for the answer to a ping; in extended `auth.ok` may come first.
async fn fence(socket: &mut Socket) {
    socket.send(Message::Ping("fence".into())).await.unwrap();
    loop {
        match message(socket).await {
            Message::Text(text) => assert!(text.contains("auth.ok"), "{text}"),
            pong => break assert_eq!(pong, Message::Pong("fence".into())),
        }
    }
}

/// The connection ends, and nothing was said before: no frame, no close.
pub(crate) async fn ended_without_a_word(socket: &mut Socket) {
    let end = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("an end in time");
    assert!(
        matches!(end, Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_)))),
        "{end:?}"
    );
}

fn say(server: &MockServer, text: &str) {
    server.visitor_says(&"sess_abc123".into(), text);
}

fn say_all(server: &MockServer, texts: &[&str]) {
    for text in texts {
        say(server, text);
    }
}

/// Says these and gives the frame of a client that has seen the first.
fn after_the_first_of(server: &MockServer, texts: &[&str]) -> String {
    say_all(server, texts);
    let seen = server.events()[0].id.clone().unwrap();
    json!({"type": "auth", "apiKey": "test_key", "lastEventId": seen}).to_string()
}

async fn heard(socket: &mut Socket) -> String {
    frame(socket).await["message"]["content"].as_str().unwrap().to_owned()
}

/// What the visitor said, by the server's own account.
fn committed(server: &MockServer) -> Vec<Value> {
    let events = server.events();
    events.iter().map(|event| serde_json::to_value(event).unwrap()["message"]["content"].take()).collect()
}

#[tokio::test]
async fn a_link_is_closed_with_the_code_instead_of_the_event() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(Fault::socket(SocketFault::Close(4321)).after(1));
        let mut socket = ready(&server).await;
        say_all(&server, &["1", "2", "3"]);
        assert_eq!(heard(&mut socket).await, "1", "{contract:?}");
        assert_eq!(close_code(&mut socket).await, 4321);
        assert_eq!((committed(&server), server.faults_left()), (vec![json!("1"), json!("2"), json!("3")], 0));
        let mut socket = ready(&server).await;
        say(&server, "4");
        assert_eq!(heard(&mut socket).await, "4");
    }
}

#[tokio::test]
async fn a_link_that_is_cut_ends_without_a_close_frame() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(Fault::socket(SocketFault::Cut).after(1));
        let mut socket = ready(&server).await;
        say_all(&server, &["1", "2"]);
        assert_eq!(heard(&mut socket).await, "1", "{contract:?}");
        ended_without_a_word(&mut socket).await;
        let mut socket = ready(&server).await;
        say(&server, "3");
        assert_eq!((heard(&mut socket).await, committed(&server).len()), ("3".to_owned(), 3));
    }
}

#[tokio::test]
async fn a_silent_link_says_and_hears_nothing_until_the_server_stops() {
    for contract in BOTH {
        let server = start(contract);
        let mut silent = ready(&server).await;
        server.inject(Fault::socket(SocketFault::Silent).after(1));
        say_all(&server, &["1", "2"]);
        assert_eq!(heard(&mut silent).await, "1", "{contract:?}");
        until(|| server.faults_left() == 0);
        let mut other = ready(&server).await;
        say(&server, "3");
        silent.send(Message::Ping("anybody".into())).await.unwrap();
        // Whatever the server does for the one, it has had the time for by now.
        assert_eq!(heard(&mut other).await, "3");
        server.clock().advance(Duration::from_secs(20));
        assert!(message(&mut other).await.is_ping());
        fence(&mut other).await;
        server.shutdown().await;
        ended_without_a_word(&mut silent).await;
    }
}

#[tokio::test]
async fn a_silent_link_is_gone_when_the_client_ends_it() {
    let server = start(Contract::Extended);
    let mut silent = ready(&server).await;
    server.inject(Fault::socket(SocketFault::Silent));
    say(&server, "1");
    until(|| server.faults_left() == 0);
    // A close frame is not heard; the end of the connection is.
    silent.close(None).await.unwrap();
    silent.get_mut().shutdown().await.unwrap();
    ended_without_a_word(&mut silent).await;
    let mut socket = ready(&server).await;
    say(&server, "2");
    assert_eq!(heard(&mut socket).await, "2");
}

#[tokio::test]
async fn events_are_sent_twice_or_not_at_all() {
    for contract in BOTH {
        let server = start(contract);
        let mut socket = ready(&server).await;
        for (act, after, expected) in
            [(SocketFault::Duplicate, 1, &["1", "2", "2", "3"][..]), (SocketFault::Skip, 0, &["2", "3"])]
        {
            server.inject(Fault::socket(act).after(after));
            say_all(&server, &["1", "2", "3"]);
            for text in expected {
                assert_eq!(heard(&mut socket).await, *text, "{contract:?} {act:?}");
            }
            assert_eq!(server.faults_left(), 0);
            fence(&mut socket).await;
        }
        assert_eq!(committed(&server).len(), 2 * 3);
        server.inject(Fault::socket(SocketFault::Duplicate));
        say(&server, "x");
        let (one, two) = (frame(&mut socket).await, frame(&mut socket).await);
        assert_eq!(one, two, "the same to the last field");
    }
}

#[tokio::test]
async fn an_event_comes_after_the_next_one_or_before_the_next_ping() {
    for contract in BOTH {
        let server = start(contract);
        let mut socket = ready(&server).await;
        server.inject(Fault::socket(SocketFault::Swap));
        // One commit emits both, so that the second is never late.
        call(&server, "POST /sessions/sess_abc123/close", "");
        assert_eq!(frame(&mut socket).await["type"], "session.closed", "{contract:?}");
        assert_eq!(heard(&mut socket).await, "Session closed");
        server.inject(Fault::socket(SocketFault::Swap));
        let id = server.visitor_opens_session(Visit::new()).id;
        fence(&mut socket).await;
        server.clock().advance(Duration::from_secs(20));
        assert_eq!(frame(&mut socket).await["session"]["id"], json!(id), "{contract:?}");
        assert!(message(&mut socket).await.is_ping());
        server.visitor_says(&id, "1");
        assert_eq!((heard(&mut socket).await, server.events().len()), ("1".to_owned(), 4));
    }
}

#[tokio::test]
async fn faults_of_neighbours_go_together() {
    use SocketFault::{Delay, Duplicate, Skip, Swap};
    let server = start(Contract::Extended);
    let auth = after_the_first_of(&server, &["0", "1", "2", "3", "4"]);
    for (faults, expected) in [
        (&[(Swap, 0)][..], &["2", "1", "3", "4"][..]),
        (&[(Swap, 0), (Swap, 1)], &["3", "2", "1", "4"]),
        (&[(Swap, 1), (Duplicate, 2)], &["1", "3", "3", "2", "4"]),
        (&[(Swap, 1), (Skip, 2)], &["1", "4", "2"]),
        (&[(Swap, 0), (Delay(Duration::from_millis(1)), 1)], &["2", "1", "3", "4"]),
    ] {
        for (act, after) in faults {
            server.inject(Fault::socket(*act).after(*after));
        }
        // Resumed events come all at once, whatever the machine does meanwhile.
        let (mut socket, _) = authenticated(&server, &auth).await;
        for text in expected {
            assert_eq!(heard(&mut socket).await, *text, "{faults:?}");
        }
        assert_eq!(server.faults_left(), 0);
        fence(&mut socket).await;
    }
}

#[tokio::test]
async fn a_corrupt_event_is_half_of_its_text() {
    for contract in BOTH {
        let server = start(contract);
        let mut socket = ready(&server).await;
        server.inject(Fault::socket(SocketFault::Corrupt));
        say_all(&server, &["grüße", "2"]);
        let text = message(&mut socket).await.into_text().unwrap();
        assert!(text.starts_with(r#"{"type":"message.created","#), "{text}");
        assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
        assert_eq!((heard(&mut socket).await, committed(&server)), ("2".to_owned(), vec![json!("grüße"), json!("2")]));
    }
}

#[tokio::test]
async fn a_garbled_event_says_something_else_and_is_out_of_number() {
    for contract in BOTH {
        let server = start(contract);
        let mut socket = ready(&server).await;
        server.inject(Fault::socket(SocketFault::Garble).times(3));
        say(&server, "1");
        let mut said = frame(&mut socket).await;
        let seq = |n| if contract == Contract::Extended { json!(n) } else { Value::Null };
        assert_eq!((&said["message"]["content"], &said["seq"]), (&json!("garbled"), &seq(8)));
        assert_eq!(said["message"]["id"].take(), "msg_1", "{contract:?}");
        call(&server, "POST /sessions/sess_abc123/close", "");
        let (note, closed) = (frame(&mut socket).await, frame(&mut socket).await);
        assert_eq!((&note["message"]["content"], &note["seq"]), (&json!("garbled"), &seq(9)));
        assert_eq!((&closed["sessionId"], &closed["seq"]), (&json!("garbled"), &seq(10)));
        let id = server.visitor_opens_session(Visit::new()).id;
        let created = frame(&mut socket).await;
        assert_eq!((&created["session"]["id"], &created["seq"]), (&json!(id), &seq(4)), "all is normal again");
        assert_eq!(created["session"]["metadata"].get("pageUrl"), None);
        server.inject(Fault::socket(SocketFault::Garble));
        server.visitor_opens_session(Visit::new());
        assert_eq!(frame(&mut socket).await["session"]["metadata"]["pageUrl"], "garbled");
        assert_eq!(committed(&server)[..2], [json!("1"), json!("Session closed")]);
    }
}

#[tokio::test]
async fn a_delayed_event_holds_up_those_behind_it_and_nothing_else() {
    for contract in BOTH {
        let server = start(contract);
        let mut socket = ready(&server).await;
        let wait = Duration::from_millis(300);
        server.inject(Fault::socket(SocketFault::Delay(wait)).after(1));
        let begun = Instant::now();
        say_all(&server, &["1", "2", "3"]);
        assert_eq!(heard(&mut socket).await, "1", "{contract:?}");
        fence(&mut socket).await;
        assert_eq!((heard(&mut socket).await, begun.elapsed() >= wait), ("2".to_owned(), true));
        assert_eq!(heard(&mut socket).await, "3");
        say(&server, "4");
        assert_eq!((heard(&mut socket).await, committed(&server).len()), ("4".to_owned(), 4));
    }
}

#[tokio::test]
async fn a_right_key_is_refused_with_the_code() {
    for contract in BOTH {
        let server = start(contract);
        for (code, error) in [(4401, Some("UNAUTHORIZED")), (4403, Some("FORBIDDEN")), (1008, None), (4400, None)] {
            server.inject(Fault::socket(SocketFault::RefuseAuth(code)));
            let mut socket = connect(&server).await;
            socket.send(Message::text(AUTH)).await.unwrap();
            if let Some(error) = error.filter(|_| contract == Contract::Extended) {
                let said = frame(&mut socket).await;
                assert_eq!((&said["type"], &said["code"]), (&json!("error"), &json!(error)));
            }
            assert_eq!(close_code(&mut socket).await, code, "{contract:?}");
            assert_eq!(server.faults_left(), 0);
        }
        // A wrong key is refused as ever, and leaves the chance to a right one.
        server.inject(Fault::socket(SocketFault::RefuseAuth(4403)).after(1));
        let mut wrong = connect(&server).await;
        wrong.send(Message::text(r#"{"type":"auth","apiKey":"wrong"}"#)).await.unwrap();
        while !message(&mut wrong).await.is_close() {}
        drop(ready(&server).await);
        assert_eq!(server.faults_left(), 1);
        server.clear_faults();
        drop(ready(&server).await);
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_with_the_status() {
    for contract in BOTH {
        let server = start(contract);
        for (status, retry_after) in [(503, Some("7")), (429, None)] {
            let seconds = retry_after.map(|text| text.parse().unwrap());
            server.inject(Fault::socket(SocketFault::RefuseUpgrade { status, retry_after: seconds }));
            assert_eq!(call(&server, "GET /ws", "").status, 400, "no upgrade, no chance");
            match connect_async(format!("ws://{}/ws", server.address())).await {
                Err(Error::Http(answer)) => {
                    assert_eq!(answer.status(), status, "{contract:?}");
                    let told = answer.headers().get("retry-after").map(|value| value.to_str().unwrap());
                    assert_eq!(told, retry_after);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(server.faults_left(), 0);
        drop(ready(&server).await);
    }
}

#[tokio::test]
async fn a_resumed_event_is_a_chance_and_what_says_that_the_key_was_taken_is_none() {
    let server = start(Contract::Extended);
    let auth = after_the_first_of(&server, &["1", "2", "3", "4"]);
    server.inject(Fault::socket(SocketFault::Skip).after(1));
    let (mut socket, ok) = authenticated(&server, &auth).await;
    assert_eq!(ok["resume"], "resumed");
    assert_eq!([heard(&mut socket).await, heard(&mut socket).await], ["2", "4"]);
}

#[tokio::test]
async fn of_several_links_one_uses_the_chance() {
    for contract in BOTH {
        let server = start(contract);
        let mut links = [ready(&server).await, ready(&server).await];
        server.inject(Fault::socket(SocketFault::Skip));
        say(&server, "1");
        say(&server, "2");
        let mut missed = 0;
        for link in &mut links {
            match heard(link).await.as_str() {
                "1" => assert_eq!(heard(link).await, "2"),
                "2" => missed += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!((missed, server.faults_left()), (1, 0), "{contract:?}");
    }
}
