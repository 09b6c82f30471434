//! A reader of the widget's event stream.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use pocketping_mock_server::MockServer;
use serde_json::Value;

/// A stream of server-sent events, read line by line.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    pub(crate) fn open(server: &MockServer, query: &str) -> (Self, Vec<String>) {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            stream,
            "GET /pocketping/stream?{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
             Cache-Control: no-cache\r\nOrigin: https://example.com\r\n\r\n"
        )
        .unwrap();
        let mut events = Self(BufReader::new(stream));
        let mut head = Vec::new();
        loop {
            let line = events.line();
            if line.is_empty() {
                return (events, head);
            }
            head.push(line.to_lowercase());
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// What comes until the connection ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }

    /// The next comment or data; what frames chunks is passed over.
    pub(crate) fn next(&mut self) -> String {
        loop {
            let line = self.line();
            if line.starts_with("data: ") || line.starts_with(':') {
                return line;
            }
        }
    }

    pub(crate) fn frame(&mut self) -> Value {
        let line = self.next();
        serde_json::from_str(line.strip_prefix("data: ").unwrap_or_else(|| panic!("{line}"))).unwrap()
    }
}
