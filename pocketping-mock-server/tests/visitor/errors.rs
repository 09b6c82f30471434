//! What goes wrong, and that it is told in one line.

use pocketping_mock_server::visitor::{Error, ErrorKind, Frame, Identity, PreChat, Transport, Visitor};
use pocketping_mock_server::{Limits, MockServer};
use tokio::net::{TcpListener, TcpSocket};

use crate::recorder::{Recorder, answer, json as ok, not_found};
use crate::transports::{listening, next};

#[track_caller]
fn is(error: &Error, kind: ErrorKind, status: Option<u16>, message: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (kind, status));
}

#[test]
fn an_endpoint_that_is_none_is_refused_at_once() {
    for (endpoint, why) in [
        ("127.0.0.1/pocketping", "relative URL without a base"),
        ("/pocketping", "relative URL without a base"),
        ("wss://example.com/pocketping", "it must begin with http:// or https://"),
        ("http://example.com/pp?key=1", "paths are appended to it, so it can have no query and no fragment"),
        ("http://user:secret@example.com/pp", "a browser takes none with a user name or password"),
    ] {
        let error = Visitor::new(endpoint).unwrap_err();
        is(&error, ErrorKind::Input, None, &format!("{endpoint:?} is no widget endpoint: {why}"));
    }
    let of_https = Visitor::new("https://example.com/pp");
    assert_eq!(of_https.is_ok(), cfg!(feature = "tls"));
    if let Err(error) = of_https {
        let why = "https:// needs the feature `tls` of pocketping-mock-server";
        is(&error, ErrorKind::Input, None, &format!("\"https://example.com/pp\" is no widget endpoint: {why}"));
    }
}

#[tokio::test]
async fn what_cannot_be_a_header_is_named() {
    let server = MockServer::start();
    let error = server.visitor().user_agent("a\nb").connect().await.unwrap_err();
    is(&error, ErrorKind::Input, None, "the user agent \"a\\nb\" cannot be a header");
    let error = server.visitor().version("2\r\n").connect().await.unwrap_err();
    is(&error, ErrorKind::Input, None, "the version \"2\\r\\n\" cannot be a header");
    let chat = server.visitor().connect().await.unwrap();
    let error = chat.upload("a.txt", "text/plain; a=\"\n\"", "abc").await.unwrap_err();
    is(&error, ErrorKind::Input, None, "the type \"text/plain; a=\\\"\\n\\\"\" cannot be a header");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/pp", listener.local_addr().unwrap());
    let visitor = Visitor::new(&at).unwrap();
    let (error, ()) = tokio::join!(visitor.connect(), async { drop(listener.accept().await.unwrap()) });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(error.to_string().starts_with(&format!("POST {at}/connect: the connection broke: ")), "{error}");
    // A port that is taken, and at which nobody listens.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = format!("http://{}/pp", taken.local_addr().unwrap());
    let error = Visitor::new(&at).unwrap().connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().starts_with(&format!("POST {at}/connect: no connection: ")), "{error}");
}

