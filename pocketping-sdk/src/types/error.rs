//! The error body every failed request is answered with.

wire! {
    /// The JSON of a failed request: `{"error", "message", "code"}`.
    #[derive(Default)]
    pub struct ErrorBody {
        ;
        /// JSON `error`: the status in words, such as `Not found`.
        error: Option<String> = "error" lenient,
        /// JSON `message`: a sentence for people.
        message: Option<String> = "message" lenient,
        /// JSON `code`: the machine-readable reason.
        code: ErrorCode = "code" lenient,
    }
}

open_enum! {
    /// Why a request failed, for programs (`code`).
    pub enum ErrorCode {
        /// 400: a parameter or the body is wrong; the message names it.
        InvalidRequest = "INVALID_REQUEST",
        /// 400: the session is closed and takes no operator message.
        SessionClosed = "SESSION_CLOSED",
        /// 400: this idempotency key came before with another body.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        /// 401: the API key is missing or wrong.
        Unauthorized = "UNAUTHORIZED",
        /// 404: no such session.
        SessionNotFound = "SESSION_NOT_FOUND",
        /// 404: no such webhook.
        WebhookNotFound = "WEBHOOK_NOT_FOUND",
        /// 404: no such path.
        NotFound = "NOT_FOUND",
        /// 405: the path exists, the method does not.
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        /// 409: a request with this idempotency key is still running.
        IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS",
        /// 413: the body is too large.
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        /// 429: too many requests.
        RateLimited = "RATE_LIMITED",
        /// 500: the server failed.
        InternalError = "INTERNAL_ERROR",
    }
}
