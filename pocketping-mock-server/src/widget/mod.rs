//! The visitor's side: the protocol of PocketPing's browser widget, under `/pocketping` and `/api/widget/{projectId}`.

mod connect;
mod device;
mod events;
mod messages;
mod place;
mod screenshots;
mod stream;
mod uploads;
mod version;
mod visitors;

use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::http::{self as layers, Routes};
use crate::surface::Surface;

/// All of the widget's calls, below its endpoint.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(connect::routes())
        .merge(messages::routes())
        .merge(visitors::routes())
        .merge(uploads::routes())
        .merge(screenshots::routes())
        .merge(stream::routes())
}

/// The widget's endpoint as one service, with what every call of it goes through.
pub(crate) fn router(app: &App) -> Router<App> {
    routes()
        .into_router()
        .route_layer(from_fn_with_state((app.clone(), Surface::Widget), layers::faulty_surface))
        .fallback(layers::no_such_path)
        .method_not_allowed_fallback(layers::no_such_method)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(app.clone(), version::negotiate))
        .layer(from_fn(layers::plain_errors))
        .layer(cors())
        .layer(from_fn(layers::routed))
}

/// Any website may embed the widget. Beacons carry credentials, so the origin is echoed: with `*` they would never leave
/// the browser.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT, Method::OPTIONS])
        .allow_headers([ACCEPT, CACHE_CONTROL, CONTENT_TYPE, version::VERSION])
        .expose_headers(version::ANSWERS.map(HeaderName::from_static))
        // Or every keystroke would be asked for twice.
        .max_age(Duration::from_secs(600))
}
