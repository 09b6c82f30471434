//! What an injected fault makes of a call.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use pocketping_sdk::{ErrorBody, ErrorCode};

use super::Answer;
use super::call::Ready;
use super::finish::insert;
use crate::app::App;
use crate::connection::Connection;
use crate::faults::HttpFault;
use crate::journal::Refusal;
use crate::store::Rejection;

/// Marks an answer that a gateway sends, which knows nothing of the contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gateway;

/// Marks an answer whose body breaks off.
#[derive(Clone, Debug)]
struct BreaksOff(Connection);

/// Answers a call to which this happens. `ready` makes it ready to run, as it is without a fault.
pub(super) async fn call(
    app: &App,
    fault: HttpFault,
    connection: Connection,
    ready: impl FnOnce() -> Result<Ready, Rejection>,
    next: Next,
) -> Response {
    match fault {
        HttpFault::Status { status, retry_after } => answer(status, retry_after),
        HttpFault::CutBefore => connection.end_unanswered().await,
        HttpFault::ApplyThenDrop => {
            drop(run(ready(), next).await);
            connection.end_unanswered().await
        }
        HttpFault::HoldThenApply(hold) => {
            // A task of its own: this future is dropped when the client hangs up.
            match app.tasks.spawn(held(app.clone(), hold, ready(), next)).await {
                Ok(Some(response)) => response,
                Ok(None) => connection.end_unanswered().await,
                Err(_) => Rejection::Internal.into_response(),
            }
        }
        HttpFault::CutInBody => {
            let mut response = run(ready(), next).await;
            response.extensions_mut().insert(BreaksOff(connection));
            response
        }
    }
}

async fn run(ready: Result<Ready, Rejection>, next: Next) -> Response {
    match ready {
        Ok(ready) => ready.run(next).await,
        Err(rejection) => rejection.into_response(),
    }
}

/// Runs a call after this long; `None` when the server stops first.
async fn held(app: App, hold: Duration, ready: Result<Ready, Rejection>, next: Next) -> Option<Response> {
    match tokio::time::timeout(hold, app.stop.cancelled()).await {
        Ok(()) => None,
        Err(_) => Some(run(ready, next).await),
    }
}

/// An answer with this status from nowhere in particular.
pub(crate) fn answer(status: u16, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match status.as_u16() {
        502..=504 => gateways(status),
        code => Answer::json(status, &error(code)).into_response(),
    };
    if let Some(seconds) = retry_after {
        insert(response.headers_mut(), RETRY_AFTER, &seconds.to_string());
    }
    let code = error(status.as_u16()).code.to_string();
    let refusal = Refusal { code, rule: Some("fault".to_owned()), why: "a fault that was asked for".to_owned() };
    response.extensions_mut().insert(refusal);
    response
}

fn gateways(status: StatusCode) -> Response {
    let html = HeaderValue::from_static("text/html");
    let page = format!(
        "<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center><hr></body></html>\r\n"
    );
    let mut response = (status, [(CONTENT_TYPE, html)], page).into_response();
    response.extensions_mut().insert(Gateway);
    response
}

fn error(status: u16) -> ErrorBody {
    let (words, code) = match status {
        401 => ("Unauthorized", ErrorCode::Unauthorized),
        403 => ("Forbidden", ErrorCode::from("FORBIDDEN")),
        404 => ("Not found", ErrorCode::NotFound),
        409 => ("Conflict", ErrorCode::IdempotencyInProgress),
        413 => ("Payload too large", ErrorCode::PayloadTooLarge),
        429 => ("Rate limited", ErrorCode::RateLimited),
        400..=499 => ("Bad request", ErrorCode::InvalidRequest),
        _ => ("Internal server error", ErrorCode::InternalError),
    };
    let mut body = ErrorBody::new();
    body.error = Some(words.to_owned());
    body.message = Some("a fault that was asked for".to_owned());
    body.code = code;
    body
}

/// Lets the body of an answer that is marked break off in its middle.
pub(super) async fn broken_off(mut response: Response) -> Response {
    let Some(BreaksOff(connection)) = response.extensions_mut().remove() else { return response };
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let body = body.to_bytes();
    if body.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    let half = Half { whole: body.len() as u64, part: Some(body.slice(..body.len() / 2)), is_sent: false, connection };
    Response::from_parts(parts, Body::new(half))
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
