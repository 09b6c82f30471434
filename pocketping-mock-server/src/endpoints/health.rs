//! `health`: whether the server answers. Outside the API reference; no client relies on it.

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::app::App;
use crate::http::Answer;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/health", get(health))
}

async fn health() -> Answer {
    Answer::json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}
