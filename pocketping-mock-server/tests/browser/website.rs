//! A website with a chat: a server for the page that the browser is to show.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

const PAGE: &str = include_str!("website.html");

/// Serves the page on a port of its own, for as long as the process lives.
pub(crate) fn serve_page() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    head.push(byte[0]);
                }
                let length = PAGE.len();
                // A browser that hangs up early is none of this test's business.
                drop(write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
                ));
            });
        }
    });
    port
}
