//! The control surface, `/_mock`: what a test does to the server, in any language, that no client of PocketPing can.
//!
//! It is apart from the contract: no file serves both.

mod answers;
mod clock;
mod deliveries;
mod description;
mod events;
mod faults;
mod guard;
mod journal;
mod metrics;
mod operators;
mod scenarios;
mod state;
mod tenant;
mod visitors;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::http::{self as layers, Routes};

pub(crate) use deliveries::shown as delivery_json;
pub(crate) use guard::{admit, check_page};
pub(crate) use journal::aside;

/// All calls of the control surface, below `/_mock`.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(answers::routes())
        .merge(clock::routes())
        .merge(deliveries::routes())
        .merge(description::routes())
        .merge(faults::routes())
        .merge(journal::routes())
        .merge(events::routes())
        .merge(metrics::routes())
        .merge(operators::routes())
        .merge(scenarios::routes())
        .merge(state::routes())
        .merge(visitors::routes())
}

/// The control surface as one service, behind its guard.
pub(crate) fn router(app: &App) -> Router<App> {
    routes()
        .into_router()
        .fallback(layers::no_such_path)
        .method_not_allowed_fallback(layers::no_such_method)
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(app.clone(), guard::admit))
}
