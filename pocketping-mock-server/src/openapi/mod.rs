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
use crate::packed::{Packed, packed};
use overlay::overlaid;

static CONTRACT: Packed = packed!("openapi/openapi.json");
static WIDGET: Packed = packed!("openapi/openapi-widget.json");
/// The control surface, which serves this below its own guard.
static CONTROL: Packed = packed!("openapi/openapi-mock.json");
static SOCKETS: Packed = packed!("openapi/asyncapi.json");

/// The descriptions of the strict contract: those of the extended one, and what is otherwise.
static STRICT_CONTRACT: LazyLock<String> = LazyLock::new(|| {
    static OVERLAY: Packed = packed!("openapi/openapi.strict.json");
    overlaid(CONTRACT.text(), OVERLAY.text())
});
static STRICT_SOCKETS: LazyLock<String> = LazyLock::new(|| {
    static OVERLAY: Packed = packed!("openapi/asyncapi.strict.json");
    overlaid(SOCKETS.text(), OVERLAY.text())
});

/// The descriptions, which take no key.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/openapi.json", get(|State(app): State<App>| async move { json(contract(app.contract)) }))
        .route("/openapi-widget.json", get(|| async { json(WIDGET.text()) }))
        .route("/asyncapi.json", get(|State(app): State<App>| async move { json(sockets(app.contract)) }))
}

/// The description of the control surface, as a text.
pub(crate) fn control_text() -> &'static str {
    CONTROL.text()
}

type Described = ([(http::HeaderName, HeaderValue); 1], Bytes);

/// The description of the control surface.
pub(crate) fn control() -> Described {
    json(control_text())
}

fn json(text: &'static str) -> Described {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Bytes::from_static(text.as_bytes()))
}

fn contract(contract: Contract) -> &'static str {
    if contract.is_extended() { CONTRACT.text() } else { &STRICT_CONTRACT }
}

fn sockets(contract: Contract) -> &'static str {
    if contract.is_extended() { SOCKETS.text() } else { &STRICT_SOCKETS }
}