#[tokio::test]
async fn what_a_server_answers_is_told() {
    for (answer, kind, status, message) in [
        (not_found(), ErrorKind::Refused, 404, "was answered 404 Not Found: {\"error\":\"Not found\"}"),
        (
            answer("500 Internal Server Error", "text/html", "<html>\n  <h1>Oops</h1>\n</html>"),
            ErrorKind::Refused,
            500,
            "was answered 500 Internal Server Error: <html> <h1>Oops</h1> </html>",
        ),
        (
            "HTTP/1.1 307 Elsewhere\r\nLocation: https://www.example.com/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            ErrorKind::Refused,
            307,
            "was answered 307 Temporary Redirect: it is elsewhere: https://www.example.com/",
        ),
        (
            answer("200 OK", "text/html", "<!doctype html>\n<title>Log in</title>"),
            ErrorKind::Unreadable,
            200,
            "was answered 200 OK with what cannot be read (expected value at line 1 column 1): <!doctype html> <title>Log in</title>",
        ),
        (
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            ErrorKind::Unreadable,
            204,
            "was answered 204 No Content with what cannot be read (EOF while parsing a value at line 1 column 0)",
        ),
        (
            ok(r#"{"ok":true}"#),
            ErrorKind::Unreadable,
            200,
            "was answered 200 OK with what cannot be read (missing field `sessionId` at line 1 column 11): {\"ok\":true}",
        ),
    ] {
        let mut recorder = Recorder::start(move |_| answer.clone()).await;
        let error = recorder.visitor().connect().await.unwrap_err();
        is(&error, kind, Some(status), &format!("POST {}/connect {message}", recorder.endpoint));
        recorder.next().await;
    }
}

#[tokio::test]
async fn what_is_acknowledged_must_be_so_in_json() {
    let mut recorder = Recorder::answering(|_| answer("200 OK", "text/plain", "OK")).await;
    let chat = recorder.chat().await;
    assert_eq!(chat.typing(true).await.unwrap_err().kind(), ErrorKind::Unreadable);
    assert_eq!(chat.mark_read(["m"]).await.unwrap_err().kind(), ErrorKind::Unreadable);
    // Nobody reads the answers of beacons.
    chat.set_visible(true).await.unwrap();
    chat.leave().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_gone_is_told_by_every_call() {
    let gone = answer("404 Not Found", "application/json", r#"{"error":"Session not found"}"#);
    let mut recorder = Recorder::answering(move |_| gone.clone()).await;
    let at = recorder.endpoint.clone();
    let chat = recorder.chat().await;
    let refused = |asked: &str| format!("{asked} was answered 404 Not Found: {{\"error\":\"Session not found\"}}");
    let error = chat.say("Hello").await.unwrap_err();
    is(&error, ErrorKind::Refused, Some(404), &refused(&format!("POST {at}/message")));
    assert_eq!(error.body(), Some(r#"{"error":"Session not found"}"#));
    let error = chat.stream().await.unwrap_err();
    is(&error, ErrorKind::Refused, Some(404), &refused(&format!("GET {at}/messages")));
    let error = chat.leave().await.unwrap_err();
    is(&error, ErrorKind::Refused, Some(404), &refused(&format!("POST {at}/disconnect")));
}

#[tokio::test]
async fn what_the_server_checks_is_left_to_it() {
    let mut limits = Limits::default();
    limits.upload = 2;
    let server = MockServer::builder().limits(limits).start().unwrap();
    let chat = server.visitor().connect().await.unwrap();
    let refused = |error: Error| error.status().unwrap().as_u16();
    assert_eq!(refused(chat.say(" ").await.unwrap_err()), 400);
    assert_eq!(refused(chat.edit("msg_9", "x").await.unwrap_err()), 404);
    assert_eq!(refused(chat.delete("a/b").await.unwrap_err()), 404);
    assert_eq!(refused(chat.rate(6, None).await.unwrap_err()), 400);
    assert_eq!(refused(chat.identify(Identity::new("")).await.unwrap_err()), 400);
    assert_eq!(refused(chat.pre_chat(PreChat::new()).await.unwrap_err()), 400);
    assert_eq!(refused(chat.upload("a.txt", "text/plain", "abc").await.unwrap_err()), 413);
    assert_eq!(refused(chat.upload("a.exe", "application/x-dosexec", "a").await.unwrap_err()), 415);
}

#[tokio::test]
async fn a_widget_that_is_too_old_is_told() {
    let server = MockServer::builder().widget_versions(Some("2.0.0"), Some("3.1.0")).start().unwrap();
    let error = server.visitor().version("1.9.0").connect().await.unwrap_err();
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (ErrorKind::Refused, Some(426)));
    assert!(error.to_string().contains("was answered 426 Upgrade Required: {\"error\":\"unsupported widget version\""));

    let chat = server.visitor().connect().await.unwrap();
    let standing = chat.version_standing();
    assert_eq!(
        [&standing.status, &standing.min, &standing.latest].map(Option::as_deref),
        [Some("deprecated"), Some("2.0.0"), Some("3.1.0")]
    );
    let (_chat, mut stream) = listening(&server, Transport::WebSocket).await;
    let Frame::VersionWarning(warning) = next(&mut stream).await else { panic!("a warning") };
    assert_eq!((warning.severity.as_str(), warning.can_continue), ("warning", Some(true)));
    let server = MockServer::start();
    assert_eq!(server.visitor().connect().await.unwrap().version_standing().status, None);
}

#[tokio::test]
async fn an_empty_file_says_that_it_is_empty() {
    let mut recorder = Recorder::answering(|request| match request.route() {
        "POST /pp/upload" => ok(r#"{"attachmentId":"att_1","uploadUrl":"/bucket"}"#),
        "PUT /bucket" => answer("400 Bad Request", "application/xml", "<Error/>"),
        _ => not_found(),
    })
    .await;
    let chat = recorder.chat().await;
    let error = chat.upload("a.txt", "text/plain", "").await.unwrap_err();
    assert!(error.to_string().ends_with("/bucket was answered 400 Bad Request: <Error/>"), "{error}");
    recorder.next().await;
    assert_eq!(recorder.next().await.header("content-length"), Some("0"));
}
