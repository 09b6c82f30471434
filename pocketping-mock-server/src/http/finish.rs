//! The last word on every answer: the error JSON, and the headers of the contract.

use std::any::Any;
use std::future::Future;
use std::time::{Duration, SystemTime};

use axum::extract::{OriginalUri, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pocketping_sdk::ErrorBody;
use tokio::time::Instant;

use super::faulty::{FaultId, Gateway};
use super::recorded::Noted;
use super::spoilt::spoilt;
use crate::app::App;
use crate::journal::Refusal;
use crate::store::Rejection;
use crate::surface::Surface;

const CONTRACT: HeaderName = HeaderName::from_static("x-pocketping-contract");
const FAULT: HeaderName = HeaderName::from_static("x-pocketping-mock-fault");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A rejection becomes an answer in [`finish`], which knows the contract; until then it travels beside it.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every answer its error JSON and headers.
pub(super) async fn finish<F: Future<Output = Response>>(
    app: &App,
    surface: Surface,
    noted: &Noted,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let request_id = request.headers().get(REQUEST_ID).filter(|id| is_sane(id)).cloned();
    let method = request.method().clone();
    let is_page = surface == Surface::Page;
    let logged = (!is_page && tracing::enabled!(tracing::Level::INFO)).then(Instant::now);
    let mut response = next(request).await;
    let thin = !app.contract.is_extended();
    if let Some(rejection) = response.extensions_mut().remove::<Rejection>() {
        reject(&mut response, &rejection, thin);
    }
    let is_gateways = response.extensions_mut().remove::<Gateway>().is_some();
    // It stays there for the journal.
    let fault = response.extensions().get::<FaultId>().cloned();
    let headers = response.headers_mut();
    insert(headers, DATE, &http_date(app, 0));
    if let Some(FaultId(id)) = fault.filter(|_| !is_gateways) {
        insert(headers, FAULT, &id);
    }
    // The page's looks take no numbers: a test's ids are the same, whoever watches.
    if !thin && !is_gateways && !is_page {
        headers.insert(CONTRACT, HeaderValue::from_static("extended"));
        match request_id {
            Some(id) => drop(headers.insert(REQUEST_ID, id)),
            None => insert(headers, REQUEST_ID, &app.ids.next("req")),
        }
    }
    if !is_page {
        app.metrics.answered(surface, &method, response.status());
    }
    if let Some(begun) = logged {
        tell(begun, surface, &method, noted.route().as_deref(), &response);
    }
    spoilt(app, response).await
}

/// Tells of a request that was answered, by its route, since paths, queries and bodies are other people's.
fn tell(begun: Instant, surface: Surface, method: &Method, route: Option<&str>, response: &Response) {
    let refusal = response.extensions().get::<Refusal>();
    tracing::info!(
        surface = surface.as_str(),
        %method,
        route = route.unwrap_or("none"),
        status = response.status().as_u16(),
        took_us = begun.elapsed().as_micros(),
        request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()),
        code = refusal.map(|refusal| refusal.code.as_str()),
        rule = refusal.and_then(|refusal| refusal.rule.as_deref()),
        "answered"
    );
}

/// The server's time in so many seconds.
pub(super) fn http_date(app: &App, seconds: u32) -> String {
    // HTTP knows no date before 1970, which a frozen clock may have, nor one after 9999.
    let now = SystemTime::from(app.now()).max(SystemTime::UNIX_EPOCH);
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let then = now.checked_add(Duration::from_secs(seconds.into())).unwrap_or(last);
    httpdate::fmt_http_date(then.min(last))
}

/// The errors of the surfaces that are not the contract's: `error` is the sentence, since their clients show nothing else.
pub(crate) async fn plain_errors(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(rejection) = response.extensions_mut().remove::<Rejection>() {
        let mut body = rejection.body(false);
        body.error = body.message.take();
        write(&mut response, &rejection, false, &body);
    }
    response
}

fn reject(response: &mut Response, rejection: &Rejection, thin: bool) {
    write(response, rejection, thin, &rejection.body(thin));
}

fn write(response: &mut Response, rejection: &Rejection, thin: bool, body: &ErrorBody) {
    tracing::debug!(%rejection, "refused");
    response.extensions_mut().insert(Refusal {
        code: body.code.to_string(),
        rule: rejection.rule(),
        why: rejection.to_string(),
    });
    *response.status_mut() = StatusCode::from_u16(rejection.status(thin)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(body).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // That of the body that stood there.
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = body.into();
    match rejection {
        // contract gap: the reference promises the bare 429.
        Rejection::RateLimited { retry_after, .. } if !thin => {
            insert(response.headers_mut(), RETRY_AFTER, &retry_after.to_string());
        }
        _ => {}
    }
}

/// A request id is taken over when it is short and visible.
fn is_sane(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

pub(crate) fn insert(headers: &mut http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// The answer when a handler panicked: a bug of this server, and no reason for the client to hang.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(cause, "a handler panicked");
    Rejection::Internal.into_response()
}

/// The answer to a path nobody serves.
pub(crate) async fn no_such_path(OriginalUri(uri): OriginalUri) -> Rejection {
    Rejection::NoSuchPath(uri.path().to_owned())
}

/// The answer to a path that is served by other methods.
pub(crate) async fn no_such_method(method: http::Method, OriginalUri(uri): OriginalUri) -> Rejection {
    Rejection::MethodNotAllowed(format!("{} is not served by {method}", uri.path()))
}
