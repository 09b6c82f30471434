//! Streams: how they are opened, what they tell, and how they end.

use std::time::Duration;

use pocketping_mock_server::MockServer;
use pocketping_mock_server::visitor::{Error, ErrorKind, Frame, Frames, Transport};
use serde_json::json;

use crate::recorder::{Recorder, answer, json as ok, not_found};
use crate::transports::{ALL, listening, next, operator_says};

/// An event stream that ends after these bytes.
fn events(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n{text}")
}

/// The error a stream ends with.
async fn end(stream: &mut Frames) -> Error {
    let end = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("an end in time");
    let error = end.expect("it says why it ends").expect_err("it ends");
    assert!(stream.next().await.is_none(), "{error}");
    error
}

#[tokio::test]
async fn what_is_refused_is_followed_by_the_next_way() {
    let server = MockServer::start();
    let chat = server.visitor().connect().await.unwrap();
    assert_eq!(chat.stream().await.unwrap().transport(), Transport::WebSocket);

    let told = r#"{"type":"typing","data":{"isTyping":true}}"#;
    let mut recorder = Recorder::answering(move |request| match request.header("upgrade") {
        Some(_) => answer("400 Bad Request", "text/plain", "no sockets here"),
        None => events(&format!(": hello\n\nevent: connected\ndata: {{}}\n\ndata: {told}\n\n")),
    })
    .await;
    let chat = recorder.chat().await;
    let mut stream = chat.stream().await.unwrap();
    assert_eq!(stream.transport(), Transport::Sse);
    assert!(matches!(next(&mut stream).await, Frame::Typing(_)));
    let error = end(&mut stream).await;
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Closed, "the server ended the event stream"));

    // A page that says 200 to everything is no stream either.
    for other in [not_found(), answer("200 OK", "text/html", "<html>"), answer("501 Not Implemented", "text/plain", "")]
    {
        let mut recorder = Recorder::answering(move |request| match request.route() {
            "GET /pp/messages" => {
                ok(r#"{"messages":[{"id":"op_1","sender":"operator","content":"Hi"}],"hasMore":false}"#)
            }
            _ => other.clone(),
        })
        .await;
        let chat = recorder.chat().await;
        let mut stream = chat.stream().await.unwrap();
        assert_eq!(stream.transport(), Transport::Polling);
        let Frame::Message(message) = next(&mut stream).await else { panic!("a message") };
        assert_eq!((message.id.as_str(), message.kind.as_str()), ("op_1", "operator"));
    }
}

#[tokio::test]
async fn a_way_that_is_asked_for_is_the_only_one() {
    let mut recorder = Recorder::answering(|request| match request.header("upgrade") {
        Some(_) => answer("400 Bad Request", "text/plain", "no sockets here"),
        None => answer("200 OK", "text/html", "<h1>Welcome</h1>"),
    })
    .await;
    let at = recorder.endpoint.clone();
    for (transport, kind, message) in [
        (
            Transport::WebSocket,
            ErrorKind::Refused,
            format!("the WebSocket upgrade GET {at}/stream was answered 400 Bad Request: no sockets here"),
        ),
        (
            Transport::Sse,
            ErrorKind::Unreadable,
            format!(
                "GET {at}/stream was answered 200 OK with what cannot be read (it is no event stream, but text/html): <h1>Welcome</h1>"
            ),
        ),
        (
            Transport::Polling,
            ErrorKind::Unreadable,
            format!(
                "GET {at}/messages was answered 200 OK with what cannot be read (expected value at line 1 column 1): <h1>Welcome</h1>"
            ),
        ),
    ] {
        let chat = recorder.visitor().transport(transport).connect().await.unwrap();
        recorder.next().await;
        let error = chat.stream().await.unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, message));
        recorder.next().await;
    }
}

