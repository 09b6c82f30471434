//! A client that knows nothing but bytes.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use pocketping_mock_server::MockServer;
use serde_json::Value;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.whole()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body, put together when it came in chunks.
    pub(crate) fn whole(&self) -> String {
        if self.header("transfer-encoding") != Some("chunked") {
            return self.body.clone();
        }
        let (mut whole, mut rest) = (String::new(), self.body.as_str());
        while let Some((length, behind)) = rest.split_once("\r\n") {
            let (chunk, behind) = behind.split_at(usize::from_str_radix(length, 16).unwrap());
            whole.push_str(chunk);
            rest = behind.strip_prefix("\r\n").unwrap();
        }
        whole
    }
}

/// Connects and sends these bytes.
pub(crate) fn begin(server: &MockServer, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may have hung up already.
    drop(stream.write_all(request.as_bytes()));
    stream
}

/// Reads until the server hangs up, in order or not: nothing when it did so without an answer.
pub(crate) fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(answer).unwrap(),
    }
}

/// Reads the answer of a server that hangs up behind it.
#[track_caller]
pub(crate) fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: headers.collect(), body: body.to_owned() }
}

/// Sends these bytes and reads until the server hangs up.
pub(crate) fn raw(server: &MockServer, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    answer(&String::from_utf8(text).unwrap())
}

/// A request line such as `GET /sessions` with these headers and this body, as bytes.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request.push_str("\r\n");
    request.push_str(body);
    request
}

/// Sends a request line such as `GET /sessions` with these headers and this body.
pub(crate) fn send(server: &MockServer, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    raw(server, request(line, headers, body).as_bytes())
}

/// As [`send`], with the server's key.
pub(crate) fn call(server: &MockServer, line: &str, body: &str) -> Answer {
    call_with(server, line, &[], body)
}

/// As [`call`], with more headers.
pub(crate) fn call_with(server: &MockServer, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {}", server.api_key());
    let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    all.extend(headers);
    send(server, line, &all, body)
}
