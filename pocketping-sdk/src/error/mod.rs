//! The client's one error type: what went wrong, with which status, and what is known of the request's effect.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::types::ErrorCode;

mod api;

pub use api::ApiError;

/// The result of every call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call, a connection or a configuration failed.
///
/// [`kind`](Self::kind) says what failed, [`outcome`](Self::outcome) what is known of the request's effect,
/// [`api`](Self::api) what the server said. `Display` is one line about this layer; what caused it is in
/// [`source`](std::error::Error::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    outcome: Outcome,
    api: Option<ApiError>,
    status: Option<u16>,
    close_code: Option<u16>,
    hint: Option<&'static str>,
    route: Option<String>,
    request_id: Option<String>,
    attempts: u32,
    source: Option<BoxError>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client was configured with something that cannot work.
    Config,
    /// The request could not be built: an id that cannot stand in a path, a header that cannot be sent.
    Request,
    /// No connection: name resolution, refused, TLS, proxy.
    Connect,
    /// A timeout or the overall deadline ran out.
    Timeout,
    /// The connection broke after the request may have been written.
    Network,
    /// The server redirects to where the key must not follow.
    Redirect,
    /// The server answered with a status other than 2xx; see [`Error::api`].
    Api,
    /// The answer was not what the documented API promises.
    Decode,
    /// The answer was larger than the configured cap.
    TooLarge,
    /// The client's own pacing would have waited past the deadline; nothing was sent.
    RateLimited,
    /// The request was applied, but its value could not be read back.
    Incomplete,
    /// The socket refused the API key, for good.
    Unauthorized,
    /// The live link ended.
    Closed,
    /// The reader of a stream was slower than its buffer allows.
    Overflow,
}

impl ErrorKind {
    /// The kind in one word, as a metric or a log line wants it: `config`, `too_large`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Request => "request",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Redirect => "redirect",
            Self::Api => "api",
            Self::Decode => "decode",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Incomplete => "incomplete",
            Self::Unauthorized => "unauthorized",
            Self::Closed => "closed",
            Self::Overflow => "overflow",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of the effect of a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing left this machine.
    NotSent,
    /// The server said no; nothing changed.
    Rejected,
    /// It was done, but its value could not be read back.
    Applied,
    /// It may or may not have been done. Check before sending it again.
    Unknown,
}

