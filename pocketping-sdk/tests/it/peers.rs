//! Real sockets with peers that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use pocketping_sdk::{Client, ErrorKind, NewMessage, Outcome, RetryPolicy};

/// A peer that reads a request and then does this, once per connection.
fn peer(act: impl Fn(&mut TcpStream) + Send + 'static) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).unwrap_or(0) > 0 {
                act(&mut stream);
            }
        }
    });
    Client::builder().base_url(url).api_key("k").retry(RetryPolicy::none()).settle(Duration::ZERO).build().unwrap()
}

fn saying(answer: &'static str) -> Client {
    peer(move |stream| stream.write_all(answer.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_truncated_body_keeps_the_status_in_its_error() {
    let client = saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":");
    let error = client.session("s").get().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Network, Outcome::Unknown));
    assert!(error.to_string().contains("200"), "{error}");
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_is_still_a_refusal() {
    let client = saying("HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n{\"err");
    let error = client.session("s").get().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(404)));
}

#[tokio::test]
async fn a_peer_that_hangs_up_or_speaks_no_http_leaves_a_send_unknown() {
    for client in [peer(|_| {}), saying("SSH-2.0-OpenSSH_9.6\r\n")] {
        let error = client.session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Network, Outcome::Unknown), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_the_cap() {
    let client = peer(|stream| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        // Until the client hangs up, which it must: 1 GiB is far past its cap.
        let mut left = 16 * 1024;
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() && left > 0 {
            sent = stream.write_all(chunk.as_bytes());
            left -= 1;
        }
    });
    let error = client.session("s").get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("4194304 bytes"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    // A connection's own address: nobody listens there, and nobody is given it meanwhile.
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(peer.local_addr().unwrap()).unwrap();
    let free = connection.local_addr().unwrap();
    let client = Client::builder().base_url(format!("http://{free}")).api_key("k").retry(RetryPolicy::none());
    let client = client.build().unwrap();
    let error = client.session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
    let error = client.events().connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn there_may_be_no_socket_where_one_is_expected() {
    let html = saying("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\n<html>");
    let error = html.events().connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(error.status(), Some(200));
    let moved = saying("HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.test/ws\r\nContent-Length: 0\r\n\r\n");
    let error = moved.events().connect().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Redirect && error.to_string().contains("elsewhere.test"), "{error}");
    let denied = saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert!(denied.events().connect().await.unwrap_err().is_unauthorized());
    let busy = saying("HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n");
    let error = busy.events().connect().await.unwrap_err();
    assert_eq!((error.status(), error.retry_after().map(|wait| wait.as_secs())), (Some(503), Some(9)));
    let impostor = saying(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
    );
    assert_eq!(impostor.events().connect().await.unwrap_err().kind(), ErrorKind::Decode);
}
