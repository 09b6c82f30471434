//! Why a request is refused: one table of status, code and message.

use pocketping_sdk::{AttachmentId, DeliveryId, ErrorBody, ErrorCode, MessageId, SessionId, WebhookId};

/// Why a request is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("{0}")]
    Invalid(String),
    #[error("session {0} is closed; it opens again when its visitor writes")]
    SessionClosed(SessionId),
    #[error("this idempotency key came before with another body; use a new one")]
    KeyReused,
    #[error("{0}")]
    Unauthorized(&'static str),
    // contract gap: the reference has no 403; this one is for browsers only.
    #[error("{0}")]
    Forbidden(String),
    #[error("the server failed; its log says more")]
    Internal,
    // The reference prints this sentence, without the id.
    #[error("Session not found")]
    SessionNotFound,
    #[error("Webhook {0} not found")]
    WebhookNotFound(WebhookId),
    #[error("Message {0} not found")]
    MessageNotFound(MessageId),
    #[error("Project not found")]
    ProjectNotFound,
    #[error("there is no upload {0}")]
    NoSuchUpload(AttachmentId),
    #[error("there is no scenario {0:?}")]
    NoSuchScenario(String),
    #[error("there is no snapshot {0:?}")]
    NoSuchSnapshot(String),
    #[error("there is no fault {0:?}")]
    NoSuchFault(String),
    #[error("there is no delivery {0}")]
    NoSuchDelivery(DeliveryId),
    #[error("there is no barrier {0:?}: no fault names it, and nothing is held there")]
    NoSuchBarrier(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Gone(String),
    #[error("{0}")]
    UnsupportedType(String),
    #[error("{0}")]
    Full(String),
    #[error("there is no {0}")]
    NoSuchPath(String),
    #[error("{0}")]
    MethodNotAllowed(String),
    #[error("a request with this idempotency key is still running")]
    InProgress,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("more than {limit} requests in a minute; try again in {retry_after} s")]
    RateLimited { limit: u32, retry_after: u64 },
}

impl Rejection {
    /// A parameter or field that is wrong, by its name.
    pub(crate) fn field(name: &str, what: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("`{name}` {what}"))
    }

    /// Status, words and code. `thin` is the strict contract, which knows fewer statuses.
    fn row(&self, thin: bool) -> (u16, &'static str, ErrorCode) {
        match self {
            Self::Invalid(_) => (400, "Bad request", ErrorCode::InvalidRequest),
            Self::SessionClosed(_) => (400, "Bad request", ErrorCode::SessionClosed),
            Self::KeyReused => (400, "Bad request", ErrorCode::IdempotencyKeyReused),
            Self::Unauthorized(_) => (401, "Unauthorized", ErrorCode::Unauthorized),
            Self::Forbidden(_) => (403, "Forbidden", ErrorCode::from("FORBIDDEN")),
            Self::Internal => (500, "Internal server error", ErrorCode::InternalError),
            Self::SessionNotFound => (404, "Not found", ErrorCode::SessionNotFound),
            Self::WebhookNotFound(_) => (404, "Not found", ErrorCode::WebhookNotFound),
            // None of these is an answer of the contract's own calls.
            Self::MessageNotFound(_) => (404, "Not found", ErrorCode::from("MESSAGE_NOT_FOUND")),
            Self::ProjectNotFound => (404, "Not found", ErrorCode::from("PROJECT_NOT_FOUND")),
            Self::NoSuchUpload(_) => (404, "Not found", ErrorCode::from("UPLOAD_NOT_FOUND")),
            Self::NoSuchScenario(_) => (404, "Not found", ErrorCode::from("SCENARIO_NOT_FOUND")),
            Self::NoSuchSnapshot(_) => (404, "Not found", ErrorCode::from("SNAPSHOT_NOT_FOUND")),
            Self::NoSuchFault(_) => (404, "Not found", ErrorCode::from("FAULT_NOT_FOUND")),
            Self::NoSuchDelivery(_) => (404, "Not found", ErrorCode::from("DELIVERY_NOT_FOUND")),
            Self::NoSuchBarrier(_) => (404, "Not found", ErrorCode::from("BARRIER_NOT_FOUND")),
            Self::Conflict(_) => (409, "Conflict", ErrorCode::from("CONFLICT")),
            Self::Gone(_) => (410, "Gone", ErrorCode::from("GONE")),
            Self::UnsupportedType(_) => (415, "Unsupported media type", ErrorCode::from("UNSUPPORTED_MEDIA_TYPE")),
            Self::Full(_) => (507, "Insufficient storage", ErrorCode::from("INSUFFICIENT_STORAGE")),
            Self::NoSuchPath(_) => (404, "Not found", ErrorCode::NotFound),
            // contract gap: the reference prints five statuses, so strict answers have no others.
            Self::MethodNotAllowed(_) if thin => (404, "Not found", ErrorCode::NotFound),
            Self::MethodNotAllowed(_) => (405, "Method not allowed", ErrorCode::MethodNotAllowed),
            Self::InProgress => (409, "Conflict", ErrorCode::IdempotencyInProgress),
            Self::TooLarge(_) if thin => (400, "Bad request", ErrorCode::InvalidRequest),
            Self::TooLarge(_) => (413, "Payload too large", ErrorCode::PayloadTooLarge),
            Self::RateLimited { .. } => (429, "Rate limited", ErrorCode::RateLimited),
        }
    }

    /// The rule that refuses, where it has a name.
    pub(crate) fn rule(&self) -> Option<String> {
        let name = match self {
            Self::Invalid(what) => {
                let field = what.strip_prefix('`').and_then(|rest| rest.split_once('`'));
                return field.map(|(field, _)| format!("field {field}"));
            }
            Self::RateLimited { .. } => "rate limit",
            Self::TooLarge(_) => "body limit",
            Self::KeyReused | Self::InProgress => "idempotency key",
            Self::Unauthorized(_) => "key",
            Self::SessionClosed(_) => "closed session",
            _ => return None,
        };
        Some(name.to_owned())
    }

    pub(crate) fn status(&self, thin: bool) -> u16 {
        self.row(thin).0
    }

    /// The documented error JSON.
    pub(crate) fn body(&self, thin: bool) -> ErrorBody {
        let (_, words, code) = self.row(thin);
        let mut body = ErrorBody::new();
        body.error = Some(words.to_owned());
        body.message = Some(self.to_string());
        body.code = code;
        body
    }
}
