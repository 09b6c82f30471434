//! Answers that are no success: refusals, and redirects that may or must not be followed.

use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use futures::StreamExt;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::answer::looks_like;
use super::response::text_header;
use super::run::REQUEST_ID;
use super::seam::Body;
use crate::error::{ApiError, Error, ErrorKind, Outcome};
use crate::retry_after::retry_after;

/// How much of a refusal's body is read, and how long that may take.
const ERROR_BODY: usize = 64 * 1024;
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// The error of an answer that is no success. Its status is never lost, whatever its body is, however long it takes and
/// however it ends.
pub(crate) async fn refusal(line: &str, answer: http::Response<Body>, until: Instant) -> Error {
    let (parts, mut body) = answer.into_parts();
    let mut start = BytesMut::new();
    let reading = async {
        while let Some(Ok(piece)) = body.next().await {
            start.extend_from_slice(&piece);
            if start.len() >= ERROR_BODY {
                break;
            }
        }
    };
    let patience = until.min(Instant::now() + ERROR_BODY_TIME);
    if timeout_at(patience, reading).await.is_err() {
        tracing::debug!("the body of a refusal did not end in time");
    }
    let mut api = ApiError::new(parts.status.as_u16(), &start);
    api.retry_after = retry_after(&parts.headers, SystemTime::now);
    api.request_id = text_header(&parts.headers, &REQUEST_ID);
    api.content_type = text_header(&parts.headers, &CONTENT_TYPE);
    let hint = if parts.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        Some("a proxy answered, and wants credentials: they stand in its URL, http://user:password@host:port")
    } else {
        looks_like(&parts.headers, &start)
    };
    Error::refused(line, api).with_hint(hint)
}

/// Where an answer redirects to: `Ok` where the request may follow, `Err` where it must not. The key never leaves the
/// origin, and a `POST` is only repeated where the server asks for just that.
pub(crate) fn redirect(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    from: &str,
) -> Option<Result<Url, String>> {
    let follows = match status.as_u16() {
        307 | 308 => *method == Method::GET || *method == Method::POST,
        301..=303 => *method == Method::GET,
        _ => return None,
    };
    let location = text_header(headers, &LOCATION)?;
    let from = Url::parse(from).ok()?;
    let Ok(target) = from.join(&location) else { return Some(Err(location)) };
    let allowed = follows && target.origin() == from.origin();
    Some(if allowed { Ok(target) } else { Err(target.into()) })
}

pub(crate) fn refused_redirect(line: &str, method: &Method, status: StatusCode, from: &str, target: &str) -> Error {
    let leaves = Url::parse(from).ok().map(|url| url.origin()) != Url::parse(target).ok().map(|url| url.origin());
    let hint = if leaves {
        "the API key never follows a redirect to another origin: set the base URL to the new address"
    } else {
        "a write follows a redirect only when the server asks for the same request again (307, 308)"
    };
    led_elsewhere(method, status, format!("{line}: the server redirects to {target}")).with_hint(Some(hint))
}

/// The error of a request that was redirected and not followed: a server may do the work of a write and then lead elsewhere.
pub(crate) fn led_elsewhere(method: &Method, status: StatusCode, message: String) -> Error {
    let outcome = if *method == Method::GET { Outcome::Rejected } else { Outcome::Unknown };
    Error::new(ErrorKind::Redirect, outcome, message).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_within_the_origin_and_posts_are_only_repeated_when_asked() {
        let to = |method: Method, status: u16, location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            redirect(&method, StatusCode::from_u16(status).unwrap(), &headers, "http://h:1/v1/sessions")
        };
        for status in [301, 302, 303, 307, 308] {
            assert!(
                matches!(to(Method::GET, status, "/sessions"), Some(Ok(url)) if url.as_str() == "http://h:1/sessions")
            );
            assert!(matches!(to(Method::GET, status, "http://h:2/"), Some(Err(url)) if url == "http://h:2/"));
            assert!(matches!(to(Method::GET, status, "https://h:1/"), Some(Err(_))), "another scheme");
        }
        assert!(matches!(to(Method::POST, 302, "/x"), Some(Err(_))));
        assert!(matches!(to(Method::POST, 308, "/x"), Some(Ok(_))));
        assert!(to(Method::GET, 304, "/x").is_none() && to(Method::GET, 404, "/x").is_none());
    }
}
