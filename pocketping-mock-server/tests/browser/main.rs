//! A real browser: on a page of another origin, with the means the widget has (`fetch`, `WebSocket`, `EventSource` and
//! `sendBeacon`), and on the server's own page.
//!
//! Needs chromium and chromedriver. Without them the tests say that they were skipped; with `POCKETPING_REQUIRE_BROWSER=1`
//! they fail.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod driver;
mod page;
mod page_looks;
mod page_tools;
mod website;

use futures::{SinkExt, StreamExt};
use pocketping_mock_server::MockServer;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use driver::Browser;
use website::serve_page;

/// Reads an operator's socket up to the first event that is this.
async fn until(server: &MockServer, is: impl Fn(&Value) -> bool) {
    let mut socket = connect_async(format!("ws://{}/ws", server.address())).await.unwrap().0;
    socket.send(Message::text(r#"{"type":"auth","apiKey":"test_key"}"#)).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "auth.ok");
    // What was there before the subscription is looked up, what comes later is heard.
    let before: Vec<Value> = server.events().iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    if before.iter().any(&is) {
        return;
    }
    while !is(&next(&mut socket).await) {}
}

async fn next(
    socket: &mut (impl StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin),
) -> Value {
    loop {
        let next =
            tokio::time::timeout(std::time::Duration::from_secs(20), socket.next()).await.expect("an event in time");
        if let Message::Text(text) = next.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_chats_by_all_its_means_and_is_heard_leaving() {
    let Some(browser) = Browser::start().await else { return };
    let server = MockServer::builder().widget_versions(None, Some("2.7.0")).start().unwrap();
    // `localhost` is not `127.0.0.1`: another origin, and another site.
    let page = serve_page();
    let endpoint = format!("{}/pocketping", server.url());
    browser.goto(&format!("http://localhost:{page}/?endpoint={endpoint}")).await;

    let begun = browser.run("begin()").await;
    assert_eq!(begun, json!({"session": "sess_1", "status": "outdated"}), "the page may read the headers, too");
    let session = server.sessions().remove(0);
    assert!(session.metadata.user_agent.unwrap().contains("Chrome"));
    assert_eq!(session.metadata.extra["ip"], "127.0.0.1");

    let said = browser.run("ask('POST', '/message', {sessionId: session, content: 'Hello', attachmentIds: []})").await;
    let id = said["body"]["messageId"].as_str().unwrap();
    assert_eq!(server.messages(&"sess_1".into())[0].content, "Hello");
    browser.run(&format!("ask('PATCH', '/message/{id}', {{sessionId: session, content: 'Hello!'}})")).await;
    browser.run("both((frame) => frame.type === 'message_edited' && frame.data.content === 'Hello!')").await;

    answer(&server, "Hi, how can I help?").await;
    browser.run("both((frame) => frame.type === 'message' && frame.data.content === 'Hi, how can I help?')").await;
    browser.run("ask('POST', '/read', {sessionId: session, messageIds: ['msg_2'], status: 'read'})").await;
    assert!(server.messages(&"sess_1".into())[1].read_at.is_some());

    assert_eq!(browser.run("upload()").await, "abc att_1");
    let file = "ask('POST', '/message', {sessionId: session, content: '', attachmentIds: ['att_1']})";
    assert_eq!(browser.run(file).await["body"]["attachments"][0]["filename"], "a.txt");
    browser.run(&format!("ask('DELETE', '/message/{id}?sessionId=' + session)")).await;
    browser.run("both((frame) => frame.type === 'message_deleted')").await;

    browser.run("Promise.resolve(tell('clicked_cta', {x: 1}))").await;
    // The socket is heard in order: what the page does next comes behind it.
    browser.run("ask('GET', '/presence')").await;

    browser.goto("about:blank").await;
    until(&server, |event| event["session"]["visitorOnline"] == false).await;
    let signals = server.visitor_signals(&"sess_1".into());
    assert_eq!((signals.len(), &signals[0].data["data"]), (1, &json!({"x": 1})));
    browser.close().await;
}

/// An operator answers over REST.
async fn answer(server: &MockServer, text: &str) {
    let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let body = json!({"content": text}).to_string();
    let request = format!(
        "POST /sessions/sess_1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test_key\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