#[tokio::test]
async fn a_way_that_stays_silent_is_given_up() {
    let mut recorder = Recorder::answering(|_| String::new()).await;
    let at = recorder.endpoint.clone();
    for (transport, asked, seconds) in [
        (Transport::WebSocket, format!("the WebSocket upgrade GET {at}/stream"), 5),
        (Transport::Sse, format!("GET {at}/stream"), 15),
        (Transport::Polling, format!("GET {at}/messages"), 20),
    ] {
        let visitor = recorder.visitor().transport(transport).timeout(Duration::from_secs(20));
        let chat = visitor.connect().await.unwrap();
        recorder.next().await;
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let error = chat.stream().await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (ErrorKind::Timeout, seconds));
        assert_eq!(error.to_string(), format!("{asked}: no answer within {seconds}s"));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn everything_that_operators_do_is_told_on_every_way() {
    for transport in [Transport::WebSocket, Transport::Sse] {
        let server = MockServer::start();
        let (chat, mut stream) = listening(&server, transport).await;
        let (operator, session) = (server.operator(), chat.session_id().clone());
        operator.is_online(true);
        assert!(matches!(next(&mut stream).await, Frame::Presence(presence) if presence.online));
        operator.types(&session, true);
        let Frame::Typing(typing) = next(&mut stream).await else { panic!("typing") };
        assert_eq!((typing.is_typing, typing.sender.as_str()), (true, "operator"));
        operator.tells_page(&session, "coupon", Some(json!({"code": "X"})));
        let Frame::Event(event) = next(&mut stream).await else { panic!("an event") };
        assert_eq!(
            (event.name.as_str(), event.data, event.timestamp),
            ("coupon", json!({"code": "X"}), Some(server.clock().now()))
        );
        operator.tracks(vec![json!({"selector": "#buy", "name": "buy"})]);
        let Frame::ConfigUpdate(update) = next(&mut stream).await else { panic!("a configuration") };
        assert_eq!(update.tracked_elements.unwrap()[0]["name"], "buy");
        operator.asks_for_rating(&session);
        assert!(matches!(next(&mut stream).await, Frame::CsatRequest(asked) if asked.requested_at.is_some()));
        assert!(!chat.rate(5, Some("great")).await.unwrap().already_rated);
        assert!(chat.rate(1, None).await.unwrap().already_rated);
    }
}

#[tokio::test]
async fn a_screenshot_that_is_asked_for_becomes_a_message() {
    for transport in ALL {
        let server = MockServer::start();
        let (chat, mut stream) = listening(&server, transport).await;
        let id = server.operator().asks_for_screenshot(chat.session_id(), false);
        let Frame::ScreenshotRequest(asked) = next(&mut stream).await else { panic!("a request") };
        assert_eq!((&asked.request_id, asked.silent), (&id, false));
        let answered = chat.send_screenshot(&asked, "PNG").await.unwrap();
        let Frame::Message(message) = next(&mut stream).await else { panic!("the message") };
        assert_eq!(answered["messageId"], json!(message.id));
        assert_eq!(message.attachments.unwrap()[0].mime_type.as_deref(), Some("image/png"));
    }
}

#[tokio::test]
async fn a_link_that_breaks_ends_the_stream_and_another_goes_on_where_it_was() {
    for transport in ALL {
        let server = MockServer::start();
        let (chat, mut stream) = listening(&server, transport).await;
        operator_says(&server, &chat, "told");
        assert!(matches!(next(&mut stream).await, Frame::Message(_)));
        server.refuse_connections(true);
        server.cut_connections();
        let error = end(&mut stream).await;
        assert!(matches!(error.kind(), ErrorKind::Broken | ErrorKind::Closed), "{transport}: {error}");
        let error = chat.stream().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Broken | ErrorKind::Connect), "{transport}: {error}");
        assert!(error.to_string().starts_with("GET http") || transport == Transport::WebSocket, "{error}");

        server.refuse_connections(false);
        operator_says(&server, &chat, "missed");
        let mut stream = chat.stream().await.unwrap();
        let Frame::Message(message) = next(&mut stream).await else { panic!("what was missed") };
        assert_eq!(message.content, "missed");
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let server = MockServer::start();
    let (_chat, mut stream) = listening(&server, Transport::WebSocket).await;
    let ((), error) = tokio::join!(server.shutdown(), end(&mut stream));
    assert_eq!((error.kind(), error.close_code()), (ErrorKind::Closed, Some(1001)));
    assert_eq!(error.to_string(), "the server closed the WebSocket with 1001: shutting down");
}

