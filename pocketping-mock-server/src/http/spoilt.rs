//! Answers that were right until a fault got hold of them: half of them, in drops, under another name.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

use super::finish::insert;
use crate::app::App;
use crate::connection::Connection;
use crate::faults::pause;

/// Marks an answer that is to be spoilt when it is ready.
#[derive(Clone, Debug)]
pub(super) enum Spoilt {
    /// Its body breaks off, and so does the connection.
    BreaksOff(Connection),
    /// Half of its body is said to be all of it.
    Malformed,
    /// It says that it is something else.
    Named(Arc<str>),
    /// Its body comes in drops.
    Drips(usize, Wait, Connection),
}

/// What is waited for between two drops.
#[derive(Clone, Debug)]
pub(super) enum Wait {
    Time(Duration),
    Barrier(Arc<str>),
}

/// Spoils an answer that is marked. What has no end, a stream or a socket, is left alone.
pub(super) async fn spoilt(app: &App, mut response: Response) -> Response {
    let Some(how) = response.extensions_mut().remove::<Spoilt>() else { return response };
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if is_stream || response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let body = body.to_bytes();
    if body.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    parts.headers.remove(CONTENT_LENGTH);
    let body = match how {
        Spoilt::BreaksOff(connection) => {
            let part = Some(body.slice(..body.len() / 2));
            Body::new(Half { whole: body.len() as u64, part, is_sent: false, connection })
        }
        Spoilt::Malformed => Body::from(body.slice(..body.len() / 2)),
        Spoilt::Named(name) => {
            if let Ok(name) = HeaderValue::try_from(&*name) {
                parts.headers.insert(CONTENT_TYPE, name);
            }
            Body::from(body)
        }
        Spoilt::Drips(bytes, wait, connection) => {
            insert(&mut parts.headers, CONTENT_LENGTH, &body.len().to_string());
            drops(app.clone(), connection, body, bytes, wait)
        }
    };
    Response::from_parts(parts, body)
}

/// A body of which so many bytes come at a time. When the server stops, the rest never comes.
fn drops(app: App, connection: Connection, body: Bytes, bytes: usize, wait: Wait) -> Body {
    let first = (app, connection, body, true);
    Body::from_stream(stream::unfold(first, move |(app, connection, mut rest, is_first)| {
        let wait = wait.clone();
        async move {
            if rest.is_empty() {
                return None;
            }
            if !is_first {
                tokio::select! {
                    () = waited(&app, &wait) => {}
                    () = app.stop.cancelled() => connection.end_unanswered().await,
                }
            }
            let drop = rest.split_to(bytes.min(rest.len()));
            Some((Ok::<_, Infallible>(drop), (app, connection, rest, false)))
        }
    }))
}

async fn waited(app: &App, wait: &Wait) {
    match wait {
        Wait::Time(time) => pause(*time).await,
        Wait::Barrier(barrier) => app.faults.barriers.hold(barrier).await,
    }
}

/// A body that says it is whole and ends its connection after the first half.
#[derive(Debug)]
struct Half {
    whole: u64,
    part: Option<Bytes>,
    is_sent: bool,
    connection: Connection,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(part) = self.part.take() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if std::mem::replace(&mut self.is_sent, true) {
            self.connection.end();
        } else {
            // hyper sends what it has when there is no more at the moment.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole)
    }
}
