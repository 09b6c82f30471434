//! Enters every request into the journal: outside all layers, with bodies that note what passes through them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use hyper::body::{Body as _, Frame, SizeHint};
use pocketping_sdk::Timestamp;
use tokio::time::Instant;

use super::faulty::FaultId;
use crate::app::App;
use crate::journal::{self, Capture, Kind, Log, Refusal};
use crate::store::TenantId;
use crate::surface::Surface;

/// Where it is noted where a request leads, whose it is, and which fault happens to it, once that is known. The first one
/// stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    route: OnceLock<MatchedPath>,
    tenant: OnceLock<TenantId>,
    fault: OnceLock<Arc<str>>,
}

impl Noted {
    /// The route as the reference writes it.
    pub(super) fn route(&self) -> Option<String> {
        self.0.route.get().and_then(|path| route(path.as_str()))
    }
}

/// Notes where a request leads.
pub(super) fn note_route(extensions: &Extensions) {
    if let (Some(noted), Some(path)) = (extensions.get::<Noted>(), extensions.get::<MatchedPath>()) {
        drop(noted.0.route.set(path.clone()));
    }
}

/// A layer that does so.
pub(crate) async fn routed(request: Request, next: Next) -> Response {
    note_route(request.extensions());
    next.run(request).await
}

/// Notes whose a request is.
pub(crate) fn note_tenant(extensions: &Extensions, tenant: &TenantId) {
    if let Some(noted) = extensions.get::<Noted>() {
        drop(noted.0.tenant.set(Arc::clone(tenant)));
    }
}

/// Notes which fault happens to a request, whose answer may never say so.
pub(super) fn note_fault(extensions: &Extensions, id: &Arc<str>) {
    if let Some(noted) = extensions.get::<Noted>() {
        drop(noted.0.fault.set(Arc::clone(id)));
    }
}

/// Enters a request when it has been answered, or will not be any more. The calls of the control surface and
/// the page are none of it.
pub(super) async fn record<F: Future<Output = Response>>(
    app: &App,
    surface: Surface,
    noted: &Noted,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    request.extensions_mut().insert(noted.clone());
    if !app.journal.is_on() || matches!(surface, Surface::Control | Surface::Page) {
        return next(request).await;
    }
    let (parts, body) = request.into_parts();
    let recording = Recording::new(app, surface, noted.clone(), &parts);
    let body = if body.is_end_stream() {
        body
    } else {
        Body::new(Tee { body, capture: recording.asked.clone(), is_part: true, recording: None })
    };
    let response = next(Request::from_parts(parts, body)).await;
    recording.answered(response)
}

/// The same headers with values of their own: those that came, and those of an answer that repeats them, are parts of all that was
/// read from their connection, which would be kept as long as they are.
fn by_themselves(headers: &HeaderMap) -> HeaderMap {
    let mut values = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values() {
        values.extend_from_slice(value.as_bytes());
    }
    let mut values = values.freeze();
    let mut copy = headers.clone();
    for value in copy.values_mut() {
        // A value's bytes are those of a value.
        if let Ok(own) = HeaderValue::from_maybe_shared(values.split_to(value.len())) {
            *value = own;
        }
    }
    copy
}

/// A request that is being answered. It is entered when this is dropped.
#[derive(Debug)]
struct Recording {
    log: Arc<Log>,
    surface: Surface,
    at: Timestamp,
    begun: Instant,
    method: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    noted: Noted,
    asked: Capture,
    status: Option<StatusCode>,
    answer_headers: HeaderMap,
    answer: Capture,
    is_whole: bool,
    refused_by: Option<Refusal>,
}

impl Recording {
    fn new(app: &App, surface: Surface, noted: Noted, parts: &Parts) -> Self {
        Self {
            log: Arc::clone(&app.journal),
            surface,
            at: app.now(),
            begun: Instant::now(),
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: by_themselves(&parts.headers),
            noted,
            asked: Capture::default(),
            status: None,
            answer_headers: HeaderMap::new(),
            answer: Capture::default(),
            is_whole: false,
            refused_by: None,
        }
    }

    /// Notes an answer's head; its body is noted while it is sent.
    fn answered(mut self, mut response: Response) -> Response {
        self.status = Some(response.status());
        self.answer_headers = by_themselves(response.headers());
        self.refused_by = response.extensions_mut().remove();
        if let Some(FaultId(id)) = response.extensions_mut().remove() {
            drop(self.noted.0.fault.set(id));
        }
        let kind = response.headers().get(CONTENT_TYPE);
        // One that has no end is noted frame by frame where it is made.
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if is_stream || is_upgrade || response.body().is_end_stream() {
            self.is_whole = true;
            return response;
        }
        let capture = self.answer.clone();
        response.map(|body| Body::new(Tee { body, capture, is_part: false, recording: Some(self) }))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let request = journal::Request {
            surface: self.surface,
            method: std::mem::take(&mut self.method),
            path: std::mem::take(&mut self.path),
            route: self.noted.route(),
            query: self.query.take(),
            headers: std::mem::take(&mut self.headers),
            body: self.asked.body(),
            status: self.status.map(|status| status.as_u16()),
            answer_headers: std::mem::take(&mut self.answer_headers),
            answer: self.answer.body(),
            is_whole: self.is_whole,
            took: Duration::from_micros(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)),
            refused_by: self.refused_by.take(),
            fault: self.noted.0.fault.get().map(ToString::to_string),
        };
        self.log.enter(self.at, self.noted.0.tenant.get().cloned(), Kind::Request(Box::new(request)));
    }
}

/// A route as the reference writes it: `/sessions/:sessionId`, without `/v1`; nothing for a path that nobody serves.
fn route(matched: &str) -> Option<String> {
    if matched.contains("{*") {
        return None;
    }
    let matched = matched.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(matched);
    Some(matched.replace('{', ":").replace('}', ""))
}

/// A body that notes what passes through it.
#[derive(Debug)]
struct Tee {
    body: Body,
    capture: Capture,
    /// Whether its pieces are parts of something larger.
    is_part: bool,
    /// The request that this answers.
    recording: Option<Recording>,
}

impl Tee {
    fn end(&mut self) {
        if let Some(mut recording) = self.recording.take() {
            recording.is_whole = true;
        }
    }
}

impl hyper::body::Body for Tee {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.capture.add(data, self.is_part);
        }
        // Before its last piece is sent: whoever has read an answer finds it in the journal.
        if frame.is_none() || self.body.is_end_stream() {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_headers_holds_on_to_nothing_else() {
        let read = Bytes::from(vec![b'x'; 8192]);
        let mut headers = HeaderMap::new();
        for (name, part) in [("host", 0..10), ("x-own", 10..30), ("x-own", 30..31), ("accept", 31..31)] {
            headers.append(name, HeaderValue::from_maybe_shared(read.slice(part)).unwrap());
        }
        let copy = by_themselves(&headers);
        assert_eq!(copy, headers);
        let all = read.as_ptr_range();
        assert!(copy.values().all(|value| value.is_empty() || !all.contains(&value.as_bytes().as_ptr())));
    }
}
