//! `faults`: what is to go wrong, and the barriers that hold calls.

use axum::extract::{Request, State};
use axum::routing::{delete, get, post};
use http::StatusCode;
use pocketping_sdk::json::object;
use serde_json::{Value, json};

use crate::app::App;
use crate::faults::Fault;
use crate::http::{Answer, PathId, Routes, collect};
use crate::store::Rejection;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/faults", get(list).post(inject).delete(clear))
        .route("/faults/{faultId}", delete(remove))
        .route("/barriers", get(barriers))
        .route("/barriers/{name}/release", post(release))
}

async fn list(State(app): State<App>) -> Answer {
    Answer::json(StatusCode::OK, &json!({"faults": app.faults.list()}))
}

/// Reads the fault as the command line does, so that what is wrong is told in the same words.
async fn inject(State(app): State<App>, request: Request) -> Result<Answer, Rejection> {
    let body = collect(request.into_body(), app.limits.body).await?;
    let fault = Fault::from_json(&body).map_err(|error| Rejection::Invalid(error.to_string()))?;
    Ok(Answer::json(StatusCode::CREATED, &app.try_inject(fault)?))
}

async fn clear(State(app): State<App>) -> Answer {
    Answer::json(StatusCode::OK, &json!({"removed": app.faults.clear()}))
}

async fn remove(State(app): State<App>, id: PathId<String>) -> Result<Answer, Rejection> {
    if app.faults.remove(&id.0) { Ok(Answer::ok()) } else { Err(Rejection::NoSuchFault(id.0)) }
}

async fn barriers(State(app): State<App>) -> Answer {
    let counts = app.faults.barriers();
    let counts = object(counts.iter().map(|(name, held)| (name.to_string(), Value::from(*held))));
    Answer::json(StatusCode::OK, &json!({"barriers": counts}))
}

async fn release(State(app): State<App>, name: PathId<String>) -> Result<Answer, Rejection> {
    if !app.faults.barriers().contains_key(name.0.as_str()) {
        return Err(Rejection::NoSuchBarrier(name.0));
    }
    Ok(Answer::json(StatusCode::OK, &json!({"released": app.faults.barriers.release(&name.0)})))
}
