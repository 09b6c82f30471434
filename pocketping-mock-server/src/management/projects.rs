//! `projects`: list, get, turn switches.

use std::collections::HashMap;

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use pocketping_sdk::{Extra, ProjectId};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::{Answer, Body, Caller, PathId, Routes};
use crate::store::{Project, Rejection, SessionQuery, Settings, TenantId, Tx};

pub(super) fn routes() -> Routes {
    Routes::new().route("/projects", get(list)).route("/projects/{projectId}", get(get_one).patch(update))
}

async fn list(State(app): State<App>, caller: Caller) -> Answer {
    let counts = session_counts(&app, &caller.tenant, None).await;
    let projects: Vec<Value> =
        app.read(&caller.tenant, |tables| tables.projects().iter().map(|project| shown(project, &counts)).collect());
    Answer::json(StatusCode::OK, &json!({"projects": projects}))
}

async fn get_one(State(app): State<App>, caller: Caller, id: PathId<ProjectId>) -> Result<Answer, Rejection> {
    one(&app, &caller.tenant, &id.0).await
}

async fn update(
    State(app): State<App>,
    caller: Caller,
    id: PathId<ProjectId>,
    Body(wanted): Body<Extra>,
) -> Result<Answer, Rejection> {
    app.write(&caller.tenant, |tx| turn_switches(tx, &id.0, &wanted))?;
    one(&app, &caller.tenant, &id.0).await
}

async fn one(app: &App, tenant: &TenantId, id: &ProjectId) -> Result<Answer, Rejection> {
    let counts = session_counts(app, tenant, Some(id)).await;
    let project = app.read(tenant, |tables| tables.project_by_id(id).map(|project| shown(project, &counts)))?;
    Ok(Answer::json(StatusCode::OK, &json!({"project": project})))
}

/// Turns those switches that are named; whatever else is named is no switch, and ignored.
fn turn_switches(tx: &mut Tx<'_>, id: &ProjectId, wanted: &Extra) -> Result<(), Rejection> {
    tx.tables().project_by_id(id)?;
    let mut turned = Vec::new();
    for name in Settings::names() {
        match wanted.get(name) {
            Some(Value::Bool(on)) => turned.push((name, *on)),
            Some(_) => return Err(Rejection::field(name, "is true or false")),
            None => {}
        }
    }
    if turned.is_empty() {
        let known: Vec<_> = Settings::names().map(|name| format!("`{name}`")).collect();
        return Err(Rejection::Invalid(format!("at least one of {} must be given", known.join(", "))));
    }
    let settings = &mut tx.project_mut(id)?.settings;
    for (name, on) in turned {
        settings.set(name, on);
    }
    Ok(())
}

/// How many sessions each project has, or this one.
async fn session_counts(app: &App, tenant: &TenantId, only: Option<&ProjectId>) -> HashMap<ProjectId, usize> {
    let mut counts = HashMap::new();
    let mut query = SessionQuery::default();
    query.filter.project_id = only.cloned();
    let mut walk = app.walk_sessions(tenant, query);
    while let Some(part) = walk.next_part() {
        for project in part.iter().filter_map(|session| session.project_id.as_ref()) {
            match counts.get_mut(project) {
                Some(count) => *count += 1,
                None => drop(counts.insert(project.clone(), 1)),
            }
        }
        tokio::task::yield_now().await;
    }
    counts
}

fn shown(project: &Project, session_counts: &HashMap<ProjectId, usize>) -> Value {
    let sessions = session_counts.get(&project.id).copied().unwrap_or(0);
    let mut told = json!({"id": project.id, "name": project.name, "domain": project.domain, "sessionCount": sessions});
    for (name, on) in project.settings.iter() {
        told[name] = json!(on);
    }
    told
}
