//! Those who call: as little as can be, over one connection that stays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::KEY;

/// One connection.
pub(super) struct Caller {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Caller {
    pub(super) fn new(url: &str) -> Self {
        let stream = TcpStream::connect(address(url)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(64 << 10, stream), body: Vec::new() }
    }

    /// Asks, and gives the body of an answer that is one of success.
    pub(super) fn call(&mut self, method: &str, path: &str, body: &str) -> &[u8] {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 2"), "{method} {path}: {line}");
        // None when it comes in chunks.
        let mut whole = Some(0);
        while line.trim_end() != "" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    whole = Some(value.trim().parse().unwrap());
                }
                Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => whole = None,
                _ => {}
            }
        }
        self.body.clear();
        if let Some(length) = whole {
            self.read(length);
            return &self.body;
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            self.read(length);
            self.stream.read_line(&mut line).unwrap();
            if length == 0 {
                break;
            }
        }
        &self.body
    }

    /// Reads so much more of the body.
    fn read(&mut self, length: usize) {
        let from = self.body.len();
        self.body.resize(from + length, 0);
        self.stream.read_exact(&mut self.body[from..]).unwrap();
    }
}

pub(super) fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Gets so many times.
pub(super) fn get(url: &str, count: usize, mut path: impl FnMut(usize) -> String) {
    let mut caller = Caller::new(url);
    for n in 0..count {
        assert!(caller.call("GET", &path(n), "").len() > 2);
    }
}

/// Gets one session after the other, in no order.
pub(super) fn get_any(url: &str, sessions: usize, count: usize) {
    let mut state: u64 = 42;
    get(url, count, |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("/sessions/sess_{}", 1 + usize::try_from(state >> 33).unwrap() % sessions)
    });
}

/// Writes so many messages.
pub(super) fn post(url: &str, count: usize) {
    let mut caller = Caller::new(url);
    (0..count).for_each(|n| write(&mut caller, n));
}

fn write(caller: &mut Caller, n: usize) {
    let body = format!(r#"{{"content":"Hello number {n}, I have a question about the pricing","type":"operator"}}"#);
    caller.call("POST", "/sessions/sess_1/messages", &body);
}

/// How many write at once.
const WRITERS: u32 = 50;

/// Writes so many messages, so many a second, from as many connections as there are writers, and says how long they took, from
/// when each was due: a median, a 99th percentile and the longest, in microseconds.
pub(super) fn post_paced(url: &str, count: usize, per_second: usize) {
    let begun = Instant::now();
    let every = Duration::from_secs(1) / u32::try_from(per_second).unwrap();
    let writer = |writer: u32| {
        let mut caller = Caller::new(url);
        let mine = (writer..u32::try_from(count).unwrap()).step_by(WRITERS as usize);
        mine.map(|n| {
            let due = begun + every * n;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            write(&mut caller, n as usize);
            due.elapsed().as_micros()
        })
        .collect::<Vec<_>>()
    };
    let mut took: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|n| scope.spawn(move || writer(n))).collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    took.sort_unstable();
    println!("{} {} {}", took[count / 2], took[count * 99 / 100], took[count - 1]);
}

/// Plays so many visitors, each of whom connects, writes five times, and reads after each: eleven calls of the widget's
/// protocol.
pub(super) fn converse(url: &str, count: usize) {
    let mut caller = Caller::new(url);
    for n in 0..count {
        let answer = caller.call("POST", "/pocketping/connect", &format!(r#"{{"visitorId":"visitor-{n}"}}"#));
        let answer: Value = serde_json::from_slice(answer).unwrap();
        let session = answer["sessionId"].as_str().unwrap();
        let message =
            json!({"sessionId": session, "content": "Hello, I have a question about the pricing", "sender": "visitor"});
        let (message, read) = (message.to_string(), format!("/pocketping/messages?sessionId={session}"));
        for _ in 0..5 {
            caller.call("POST", "/pocketping/message", &message);
            caller.call("GET", &read, "");
        }
    }
}
