//! The documented endpoints, one file per noun: routes, three-line handlers, synchronous operations.

mod health;
pub(crate) mod messages;
mod sessions;
mod webhooks;

use axum::Router;

use crate::app::App;
use crate::contract::Contract;

/// The calls that take a key.
pub(crate) fn contract_routes(contract: Contract) -> Router<App> {
    Router::new().merge(sessions::routes()).merge(messages::routes()).merge(webhooks::routes(contract))
}

/// The calls that take none.
pub(crate) fn open_routes() -> Router<App> {
    health::routes()
}
