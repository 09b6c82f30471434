//! `sessions`: list, get, close, identify, AI control.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::{Identify, Session, SessionId, SessionStatus, SetAi};

use crate::app::App;
use crate::http::{Answer, Body, Caller, Pairs, PathId, Routes, list as list_answer};
use crate::store::change::Update;
use crate::store::{Held, Rejection, SessionQuery, Tenant, Tx, rules};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/sessions", get(list))
        .route("/sessions/{sessionId}", get(get_one))
        .route("/sessions/{sessionId}/close", post(close))
        .route("/sessions/{sessionId}/identify", post(identify))
        .route("/sessions/{sessionId}/ai", post(set_ai))
}

async fn list(State(app): State<App>, caller: Caller, Pairs(pairs): Pairs) -> Result<Response, Rejection> {
    let query = if app.contract.is_extended() { SessionQuery::read(&pairs)? } else { SessionQuery::default() };
    query.check_cursor(app.read(&caller.tenant, Tenant::sessions_held))?;
    let is_page = query.limit.is_some();
    let mut answer = list_answer(app.contract, "sessions");
    let mut walk = app.walk_sessions(&caller.tenant, query);
    while let Some(part) = walk.next_part() {
        answer.push_sessions(&part);
        if !is_page && !walk.is_over() {
            return Ok(answer.streamed(move |answer| {
                let part = walk.next_part();
                answer.push_sessions(part.as_deref().unwrap_or_default());
                part.is_some()
            }));
        }
        // Others are served between two parts of a long search.
        tokio::task::yield_now().await;
    }
    Ok(answer.finish(walk.next.map(SessionQuery::next_cursor)).into_response())
}

async fn get_one(State(app): State<App>, caller: Caller, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let session = app.read(&caller.tenant, |tables| tables.session(&id.0).cloned())?;
    Ok(Answer::session(app.contract, &session))
}

async fn close(State(app): State<App>, caller: Caller, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    Answer::of_write(&app, &caller, StatusCode::OK, |tx| close_session(tx, &id.0).map(owned))
}

async fn identify(
    State(app): State<App>,
    caller: Caller,
    id: PathId<SessionId>,
    Body(said): Body<Identify>,
) -> Result<Answer, Rejection> {
    Answer::of_write(&app, &caller, StatusCode::OK, |tx| identify_visitor(tx, &id.0, said).map(owned))
}

async fn set_ai(
    State(app): State<App>,
    caller: Caller,
    id: PathId<SessionId>,
    Body(body): Body<SetAi>,
) -> Result<Answer, Rejection> {
    Answer::of_write(&app, &caller, StatusCode::OK, |tx| set_session_ai(tx, &id.0, body.enabled).map(owned))
}

fn owned(session: Held<Session>) -> Session {
    Arc::unwrap_or_clone(session).into_value()
}

/// Closes a session.
///
/// contract gap: the reference does not say what closing a closed one does; here it changes and emits nothing.
pub(crate) fn close_session(tx: &mut Tx<'_>, id: &SessionId) -> Result<Held<Session>, Rejection> {
    let session = tx.session(id)?;
    if session.status == SessionStatus::Closed {
        return Ok(Arc::clone(session));
    }
    tx.close_session(id)
}

/// Says who the visitor is.
///
/// contract gap: the reference prints one request and no rule; here at least one field is needed, given ones replace,
/// `metadata` is merged one level deep.
pub(crate) fn identify_visitor(tx: &mut Tx<'_>, id: &SessionId, said: Identify) -> Result<Held<Session>, Rejection> {
    let session = tx.session(id)?;
    rules::identity(&said)?;
    let identity = rules::merged(session.identity.as_ref(), said)?;
    tx.update_session(id, Update::Identified, |session, _| session.identity = Some(identity))
}

/// Switches the AI on or off.
pub(crate) fn set_session_ai(tx: &mut Tx<'_>, id: &SessionId, enabled: bool) -> Result<Held<Session>, Rejection> {
    tx.update_session(id, Update::Ai, |session, _| session.ai_enabled = Some(enabled))
}
