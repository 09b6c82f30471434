//! The socket: a first frame with the key, then the tenant's events.

mod frames;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::ORIGIN;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::{Host, Url};

use crate::app::App;
use crate::connection::Connection;
use crate::http::faulty_answer;
use crate::hub::{End, Subscription};
use crate::server::after_grace;
use crate::store::{Rejection, TenantId};
use frames::Frames;

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
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(rejection) = check_origin(&app, &headers) {
        return rejection.into_response();
    }
    if upgrade.is_ok()
        && let Some((status, retry_after)) = app.faults.on_upgrade()
    {
        return faulty_answer(status, retry_after);
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
                tasks.track_future(async move {
                    tokio::select! {
                        () = link(&app, &connection, socket) => {}
                        () = connection.ended() => {}
                    }
                })
            }),
        Err(rejection) => {
            Rejection::Invalid(format!("/ws wants a WebSocket upgrade: {}", rejection.body_text())).into_response()
        }
    }
}

/// A page elsewhere must not drive a developer's server: on loopback only pages of this machine may connect.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Rejection> {
    let is_here = |url: Url| match url.host() {
        _ if !matches!(url.scheme(), "http" | "https") => false,
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    // contract gap: the reference says nothing of browsers. All of several origins must be this machine's.
    if !app.is_loopback
        || origins.all(|origin| origin.to_str().ok().and_then(|text| Url::parse(text).ok()).is_some_and(is_here))
    {
        return Ok(());
    }
    Err(Rejection::Forbidden("the Origin is a page of another host, and this server is for this machine".to_owned()))
}

/// How a link ends.
#[derive(Clone, Copy, Debug)]
enum Over {
    /// This side closes, with this code.
    Close(u16, &'static str),
    /// The client said goodbye; the answer is on its way.
    Goodbye,
    /// Nobody is left to tell, or nobody is to be told.
    Gone,
    /// Nobody is told and the connection stays.
    Silent,
}

async fn link(app: &App, connection: &Connection, mut socket: WebSocket) {
    let over = match timeout(AUTH, first_frame(app, &mut socket)).await {
        Ok(Ok((tenant, last_event_id))) => {
            let subscription = app.subscribe(&tenant, last_event_id.as_deref());
            serve(app, &mut socket, subscription).await
        }
        Ok(Err(over)) => over,
        Err(_) => close_code(app, 4408, "no authentication in time"),
    };
    if matches!(over, Over::Silent) {
        connection.silence();
        tokio::select! {
            () = hear_out(&mut socket) => {}
            () = app.stop.cancelled() => {}
        }
        return;
    }
    // Until the peer answers, or the server's own grace ends: dropping unread input would lose the code.
    tokio::select! {
        _ = timeout(LAST_WORDS, goodbye(&mut socket, over)) => {}
        () = after_grace(app) => {}
    }
}

/// Strict refuses with 1008, whatever is wrong.
///
/// contract gap: the reference shows the first frame and says nothing of what happens without it.
fn close_code(app: &App, code: u16, reason: &'static str) -> Over {
    Over::Close(if app.contract.is_extended() { code } else { 1008 }, reason)
}

/// Reads the first frame: the key, and what the client has seen last.
async fn first_frame(app: &App, socket: &mut WebSocket) -> Result<(TenantId, Option<String>), Over> {
    let text = loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = app.stop.cancelled() => return Err(Over::Close(1001, "shutting down")),
        };
        match message {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Binary(_))) => return Err(Over::Close(1003, "text frames only")),
            // A ping before the key proves nothing, so it is not answered but refused.
            Some(Ok(Message::Ping(_))) => return Err(close_code(app, 4400, "the first frame must be auth")),
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) => return Err(Over::Goodbye),
            None => return Err(Over::Gone),
            Some(Err(error)) => return Err(fault(&error)),
        }
    };
    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
    if frame.get("type").and_then(Value::as_str) != Some("auth") {
        return Err(close_code(app, 4400, "the first frame must be auth"));
    }
    let tenant = match app.tenant_of(frame.get("apiKey").and_then(Value::as_str).unwrap_or_default()) {
        Ok(tenant) => tenant,
        Err(rejection) => {
            say(app, socket, &rejection).await?;
            return Err(close_code(app, 4401, "unauthorized"));
        }
    };
    if let Some(code) = app.faults.on_auth() {
        match code {
            4401 => say(app, socket, &Rejection::Unauthorized("a fault that was asked for")).await?,
            4403 => say(app, socket, &Rejection::Forbidden("a fault that was asked for".to_owned())).await?,
            _ => {}
        }
        return Err(Over::Close(code, "a fault that was asked for"));
    }
    // An id of another shape is one this server does not know, which is not the same as none.
    let last = frame.get("lastEventId").filter(|id| !id.is_null());
    Ok((tenant, last.map(|id| id.as_str().unwrap_or_default().to_owned())))
}

