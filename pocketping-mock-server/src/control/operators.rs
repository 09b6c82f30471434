//! `operators`: what operators do that the documented API has no call for.

use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use pocketping_sdk::{MessageId, MessageKind, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bodies::Typing;
use super::tenant::Tenant;
use crate::app::App;
use crate::http::{Answer, Body, PathId, Routes};
use crate::operations;
use crate::store::Rejection;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/operator", post(online))
        .route("/sessions/{sessionId}/operator/type", post(types))
        .route("/sessions/{sessionId}/operator/read", post(reads))
        .route("/sessions/{sessionId}/operator/edit", post(edits))
        .route("/sessions/{sessionId}/operator/delete", post(deletes))
        .route("/sessions/{sessionId}/operator/ask-for-rating", post(asks_for_rating))
        .route("/sessions/{sessionId}/operator/ask-for-screenshot", post(asks_for_screenshot))
        .route("/sessions/{sessionId}/operator/tell-page", post(tells_page))
        .route("/tracked-elements", post(tracks))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Online {
    online: bool,
}

async fn online(State(app): State<App>, tenant: Tenant, Body(now): Body<Online>) -> Result<Answer, Rejection> {
    app.write(&tenant.0, |tx| {
        tx.set_operator_online(now.online);
        Ok(())
    })?;
    Ok(Answer::ok())
}

async fn types(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(now): Body<Typing>,
) -> Result<Answer, Rejection> {
    app.write(&tenant.0, |tx| operations::type_words(tx, &id.0, now.is_typing))?;
    Ok(Answer::ok())
}

async fn reads(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let updated = app.write(&tenant.0, |tx| operations::read_all(tx, &id.0, &MessageKind::Operator))?;
    Ok(Answer::json(StatusCode::OK, &json!({"updated": updated})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Edit {
    message_id: MessageId,
    content: String,
}

async fn edits(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(edit): Body<Edit>,
) -> Result<Answer, Rejection> {
    let message =
        app.write(&tenant.0, |tx| operations::edit(tx, &id.0, &edit.message_id, &MessageKind::Operator, edit.content))?;
    Ok(Answer::json(StatusCode::OK, &*message))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Deletion {
    message_id: MessageId,
}

async fn deletes(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(deletion): Body<Deletion>,
) -> Result<Answer, Rejection> {
    let message =
        app.write(&tenant.0, |tx| operations::delete(tx, &id.0, &deletion.message_id, &MessageKind::Operator))?;
    Ok(Answer::json(StatusCode::OK, &*message))
}

async fn asks_for_rating(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let asked = app.write(&tenant.0, |tx| tx.ask_for_rating(&id.0))?;
    Ok(Answer::json(StatusCode::OK, &json!({"asked": asked})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Screenshot {
    #[serde(default)]
    silent: bool,
    requested_by: Option<String>,
}

async fn asks_for_screenshot(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(wanted): Body<Screenshot>,
) -> Result<Answer, Rejection> {
    let request =
        app.write(&tenant.0, |tx| operations::ask_for_screenshot(tx, &id.0, wanted.silent, wanted.requested_by))?;
    Ok(Answer::json(StatusCode::CREATED, &json!({"requestId": request})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageEvent {
    name: String,
    data: Option<Value>,
}

async fn tells_page(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(event): Body<PageEvent>,
) -> Result<Answer, Rejection> {
    app.write(&tenant.0, |tx| operations::tell_page(tx, &id.0, &event.name, event.data))?;
    Ok(Answer::ok())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tracked {
    tracked_elements: Vec<Value>,
}

async fn tracks(State(app): State<App>, tenant: Tenant, Body(wanted): Body<Tracked>) -> Result<Answer, Rejection> {
    app.write(&tenant.0, |tx| operations::track(tx, wanted.tracked_elements))?;
    Ok(Answer::ok())
}
