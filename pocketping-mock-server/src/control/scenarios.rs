//! `scenarios`: played, listed, made of a conversation.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
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

/// What YAML is called; everything else is read as JSON, whatever it is called.
const YAML: [&str; 4] = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

async fn run(
    State(app): State<App>,
    tenant: Tenant,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Rejection> {
    let body = collect(body, app.limits.body).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Rejection::Invalid("the body is not UTF-8".to_owned()))?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let scenario = if YAML.contains(&kind.as_str()) { from_yaml(text)? } else { from_json(text)? };
    Ok(played(&app, &tenant.0, &scenario).await)
}

fn from_json(text: &str) -> Result<Scenario, Rejection> {
    let is_object = text.trim_start().starts_with('{');
    Scenario::from_json(text).map_err(|error| {
        let hint = if is_object { "" } else { "; YAML is sent with the content type application/yaml" };
        Rejection::Invalid(format!("{error}{hint}"))
    })
}

#[cfg(feature = "yaml")]
fn from_yaml(text: &str) -> Result<Scenario, Rejection> {
    Scenario::from_yaml(text).map_err(|error| Rejection::Invalid(error.to_string()))
}

#[cfg(not(feature = "yaml"))]
fn from_yaml(_: &str) -> Result<Scenario, Rejection> {
    Err(Rejection::Invalid("the body is YAML, which this server was built without; send it as JSON".to_owned()))
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
    let messages: Vec<Message> = messages.iter().map(|message| (***message).clone()).collect();
    Ok(Answer::text(Scenario::of_conversation(&session, &messages)))
}
