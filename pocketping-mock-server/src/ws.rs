//! The socket: a first frame with the key, then the tenant's events.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::SinkExt;
use http::HeaderMap;
use http::header::ORIGIN;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::{Host, Url};

use crate::app::App;
use crate::hub::{End, Subscription};
use crate::store::{Rejection, TenantId};

/// The largest frame, in either direction.
const MOST_FRAME: usize = 1 << 20;
/// How long a client has for its first frame.
const AUTH: Duration = Duration::from_secs(5);
/// How often a ping is due, and how long its pong may take.
const PING: Duration = Duration::from_secs(20);
/// How long a client has to answer a close; a slow reader needs longer to see its code.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How many events are written before one flush.
const BATCH: usize = 64;

/// Answers `GET /ws`.
pub(crate) async fn socket(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(rejection) = check_origin(&app, &headers) {
        return rejection.into_response();
    }
    match upgrade {
        Ok(upgrade) => upgrade
            .read_buffer_size(4096)
            // With an empty write buffer every frame would be a system call of its own.
            .write_buffer_size(16 << 10)
            .max_message_size(MOST_FRAME)
            .max_frame_size(MOST_FRAME)
            .on_upgrade(move |socket| {
                let tasks = app.tasks.clone();
                tasks.track_future(link(app, socket))
            }),
        Err(rejection) => {
            Rejection::Invalid(format!("/ws wants a WebSocket upgrade: {}", rejection.body_text())).into_response()
        }
    }
}

/// A page elsewhere must not drive a developer's server: on loopback only pages of this machine may connect.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Rejection> {
    let Some(origin) = headers.get(ORIGIN).filter(|_| app.is_loopback) else { return Ok(()) };
    let is_here = |url: Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    };
    if origin.to_str().ok().and_then(|text| Url::parse(text).ok()).is_some_and(is_here) {
        return Ok(());
    }
    Err(Rejection::Forbidden("the Origin is a page of another host, and this server is for this machine".to_owned()))
}

/// Why a link ends, and with which close code; `None` when there is nobody left to tell.
type Over = Option<(u16, &'static str)>;

async fn link(app: App, mut socket: WebSocket) {
    let over = match timeout(AUTH, first_frame(&app, &mut socket)).await {
        Ok(Ok((tenant, last_event_id))) => {
            let subscription = app.subscribe(&tenant, last_event_id.as_deref());
            serve(&app, &mut socket, subscription).await
        }
        Ok(Err(over)) => over,
        Err(_) => Some(close_code(&app, 4408, "no authentication in time")),
    };
    if let Some((code, reason)) = over {
        // Until the peer answers, or the server's own grace ends: dropping unread input would lose the code.
        let goodbye = goodbye(&mut socket, code, reason);
        tokio::select! {
            _ = timeout(LAST_WORDS, goodbye) => {}
            () = after_stop(&app) => {}
        }
    }
}

/// Strict refuses with 1008, whatever is wrong.
fn close_code(app: &App, code: u16, reason: &'static str) -> (u16, &'static str) {
    (if app.contract.is_extended() { code } else { 1008 }, reason)
}

/// Reads the first frame: the key, and what the client has seen last.
async fn first_frame(app: &App, socket: &mut WebSocket) -> Result<(TenantId, Option<String>), Over> {
    let text = loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = app.stop.cancelled() => return Err(Some((1001, "shutting down"))),
        };
        match message {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Binary(_))) => return Err(Some((1003, "text frames only"))),
            // A ping before the key proves nothing, so it is not answered but refused.
            Some(Ok(Message::Ping(_))) => return Err(Some(close_code(app, 4400, "the first frame must be auth"))),
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return Err(None),
            Some(Err(error)) => return Err(fault(&error)),
        }
    };
    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
    if frame.get("type").and_then(Value::as_str) != Some("auth") {
        return Err(Some(close_code(app, 4400, "the first frame must be auth")));
    }
    match app.tenant_of(frame.get("apiKey").and_then(Value::as_str).unwrap_or_default()) {
        Ok(tenant) => Ok((tenant, frame.get("lastEventId").and_then(Value::as_str).map(str::to_owned))),
        Err(rejection) => {
            if app.contract.is_extended() {
                let mut body = rejection.body(false);
                body.extra.insert("type".to_owned(), "error".into());
                let text = serde_json::to_string(&body).unwrap_or_default();
                if socket.send(Message::text(text)).await.is_err() {
                    return Err(None);
                }
            }
            Err(Some(close_code(app, 4401, "unauthorized")))
        }
    }
}

