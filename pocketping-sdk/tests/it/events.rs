//! The event stream against the reference server, in both contracts, and against a socket that says odd things.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::{Contract, MockServer, Visit};
use pocketping_sdk::{
    Client, ErrorKind, EventData, EventKind, EventStream, Identify, NewMessage, RetryPolicy, StreamContent, StreamState,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

async fn next(events: &mut EventStream) -> pocketping_sdk::Event {
    let item = tokio::time::timeout(Duration::from_secs(10), events.next()).await.expect("an event in time");
    item.expect("the stream goes on").unwrap().into_event().expect("an event")
}

#[tokio::test]
async fn everything_that_happens_comes_in_commit_order() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let client = Client::new(server.url(), server.api_key()).unwrap();
        let mut events = client.events().connect().await.unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello");
        client.session(&id).identify(Identify::new().name("Zoe")).await.unwrap();
        client.session(&id).messages().send(NewMessage::operator("Hi")).await.unwrap();
        client.session(&id).close().await.unwrap();
        let mut expected = vec![
            EventKind::SessionCreated,
            EventKind::MessageCreated,
            EventKind::SessionUpdated,
            EventKind::MessageCreated,
            EventKind::MessageCreated,
            EventKind::SessionClosed,
        ];
        if contract == Contract::Strict {
            expected.remove(2);
        }
        let mut seqs = Vec::new();
        for kind in expected {
            let event = next(&mut events).await;
            assert_eq!((event.kind(), event.session_id()), (kind, Some(id.as_str())), "{contract:?}");
            seqs.push(event.seq);
        }
        let extended = [1, 2, 3, 4, 5, 6].map(Some).to_vec();
        assert_eq!(seqs, if contract == Contract::Extended { extended } else { vec![None; 5] });
        events.close().await;
    }
}

