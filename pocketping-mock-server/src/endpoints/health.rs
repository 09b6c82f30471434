//! `health`: whether the server answers. Outside the API reference; no client relies on it.

use axum::routing::get;
use http::StatusCode;

use crate::http::{Answer, Routes};

pub(super) fn routes() -> Routes {
    Routes::new().route("/health", get(health))
}

async fn health() -> Answer {
    Answer::json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}
