//! One link: a connection to the socket, authenticated. The only file that names tungstenite.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink, SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};

use super::feed::Fence;
use super::protocol::{self, AuthOk, Frame};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::{Client, redirect, refused_redirect};
use crate::types::{Event, EventId};
use crate::{ByteStream, RetryPolicy, TransportError, TransportFailure, Upgrade};

/// How long REST is asked whether it knows the key.
const PROBE: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 5;
/// How long a polite close may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) struct Link {
    socket: WebSocketStream<Box<dyn ByteStream>>,
    ping: Interval,
    awaiting_pong: bool,
}

/// What came over the link.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(Box<Event>),
    Unreadable { detail: String, is_broken: bool },
    AuthOk(AuthOk),
    Pong,
}

/// A link whose subscription stands, how that was shown, and what came before.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) fence: Fence,
    pub(super) early: VecDeque<Result<Incoming>>,
}

impl Link {
    /// Connects, authenticates, and waits until the subscription stands: for `auth.ok`, or for the pong to a ping that
    /// was sent after the key. A ping is sent every `ping`.
    pub(super) async fn open(client: &Client, last_event_id: Option<&EventId>, ping: Duration) -> Result<Opened> {
        let mut stream = upgrade(client).await?;
        // Written past the WebSocket library, which logs every frame it sends: the key must not be in a log.
        let auth = auth_frame(client.inner().key.expose(), last_event_id)?;
        stream.write_all(&auth).await.map_err(|error| broken(error.into()))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .max_message_size(Some(client.inner().settings.max_answer_bytes))
            .max_frame_size(Some(client.inner().settings.max_answer_bytes));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        let mut ping = interval_at(Instant::now() + ping, ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut link = Self { socket, ping, awaiting_pong: true };
        link.socket.send(SocketMessage::Ping(Bytes::new())).await.map_err(broken)?;
        let mut early = VecDeque::new();
        loop {
            let fence = match link.next().await {
                Ok(Incoming::AuthOk(said)) => Fence::AuthOk(said),
                Ok(Incoming::Pong) => Fence::Pong,
                Ok(frame) => {
                    early.push_back(Ok(frame));
                    continue;
                }
                Err(error) if error.close_code() == Some(1008) && early.is_empty() => {
                    drop(link);
                    return Err(policy_or_key(client.clone(), error).await);
                }
                Err(error) => return Err(error),
            };
            return Ok(Opened { link, fence, early });
        }
    }

    /// What comes next. Cancel safe: nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Incoming> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// What comes next, pings and their deadline included; an error is the end of the link.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming>> {
        loop {
            match self.socket.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    // Whatever comes proves that the peer is there.
                    self.awaiting_pong = false;
                    match message {
                        SocketMessage::Text(text) => {
                            return Poll::Ready(match protocol::read(&text) {
                                Frame::Event(event) => Ok(Incoming::Event(event)),
                                Frame::AuthOk(said) => Ok(Incoming::AuthOk(said)),
                                Frame::Unreadable { detail, is_broken } => {
                                    Ok(Incoming::Unreadable { detail, is_broken })
                                }
                                // A close follows and says the same.
                                Frame::Refused(error) => Err(error),
                            });
                        }
                        SocketMessage::Pong(_) => return Poll::Ready(Ok(Incoming::Pong)),
                        SocketMessage::Close(frame) => return Poll::Ready(Err(ended(frame))),
                        SocketMessage::Binary(_) => {
                            let detail = "the socket sent a binary frame".to_owned();
                            return Poll::Ready(Ok(Incoming::Unreadable { detail, is_broken: false }));
                        }
                        SocketMessage::Ping(_) | SocketMessage::Frame(_) => {}
                    }
                }
                Poll::Ready(Some(Err(SocketError::Utf8(detail)))) => {
                    let detail = format!("a frame of the socket is no text: {detail}");
                    return Poll::Ready(Ok(Incoming::Unreadable { detail, is_broken: true }));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(error))),
                Poll::Ready(None) => return Poll::Ready(Err(protocol::closed(None, ""))),
                Poll::Pending => {
                    ready!(self.ping.poll_tick(cx));
                    if self.awaiting_pong {
                        let message = format!("the server answered no ping for {:?}", self.ping.period());
                        return Poll::Ready(Err(Error::new(ErrorKind::Closed, Outcome::Unknown, message)));
                    }
                    self.awaiting_pong = true;
                    if let Err(error) = self.start_ping(cx) {
                        return Poll::Ready(Err(broken(error)));
                    }
                }
            }
        }
    }

    /// Sends a ping as far as that goes without waiting; when the way is blocked the missing pong will tell.
    fn start_ping(&mut self, cx: &mut Context<'_>) -> Result<(), SocketError> {
        let mut socket = Pin::new(&mut self.socket);
        if let Poll::Ready(ready) = socket.as_mut().poll_ready(cx) {
            ready?;
            socket.as_mut().start_send(SocketMessage::Ping(Bytes::new()))?;
            if let Poll::Ready(flushed) = socket.poll_flush(cx) {
                flushed?;
            }
        }
        Ok(())
    }

    /// Says goodbye and waits for the answer, not for long.
    pub(super) async fn close(mut self) {
        let goodbye = async {
            self.socket.close(None).await?;
            while let Some(message) = self.socket.next().await {
                message?;
            }
            Ok::<_, SocketError>(())
        };
        match tokio::time::timeout(LAST_WORDS, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the link ended before its close was answered"),
            Err(_) => tracing::debug!("the server did not answer the close"),
        }
    }
}

