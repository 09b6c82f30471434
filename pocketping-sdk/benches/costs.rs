//! What the client costs, beside what one would write by hand: one program with the parts that `.ci/bench.py` runs and counts.
//! The peer answers with bytes that were made beforehand, so that nothing of a server is in the figures.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use futures::StreamExt;
use pocketping_sdk::http::Method;
use pocketping_sdk::{Client, SessionList, StreamContent, StreamItem};
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

const KEY: &str = "sk_bench_0123456789abcdef";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match *arguments.as_slice() {
        ["serve"] => serve(),
        ["list-sdk", url, count] => runtime.block_on(list_sdk(url, number(count))),
        ["list-reqwest", url, count] => runtime.block_on(list_reqwest(url, number(count))),
        ["raw-sdk", url, count] => runtime.block_on(raw_sdk(url, number(count))),
        ["raw-reqwest", url, count] => runtime.block_on(raw_reqwest(url, number(count))),
        ["socket-sdk", url, count] => runtime.block_on(socket_sdk(url, number(count))),
        ["socket-tagged", url, count] => runtime.block_on(socket_tagged(url, number(count))),
        ["forward", url, target] => runtime.block_on(forward(url, target)),
        _ => println!("its parts are run and counted by .ci/bench.py"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

fn client(url: &str) -> Client {
    Client::builder().base_url(url).api_key(KEY).build().unwrap()
}

async fn list_sdk(url: &str, count: usize) {
    let client = client(url);
    for _ in 0..count {
        assert_eq!(client.sessions().list().await.unwrap().sessions.len(), 20);
    }
}

async fn raw_sdk(url: &str, count: usize) {
    let client = client(url);
    for _ in 0..count {
        assert!(
            !client.call::<SessionList>(Method::GET, "/sessions", &[]).raw().await.unwrap().into_value().is_empty()
        );
    }
}

/// What one writes by hand: every field a text, unknown ones dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read counts, not what becomes of it")]
struct Session {
    id: String,
    visitor_id: String,
    project_id: String,
    status: String,
    created_at: String,
    last_activity: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read counts, not what becomes of it")]
struct Metadata {
    page_url: String,
    user_agent: String,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<Session>,
}

fn by_hand() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn list_reqwest(url: &str, count: usize) {
    let client = by_hand();
    let url = format!("{url}/sessions");
    for _ in 0..count {
        let answer = client.get(&url).bearer_auth(KEY).send().await.unwrap().error_for_status().unwrap();
        // What its `json` does.
        let body = answer.bytes().await.unwrap();
        assert_eq!(serde_json::from_slice::<Sessions>(&body).unwrap().sessions.len(), 20);
    }
}

async fn raw_reqwest(url: &str, count: usize) {
    let client = by_hand();
    let url = format!("{url}/sessions");
    for _ in 0..count {
        let answer = client.get(&url).bearer_auth(KEY).send().await.unwrap().error_for_status().unwrap();
        assert!(!answer.bytes().await.unwrap().is_empty());
    }
}

/// The address at which the socket has so many frames, no more: a stream reads ahead of who reads it.
fn of_frames(url: &str, count: usize) -> String {
    url.replace("/v1", &format!("/{count}/v1"))
}

async fn socket_sdk(url: &str, count: usize) {
    let mut events = client(&of_frames(url, count)).events().connect().await.unwrap();
    let mut seen = 0;
    while seen < count {
        if let StreamItem { content: StreamContent::Live(event), .. } = events.next().await.unwrap().unwrap() {
            assert!(event.message().is_some());
            seen += 1;
        }
    }
}

/// An event as a derive makes it.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    #[serde(rename = "session.created")]
    SessionCreated { session: Session },
    #[serde(rename = "message.created")]
    MessageCreated { id: String, seq: u64, timestamp: String, message: MessageByHand },
    #[serde(rename = "session.closed", rename_all = "camelCase")]
    #[expect(dead_code, reason = "what is read counts, not what becomes of it")]
    SessionClosed { session_id: String },
    #[serde(rename = "auth.ok")]
    AuthOk,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read counts, not what becomes of it")]
struct MessageByHand {
    id: String,
    session_id: String,
    content: String,
    r#type: String,
    created_at: String,
}

async fn socket(url: &str) -> WebSocketStream<tokio::net::TcpStream> {
    let config = WebSocketConfig::default().read_buffer_size(16 << 10);
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = url.replace("http://", "ws://");
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.unwrap();
    let auth = format!(r#"{{"type":"auth","apiKey":"{KEY}"}}"#);
    futures::SinkExt::send(&mut socket, Message::text(auth)).await.unwrap();
    socket
}

async fn socket_tagged(url: &str, count: usize) {
    let mut socket = socket(&url.replace("/v1", &format!("/{count}/ws"))).await;
    let mut seen = 0;
    while seen < count {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        match serde_json::from_str::<Tagged>(&text).unwrap() {
            Tagged::MessageCreated { id, seq, timestamp, message } => {
                assert!(!id.is_empty() && seq > 0 && !timestamp.is_empty() && !message.id.is_empty());
                seen += 1;
            }
            Tagged::SessionCreated { session } => assert!(!session.id.is_empty()),
            Tagged::SessionClosed { .. } | Tagged::AuthOk => {}
        }
    }
}

/// Posts each event as it comes, the next one when it was taken: what forwards with nothing else.
async fn forward(url: &str, target: &str) {
    let mut socket = socket(&format!("{url}/ws")).await;
    let client = by_hand();
    let Message::Text(_) = socket.next().await.unwrap().unwrap() else { panic!("auth.ok") };
    println!("ready");
    std::io::stdout().flush().unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            let post = client.post(target).header("content-type", "application/json").body(text.to_string());
            post.send().await.unwrap().error_for_status().unwrap();
        }
    }
}

/// A session as a server lists it, with all that the reference prints: about 350 bytes.
fn session(n: usize) -> String {
    format!(
        r#"{{"id":"sess_{n:024}","visitorId":"vis_{n:024}","projectId":"proj_{n:024}","status":"active","createdAt":"2024-01-15T10:30:00.000Z","lastActivity":"2024-01-15T10:35:00.000Z","metadata":{{"pageUrl":"https://example.com/pricing","userAgent":"Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0"}}}}"#
    )
}

/// Answers with a list of 20 sessions, of which none has a message, and a socket with many events.
fn serve() {
    let sessions: Vec<_> = (0..20).map(session).collect();
    let body = format!(r#"{{"sessions":[{}]}}"#, sessions.join(","));
    let list = answer(&body);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}/v1", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    // It ends with its input.
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        #[allow(clippy::exit, reason = "nothing is left to be done")]
        std::process::exit(0);
    });
    for stream in listener.incoming() {
        let (stream, list) = (stream.unwrap(), list.clone());
        std::thread::spawn(move || answers(&stream, &list));
    }
}

fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn answers(stream: &TcpStream, list: &[u8]) {
    let messages = answer(r#"{"messages":[]}"#);
    stream.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut key: Option<String> = None;
    let mut is_of_messages = false;
    let mut frames = 0;
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() {
            if let Some(key) = &key {
                // Whoever has read enough hangs up.
                drop(events(stream, key, frames));
                return;
            }
            if (&*stream).write_all(if is_of_messages { &messages } else { list }).is_err() {
                return;
            }
        } else if line.starts_with("GET ") {
            is_of_messages = line.contains("/messages");
            frames = line.split('/').nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
        } else if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = Some(value.to_owned());
        }
    }
}

fn events(mut stream: &TcpStream, key: &str, count: usize) -> std::io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    // The key comes first; what it says is not looked at.
    let _auth = stream.read(&mut [0; 4096])?;
    let mut bytes = Vec::new();
    frame(&mut bytes, r#"{"type":"auth.ok","connectionId":"conn_1","resume":"fresh","seq":0}"#);
    for n in 1..=count {
        let (seconds, millis) = (n / 1000 % 60, n % 1000);
        let (minutes, conversation) = (n / 60_000, n % 50);
        let event = format!(
            r#"{{"type":"message.created","id":"evt_{n:020}","seq":{n},"timestamp":"2024-01-15T10:{minutes:02}:{seconds:02}.{millis:03}Z","message":{{"id":"msg_{n:024}","sessionId":"sess_{conversation:024}","content":"Hello, I have a question about the pricing","type":"visitor","createdAt":"2024-01-15T10:{minutes:02}:{seconds:02}.{millis:03}Z"}}}}"#
        );
        frame(&mut bytes, &event);
    }
    stream.write_all(&bytes)?;
    std::io::copy(&mut stream, &mut std::io::sink())?;
    Ok(())
}

/// A text frame of a server.
fn frame(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(0x81);
    if let Ok(short @ 0..=125) = u8::try_from(text.len()) {
        bytes.push(short);
    } else {
        bytes.push(126);
        bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    }
    bytes.extend(text.as_bytes());
}