impl Outcome {
    /// The outcome in one word: `not_sent`, `rejected`, `applied` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Rejected => "rejected",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, outcome: Outcome, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            outcome,
            api: None,
            status: None,
            close_code: None,
            hint: None,
            route: None,
            request_id: None,
            attempts: 0,
            source: None,
        }))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, Outcome::NotSent, message)
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Request, Outcome::NotSent, message)
    }

    pub(crate) fn refused(route: &str, api: ApiError) -> Self {
        // A request whose key is still in use elsewhere may yet be applied there; a server may do the work of a write and then
        // lead elsewhere, speak another protocol, or run out of patience.
        let undecided =
            api.status >= 500 || matches!(api.status, 100..=399 | 408) || api.code == ErrorCode::IdempotencyInProgress;
        let outcome = if undecided { Outcome::Unknown } else { Outcome::Rejected };
        let mut error = Self::new(ErrorKind::Api, outcome, format!("{route}: {}", api.line()));
        error.0.request_id.clone_from(&api.request_id);
        error.0.api = Some(api);
        error
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The status of an answer that was no refusal, and yet could not be used.
    #[must_use]
    pub(crate) fn with_status(mut self, status: http::StatusCode) -> Self {
        self.0.status = Some(status.as_u16());
        self
    }

    #[must_use]
    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: Option<&'static str>) -> Self {
        self.0.hint = hint.or(self.0.hint);
        self
    }

    /// Says which call failed: its line, how often it was tried, and the id it was sent with.
    #[must_use]
    pub(crate) fn of_call(mut self, route: String, attempts: u32, request_id: &str) -> Self {
        self.0.route = Some(route);
        self.0.attempts = attempts;
        self.0.request_id.get_or_insert_with(|| request_id.to_owned());
        self
    }

    #[cfg(feature = "events")]
    #[must_use]
    pub(crate) fn with_close_code(mut self, code: Option<u16>) -> Self {
        self.0.close_code = code;
        self
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What is known of the request's effect.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// What the server said, when it answered with a status other than 2xx.
    pub fn api(&self) -> Option<&ApiError> {
        self.0.api.as_ref()
    }

    /// The HTTP status, whenever there was an answer: of a refusal, and of a success that could not be read.
    pub fn status(&self) -> Option<u16> {
        self.api().map(|api| api.status).or(self.0.status)
    }

    /// The machine-readable reason of a refusal.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.api().map(|api| &api.code)
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.api().and_then(|api| api.retry_after)
    }

    /// The documented line of the call that failed, such as `POST /sessions/:sessionId/close`.
    pub fn route(&self) -> Option<&str> {
        self.0.route.as_deref()
    }

    /// The request's id, for the server's logs: the one it answered with, else the one that was sent.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How often the request was tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The WebSocket close code, when the live link was closed with one.
    pub fn close_code(&self) -> Option<u16> {
        self.0.close_code
    }

    /// What to look at next, when this library has an idea.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint
    }

    /// Whether the server said that there is no such thing (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the API key was refused (401, 403, or by the socket).
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403)) || self.0.kind == ErrorKind::Unauthorized
    }

    /// Whether there were too many requests: the server's 429, or this client's own pacing.
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429) || self.0.kind == ErrorKind::RateLimited
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// Whether the same request might succeed later. For a write, look at [`outcome`](Self::outcome) first.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Network
            | ErrorKind::RateLimited
            | ErrorKind::Closed => true,
            ErrorKind::Api => {
                matches!(self.status(), Some(408 | 429 | 500 | 502 | 503 | 504))
                    || self.code() == Some(&ErrorCode::IdempotencyInProgress)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message may quote the server; what it quotes never breaks the line.
        for c in self.0.message.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") }?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("message", &self.0.message).field("outcome", &self.0.outcome);
        if let Some(api) = &self.0.api {
            shown.field("api", api);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_body_is_read_whatever_its_content_type() {
        let body = br#"{"error":"Not found","message":"Session not found","code":"SESSION_NOT_FOUND"}"#;
        let error = Error::refused("GET /sessions/:sessionId", ApiError::new(404, body));
        assert_eq!(error.to_string(), "GET /sessions/:sessionId: 404 SESSION_NOT_FOUND: Session not found");
        assert_eq!(error.code(), Some(&ErrorCode::SessionNotFound));
        assert_eq!(error.outcome(), Outcome::Rejected);
        assert!(error.is_not_found() && !error.is_retryable());
    }

    #[test]
    fn a_status_is_never_lost_to_a_body_that_is_not_json() {
        let mut api = ApiError::new(502, b"<html>Bad Gateway</html>");
        api.content_type = Some("text/html".into());
        let error = Error::refused("GET /sessions", api);
        assert_eq!(error.to_string(), "GET /sessions: 502: the answer was not the API's JSON (text/html)");
        assert_eq!((error.status(), error.outcome()), (Some(502), Outcome::Unknown));
        assert_eq!(error.api().unwrap().body, "<html>Bad Gateway</html>");
        assert!(ApiError::new(500, b"").line().contains("empty"));
        assert_eq!(ApiError::new(418, b"{}").code, "HTTP_418");
        let api = ApiError::new(503, br#"{"error":"x","message":"down"}"#);
        assert_eq!((api.line().as_str(), api.has_code), ("503: down", false), "the code is a guess");
    }

    #[test]
    fn a_message_of_the_server_stays_on_one_line() {
        let body = br#"{"error":"Bad request","message":"line\nbreak \u001b[31m"}"#;
        let shown = Error::refused("GET /x", ApiError::new(400, body)).to_string();
        assert!(!shown.contains('\n') && !shown.contains('\u{1b}'), "{shown}");
    }
}
