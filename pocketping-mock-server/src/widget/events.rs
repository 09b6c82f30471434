//! The widget's event stream: its frames as server-sent events, and what injected faults make of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use futures::{Stream, StreamExt};
use http::header::HeaderValue;
use pocketping_sdk::SessionId;
use tokio::sync::mpsc;

use super::stream::heard;
use crate::app::App;
use crate::connection::Connection;
use crate::faults::{Over, SocketFault, pause};
use crate::journal::{Direction, FrameKind, Tape};
use crate::metrics;
use crate::store::TenantId;
use crate::subscribers::End;
use crate::surface::Surface;
use crate::widgets::Joined;

/// How often a stream without news says that it is alive.
const ALIVE: Duration = Duration::from_secs(20);

/// Server-sent events. All of them are unnamed, since widgets listen to few names.
pub(super) fn events(
    app: App,
    connection: Connection,
    tape: Tape,
    tenant: TenantId,
    session: SessionId,
    joined: Joined,
) -> Response {
    // A comment first: whoever waits for a byte knows at once that the stream stands.
    let begin = stream::iter(["connected"]).map({
        let tape = tape.clone();
        move |text| Ok(comment(&tape, text))
    });
    // The rest is made when it is first asked for; a HEAD never asks.
    let told = stream::once(async move { told(app, connection, tape, &tenant, &session, joined) }).flatten();
    let mut response = Sse::new(begin.chain(told)).into_response();
    // A proxy that collects would hold back what is to come at once.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn told(
    app: App,
    connection: Connection,
    tape: Tape,
    tenant: &TenantId,
    session: &SessionId,
    joined: Joined,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let Joined { first, frames, end } = joined;
    let first = first.frames().chain(heard(&app, tenant, session)).collect();
    let open = app.metrics.opened(Surface::Widget, metrics::Stream::ServerSentEvents);
    let teller = Teller { app, connection, tape, first, again: None, frames, end, _open: open };
    stream::unfold(teller, |mut teller| async move {
        let event = teller.next().await?;
        Some((Ok(event), teller))
    })
}

/// What is still to be told to one stream.
#[derive(Debug)]
struct Teller {
    app: App,
    connection: Connection,
    tape: Tape,
    first: VecDeque<Bytes>,
    /// What is told once more.
    again: Option<Bytes>,
    frames: mpsc::Receiver<Bytes>,
    end: End,
    /// Counted as open for as long as this is held.
    _open: metrics::Open,
}

impl Teller {
    /// The next event; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if let Some(frame) = self.again.take() {
            return Some(data(&self.tape, &frame));
        }
        loop {
            let frame = if let Some(frame) = self.first.pop_front() {
                frame
            } else {
                tokio::select! {
                    biased;
                    // Whoever falls behind is closed, never skipped.
                    _ = self.end.reached() => return None,
                    () = self.app.stop.cancelled() => return None,
                    frame = self.frames.recv() => frame?,
                    _ = self.app.clock.sleep(ALIVE) => return Some(comment(&self.tape, "ping")),
                }
            };
            let met = self.app.faults.on_frame(Surface::Widget, Over::Sse, &frame);
            if let Some(met) = &met {
                self.tape.fault(&met.id, met.act.kind());
            }
            match met.map(|met| met.act) {
                Some(SocketFault::Skip) => continue,
                Some(SocketFault::Duplicate) => self.again = Some(frame.clone()),
                Some(SocketFault::Cut) => self.connection.end_unanswered().await,
                Some(SocketFault::Delay(time)) => tokio::select! {
                    () = pause(time) => {}
                    () = self.app.stop.cancelled() => return None,
                },
                _ => {}
            }
            return Some(data(&self.tape, &frame));
        }
    }
}

/// What is no news: it keeps the stream alive.
fn comment(tape: &Tape, text: &'static str) -> Event {
    tape.enter(Direction::Sent, FrameKind::Comment, &Bytes::from_static(text.as_bytes()));
    Event::default().comment(text)
}

fn data(tape: &Tape, frame: &Bytes) -> Event {
    tape.enter(Direction::Sent, FrameKind::Text, frame);
    Event::default().data(String::from_utf8_lossy(frame))
}
