//! The extractor for axum: a handler that takes a [`Verified`] gets genuine deliveries only.

use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;

use super::{Verified, Verifier, VerifyError};

/// The state must hold a [`Verifier`] (`FromRef`). The body is read up to the framework's limit and verified as it came.
impl<S: Send + Sync> FromRequest<S> for Verified
where
    Verifier: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let verifier = Verifier::from_ref(state);
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        verifier.verify_request(&headers, &body).map_err(IntoResponse::into_response)
    }
}

/// 401 for what is not proven, 400 for what is not taken; the reason as text, for whoever sets it up.
impl IntoResponse for VerifyError {
    fn into_response(self) -> Response {
        let status = if self.is_forgery() { http::StatusCode::UNAUTHORIZED } else { http::StatusCode::BAD_REQUEST };
        (status, self.to_string()).into_response()
    }
}