/// Sends events until the link ends.
async fn serve(app: &App, socket: &mut WebSocket, subscription: Subscription) -> Over {
    let Subscription { resume, backlog, mut events, end } = subscription;
    let mut frames = Vec::new();
    if app.contract.is_extended() {
        let connection = app.ids.next("conn");
        let auth_ok = json!({"type": "auth.ok", "connectionId": connection, "resume": resume.as_str()});
        frames.push(Bytes::from(auth_ok.to_string()));
    }
    frames.extend(backlog);
    let mut ping_due = pin!(app.clock.sleep(PING));
    let mut pong = Pong::default();
    loop {
        if let Err(over) = until_over(app, &end, send(socket, &mut frames)).await {
            return over;
        }
        tokio::select! {
            count = events.recv_many(&mut frames, BATCH) => {
                if count == 0 {
                    return Some((end.reached().await, "the subscription ended"));
                }
            }
            message = socket.recv() => {
                pong.came();
                match message {
                    Some(Ok(Message::Binary(_))) => return Some((1003, "text frames only")),
                    Some(Ok(Message::Close(_))) | None => return None,
                    Some(Err(error)) => return fault(&error),
                    // contract gap: a client has nothing more to say; what it says is ignored.
                    Some(Ok(_)) => {}
                }
            }
            () = &mut ping_due => {
                ping_due.set(app.clock.sleep(PING));
                pong.expect();
                let write = async { socket.send(Message::Ping(Bytes::new())).await };
                if let Err(over) = until_over(app, &end, write).await {
                    return over;
                }
            }
            () = pong.is_late() => return None,
            code = end.reached() => return Some((code, "this reader is too slow")),
            () = app.stop.cancelled() => return Some((1001, "shutting down")),
        }
    }
}

/// Writes what is queued, with one flush.
async fn send(socket: &mut WebSocket, frames: &mut Vec<Bytes>) -> Result<(), axum::Error> {
    if frames.is_empty() {
        return Ok(());
    }
    for frame in frames.drain(..) {
        // Frames are made by serde_json: always UTF-8.
        let text = Utf8Bytes::try_from(frame).map_err(axum::Error::new)?;
        socket.feed(Message::Text(text)).await?;
    }
    socket.flush().await
}

/// Runs a write that a slow reader, or the server's end, may cut short.
async fn until_over(app: &App, end: &End, write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), Over> {
    tokio::select! {
        written = write => written.map_err(|error| fault(&error)),
        code = end.reached() => Err(Some((code, "this reader is too slow"))),
        () = app.stop.cancelled() => Err(Some((1001, "shutting down"))),
    }
}

/// The wait for a pong, in real time. Whatever the client sends will do.
#[derive(Default)]
struct Pong(Option<tokio::time::Instant>);

impl Pong {
    fn expect(&mut self) {
        self.0.get_or_insert_with(|| tokio::time::Instant::now() + PING);
    }

    fn came(&mut self) {
        self.0 = None;
    }

    async fn is_late(&self) {
        match self.0 {
            Some(late) => tokio::time::sleep_until(late).await,
            None => std::future::pending().await,
        }
    }
}

/// What to tell a client whose frame broke the protocol or the limit.
fn fault(error: &axum::Error) -> Over {
    let text = error.to_string();
    tracing::debug!(error = text, "a link broke");
    // axum hides the kind of the error; its text names the limit.
    text.contains("too long").then_some((1009, "the frame is too large"))
}

/// Closes with a code and waits for the answer.
async fn goodbye(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    if socket.send(Message::Close(Some(close))).await.is_ok() {
        while let Some(Ok(message)) = socket.recv().await {
            drop(message);
        }
    }
}

/// The end of the grace a stopping server gives its links.
async fn after_stop(app: &App) {
    app.stop.cancelled().await;
    if timeout(crate::server::GRACE / 2, std::future::pending::<()>()).await.is_err() {
        tracing::debug!("a link did not answer its close before the server ended");
    }
}
