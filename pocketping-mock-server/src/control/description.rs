//! `description`: what the control surface is, for programs.

use axum::routing::get;

use crate::http::Routes;
use crate::openapi;

pub(super) fn routes() -> Routes {
    Routes::new().route("/openapi.json", get(|| async { openapi::control() }))
}
