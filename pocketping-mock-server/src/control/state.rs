//! `state`: looked at, put back to what it was, begun anew.

use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::SessionId;
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::app::App;
use crate::http::{Answer, Body, PathId, Routes};
use crate::store::{Rejection, Seed};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/state", get(dump))
        .route("/tenants", get(tenants))
        .route("/reset", post(reset))
        .route("/seed", post(seed))
        .route("/snapshots", get(snapshots))
        .route("/snapshots/{name}", post(keep).delete(remove))
        .route("/snapshots/{name}/restore", post(restore))
        .route("/sessions/{sessionId}/signals", get(signals))
}

/// All that a tenant has, in the form of a seed, and what is besides.
async fn dump(State(app): State<App>, tenant: Tenant) -> Answer {
    // What is taken out is serialised after the lock.
    let (projects, conversations, webhooks, online) = app.read(&tenant.0, |tables| {
        let conversations: Vec<_> =
            tables.conversations().map(|(session, messages)| (session.clone(), messages.to_vec())).collect();
        (tables.projects().to_vec(), conversations, tables.webhooks().to_vec(), tables.operator_online())
    });
    let sessions: Vec<Value> = conversations
        .iter()
        .map(|(session, messages)| {
            let mut session = json!(**session);
            session["messages"] = messages.iter().map(|message| json!(**message)).collect();
            session
        })
        .collect();
    let projects: Vec<Value> = projects.iter().map(crate::store::Project::dump).collect();
    let state = json!({"projects": projects, "sessions": sessions, "webhooks": webhooks, "operatorOnline": online,
                       "clock": {"now": app.now(), "frozen": app.clock.is_frozen()}});
    Answer::json(StatusCode::OK, &state)
}

async fn tenants(State(app): State<App>) -> Answer {
    Answer::json(StatusCode::OK, &json!({"tenants": app.tenants(), "unnamedKeys": app.unseen_keys()}))
}

async fn reset(State(app): State<App>, tenant: Tenant) -> Result<Answer, Rejection> {
    app.restore(&tenant.0, None)?;
    Ok(Answer::ok())
}

async fn seed(State(app): State<App>, tenant: Tenant, Body(seed): Body<Seed>) -> Result<Answer, Rejection> {
    app.plant(&tenant.0, seed)?;
    Ok(Answer::ok())
}

async fn snapshots(State(app): State<App>, tenant: Tenant) -> Answer {
    let names = app.snapshots(|snapshots| snapshots.names(&tenant.0));
    Answer::json(StatusCode::OK, &json!({"snapshots": names}))
}

async fn keep(State(app): State<App>, tenant: Tenant, name: PathId<String>) -> Result<Answer, Rejection> {
    app.snapshot(&tenant.0, &name.0)?;
    Ok(Answer::ok())
}

async fn remove(State(app): State<App>, tenant: Tenant, name: PathId<String>) -> Result<Answer, Rejection> {
    app.snapshots(|snapshots| snapshots.remove(&tenant.0, &name.0))?;
    Ok(Answer::ok())
}

async fn restore(State(app): State<App>, tenant: Tenant, name: PathId<String>) -> Result<Answer, Rejection> {
    app.restore(&tenant.0, Some(&name.0))?;
    Ok(Answer::ok())
}

/// What a visitor's page told besides messages.
async fn signals(State(app): State<App>, tenant: Tenant, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let signals = app.read(&tenant.0, |tables| tables.session(&id.0).map(|_| tables.signals(&id.0)))?;
    let signals: Vec<_> =
        signals.iter().map(|signal| json!({"kind": signal.kind, "data": signal.data, "at": signal.at})).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"signals": signals})))
}
