//! `events`: what was committed, whoever listened.

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use super::tenant::Tenant;
use crate::app::App;
use crate::http::{Answer, Pairs, Routes};
use crate::store::Rejection;

/// How many are given unless another number is asked for.
const FEW: usize = 100;
/// The most that are given: all that are kept.
const MOST: usize = 10_000;

pub(super) fn routes() -> Routes {
    Routes::new().route("/events", get(list))
}

/// The last events, oldest first, as the contract shows them.
async fn list(State(app): State<App>, tenant: Tenant, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let asked = pairs.iter().find(|(name, _)| name == "limit").map(|(_, value)| value.parse().ok());
    let limit = asked.unwrap_or(Some(FEW)).filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| Rejection::field("limit", format_args!("is a number from 1 to {MOST}")))?;
    Ok(Answer::json(StatusCode::OK, &json!({"events": app.last_events(&tenant.0, limit)})))
}
