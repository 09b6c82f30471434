//! The management API, `/api/v1`: what a team's own tools ask and do with its key. The same in both contracts.

mod me;
mod projects;
mod sessions;
mod stats;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::Method;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::app::App;
use crate::http::{self as layers, Caller, Routes};
use crate::surface::Surface;

/// All of the management API's calls, below its prefix.
pub(crate) fn routes() -> Routes {
    Routes::new().merge(me::routes()).merge(projects::routes()).merge(sessions::routes()).merge(stats::routes())
}

/// The management API as one service, with what every call of it goes through. From other pages it may be called as REST
/// may, by its own methods.
pub(crate) fn router(app: &App, cors: CorsLayer) -> Router<App> {
    routes()
        .into_router()
        .route_layer(from_fn_with_state((app.clone(), Surface::Management), layers::faulty_surface))
        .route_layer(from_fn_with_state(app.clone(), admitted))
        .fallback(layers::no_such_path)
        .method_not_allowed_fallback(layers::no_such_method)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::plain_errors))
        .layer(cors.allow_methods([Method::GET, Method::POST, Method::PATCH]))
        .layer(from_fn(layers::routed))
}

/// Who calls, and how often. Requests are counted apart from the contract's.
async fn admitted(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match layers::admit(&app, &app.management_limits, request.headers()) {
        Ok((tenant, _)) => {
            layers::note_tenant(request.extensions(), &tenant);
            request.extensions_mut().insert(Caller { tenant, reservation: None });
            next.run(request).await
        }
        Err((rejection, _)) => rejection.into_response(),
    }
}
