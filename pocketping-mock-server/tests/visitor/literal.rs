//! What visitors send, byte for byte, as the widget does.

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::visitor::{Frame, Identity, PreChat, Transport, Visitor, Words};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request as Upgrade, Response};

use crate::recorder::{Recorder, Request, json as ok, not_found};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) Test/1.0";

/// The headers that every call of the widget's own has; not one more.
#[track_caller]
fn is_call(request: &Request) {
    assert_headers(
        request,
        &[("accept", "*/*"), ("content-type", "application/json"), ("x-pocketping-version", "2.6.0")],
    );
}

/// The request has these headers, those that every browser sends, and no other.
#[track_caller]
fn assert_headers(request: &Request, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(request.header(name), Some(*value), "{name}: {request:?}");
    }
    let usual = ["host", "content-length", "user-agent", "origin"];
    for (name, _) in &request.headers {
        let is_expected = expected.iter().any(|(known, _)| known == name);
        assert!(is_expected || usual.contains(&name.as_str()), "{name}: {request:?}");
    }
    assert!(request.header("user-agent").is_some() && request.header("host").is_some(), "{request:?}");
}

#[tokio::test]
async fn a_first_visit_says_what_the_widget_says() {
    let mut recorder = Recorder::answering(|_| not_found()).await;
    let visitor = recorder
        .visitor()
        .id("mwri6tl9-iwzugjfcc")
        .page_url("https://example.com/pricing?plan=pro#top")
        .referrer("https://example.com/")
        .page_title("T")
        .user_agent(AGENT)
        .screen(0, 0);
    visitor.connect().await.unwrap();
    let request = recorder.next().await;
    assert_eq!(request.line, "POST /pp/connect HTTP/1.1");
    is_call(&request);
    assert_eq!((request.header("user-agent"), request.header("origin")), (Some(AGENT), Some("https://example.com")));
    assert_eq!(
        request.body,
        r#"{"visitorId":"mwri6tl9-iwzugjfcc","sessionId":null,"metadata":{"url":"https://example.com/pricing?plan=pro#top","referrer":"https://example.com/","pageTitle":"T","userAgent":"AGENT","timezone":"UTC","language":"en-US","screenResolution":"0x0","botSignals":{"webdriver":false,"plugins":false,"languages":false,"chrome":false,"permissions":false}}}"#
            .replace("AGENT", AGENT)
    );
}