/// Says why the first frame is refused; strict says nothing.
async fn say(app: &App, socket: &mut WebSocket, rejection: &Rejection) -> Result<(), Over> {
    if !app.contract.is_extended() {
        return Ok(());
    }
    let mut body = rejection.body(false);
    body.extra.insert("type".to_owned(), "error".into());
    let text = serde_json::to_string(&body).unwrap_or_default();
    socket.send(Message::text(text)).await.map_err(|_| Over::Gone)
}

/// Sends events until the link ends.
async fn serve(app: &App, socket: &mut WebSocket, subscription: Subscription) -> Over {
    let Subscription { resume, seq, backlog, mut events, end } = subscription;
    // Counted from before the first word: whoever has read it can advance the clock to the first ping.
    let mut ping_due = pin!(app.clock.sleep(PING));
    let mut frames = Frames::default();
    let mut new = Vec::new();
    if app.contract.is_extended() {
        let connection = app.ids.next("conn");
        // contract gap: an answer to the key is an addition. `seq` lets a client tell that the first event is missing.
        let auth_ok = json!({"type": "auth.ok", "connectionId": connection, "resume": resume.as_str(), "seq": seq});
        if let Err(over) = until_over(app, &end, write(socket, Message::text(auth_ok.to_string()))).await {
            return over;
        }
    }
    frames.extend(backlog);
    let mut pong = Pong::default();
    loop {
        if let Err(over) = until_over(app, &end, frames.write(app, socket)).await {
            return over;
        }
        tokio::select! {
            count = events.recv_many(&mut new, BATCH), if frames.is_open() => {
                if count == 0 {
                    return Over::Close(end.reached().await, "the subscription ended");
                }
                frames.extend(new.drain(..));
            }
            () = frames.are_due() => {}
            message = socket.recv() => {
                pong.came();
                match message {
                    Some(Ok(Message::Binary(_))) => return Over::Close(1003, "text frames only"),
                    Some(Ok(Message::Close(_))) => return Over::Goodbye,
                    None => return Over::Gone,
                    Some(Err(error)) => return fault(&error),
                    // contract gap: a client has nothing more to say; what it says is ignored.
                    Some(Ok(_)) => {}
                }
            }
            () = &mut ping_due => {
                ping_due.set(app.clock.sleep(PING));
                pong.expect();
                if let Err(over) = until_over(app, &end, write(socket, Message::Ping(Bytes::new()))).await {
                    return over;
                }
            }
            () = pong.is_late() => return Over::Gone,
            code = end.reached() => return Over::Close(code, "this reader is too slow"),
            () = app.stop.cancelled() => return Over::Close(1001, "shutting down"),
        }
    }
}

/// Writes one frame.
async fn write(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    progress(socket.send(message)).await.map_err(|error| fault(&error))
}

/// A write that makes no progress for as long as a ping and its pong may take is a peer that is gone: nothing else
/// would tell, because what is written behind it never leaves.
async fn progress(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), axum::Error> {
    timeout(PING * 2, write).await.unwrap_or_else(|late| Err(axum::Error::new(late)))
}

/// Runs a write that a slow reader, or the server's end, may cut short.
async fn until_over(app: &App, end: &End, write: impl Future<Output = Result<(), Over>>) -> Result<(), Over> {
    tokio::select! {
        written = write => written,
        code = end.reached() => Err(Over::Close(code, "this reader is too slow")),
        () = app.stop.cancelled() => Err(Over::Close(1001, "shutting down")),
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
    tracing::debug!(%error, "a link broke");
    // axum hides the kind of the error; its text names the limit.
    if error.to_string().contains("too long") { Over::Close(1009, "the frame is too large") } else { Over::Gone }
}

/// Ends the link: with a code, or by letting the answer to the client's own close go out; then reads until the client
/// has ended it too.
async fn goodbye(socket: &mut WebSocket, over: Over) {
    match over {
        Over::Gone | Over::Silent => return,
        // The library has queued the answer; reading on sends it.
        Over::Goodbye => {}
        Over::Close(code, reason) => {
            let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            if socket.send(Message::Close(Some(close))).await.is_err() {
                return;
            }
        }
    }
    hear_out(socket).await;
}

/// Reads until the client has ended the link.
async fn hear_out(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        drop(message);
    }
}
