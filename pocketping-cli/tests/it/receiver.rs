//! A receiver of webhooks: the test sees each request, and says what is answered and when.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Listens until the process ends.
pub(crate) struct Receiver {
    url: String,
    requests: Channel<Posted>,
}

/// A request that waits for its answer.
pub(crate) struct Posted {
    pub(crate) line: String,
    /// By lower-case names.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    stream: TcpStream,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?token=t0ken", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                thread::spawn(move || {
                    if let Some(posted) = read(stream.unwrap()) {
                        // An error says that the test is over.
                        drop(sender.send(posted));
                    }
                });
            }
        });
        Self { url, requests }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the next request; one that does not come is a failure and not a test without end.
    pub(crate) fn next(&self) -> Posted {
        self.requests.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Whether a request has come that nobody asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

fn read(stream: TcpStream) -> Option<Posted> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some(Posted { line: line.trim_end().to_owned(), headers, body, stream })
}

impl Posted {
    pub(crate) fn answer(mut self, head: &str) {
        // The program may have been killed meanwhile.
        drop(write!(self.stream, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }

    pub(crate) fn ok(self) {
        self.answer("204 No Content");
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The text of the message it tells of.
    pub(crate) fn content(&self) -> String {
        self.json()["data"]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }
}
