//! `metrics`: what happened and what is there, as Prometheus reads it.

use axum::extract::State;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use crate::app::App;
use crate::http::Routes;

pub(super) fn routes() -> Routes {
    Routes::new().route("/metrics", get(text))
}

async fn text(State(app): State<App>) -> ([(HeaderName, HeaderValue); 1], String) {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], app.metrics.text(&app.held()))
}
