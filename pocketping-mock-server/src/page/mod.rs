//! The page at `/`: a visitor's chat and a developer's view of the server, for a browser. Static files, embedded: they
//! act over the control surface and the widget's endpoint, and ask `/_page/look` for what is new to show.

mod look;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::app::App;
use crate::control::{admit, check_page};
use crate::http::{self as layers, Routes};
use crate::packed::{Packed, packed};

/// What the page may do: load its own files and talk to its own server. Texts cannot become markup, whatever the script
/// does with them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static INDEX_HTML: Packed = packed!("page/index.html");
static STYLE_CSS: Packed = packed!("page/style.css");
static ICON_SVG: Packed = packed!("page/icon.svg");
static PAGE_JS: Packed = packed!("page/page.js");
static DOM_JS: Packed = packed!("page/dom.js");
static SERVER_JS: Packed = packed!("page/server.js");
static CHAT_JS: Packed = packed!("page/chat.js");
static DESK_JS: Packed = packed!("page/desk.js");
static TOOLS_JS: Packed = packed!("page/tools.js");

fn routes() -> Routes {
    let file = |kind: &'static str, file: &'static Packed| {
        get(move || async move {
            ([(CONTENT_TYPE, HeaderValue::from_static(kind))], Bytes::from_static(file.text().as_bytes()))
        })
    };
    Routes::new()
        .route("/", file(HTML, &INDEX_HTML))
        .route("/_page/style.css", file(CSS, &STYLE_CSS))
        .route("/_page/icon.svg", file(SVG, &ICON_SVG))
        .route("/_page/page.js", file(JS, &PAGE_JS))
        .route("/_page/dom.js", file(JS, &DOM_JS))
        .route("/_page/server.js", file(JS, &SERVER_JS))
        .route("/_page/chat.js", file(JS, &CHAT_JS))
        .route("/_page/desk.js", file(JS, &DESK_JS))
        .route("/_page/tools.js", file(JS, &TOOLS_JS))
}

/// The page as one service, for those who may see it.
pub(crate) fn router(app: &App) -> Router<App> {
    routes()
        .into_router()
        .merge(look::routes().into_router().route_layer(from_fn_with_state(app.clone(), admit)))
        .method_not_allowed_fallback(layers::no_such_method)
        .route_layer(from_fn_with_state(app.clone(), guarded))
}

async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match check_page(&app, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(rejection) => rejection.into_response(),
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // Another version of the server may answer at this address next.
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
