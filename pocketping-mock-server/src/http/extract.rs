//! What handlers take from a request; every refusal is the contract's error JSON and names what is wrong.

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, RawQuery, Request};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::app::App;
use crate::json::{self, Wrong};
use crate::store::Rejection;

/// The id in the path: its last parameter.
#[derive(Debug)]
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: From<String>> FromRequestParts<S> for PathId<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let wrong = || Rejection::Invalid("the path is not UTF-8".to_owned());
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        let (_, id) = params.iter().last().ok_or_else(wrong)?;
        Ok(Self(T::from(id.to_owned())))
    }
}

/// The query as pairs.
#[derive(Debug)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let query = RawQuery::from_request_parts(parts, state).await;
        let RawQuery(query) = query.unwrap_or_else(|never| match never {});
        let query = query.unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// The body as JSON, whatever the content type says.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, app: &App) -> Result<Self, Rejection> {
        let bytes = collect(request.into_body(), app.limits.body).await?;
        if bytes.is_empty() {
            return Err(Rejection::Invalid("the body is missing; it must be a JSON object".to_owned()));
        }
        let value = json::read(&bytes).map_err(|wrong| unreadable(&wrong))?;
        if bytes.trim_ascii_start().starts_with(b"[") {
            // serde reads an array as the fields of a struct in their order.
            return Err(Rejection::Invalid("the body is an array; it must be a JSON object".to_owned()));
        }
        Ok(Self(value))
    }
}

fn unreadable(wrong: &Wrong) -> Rejection {
    match &wrong.field {
        None => Rejection::Invalid(format!("the body cannot be read: {wrong}")),
        Some(field) => Rejection::field(field, format_args!("cannot be read: {}", wrong.what)),
    }
}

/// The whole of a body that has this limit.
pub(crate) async fn collect(body: axum::body::Body, limit: usize) -> Result<Bytes, Rejection> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::TooLarge(limit)),
        Err(error) => Err(Rejection::Invalid(format!("the body ended early: {error}"))),
    }
}