#[tokio::test]
async fn a_visitor_who_comes_back_says_so() {
    let mut recorder = Recorder::answering(|_| not_found()).await;
    let visitor = recorder.visitor();
    visitor
        .clone()
        .session_id("sess_1")
        .identity(Identity::new("u1").email("a@b.c"))
        .inspector_token("t")
        .timezone("Europe/Paris")
        .language("fr-FR")
        .version("2.5.9")
        .metadata("plan", "pro")
        .connect()
        .await
        .unwrap();
    let request = recorder.next().await;
    assert_eq!(request.header("x-pocketping-version"), Some("2.5.9"));
    let (id, rest) = request.body.strip_prefix(r#"{"visitorId":""#).unwrap().split_once('"').unwrap();
    // The id is one as browsers make it.
    let (millis, random) = id.split_once('-').unwrap();
    let is_base36 = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    assert!((8..=9).contains(&millis.len()) && random.len() == 9 && is_base36(millis) && is_base36(random), "{id}");
    let agent = request.header("user-agent").unwrap();
    assert!(agent.contains("pocketping-rust/"), "{agent}");
    assert_eq!(
        rest,
        r#","sessionId":"sess_1","inspectorToken":"t","metadata":{"url":"http://localhost/","userAgent":"AGENT","timezone":"Europe/Paris","language":"fr-FR","screenResolution":"1920x1080","botSignals":{"webdriver":false,"plugins":false,"languages":false,"chrome":false,"permissions":false},"plan":"pro"},"identity":{"id":"u1","email":"a@b.c"}}"#
            .replace("AGENT", agent)
    );
    // It is the same visitor in every tab, and another one is another.
    visitor.connect().await.unwrap();
    assert!(recorder.next().await.body.contains(id));
    recorder.visitor().connect().await.unwrap();
    assert!(!recorder.next().await.body.contains(id));
}

#[tokio::test]
async fn every_call_is_the_widgets_own() {
    let mut recorder = Recorder::answering(|request| {
        ok(match request.route() {
            "POST /pp/message" => r#"{"messageId":"msg_1","timestamp":"2026-11-22T07:16:24.117Z"}"#,
            "PATCH /pp/message/msg_1" => r#"{"message":{"id":"msg_1","content":"hello2"}}"#,
            "DELETE /pp/message/msg_1" => r#"{"deleted":true}"#,
            "GET /pp/messages" => r#"{"messages":[]}"#,
            _ => r#"{"ok":true}"#,
        })
    })
    .await;
    let chat = recorder.chat().await;
    macro_rules! sends {
        ($call:expr, $line:literal, $body:expr) => {
            $call.await.unwrap();
            let request = recorder.next().await;
            assert_eq!(request.line, concat!($line, " HTTP/1.1"));
            is_call(&request);
            assert_eq!(request.body, $body);
        };
    }
    sends!(
        chat.say_with(Words::new("hello").reply_to("op_1")),
        "POST /pp/message",
        r#"{"sessionId":"sess_1","content":"hello","sender":"visitor","attachmentIds":[],"replyTo":"op_1"}"#
    );
    sends!(
        chat.say_with(Words::new("").attachment("att_1")),
        "POST /pp/message",
        r#"{"sessionId":"sess_1","content":"","sender":"visitor","attachmentIds":["att_1"]}"#
    );
    sends!(
        chat.say("hello"),
        "POST /pp/message",
        r#"{"sessionId":"sess_1","content":"hello","sender":"visitor","attachmentIds":[]}"#
    );
    sends!(chat.typing(true), "POST /pp/typing", r#"{"sessionId":"sess_1","sender":"visitor","isTyping":true}"#);
    sends!(
        chat.mark_read(["op_1"]),
        "POST /pp/read",
        r#"{"sessionId":"sess_1","messageIds":["op_1"],"status":"read"}"#
    );
    sends!(chat.edit("msg_1", "hello2"), "PATCH /pp/message/msg_1", r#"{"sessionId":"sess_1","content":"hello2"}"#);
    sends!(chat.delete("msg_1"), "DELETE /pp/message/msg_1?sessionId=sess_1", "");
    sends!(
        chat.identify(Identity::new("u1").email("a@b.c").with("plan", "pro")),
        "POST /pp/identify",
        r#"{"sessionId":"sess_1","identity":{"id":"u1","email":"a@b.c","plan":"pro"}}"#
    );
    sends!(
        chat.pre_chat(PreChat::new().email("a@b.c").phone("+33612345678", "FR")),
        "POST /pp/prechat",
        r#"{"sessionId":"sess_1","email":"a@b.c","phone":"+33612345678","phoneCountry":"FR"}"#
    );
    sends!(chat.rate(5, Some(" great ")), "POST /pp/csat", r#"{"sessionId":"sess_1","score":5,"comment":"great"}"#);
    sends!(chat.rate(1, Some("  ")), "POST /pp/csat", r#"{"sessionId":"sess_1","score":1}"#);
    sends!(chat.messages(), "GET /pp/messages?sessionId=sess_1", "");
    sends!(chat.presence(), "GET /pp/presence", "");
}

#[tokio::test]
async fn beacons_have_no_version() {
    let mut recorder = Recorder::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await;
    let chat = recorder.chat().await;
    chat.set_visible(false).await.unwrap();
    let request = recorder.next().await;
    assert_eq!(request.line, "POST /pp/visibility HTTP/1.1");
    assert_headers(&request, &[("accept", "*/*"), ("content-type", "application/json")]);
    let rest = request.body.strip_prefix(r#"{"sessionId":"sess_1","state":"hidden","timestamp":"#).unwrap();
    assert!(rest.strip_suffix('}').unwrap().parse::<u64>().unwrap() > 1_700_000_000_000, "{rest}");
    chat.set_visible(true).await.unwrap();
    assert!(recorder.next().await.body.contains(r#""state":"visible""#));

    chat.leave().await.unwrap();
    let request = recorder.next().await;
    assert_eq!(request.line, "POST /pp/disconnect HTTP/1.1");
    assert_headers(&request, &[("accept", "*/*"), ("content-type", "application/json")]);
    assert_eq!(request.body, r#"{"sessionId":"sess_1","duration":0,"reason":"page_unload"}"#);
}

#[tokio::test]
async fn a_file_is_announced_sent_and_said_to_be_whole() {
    let mut recorder = Recorder::answering(|request| {
        ok(match request.route() {
            // An address is anywhere; one without a host is below the endpoint's.
            "POST /pp/upload" => r#"{"attachmentId":"att_1","uploadUrl":"/bucket/att_1?signature=s%3D","expiresAt":"2026-11-22T07:16:24.117Z"}"#,
            "POST /pp/upload/complete" => r#"{"id":"att_1","filename":"a.txt","mimeType":"text/plain","size":3,"url":"https://x/a.txt","status":"ready"}"#,
            _ => "",
        })
    })
    .await;
    let chat = recorder.chat().await;
    for (kind, sent_as) in [("text/plain", "text/plain"), ("", "application/octet-stream")] {
        let file = chat.upload("a.txt", kind, "abc").await.unwrap();
        assert_eq!((file.id.as_str(), file.url.as_deref()), ("att_1", Some("https://x/a.txt")));
        let request = recorder.next().await;
        is_call(&request);
        assert_eq!(
            (request.line.as_str(), request.body),
            (
                "POST /pp/upload HTTP/1.1",
                format!(r#"{{"sessionId":"sess_1","filename":"a.txt","mimeType":"{kind}","size":3}}"#),
            )
        );
        let request = recorder.next().await;
        assert_headers(&request, &[("accept", "*/*"), ("content-type", sent_as), ("content-length", "3")]);
        assert_eq!(
            (request.line.as_str(), request.body.as_str()),
            ("PUT /bucket/att_1?signature=s%3D HTTP/1.1", "abc")
        );
        let request = recorder.next().await;
        is_call(&request);
        assert_eq!(
            (request.line.as_str(), request.body.as_str()),
            ("POST /pp/upload/complete HTTP/1.1", r#"{"sessionId":"sess_1","attachmentId":"att_1"}"#,)
        );
    }
}

#[tokio::test]
async fn a_screenshot_goes_the_same_way() {
    let mut recorder = Recorder::answering(|request| match request.route() {
        "GET /pp/messages" => ok(r#"{"messages":[]}"#),
        "GET /pp/screenshot/requests" => ok(r#"{"requests":[{"requestId":"shot_1","silent":true}]}"#),
        "POST /pp/screenshot/upload" => ok(r#"{"attachmentId":"att_1","uploadUrl":"/bucket","storageKey":"k"}"#),
        "POST /pp/screenshot/upload/complete" => ok(r#"{"success":true,"messageId":null}"#),
        "PUT /bucket" => ok("").replace("Content-Length: 0\r\n", "Connection: close\r\n"),
        _ => not_found(),
    })
    .await;
    let chat = recorder.visitor().transport(Transport::Polling).connect().await.unwrap();
    recorder.next().await;
    let mut stream = chat.stream().await.unwrap();
    let Frame::ScreenshotRequest(asked) = stream.next().await.unwrap().unwrap() else { panic!("a screenshot") };
    assert!(asked.silent);
    drop(stream);
    for line in ["GET /pp/messages?sessionId=sess_1", "GET /pp/screenshot/requests?sessionId=sess_1"] {
        let request = recorder.next().await;
        assert_eq!(request.line, format!("{line} HTTP/1.1"));
        is_call(&request);
    }
    let answered = chat.send_screenshot(&asked, "PNG").await.unwrap();
    assert_eq!(answered, json!({"success": true, "messageId": null}));
    let request = recorder.next().await;
    assert_eq!(request.body, r#"{"sessionId":"sess_1","requestId":"shot_1"}"#);
    let request = recorder.next().await;
    assert_headers(&request, &[("accept", "*/*"), ("content-type", "image/png")]);
    let request = recorder.next().await;
    assert_eq!(request.line, "POST /pp/screenshot/upload/complete HTTP/1.1");
    assert_eq!(request.body, r#"{"sessionId":"sess_1","requestId":"shot_1","attachmentId":"att_1","size":3}"#);
}

#[tokio::test]
async fn a_stream_is_asked_for_as_the_widget_asks_for_it() {
    const KNOWN: &str = r#"{"sessionId":"sess_1","messages":[
        {"id":"a","sender":"operator","content":"x","timestamp":"2026-11-22T07:16:50.000Z","readAt":"2026-11-22T08:16:54.959123+01:00"},
        {"id":"b","sender":"visitor","content":"y","timestamp":"2026-11-22T07:16:52.000Z","editedAt":null}]}"#;
    let mut recorder = Recorder::start(|request| match request.route() {
        "POST /pp/connect" => ok(KNOWN),
        "GET /pp/messages" => ok(r#"{"messages":[]}"#),
        _ => not_found(),
    })
    .await;
    let chat = recorder.visitor().page_url("https://example.com/").connect().await.unwrap();
    recorder.next().await;
    let stream = chat.stream().await.unwrap();
    assert_eq!(stream.transport(), Transport::Polling);
    drop(stream);

    let upgrade = recorder.next().await;
    assert_eq!(upgrade.line, "GET /pp/stream?sessionId=sess_1 HTTP/1.1");
    assert_eq!((upgrade.header("upgrade"), upgrade.header("origin")), (Some("websocket"), Some("https://example.com")));
    for absent in ["sec-websocket-protocol", "x-pocketping-version", "authorization", "cookie"] {
        assert_eq!(upgrade.header(absent), None);
    }
    let events = recorder.next().await;
    assert_eq!(events.line, "GET /pp/stream?sessionId=sess_1&after=2026-11-22T07%3A16%3A54.959Z HTTP/1.1");
    assert_headers(&events, &[("accept", "text/event-stream"), ("cache-control", "no-cache")]);
    let poll = recorder.next().await;
    assert_eq!(poll.line, "GET /pp/messages?sessionId=sess_1&after=2026-11-22T07%3A16%3A54.959Z HTTP/1.1");
    is_call(&poll);
    let screenshots = recorder.next().await;
    assert_eq!(screenshots.line, "GET /pp/screenshot/requests?sessionId=sess_1 HTTP/1.1");
    is_call(&screenshots);
}

#[tokio::test]
async fn a_custom_event_is_a_frame_and_the_socket_is_served_while_nobody_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/pp", listener.local_addr().unwrap());
    let visitor = Visitor::new(endpoint).unwrap().transport(Transport::WebSocket);
    let server = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 64];
        stream.read(&mut hello).await.map(drop).unwrap();
        stream.write_all(ok(r#"{"sessionId":"s 1&x"}"#).as_bytes()).await.unwrap();
        // What was not read is dropped with the connection, and the client has its answer.
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
        let (stream, _) = listener.accept().await.unwrap();
        let mut target = String::new();
        #[expect(clippy::result_large_err, reason = "the library's")]
        let keep = |request: &Upgrade, response: Response| {
            target = request.uri().to_string();
            Ok(response)
        };
        let socket = accept_hdr_async(stream, keep).await.unwrap();
        // The widget does not encode the id; a browser encodes what cannot be sent.
        assert_eq!(target, "/pp/stream?sessionId=s%201&x");
        socket
    };
    let (chat, mut socket) = tokio::join!(
        async {
            let chat = visitor.connect().await.unwrap();
            let stream = chat.stream().await.unwrap();
            (chat, stream)
        },
        server
    );
    let (chat, stream) = chat;
    socket.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("x".into()));

    chat.trigger("clicked_cta", json!({"x": 1})).await.unwrap();
    let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let (told, at) = text.split_once(r#""timestamp":"#).unwrap();
    assert_eq!(told, r#"{"type":"event","data":{"name":"clicked_cta","data":{"x":1},"#);
    assert_eq!((at.len(), &at[11..12], &at[20..21], &at[24..]), (28, "T", ".", "Z\"}}"), "{at}");
    chat.trigger("bare", Value::Null).await.unwrap();
    let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(text.starts_with(r#"{"type":"event","data":{"name":"bare","timestamp":"#), "{text}");

    drop(stream);
    assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Close(None)));
    let error = chat.trigger("late", Value::Null).await.unwrap_err();
    assert_eq!(error.to_string(), "custom events go over a WebSocket, and this chat has none open");
}