#[tokio::test]
async fn a_server_that_ends_says_so_and_the_stream_ends() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let client = Client::new(server.url(), server.api_key()).unwrap();
        let mut events = client.events().connect().reconnect(RetryPolicy::none()).await.unwrap();
        server.shutdown().await;
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.close_code()), (ErrorKind::Closed, Some(1001)));
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let server = MockServer::start();
    let client = Client::new(server.url(), server.api_key()).unwrap();
    let mut events = client.events().connect().await.unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    for n in 0..50 {
        server.visitor_says(&id, n.to_string());
    }
    let mut texts = Vec::new();
    while texts.len() < 50 {
        // The wait is dropped again and again, at every stage.
        tokio::select! {
            biased;
            item = events.next() => {
                if let EventData::MessageCreated(message) = item.unwrap().unwrap().into_event().unwrap().data {
                    texts.push(message.content);
                }
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(texts, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// A server without sessions whose socket takes any key and then does this; once.
async fn socket<F: Future<Output = ()> + Send>(
    act: impl FnOnce(tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>, Rest) -> F + Send + 'static,
) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let auth = socket.next().await.unwrap().unwrap();
        assert_eq!(auth, Message::text(r#"{"apiKey":"your_api_key","type":"auth"}"#));
        act(socket, Rest(listener)).await;
    });
    Client::new(url, "your_api_key").unwrap()
}

/// What such a server answers to requests.
struct Rest(TcpListener);

impl Rest {
    /// Answers the list of sessions, once: there are none.
    async fn listed(&self) {
        let (mut stream, _) = self.0.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        assert!(request[..length].starts_with(b"GET /sessions HTTP/1.1\r\n"));
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"sessions\":[]}";
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

const AUTH_OK: &str = r#"{"type":"auth.ok","connectionId":"c","resume":"fresh"}"#;

#[tokio::test]
async fn silence_and_a_pong_are_enough() {
    let client = socket(async |mut socket, rest| {
        // Reading the client's ping answers it.
        assert!(socket.next().await.unwrap().unwrap().is_ping());
        socket.flush().await.unwrap();
        rest.listed().await;
        while socket.next().await.is_some() {}
    })
    .await;
    let events = client.events().connect().await.unwrap();
    assert_eq!(events.state(), StreamState::Degraded, "the subscription was not shown to stand");
}

#[tokio::test]
async fn a_frame_that_is_no_event_costs_that_frame_and_early_ones_are_kept() {
    let client = socket(async |mut socket, rest| {
        socket.send(Message::text(r#"{"type":"session.closed","sessionId":"early"}"#)).await.unwrap();
        socket.send(Message::text(AUTH_OK)).await.unwrap();
        rest.listed().await;
        for frame in [
            r#"{"type":"message.created"}"#,
            r#"{"type":"typing","sessionId":"s","isTyping":true}"#,
            r#"{"type":"message.created","message":{"id":"m","content":"x","type":"hologram"},"v":2}"#,
        ] {
            socket.send(Message::text(frame)).await.unwrap();
        }
        socket.send(Message::binary(&b"\x00"[..])).await.unwrap();
        socket.send(Message::text(r#"{"type":"session.closed","sessionId":"late"}"#)).await.unwrap();
        let close = CloseFrame { code: 1012.into(), reason: "restart".into() };
        socket.close(Some(close)).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    let mut events = client.events().connect().reconnect(RetryPolicy::none()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(item) = events.next().await {
        seen.push(match item {
            Ok(item) => match item.content {
                StreamContent::Live(event) => format!("{} {}", event.kind(), event.session_id().unwrap_or("-")),
                StreamContent::Gap(gap) => format!("{:?}", gap.reason),
                other => format!("{other:?}"),
            },
            Err(error) => format!("{:?}", error.kind()),
        });
    }
    assert_eq!(
        seen,
        [
            "session.closed early",
            "Unreadable",
            "typing s",
            "message.created -",
            "Unreadable",
            "session.closed late",
            "Closed"
        ]
    );
}

#[tokio::test]
async fn a_refused_key_is_final_whatever_the_server_says_it_with() {
    let error_frame = r#"{"type":"error","error":"Unauthorized","message":"no","code":"UNAUTHORIZED"}"#;
    let client = socket(async move |mut socket, _rest| {
        socket.send(Message::text(error_frame)).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    assert!(client.events().connect().await.unwrap_err().is_unauthorized());
    for code in [4401, 4403] {
        let client = socket(async move |mut socket, _rest| {
            socket.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await.unwrap();
            while socket.next().await.is_some() {}
        })
        .await;
        let error = client.events().connect().await.unwrap_err();
        assert_eq!((error.is_unauthorized(), error.close_code()), (true, Some(code)));
    }
}

/// A server whose socket closes with 1008, and whose REST answers this.
async fn policy(rest: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap()), "your_api_key").unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.close(Some(CloseFrame { code: 1008.into(), reason: "".into() })).await.unwrap();
        while socket.next().await.is_some() {}
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(rest.as_bytes()).await.unwrap();
    });
    client
}

#[tokio::test]
async fn a_close_for_reasons_of_policy_is_the_keys_fault_only_when_rest_says_so_too() {
    let denied = policy("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    assert!(denied.events().connect().await.unwrap_err().is_unauthorized());
    // The same on a link that stood for a while, as long as no event came on it.
    let client = socket(async |mut socket, rest| {
        socket.send(Message::text(AUTH_OK)).await.unwrap();
        rest.listed().await;
        socket.send(Message::text(r#"{"type":"session.closed","sessionId":"s"}"#)).await.unwrap();
        socket.close(Some(CloseFrame { code: 1008.into(), reason: "".into() })).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    let mut events = client.events().connect().reconnect(RetryPolicy::none()).await.unwrap();
    events.next().await.unwrap().unwrap();
    assert!(!events.next().await.unwrap().unwrap_err().is_unauthorized(), "the key was good for an event");
    assert!(events.next().await.is_none());

    let fine = policy("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"sessions\":[]}").await;
    let error = fine.events().connect().await.unwrap_err();
    assert_eq!((error.is_unauthorized(), error.close_code()), (false, Some(1008)));
}

#[tokio::test]
async fn a_refusal_on_a_link_that_stands_is_its_one_last_item() {
    let client = socket(async |mut socket, rest| {
        socket.send(Message::text(AUTH_OK)).await.unwrap();
        rest.listed().await;
        socket.send(Message::text(r#"{"type":"error","message":"revoked","code":"UNAUTHORIZED"}"#)).await.unwrap();
        socket.close(Some(CloseFrame { code: 4401.into(), reason: "".into() })).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    let mut events = client.events().connect().await.unwrap();
    assert!(events.next().await.unwrap().unwrap_err().is_unauthorized());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_socket_that_never_answers_runs_into_the_one_deadline() {
    let client = socket(async |socket, _rest| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let error = client.events().connect().timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test]
async fn a_frame_over_the_cap_ends_the_link_with_the_settings_name() {
    let client = socket(async |mut socket, rest| {
        socket.send(Message::text(AUTH_OK)).await.unwrap();
        rest.listed().await;
        let large = format!(r#"{{"type":"x","text":"{}"}}"#, "x".repeat(5 << 20));
        // The client hangs up in the middle.
        drop(socket.send(Message::text(large)).await);
    })
    .await;
    let mut events = client.events().connect().reconnect(RetryPolicy::none()).await.unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(error.to_string().contains("`max_answer_bytes`"));
}
