//! What a server says when it refuses.

use std::fmt;
use std::time::Duration;

use crate::types::{ErrorBody, ErrorCode};

/// What the server said when it refused.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The machine-readable reason; taken from the status when the body had none.
    pub code: ErrorCode,
    /// The status in words (JSON `error`).
    pub error: Option<String>,
    /// The sentence for people (JSON `message`).
    pub message: Option<String>,
    /// How long the server asks to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The answer's `X-Request-Id`.
    pub request_id: Option<String>,
    /// The answer's `Content-Type`.
    pub content_type: Option<String>,
    /// The first bytes of the body (at most 4 KiB), as text. It may quote what was sent; it is masked in `Debug`.
    pub body: String,
    /// Whether the body was JSON with the documented `error` or `code`.
    pub documented: bool,
    /// Whether the body said the `code`; else it is what the status stands for.
    pub has_code: bool,
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("message", &self.message)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .field("content_type", &self.content_type)
            .field("body", &format_args!("<{} bytes>", self.body.len()))
            .finish_non_exhaustive()
    }
}

impl ApiError {
    /// Builds one from an answer's status and body, whatever its content type says.
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        let parsed = serde_json::from_slice::<ErrorBody>(body).ok();
        let documented = parsed.as_ref().is_some_and(|body| body.error.is_some() || !body.code.as_str().is_empty());
        let parsed = parsed.unwrap_or_default();
        let has_code = !parsed.code.as_str().is_empty();
        Self {
            status,
            code: if has_code { parsed.code } else { code_of(status) },
            error: parsed.error,
            message: parsed.message,
            retry_after: None,
            request_id: None,
            content_type: None,
            body: String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned(),
            documented,
            has_code,
        }
    }

    /// `404 SESSION_NOT_FOUND: Session not found`, or what the body said of it.
    pub(super) fn line(&self) -> String {
        if self.documented {
            let text = self.message.as_ref().or(self.error.as_ref());
            let code = if self.has_code { format!(" {}", self.code) } else { String::new() };
            return format!("{}{code}{}", self.status, text.map(|text| format!(": {text}")).unwrap_or_default());
        }
        if self.body.is_empty() {
            return format!("{}: the answer was empty", self.status);
        }
        let kind = self.content_type.as_deref().unwrap_or("no content type");
        format!("{}: the answer was not the API's JSON ({kind})", self.status)
    }
}

/// The code a status stands for when the body has none.
fn code_of(status: u16) -> ErrorCode {
    match status {
        400 => ErrorCode::InvalidRequest,
        401 => ErrorCode::Unauthorized,
        403 => ErrorCode::from("FORBIDDEN"),
        404 => ErrorCode::NotFound,
        405 => ErrorCode::MethodNotAllowed,
        413 => ErrorCode::PayloadTooLarge,
        429 => ErrorCode::RateLimited,
        500..=599 => ErrorCode::InternalError,
        other => ErrorCode::Other(format!("HTTP_{other}")),
    }
}
