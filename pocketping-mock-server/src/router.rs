//! Which path leads where.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, Method};
use tower_http::cors::{Any, CorsLayer};

use crate::app::App;
use crate::contract::Contract;
use crate::http::Front;
use crate::{control, endpoints, http as layers, management, openapi, page, widget, ws};

/// The whole server as one service.
pub(crate) fn router(app: App) -> Front {
    let contract = endpoints::contract_routes(app.contract)
        .into_router()
        .route_layer(from_fn_with_state(app.clone(), layers::contract_call));
    let open = endpoints::open_routes().into_router().route_layer(from_fn(layers::routed));
    let described = openapi::routes().into_router().route("/ws", get(ws::socket)).route_layer(from_fn(layers::routed));
    let cors_of_contract = cors(app.contract);
    let router = Router::new()
        .nest("/v1", contract.clone().merge(open.clone()))
        .merge(contract)
        .merge(open)
        .merge(described)
        .fallback(layers::no_such_path)
        .method_not_allowed_fallback(layers::no_such_method)
        // These have errors of their own. The last one is the same in both contracts.
        .nest("/pocketping", widget::router(&app))
        .nest("/api/widget/{projectId}", widget::router(&app))
        .nest("/api/v1", management::router(&app, cors(Contract::Extended)))
        .nest("/_mock", control::router(&app))
        .merge(page::router(&app))
        .with_state(app.clone());
    Front::new(app, router, cors_of_contract)
}

/// REST may be called from any page: it takes a key, and no cookies.
fn cors(contract: Contract) -> CorsLayer {
    let layer =
        CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::POST, Method::DELETE]).allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-request-id"),
        ]);
    if !contract.is_extended() {
        return layer;
    }
    layer.expose_headers([
        RETRY_AFTER,
        HeaderName::from_static("x-pocketping-contract"),
        HeaderName::from_static("x-request-id"),
        HeaderName::from_static("idempotent-replayed"),
        HeaderName::from_static("ratelimit-limit"),
        HeaderName::from_static("ratelimit-remaining"),
        HeaderName::from_static("ratelimit-reset"),
    ])
}
