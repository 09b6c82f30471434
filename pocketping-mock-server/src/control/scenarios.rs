//! `scenarios`: played, listed, made of a conversation.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::{Message, SessionId};
use serde_json::json;

use super::tenant::Tenant;
use crate::app::App;
use crate::http::{Answer, PathId, Routes, collect};
use crate::scenario::{Scenario, play};
use crate::store::{Rejection, TenantId};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/scenarios", get(list).post(run))
        .route("/scenarios/{name}", post(run_stock))
        .route("/sessions/{sessionId}/scenario", get(export))
}

async fn list() -> Answer {
    Answer::json(StatusCode::OK, &json!({"scenarios": Scenario::stock_names().collect::<Vec<_>>()}))
}

async fn run(State(app): State<App>, tenant: Tenant, body: axum::body::Body) -> Result<Response, Rejection> {
    let body = collect(body, app.limits.body).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Rejection::Invalid("the body is not UTF-8".to_owned()))?;
    let scenario = Scenario::from_json(text).map_err(|error| Rejection::Invalid(error.to_string()))?;
    Ok(played(&app, &tenant.0, &scenario).await)
}

async fn run_stock(State(app): State<App>, tenant: Tenant, name: PathId<String>) -> Result<Response, Rejection> {
    let story = Scenario::stock(&name.0).ok_or_else(|| Rejection::NoSuchScenario(name.0.clone()))?;
    Ok(played(&app, &tenant.0, &story).await)
}

/// What was done; a story that did not go as it should is told with what was done before.
async fn played(app: &App, tenant: &TenantId, scenario: &Scenario) -> Response {
    match play(app, tenant, scenario, |_| {}).await {
        Ok(played) => Answer::json(StatusCode::OK, &json!({"steps": played.steps})).into_response(),
        Err(error) => {
            let body = json!({"error": "Scenario failed", "message": error.summary(), "code": "SCENARIO_FAILED",
                              "step": error.step(), "line": error.line(), "differences": error.differences(),
                              "steps": error.played()});
            Answer::json(StatusCode::UNPROCESSABLE_ENTITY, &body).into_response()
        }
    }
}

async fn export(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let (session, messages) = app.read(&tenant.0, |tables| {
        Ok::<_, Rejection>((tables.session(&id.0)?.clone(), tables.conversation(&id.0)?.to_vec()))
    })?;
    let messages: Vec<Message> = messages.iter().map(|message| (**message).clone()).collect();
    Ok(Answer::text(Scenario::of_conversation(&session, &messages)))
}
