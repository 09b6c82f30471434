//! Who may control the server: whoever has the token, or, where there is none, a program or page of this machine.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Uri};
use subtle::ConstantTimeEq;
use url::Url;

use crate::app::App;
use crate::connection::Connection;
use crate::http::{bearer, is_of_this_machine};
use crate::store::Rejection;

pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    match check(&app, request.uri(), request.headers()) {
        Ok(()) => {
            // A call that cuts all connections, or a story that does, is answered all the same.
            let _owed = request.extensions().get::<Connection>().map(Connection::owe);
            next.run(request).await
        }
        Err(rejection) => rejection.into_response(),
    }
}

fn check(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
    if let Some(token) = &app.control_token {
        let given = headers.get(AUTHORIZATION).and_then(bearer).unwrap_or_default();
        let is_right = bool::from(token.as_str().as_bytes().ct_eq(given.as_bytes()));
        let wrong = "the control token is missing or wrong; send it as `Authorization: Bearer <token>`";
        return if is_right { Ok(()) } else { Err(Rejection::Unauthorized(wrong)) };
    }
    check_machine(app, uri, headers)
}

/// Who may see the page: it holds nothing secret, so where there is a token anybody may, and is asked for the token.
pub(crate) fn check_page(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
    if app.control_token.is_some() { Ok(()) } else { check_machine(app, uri, headers) }
}

/// Whether a program or page of this machine asks, and nobody else can.
fn check_machine(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
    let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
    if !app.is_loopback {
        let words = "others than this machine can reach this server; start it with --control-token to control it";
        return Err(Rejection::Forbidden(words.to_owned()));
    }
    // A page elsewhere must not drive a developer's server, neither by its origin nor by a name that leads here.
    let is_here = |url: String| Url::parse(&url).is_ok_and(|url| is_of_this_machine(&url));
    let is_host = |host: String| !host.contains('@') && is_here(format!("http://{host}"));
    // What cannot be read, or is there twice, may mean anything. A target that names its server goes before the header.
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().is_none_or(|host| text(host).is_some_and(is_host)) && hosts.next().is_none();
    let host = host && uri.authority().is_none_or(|authority| is_host(authority.to_string()));
    let origins = headers.get_all(ORIGIN).iter().all(|origin| text(origin).is_some_and(is_here));
    if host && origins {
        return Ok(());
    }
    let words = "the Host or the Origin is not this machine's, and this server is controlled from this machine only";
    Err(Rejection::Forbidden(words.to_owned()))
}
