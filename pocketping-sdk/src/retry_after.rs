//! `Retry-After`, as the client, the reference server and the command line tool all read it. It is no part of the API.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// No wait is longer: who asks for more asks for nothing that can be waited for, and times must not overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads `Retry-After`, in seconds or as an HTTP date. A date counts from the answer's own `Date`, for its sender's clock may
/// be another one; from `now` where it has none.
pub fn retry_after(headers: &HeaderMap, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What does not fit is longer than any wait.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let from = date(headers).unwrap_or_else(now);
    Some(at.duration_since(from).unwrap_or(Duration::ZERO).min(LONGEST))
}

/// Reads the answer's `Date`.
pub fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_comes_in_seconds_or_as_a_date() {
        let headers = |retry: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            headers
        };
        let now = || httpdate::parse_http_date("Mon, 15 Jan 2024 10:00:00 GMT").unwrap();
        let seconds = |headers: &HeaderMap| retry_after(headers, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(&headers("7", None)), Some(7));
        assert_eq!(seconds(&headers("Mon, 15 Jan 2024 10:00:09 GMT", None)), Some(9));
        let skewed = headers("Mon, 15 Jan 2024 10:00:09 GMT", Some("Mon, 15 Jan 2024 10:00:04 GMT"));
        assert_eq!(seconds(&skewed), Some(5), "relative to the answer's own clock");
        assert_eq!(seconds(&headers("Mon, 15 Jan 2024 09:00:00 GMT", None)), Some(0), "in the past");
        assert_eq!(seconds(&headers("18446744073709551615", None)), Some(LONGEST.as_secs()));
        assert_eq!(seconds(&headers("99999999999999999999", None)), Some(LONGEST.as_secs()));
        assert_eq!(seconds(&headers("soon", None)), None);
        assert_eq!(seconds(&HeaderMap::new()), None);
    }
}
