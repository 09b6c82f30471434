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

/// What the page may do: load its own files and talk to its own server. Texts cannot become markup, whatever the script
/// does with them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

fn routes() -> Routes {
    let file = |kind: &'static str, text: &'static str| {
        get(
            move || async move { ([(CONTENT_TYPE, HeaderValue::from_static(kind))], Bytes::from_static(text.as_bytes())) },
        )
    };
    Routes::new()
        .route("/", file(HTML, include_str!("index.html")))
        .route("/_page/style.css", file(CSS, include_str!("style.css")))
        .route("/_page/icon.svg", file(SVG, include_str!("icon.svg")))
        .route("/_page/page.js", file(JS, include_str!("page.js")))
        .route("/_page/dom.js", file(JS, include_str!("dom.js")))
        .route("/_page/server.js", file(JS, include_str!("server.js")))
        .route("/_page/chat.js", file(JS, include_str!("chat.js")))
        .route("/_page/desk.js", file(JS, include_str!("desk.js")))
        .route("/_page/tools.js", file(JS, include_str!("tools.js")))
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
