//! One socket that is told frames: pings, slow readers, shutdown and goodbye. What it is told, and who may listen, is its
//! caller's.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::frames::Frames;
use super::line::Line;
use crate::app::App;
use crate::connection::Connection;
use crate::hub::RESTARTED;
use crate::journal::Tape;
use crate::metrics::Stream;
use crate::serve::after_grace;
use crate::subscribers::End;
use crate::surface::Surface;

/// How often a ping is due, and how long its pong may take.
const PING: Duration = Duration::from_secs(20);
/// How long a client has to answer a close; a slow reader needs longer to see its code.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How many events are written before one flush.
const BATCH: usize = 64;

/// How a link ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    /// This side closes, with this code.
    Close(u16, &'static str),
    /// The client said goodbye; the answer is on its way.
    Goodbye,
    /// Nobody is left to tell, or nobody is to be told.
    Gone,
    /// Nobody is told and the connection stays.
    Silent,
}

/// What a socket is told.
#[derive(Debug)]
pub(crate) struct Told {
    /// A frame before all others.
    pub(crate) greeting: Option<String>,
    /// What is told at once.
    pub(crate) backlog: Vec<Bytes>,
    /// What comes.
    pub(crate) frames: mpsc::Receiver<Bytes>,
    pub(crate) end: End,
    /// Whose socket it is.
    pub(crate) surface: Surface,
}

/// Answers an upgrade. The socket is served until `serve` says how it is over, and then ended in order.
pub(crate) fn open<F, S>(
    app: App,
    surface: Surface,
    connection: Connection,
    upgrade: WebSocketUpgrade,
    tape: Tape,
    serve: F,
) -> Response
where
    F: FnOnce(App, Line) -> S + Send + 'static,
    S: Future<Output = (Line, Over)> + Send,
{
    upgrade
        // Clients say little; what is longer makes it longer.
        .read_buffer_size(256)
        // With an empty write buffer every frame would be a system call of its own.
        .write_buffer_size(16 << 10)
        .max_message_size(app.limits.frame)
        .max_frame_size(app.limits.frame)
        .on_upgrade(move |socket| {
            let tasks = app.tasks.clone();
            tasks.track_future(async move {
                let _open = app.metrics.opened(surface, Stream::Socket);
                // Pinned where it is made: a future that is moved on takes its room twice, in each of many sockets.
                let mut whole = pin!(async {
                    let (socket, over) = serve(app.clone(), Line::new(socket, tape)).await;
                    conclude(&app, &connection, socket, over).await;
                });
                tokio::select! {
                    () = &mut whole => {}
                    () = connection.ended() => {}
                }
            })
        })
}

async fn conclude(app: &App, connection: &Connection, mut socket: Line, over: Over) {
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

/// Tells frames until the link ends. `hear` is given the texts that come.
pub(crate) async fn serve(app: &App, socket: &mut Line, told: Told, mut hear: impl FnMut(&str)) -> Over {
    let Told { greeting, backlog, frames: mut events, end, surface } = told;
    // Counted from before the first word: whoever has read it can advance the clock to the first ping.
    let mut ping_due = pin!(app.clock.sleep(PING));
    let mut frames = Frames::new(surface);
    let mut new = Vec::new();
    if let Some(greeting) = greeting
        && let Err(over) = until_over(app, &end, write(socket, Message::text(greeting))).await
    {
        return over;
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
                    return ended_with(end.reached().await);
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
                    Some(Ok(Message::Text(text))) => hear(&text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                }
            }
            // Held until the next one is due.
            _fired = &mut ping_due => {
                ping_due.set(app.clock.sleep(PING));
                pong.expect();
                if let Err(over) = until_over(app, &end, frames.write_waiting(socket)).await {
                    return over;
                }
                if let Err(over) = until_over(app, &end, write(socket, Message::Ping(Bytes::new()))).await {
                    return over;
                }
            }
            () = pong.is_late() => return Over::Gone,
            code = end.reached() => return ended_with(code),
            () = app.stop.cancelled() => return Over::Close(1001, "shutting down"),
        }
    }
}

/// Why the server ended a subscription.
fn ended_with(code: u16) -> Over {
    Over::Close(code, if code == RESTARTED { "the state was replaced" } else { "this reader is too slow" })
}

/// Writes one frame.
async fn write(socket: &mut Line, message: Message) -> Result<(), Over> {
    progress(socket.send(message)).await.map_err(|error| fault(&error))
}

/// A write that makes no progress for as long as a ping and its pong may take is a peer that is gone: nothing else
/// would tell, because what is written behind it never leaves.
pub(super) async fn progress(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), axum::Error> {
    timeout(PING * 2, write).await.unwrap_or_else(|late| Err(axum::Error::new(late)))
}

/// Runs a write that a slow reader, or the server's end, may cut short.
async fn until_over(app: &App, end: &End, write: impl Future<Output = Result<(), Over>>) -> Result<(), Over> {
    let mut write = pin!(write);
    tokio::select! {
        written = &mut write => written,
        code = end.reached() => Err(ended_with(code)),
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
pub(super) fn fault(error: &axum::Error) -> Over {
    tracing::debug!(%error, "a link broke");
    // axum hides the kind of the error; its text names the limit.
    if error.to_string().contains("too long") { Over::Close(1009, "the frame is too large") } else { Over::Gone }
}

/// Ends the link: with a code, or by letting the answer to the client's own close go out; then reads until the client
/// has ended it too.
async fn goodbye(socket: &mut Line, over: Over) {
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
async fn hear_out(socket: &mut Line) {
    while let Some(Ok(message)) = socket.recv().await {
        drop(message);
    }
}
