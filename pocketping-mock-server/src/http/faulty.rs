//! What an injected fault makes of a call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use pocketping_sdk::{ErrorBody, ErrorCode};
use serde_json::Value;

use super::call::{Ready, facts};
use super::finish::{http_date, insert};
use super::recorded::note_fault;
use super::spoilt::{Spoilt, Wait};
use super::{Answer, extract};
use crate::app::App;
use crate::connection::Connection;
use crate::faults::{HttpAct, HttpFault, Met, Reply, RetryAfter, is_bodiless, pause};
use crate::journal::Refusal;
use crate::store::Rejection;
use crate::surface::Surface;

/// Marks an answer that a gateway sends, which knows nothing of the contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gateway;

/// Marks an answer that has its own headers of a limit, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnLimit;

/// Marks an answer that a fault made, or got hold of.
#[derive(Clone, Debug)]
pub(super) struct FaultId(pub(super) Arc<str>);

/// The limit that an answer of a reached limit speaks of.
const LIMIT: u32 = 100;

/// Lets faults happen to the calls of a surface that is not the contract's.
pub(crate) async fn faulty_surface(
    State((app, surface)): State<(App, Surface)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, mut body) = request.into_parts();
    let mut read = Bytes::new();
    if app.faults.reads_bodies(surface) {
        let most = usize::try_from(app.limits.upload).unwrap_or(usize::MAX).max(app.limits.body);
        read = match extract::collect(body, most).await {
            Ok(read) => read,
            Err(rejection) => return rejection.into_response(),
        };
        body = read.clone().into();
    }
    let met = app.faults.on_call(&facts(surface, &parts, &read));
    if let Some(met) = &met {
        note_fault(&parts.extensions, &met.id);
    }
    let connection = parts.extensions.get::<Connection>().cloned();
    let request = Request::from_parts(parts, body);
    match (met, connection) {
        (Some(met), Some(connection)) => {
            call(&app, met, (surface, connection), || Ok(Ready::First(request)), next).await
        }
        _ => next.run(request).await,
    }
}

/// Answers a call to which this happens. `ready` makes it ready to run, as it is without a fault.
pub(super) async fn call(
    app: &App,
    met: Met<HttpAct>,
    (surface, connection): (Surface, Connection),
    ready: impl FnOnce() -> Result<Ready, Rejection>,
    next: Next,
) -> Response {
    let mut response = match met.act {
        HttpAct::Plain(fault) => plain(app, fault, (surface, connection), ready, next).await,
        HttpAct::ContentType(kind) => spoilt(Spoilt::Named(kind), ready(), next).await,
        HttpAct::Drip { bytes, barrier } => {
            spoilt(Spoilt::Drips(bytes, Wait::Barrier(barrier), connection), ready(), next).await
        }
        HttpAct::Answer(reply) => {
            if reply.after {
                drop(run(ready(), next).await);
            }
            answer(app, surface, &reply)
        }
        HttpAct::Latency { time, after } => delayed(app, &connection, pause(time), after, run(ready(), next)).await,
        HttpAct::Hold { barrier, after } => {
            delayed(app, &connection, app.faults.barriers.hold(&barrier), after, run(ready(), next)).await
        }
    };
    response.extensions_mut().insert(FaultId(met.id));
    response
}

async fn plain(
    app: &App,
    fault: HttpFault,
    (surface, connection): (Surface, Connection),
    ready: impl FnOnce() -> Result<Ready, Rejection>,
    next: Next,
) -> Response {
    match fault {
        HttpFault::Status { status, retry_after } => {
            let retry_after = retry_after.map(RetryAfter::Seconds);
            answer(app, surface, &Reply { retry_after, ..Reply::new(status) })
        }
        HttpFault::Gateway(code) => gateways(status(code)),
        HttpFault::CutBefore => connection.end_unanswered().await,
        HttpFault::ApplyThenDrop => {
            drop(run(ready(), next).await);
            connection.end_unanswered().await
        }
        HttpFault::ResetBefore => connection.reset_unanswered().await,
        HttpFault::ApplyThenReset => {
            drop(run(ready(), next).await);
            connection.reset_unanswered().await
        }
        HttpFault::HoldThenApply(hold) => {
            // A task of its own: this future is dropped when the client hangs up.
            match app.tasks.spawn(held(app.clone(), hold, ready(), next)).await {
                Ok(Some(response)) => response,
                Ok(None) => connection.end_unanswered().await,
                Err(_) => Rejection::Internal.into_response(),
            }
        }
        HttpFault::CutInBody => spoilt(Spoilt::BreaksOff(connection), ready(), next).await,
        HttpFault::MalformedJson => spoilt(Spoilt::Malformed, ready(), next).await,
        HttpFault::WrongContentType => spoilt(Spoilt::Named("text/html".into()), ready(), next).await,
        HttpFault::SlowDrip { bytes, every } => {
            spoilt(Spoilt::Drips(bytes.max(1), Wait::Time(every), connection), ready(), next).await
        }
    }
}

