//! `clock`: read, frozen, run on, advanced timer by timer.

use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::durations::{MOST_MOVED, duration, told};
use crate::http::{Answer, Body, Routes};
use crate::store::Rejection;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/clock", get(read))
        .route("/clock/freeze", post(freeze))
        .route("/clock/run", post(run))
        .route("/clock/advance", post(advance))
}

async fn read(State(app): State<App>) -> Answer {
    Answer::json(StatusCode::OK, &json!({"now": app.now(), "frozen": app.clock.is_frozen()}))
}

async fn freeze(state: State<App>) -> Answer {
    state.clock.freeze();
    read(state).await
}

async fn run(state: State<App>) -> Answer {
    state.clock.run();
    read(state).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: String,
}

async fn advance(state: State<App>, Body(wanted): Body<Advance>) -> Result<Answer, Rejection> {
    let by = duration(&wanted.by).map_err(|what| Rejection::field("by", what))?;
    if by > MOST_MOVED {
        let what = format_args!("is more than {}; every ping of every socket is played", told(MOST_MOVED));
        return Err(Rejection::field("by", what));
    }
    tokio::select! {
        () = state.clock.advance_in_order(by) => {}
        () = state.stop.cancelled() => {}
    }
    Ok(read(state).await)
}
