//! `sessions`: what operators do by the documented API, for whoever has no key: they answer, close, and switch the AI.

use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use pocketping_sdk::{NewMessage, SessionId};

use super::bodies::{Ai, Words};
use super::tenant::Tenant;
use crate::app::App;
use crate::endpoints::messages::send_message;
use crate::endpoints::sessions::{close_session, set_session_ai};
use crate::http::{Answer, Body, PathId, Routes};
use crate::store::Rejection;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/sessions/{sessionId}/operator/say", post(say))
        .route("/sessions/{sessionId}/operator/close", post(close))
        .route("/sessions/{sessionId}/operator/ai", post(set_ai))
}

async fn say(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(words): Body<Words>,
) -> Result<Answer, Rejection> {
    let message = app.write(&tenant.0, |tx| send_message(tx, &id.0, NewMessage::operator(words.content)))?;
    Ok(Answer::json(StatusCode::CREATED, &message))
}

async fn close(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let session = app.write(&tenant.0, |tx| close_session(tx, &id.0))?;
    Ok(Answer::json(StatusCode::OK, &*session))
}

async fn set_ai(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(wanted): Body<Ai>,
) -> Result<Answer, Rejection> {
    let session = app.write(&tenant.0, |tx| set_session_ai(tx, &id.0, wanted.enabled))?;
    Ok(Answer::json(StatusCode::OK, &*session))
}