async fn spoilt(how: Spoilt, ready: Result<Ready, Rejection>, next: Next) -> Response {
    let mut response = run(ready, next).await;
    response.extensions_mut().insert(how);
    response
}

async fn run(ready: Result<Ready, Rejection>, next: Next) -> Response {
    match ready {
        Ok(ready) => ready.run(next).await,
        Err(rejection) => rejection.into_response(),
    }
}

/// Waits before a call runs, or after it and before it is answered. It is over when the client hangs up, which drops
/// this, or the server stops.
async fn delayed(
    app: &App,
    connection: &Connection,
    wait: impl Future<Output = ()>,
    after: bool,
    run: impl Future<Output = Response>,
) -> Response {
    let wait = async {
        tokio::select! {
            () = wait => {}
            () = app.stop.cancelled() => connection.end_unanswered().await,
        }
    };
    if after {
        let response = run.await;
        wait.await;
        return response;
    }
    wait.await;
    run.await
}

/// Runs a call after this long; `None` when the server stops first.
async fn held(app: App, hold: Duration, ready: Result<Ready, Rejection>, next: Next) -> Option<Response> {
    match tokio::time::timeout(hold, app.stop.cancelled()).await {
        Ok(()) => None,
        Err(_) => Some(run(ready, next).await),
    }
}

/// The answer to an upgrade that is refused.
pub(crate) fn refused(app: &App, surface: Surface, met: Met<(u16, Option<u32>)>) -> Response {
    let (status, retry_after) = met.act;
    let retry_after = retry_after.map(RetryAfter::Seconds);
    let mut response = answer(app, surface, &Reply { retry_after, ..Reply::new(status) });
    response.extensions_mut().insert(FaultId(met.id));
    response
}

fn status(code: u16) -> StatusCode {
    let status = StatusCode::from_u16(code).ok().filter(|status| !status.is_informational());
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer from nowhere in particular.
fn answer(app: &App, surface: Surface, reply: &Reply) -> Response {
    let status = status(reply.status);
    let mut response = match (&reply.body, status.as_u16()) {
        (Some(Value::String(text)), _) if text.is_empty() => status.into_response(),
        (None, code) if is_bodiless(code) => status.into_response(),
        (Some(Value::String(text)), _) => (status, text.clone()).into_response(),
        (Some(json), _) => Answer::json(status, json).into_response(),
        (None, 502..=504) => gateways(status),
        (None, code) => Answer::json(status, &error(surface, code)).into_response(),
    };
    let retry_after = match reply.retry_after {
        Some(RetryAfter::Seconds(seconds)) => Some((seconds, seconds.to_string())),
        Some(RetryAfter::Date(seconds)) => Some((seconds, http_date(app, seconds))),
        None => None,
    };
    let headers = response.headers_mut();
    if let Some((_, text)) = &retry_after {
        insert(headers, RETRY_AFTER, text);
    }
    if let Some(has_limit) = reply.rate_limit {
        let reset = retry_after.map_or(60, |(seconds, _)| seconds);
        for (name, number) in [("limit", LIMIT), ("remaining", 0), ("reset", reset)].into_iter().filter(|_| has_limit) {
            if let Ok(name) = HeaderName::try_from(format!("ratelimit-{name}")) {
                insert(headers, name, &number.to_string());
            }
        }
        response.extensions_mut().insert(OwnLimit);
    }
    response.headers_mut().extend(reply.headers.clone());
    let code = error(surface, status.as_u16()).code.to_string();
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

fn error(surface: Surface, status: u16) -> ErrorBody {
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
    let sentence = "a fault that was asked for".to_owned();
    if surface == Surface::Contract {
        body.error = Some(words.to_owned());
        body.message = Some(sentence);
    } else {
        // Its clients show nothing else.
        body.error = Some(sentence);
    }
    body.code = code;
    body
}
