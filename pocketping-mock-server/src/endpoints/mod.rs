//! The documented endpoints, one file per noun: routes, three-line handlers, synchronous operations.

mod health;
pub(crate) mod messages;
pub(crate) mod sessions;
mod webhooks;

use crate::contract::Contract;
use crate::http::Routes;

/// The calls that take a key.
pub(crate) fn contract_routes(contract: Contract) -> Routes {
    Routes::new().merge(sessions::routes()).merge(messages::routes()).merge(webhooks::routes(contract))
}

/// The calls that take none.
pub(crate) fn open_routes() -> Routes {
    health::routes()
}
