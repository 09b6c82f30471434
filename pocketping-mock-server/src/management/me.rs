//! `me`: whose key it is.

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::http::{Answer, Caller, Routes};
use crate::store::given_name;

pub(super) fn routes() -> Routes {
    Routes::new().route("/me", get(me))
}

/// An organization is the key's tenant, which is known by its name; or by its project, where nobody gave it one.
async fn me(State(app): State<App>, caller: Caller) -> Answer {
    let organization = match given_name(&caller.tenant) {
        Some(name) => json!({"id": name, "name": name}),
        None => json!({"id": app.read(&caller.tenant, |tables| tables.project().id.clone()), "name": "unnamed"}),
    };
    Answer::json(StatusCode::OK, &json!({"organization": organization}))
}
