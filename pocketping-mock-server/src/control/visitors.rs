//! `visitors`: what a website's visitors do, without a browser.

use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use pocketping_sdk::{Identity, Message, MessageKind, Metadata, ProjectId, Session, SessionId, VisitorId};
use serde::Deserialize;
use serde_json::json;

use super::bodies::{Typing, Words};
use super::tenant::Tenant;
use crate::app::App;
use crate::endpoints::messages::visitor_says;
use crate::http::{Answer, Body, PathId, Routes};
use crate::names;
use crate::operations;
use crate::store::{Rejection, Visit, rules};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/visitors", post(open))
        .route("/sessions/{sessionId}/visitor/say", post(say))
        .route("/sessions/{sessionId}/visitor/type", post(types))
        .route("/sessions/{sessionId}/visitor/read", post(read))
        .route("/sessions/{sessionId}/visitor/rate", post(rate))
        .route("/sessions/{sessionId}/visitor/leave", post(leave))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Opening {
    visitor_id: Option<VisitorId>,
    project_id: Option<ProjectId>,
    metadata: Option<Metadata>,
    identity: Option<Identity>,
}

async fn open(State(app): State<App>, tenant: Tenant, Body(opening): Body<Opening>) -> Result<Answer, Rejection> {
    let session: Session = app.write(&tenant.0, |tx| {
        let mut visit = Visit::new().all_metadata(opening.metadata.unwrap_or_default()).online();
        if let Some(id) = opening.visitor_id {
            names::check_id("visitorId", id.as_str())?;
            visit = visit.visitor(id);
        }
        if let Some(id) = opening.project_id {
            visit = visit.project(tx.tables().project_by_id(&id)?.id.clone());
        }
        if let Some(unknown) = opening.identity.as_ref().and_then(|said| said.extra.keys().next()) {
            let what = "is no such field; there are email, name, customerId and metadata";
            return Err(Rejection::field(&format!("identity.{unknown}"), what));
        }
        let identity = opening.identity.map(|said| rules::identity(&said).and_then(|()| rules::merged(None, said)));
        tx.open_session(visit.identity(identity.transpose()?))
    })?;
    Ok(Answer::json(StatusCode::CREATED, &session))
}

async fn say(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(words): Body<Words>,
) -> Result<Answer, Rejection> {
    let message: Message = app.write(&tenant.0, |tx| visitor_says(tx, &id.0, words.content))?;
    Ok(Answer::json(StatusCode::CREATED, &message))
}

/// The visitor types, or stopped. As with a widget's keystrokes nobody is told: no surface has a word for it.
async fn types(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(Typing { is_typing: _ }): Body<Typing>,
) -> Result<Answer, Rejection> {
    app.read(&tenant.0, |tables| tables.session(&id.0).map(drop))?;
    Ok(Answer::ok())
}

/// The visitor has read all that others wrote.
async fn read(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let updated = app.write(&tenant.0, |tx| operations::read_all(tx, &id.0, &MessageKind::Visitor))?;
    Ok(Answer::json(StatusCode::OK, &json!({"updated": updated})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rating {
    score: i64,
    comment: Option<String>,
}

async fn rate(
    State(app): State<App>,
    tenant: Tenant,
    id: PathId<SessionId>,
    Body(rating): Body<Rating>,
) -> Result<Answer, Rejection> {
    let comment = rules::rating(rating.score, rating.comment)?;
    let is_first = app.write(&tenant.0, |tx| tx.rate_session(&id.0, rating.score, comment))?;
    Ok(Answer::json(StatusCode::OK, &json!({"ok": true, "first": is_first})))
}

async fn leave(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    app.write(&tenant.0, |tx| operations::leave(tx, &id.0, 0, "manual".to_owned()))?;
    Ok(Answer::ok())
}
