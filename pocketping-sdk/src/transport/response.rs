//! What a call gives back besides its value.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::Instant;

use super::rate_limit::RateLimit;

/// An answer as it was read from the wire.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) attempts: u32,
    pub(crate) request_id: String,
    pub(crate) elapsed: Duration,
    /// When the head of the answer was there.
    pub(crate) answered: Instant,
}

/// The header every answer of a server with the extended contract carries.
const CONTRACT: HeaderName = HeaderName::from_static("x-pocketping-contract");

/// Whether the headers are those of a server with the extended contract.
pub(crate) fn is_extended(headers: &HeaderMap) -> bool {
    headers.get(CONTRACT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"extended"))
}

pub(crate) fn text_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A call's value with the answer's status and headers ([`Call::with_response`](super::Call::with_response)).
#[derive(Clone)]
pub struct Response<T> {
    value: T,
    reply: Reply,
    confirmed: bool,
}

impl<T> Response<T> {
    pub(crate) fn new(value: T, reply: Reply) -> Self {
        Self { value, reply, confirmed: false }
    }

    /// The value of a write that failed after so many attempts, and was found to be done.
    pub(crate) fn confirmed(value: T, reply: Reply, attempts: u32) -> Self {
        Self { value, reply: Reply { attempts, ..reply }, confirmed: true }
    }

    /// Whether the write itself failed and its value was found by reading; status and headers are the reading's then.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    pub(super) fn took(mut self, elapsed: Duration) -> Self {
        self.reply.elapsed = elapsed;
        self
    }

    pub(crate) fn into_parts(self) -> (T, Reply) {
        (self.value, self.reply)
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Takes the value out.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The status of the first answer; a value read back after a thin acknowledgement keeps the acknowledgement's.
    pub fn status(&self) -> StatusCode {
        self.reply.status
    }

    /// The headers of that answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.reply.headers
    }

    /// How often the request was sent; what was read afterwards is not counted.
    pub fn attempts(&self) -> u32 {
        self.reply.attempts
    }

    /// How long the call took, waits included.
    pub fn elapsed(&self) -> Duration {
        self.reply.elapsed
    }

    /// The answer's `X-Request-Id`, else the one that was sent.
    pub fn request_id(&self) -> &str {
        &self.reply.request_id
    }

    /// What the answer said about the rate limit.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::from_headers(&self.reply.headers)
    }

    /// Whether the server speaks the extended contract.
    pub fn is_extended(&self) -> bool {
        is_extended(&self.reply.headers)
    }
}

impl<T: fmt::Debug> fmt::Debug for Response<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("value", &self.value)
            .field("status", &self.reply.status)
            .field("attempts", &self.reply.attempts)
            .finish_non_exhaustive()
    }
}

/// An answer's bytes ([`Call::raw`](super::Call::raw)).
pub type RawResponse = Response<Bytes>;
