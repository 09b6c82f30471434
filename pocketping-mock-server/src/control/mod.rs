//! The control surface, `/_mock`: what a test does to the server, in any language, that no client of PocketPing can.
//!
//! It is apart from the contract: no file serves both.

mod answers;
mod bodies;
mod brought;
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
use axum::middleware::{from_fn, from_fn_with_state};
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

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
        .layer(from_fn_with_state(app.clone(), brought::check))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(app.clone(), guard::admit))
        .layer(cors())
        .layer(from_fn(layers::routed))
}

/// Pages of this machine may control its server, whatever port they were served from; all others are kept out.
fn cors() -> CorsLayer {
    let is_here = |origin: &http::HeaderValue, _: &http::request::Parts| {
        let origin = origin.to_str().ok().and_then(|origin| url::Url::parse(origin).ok());
        origin.is_some_and(|origin| layers::is_of_this_machine(&origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_here))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
}
