//! `openapi`: descriptions of what is served, for programs: the contract, the widget's calls and the control surface as
//! OpenAPI, the sockets as AsyncAPI. They are written by hand; the tests hold them against the routes, the answers and the frames.

mod overlay;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::contract::Contract;
use crate::http::Routes;
use overlay::overlaid;

const CONTRACT: &str = include_str!("openapi.json");
const WIDGET: &str = include_str!("openapi-widget.json");
/// The control surface, which serves this below its own guard.
pub(crate) const CONTROL: &str = include_str!("openapi-mock.json");
const SOCKETS: &str = include_str!("asyncapi.json");

/// The descriptions of the strict contract: those of the extended one, and what is otherwise.
static STRICT_CONTRACT: LazyLock<String> = LazyLock::new(|| overlaid(CONTRACT, include_str!("openapi.strict.json")));
static STRICT_SOCKETS: LazyLock<String> = LazyLock::new(|| overlaid(SOCKETS, include_str!("asyncapi.strict.json")));

/// The descriptions, which take no key.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/openapi.json", get(|State(app): State<App>| async move { json(contract(app.contract)) }))
        .route("/openapi-widget.json", get(|| async { json(WIDGET) }))
        .route("/asyncapi.json", get(|State(app): State<App>| async move { json(sockets(app.contract)) }))
}

type Described = ([(http::HeaderName, HeaderValue); 1], Bytes);

/// The description of the control surface.
pub(crate) fn control() -> Described {
    json(CONTROL)
}

fn json(text: &'static str) -> Described {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Bytes::from_static(text.as_bytes()))
}

fn contract(contract: Contract) -> &'static str {
    if contract.is_extended() { CONTRACT } else { &STRICT_CONTRACT }
}

fn sockets(contract: Contract) -> &'static str {
    if contract.is_extended() { SOCKETS } else { &STRICT_SOCKETS }
}