/// The first frame as bytes: a text frame, masked as a client's must be.
fn auth_frame(key: &str, last_event_id: Option<&EventId>) -> Result<Vec<u8>> {
    let mut frame = RawFrame::message(protocol::auth(key, last_event_id), OpCode::Data(Data::Text), true);
    frame.header_mut().mask = Some(rand::random());
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// Sends the upgrade through the client's transport, so that TLS, proxies and identity are those of REST. Redirects
/// within the origin are followed.
async fn upgrade(client: &Client) -> Result<Box<dyn ByteStream>> {
    let mut url = client.base_url().socket_http()?.to_string();
    for _ in 0..=MOST_REDIRECTS {
        let key = generate_key();
        let answer = match client.inner().transport.upgrade(upgrade_request(&url, &key)?).await {
            Ok(Upgrade::Switched { headers, stream }) => {
                accepted(&headers, &key)?;
                return Ok(stream);
            }
            Ok(Upgrade::Refused(answer)) => answer,
            Err(error) => return Err(unreachable_socket(client, error)),
        };
        let status = answer.status();
        match redirect(&Method::GET, status, answer.headers(), &url) {
            None => return Err(refused(client, answer).await),
            Some(Ok(target)) => url = target.into(),
            Some(Err(target)) => return Err(refused_redirect("GET /ws", &Method::GET, status, &url, &target)),
        }
    }
    let message = format!("the socket at {} redirects without end", client.base_url().socket());
    Err(Error::new(ErrorKind::Redirect, Outcome::Rejected, message))
}

fn upgrade_request(url: &str, key: &str) -> Result<http::Request<Bytes>> {
    let mut request = http::Request::builder()
        .method(Method::GET)
        .uri(url)
        .body(Bytes::new())
        .map_err(|error| Error::config(format!("{url} is no address")).with_source(error))?;
    let headers: [(HeaderName, &str); 4] =
        [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13"), (SEC_WEBSOCKET_KEY, key)];
    for (name, value) in headers {
        let value = HeaderValue::try_from(value)
            .map_err(|error| Error::request("the upgrade's headers cannot be sent").with_source(error))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn unreachable_socket(client: &Client, error: TransportError) -> Error {
    let (kind, outcome) = match error.failure() {
        TransportFailure::Connect => (ErrorKind::Connect, Outcome::NotSent),
        TransportFailure::Timeout => (ErrorKind::Timeout, Outcome::Unknown),
        TransportFailure::Broken => (ErrorKind::Network, Outcome::Unknown),
    };
    let message = format!("no connection to the socket at {}", client.base_url().socket());
    Error::new(kind, outcome, message).with_hint(error.hint()).with_source(error.into_source())
}

/// Whoever answered 101 must have read our key.
fn accepted(headers: &HeaderMap, key: &str) -> Result<()> {
    let is = |name: HeaderName, expected: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    let answer = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if is(UPGRADE, "websocket") && answer == Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Ok(());
    }
    let message = "the server switched protocols, but not to WebSocket";
    Err(Error::new(ErrorKind::Decode, Outcome::Rejected, message))
}

/// The error of an upgrade that was answered like a request.
async fn refused(client: &Client, answer: http::Response<crate::Body>) -> Error {
    let status = answer.status();
    let refusal = crate::transport::refusal("GET /ws", answer, Instant::now() + LAST_WORDS).await;
    if !matches!(status, StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return refusal;
    }
    let message = format!("there is no socket at {} (the upgrade was answered {status})", client.base_url().socket());
    Error::new(ErrorKind::Config, Outcome::Rejected, message)
        .with_status(status)
        .with_hint(Some("check the base URL, set the socket URL, or look for a proxy that drops upgrades"))
}

/// What a close for reasons of policy (1008) on a link without events means: it is the key's fault when REST refuses the
/// key as well.
pub(super) async fn policy_or_key(client: Client, closed: Error) -> Error {
    let probe = client.call::<serde_json::Value>(Method::GET, "/sessions", &[]).query("limit", "1");
    match probe.retry(RetryPolicy::none()).timeout(PROBE).raw().await {
        Err(error) if error.status() == Some(401) => protocol::unauthorized("close code 1008, and REST answers 401")
            .with_close_code(Some(1008))
            .with_source(error),
        _ => closed,
    }
}

fn ended(frame: Option<CloseFrame>) -> Error {
    match frame {
        Some(frame) => protocol::closed(Some(frame.code.into()), &frame.reason),
        None => protocol::closed(None, ""),
    }
}

fn broken(error: SocketError) -> Error {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => protocol::closed(None, ""),
        SocketError::Capacity(error) => {
            let message = "a frame of the socket is larger than the client's `max_answer_bytes`";
            Error::new(ErrorKind::TooLarge, Outcome::Unknown, message).with_source(error)
        }
        error => Error::new(ErrorKind::Closed, Outcome::Unknown, "the link to the socket broke").with_source(error),
    }
}
