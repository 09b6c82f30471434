//! What every contract call goes through: key, rate limit, body, idempotency key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::faulty::{self, Gateway, OwnLimit};
use super::finish::insert;
use super::rate_limit::{Left, RateLimits};
use super::recorded::{note_fault, note_route, note_tenant};
use super::{answer, extract};
use crate::app::{App, Reservation};
use crate::connection::Connection;
use crate::faults::CallFacts;
use crate::store::{Rejection, Scope, TenantId};
use crate::surface::Surface;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who calls: the tenant the key opens, and the place of a write with an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) reservation: Option<Arc<Reservation>>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        // Only routes behind a layer that asks for the key take a caller.
        parts.extensions.get().cloned().ok_or(Rejection::Unauthorized("the route is not behind the key"))
    }
}

/// The checks of a contract call, in the order their answers matter: who, how often, what, and whether it came before.
pub(crate) async fn contract_call(State(app): State<App>, request: Request, next: Next) -> Response {
    note_route(request.extensions());
    let (tenant, left) = match admit(&app, &app.rate_limits, request.headers()) {
        Ok(admitted) => admitted,
        Err((rejection, left)) => return with_limit(&app, rejection.into_response(), left),
    };
    note_tenant(request.extensions(), &tenant);
    let response = match call(&app, tenant, request, next).await {
        Ok(response) => response,
        Err(rejection) => rejection.into_response(),
    };
    with_limit(&app, response, left)
}

async fn call(app: &App, tenant: TenantId, request: Request, next: Next) -> Result<Response, Rejection> {
    let (parts, body) = request.into_parts();
    let body = extract::collect(body, app.limits.body).await?;
    let met = app.faults.on_call(&facts(Surface::Contract, &parts, &body));
    match (met, parts.extensions.get::<Connection>().cloned()) {
        (Some(met), Some(connection)) => {
            note_fault(&parts.extensions, &met.id);
            let ready = || Ready::new(app, tenant, parts, body);
            Ok(faulty::call(app, met, (Surface::Contract, connection), ready, next).await)
        }
        _ => Ok(Ready::new(app, tenant, parts, body)?.run(next).await),
    }
}

/// What faults may ask of a call.
pub(super) fn facts<'a>(surface: Surface, parts: &'a Parts, body: &'a [u8]) -> CallFacts<'a> {
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    CallFacts { surface, method, path, headers: &parts.headers, body }
}

/// A call that is ready to run, or that ran before.
#[derive(Debug)]
pub(super) enum Ready {
    First(Request),
    Again(Response),
}

impl Ready {
    /// Takes the call's place among the idempotency keys, if it has one.
    fn new(app: &App, tenant: TenantId, mut parts: Parts, body: Bytes) -> Result<Self, Rejection> {
        let mut reservation = None;
        if let Some(scope) = scope(app, &tenant, &parts)? {
            match app.begin(scope, fingerprint(&body))? {
                Ok(begun) => reservation = Some(Arc::new(begun)),
                Err(kept) => return Ok(Self::Again(answer::replay(kept))),
            }
        }
        parts.extensions.insert(Caller { tenant, reservation });
        Ok(Self::First(Request::from_parts(parts, body.into())))
    }

    pub(super) async fn run(self, next: Next) -> Response {
        match self {
            Self::First(request) => next.run(request).await,
            Self::Again(response) => response,
        }
    }
}

/// The tenant a request's key opens, when it may make another request.
pub(crate) fn admit(
    app: &App,
    limits: &RateLimits,
    headers: &HeaderMap,
) -> Result<(TenantId, Option<Left>), (Rejection, Option<Left>)> {
    let key = key(headers).map_err(|rejection| (rejection, None))?;
    let tenant = app.tenant_of(key).map_err(|rejection| (rejection, None))?;
    match limits.count(key, app.now()) {
        Ok(left) => Ok((tenant, left)),
        Err((rejection, left)) => Err((rejection, Some(left))),
    }
}

fn key(headers: &HeaderMap) -> Result<&str, Rejection> {
    let header = headers
        .get(AUTHORIZATION)
        .ok_or(Rejection::Unauthorized("the API key is missing; send it as `Authorization: Bearer <key>`"))?;
    bearer(header).ok_or(Rejection::Unauthorized("the Authorization header is not `Bearer <key>`"))
}

/// What an `Authorization` header brings, when it is `Bearer <key>`.
pub(crate) fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// What the request's idempotency key is good for.
fn scope(app: &App, tenant: &TenantId, parts: &Parts) -> Result<Option<Scope>, Rejection> {
    let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if !app.contract.is_extended() || parts.method != Method::POST {
        return Ok(None);
    }
    if keys.next().is_some() {
        return Err(Rejection::Invalid("the Idempotency-Key header was sent more than once".to_owned()));
    }
    if !(1..=255).contains(&key.len()) || !key.as_bytes().iter().all(u8::is_ascii_graphic) {
        return Err(Rejection::Invalid("the Idempotency-Key header is 1 to 255 visible ASCII characters".to_owned()));
    }
    Ok(Some(Scope {
        tenant: Arc::clone(tenant),
        request: format!("{} {}", parts.method, parts.uri.path()),
        key: String::from_utf8_lossy(key.as_bytes()).into_owned(),
    }))
}

fn fingerprint(body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

/// contract gap: the reference promises no limit headers, so strict answers have none.
fn with_limit(app: &App, mut response: Response, left: Option<Left>) -> Response {
    let is_ours = app.contract.is_extended() && response.extensions().get::<Gateway>().is_none();
    let is_ours = is_ours && response.extensions_mut().remove::<OwnLimit>().is_none();
    if let Some(left) = left.filter(|_| is_ours) {
        let headers = response.headers_mut();
        insert(headers, HeaderName::from_static("ratelimit-limit"), &left.limit.to_string());
        insert(headers, HeaderName::from_static("ratelimit-remaining"), &left.remaining.to_string());
        insert(headers, HeaderName::from_static("ratelimit-reset"), &left.reset.to_string());
    }
    response
}