#[tokio::test]
async fn a_chat_that_left_has_no_stream_and_one_that_listens_anew_has_one() {
    for transport in ALL {
        let server = MockServer::start();
        let (chat, mut old) = listening(&server, transport).await;
        let mut new = chat.stream().await.unwrap();
        assert!(old.next().await.is_none(), "{transport}");
        operator_says(&server, &chat, "Hi");
        assert!(matches!(next(&mut new).await, Frame::Message(_)));
        chat.leave().await.unwrap();
        assert!(new.next().await.is_none(), "{transport}");
        assert_eq!(server.sessions()[0].visitor_online, Some(false));
    }
}

#[tokio::test]
async fn a_visitor_stays_as_long_as_the_servers_clock_says() {
    // Nobody listens there; what would be delivered can be looked at.
    let server = MockServer::builder().events_webhook("http://127.0.0.1:1/", None).start().unwrap();
    let chat = server.visitor().connect().await.unwrap();
    assert_eq!(server.sessions()[0].visitor_id.as_ref().unwrap(), "vis_1");
    server.clock().advance(Duration::from_millis(3900));
    // Elsewhere, too: nothing of it is bound to this task.
    tokio::spawn(async move {
        let stream = chat.stream().await?;
        chat.trigger("clicked_cta", json!(null)).await?;
        chat.say("Hello").await?;
        drop(stream);
        chat.leave().await
    })
    .await
    .unwrap()
    .unwrap();
    let delivery = server.deliveries().pop().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!((delivery.event.as_str(), &body["data"]["duration"]), ("visitor_disconnect", &json!(3)), "{body}");
}

#[tokio::test]
async fn custom_events_arrive() {
    let server = MockServer::start();
    let (chat, mut stream) = listening(&server, Transport::WebSocket).await;
    chat.trigger("clicked_cta", json!({"x": 1})).await.unwrap();
    // What comes after it is told after it was heard.
    server.operator().types(chat.session_id(), true);
    next(&mut stream).await;
    while server.visitor_signals(chat.session_id()).is_empty() {
        tokio::task::yield_now().await;
    }
    let signal = &server.visitor_signals(chat.session_id())[0];
    assert_eq!(
        (signal.kind.as_str(), &signal.data["name"], &signal.data["data"]),
        ("event", &json!("clicked_cta"), &json!({"x": 1}))
    );
    // The visitors of a server have its time.
    assert_eq!(signal.data["timestamp"], "2024-01-15T10:30:00.000Z");
    for transport in [Transport::Sse, Transport::Polling] {
        let (chat, _stream) = listening(&server, transport).await;
        let error = chat.trigger("clicked_cta", json!({"x": 1})).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Input, "custom events go over a WebSocket, and this chat has none open")
        );
    }
}

#[tokio::test]
async fn a_frame_that_is_none_is_an_error_and_the_stream_goes_on() {
    let mut recorder = Recorder::answering(|_| {
        events("data: oops\n\ndata: {\"type\":\"confetti\",\"data\":[1]}\n\ndata: {\"type\":\"message\",\"data\":{\"id\":\"m\",\"sender\":\"robot\"}}\n\n")
    })
    .await;
    let chat = recorder.visitor().transport(Transport::Sse).connect().await.unwrap();
    recorder.next().await;
    let mut stream = chat.stream().await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.body()), (ErrorKind::Unreadable, Some("oops")));
    let Frame::Other(other) = next(&mut stream).await else { panic!("confetti") };
    assert_eq!((other.kind.as_str(), other.data), ("confetti", json!([1])));
    let Frame::Message(message) = next(&mut stream).await else { panic!("a message") };
    assert_eq!(message.kind.as_str(), "robot");
    assert_eq!(end(&mut stream).await.kind(), ErrorKind::Closed);
}
