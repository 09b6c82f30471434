//! `deliveries`: what was delivered and what is to be, and once more.

use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::DeliveryId;
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::app::App;
use crate::delivery::Delivery;
use crate::http::{Answer, PathId, Routes};
use crate::store::Rejection;

pub(super) fn routes() -> Routes {
    Routes::new().route("/deliveries", get(list)).route("/deliveries/{deliveryId}/redeliver", post(redeliver))
}

async fn list(State(app): State<App>, tenant: Tenant) -> Answer {
    let deliveries = app.deliveries();
    let theirs = deliveries.iter().filter(|delivery| delivery.tenant == tenant.0);
    Answer::json(StatusCode::OK, &json!({"deliveries": theirs.map(shown).collect::<Vec<_>>()}))
}

async fn redeliver(State(app): State<App>, tenant: Tenant, id: PathId<DeliveryId>) -> Result<Answer, Rejection> {
    if app.redeliver(&tenant.0, &id.0) {
        return Ok(Answer::ok());
    }
    if !app.deliveries().iter().any(|delivery| delivery.tenant == tenant.0 && delivery.id == id.0) {
        return Err(Rejection::NoSuchDelivery(id.0));
    }
    let words = format!("the delivery {} has not ended, or its webhook is there no more", id.0);
    Err(Rejection::Conflict(words))
}

pub(crate) fn shown(delivery: &Delivery) -> Value {
    let attempts = delivery.attempts.iter();
    let attempts: Vec<_> =
        attempts.map(|attempt| json!({"at": attempt.at, "status": attempt.status, "error": attempt.error})).collect();
    // Bodies are made by this server, and JSON.
    let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
    json!({"id": delivery.id, "webhookId": delivery.webhook_id, "url": delivery.url, "event": delivery.event,
           "sessionId": delivery.session_id, "state": delivery.state.as_str(), "attempts": attempts, "body": body})
}
