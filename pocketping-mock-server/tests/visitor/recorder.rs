//! A server that knows nothing: it keeps what it is sent, and answers what the test says.

use std::sync::Arc;

use pocketping_mock_server::visitor::{Chat, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Method and path, without the query.
    pub(crate) fn route(&self) -> &str {
        self.line.split(['?']).next().unwrap().trim_end_matches(" HTTP/1.1")
    }
}

pub(crate) struct Recorder {
    /// The widget's endpoint.
    pub(crate) endpoint: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Recorder {
    /// Gives every request the answer that this makes of it, and hangs up. An empty one is silence.
    pub(crate) async fn start(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/pp", listener.local_addr().unwrap());
        let (tell, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (tell, answer) = (tell.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let request = receive(&mut stream).await;
                    let answer = answer(&request);
                    drop(tell.send(request));
                    if answer.is_empty() {
                        // Silence, until the client has enough of it.
                        drop(stream.read_u8().await);
                    }
                    drop(stream.write_all(answer.as_bytes()).await);
                });
            }
        });
        Self { endpoint, requests }
    }

    /// One that opens the session `sess_1` to whoever connects, and answers everything else like this.
    pub(crate) async fn answering(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        Self::start(move |request| match request.route() {
            "POST /pp/connect" => json(r#"{"sessionId":"sess_1"}"#),
            _ => answer(request),
        })
        .await
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.endpoint).unwrap()
    }

    /// A visitor that is connected; what it sent for that is forgotten.
    pub(crate) async fn chat(&mut self) -> Chat {
        let chat = self.visitor().connect().await.unwrap();
        self.next().await;
        chat
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }
}

async fn receive(stream: &mut TcpStream) -> Request {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Request { line, headers, body: String::from_utf8(body).unwrap() }
}

/// An answer with this status, type and body.
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn json(body: &str) -> String {
    answer("200 OK", "application/json", body)
}

/// What SDKs answer to paths they do not serve.
pub(crate) fn not_found() -> String {
    answer("404 Not Found", "application/json", r#"{"error":"Not found"}"#)
}
