//! The socket: a first frame with the key, then the tenant's events.

mod frames;
pub(crate) mod line;
pub(crate) mod link;

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ORIGIN;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::app::App;
use crate::connection::Connection;
use crate::faults::{Met, SocketFault};
use crate::http::{is_of_this_machine, refused_upgrade};
use crate::hub::Subscription;
use crate::journal::Tape;
use crate::store::{Rejection, TenantId};
use crate::surface::Surface;
use line::Line;
use link::{Over, Told, fault};

/// How long a client has for its first frame.
const AUTH: Duration = Duration::from_secs(5);

/// Answers `GET /ws`.
pub(crate) async fn socket(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(rejection) = check_origin(&app, &headers) {
        return rejection.into_response();
    }
    if upgrade.is_ok()
        && let Some(met) = app.faults.on_upgrade(Surface::Contract)
    {
        return refused_upgrade(&app, Surface::Contract, met);
    }
    match upgrade {
        Ok(upgrade) => {
            let tape = Tape::new(&app.journal, Surface::Contract);
            link::open(app, Surface::Contract, connection, upgrade, tape, |app, mut socket| async move {
                let over = events(&app, &mut socket).await;
                (socket, over)
            })
        }
        Err(rejection) => {
            Rejection::Invalid(format!("/ws wants a WebSocket upgrade: {}", rejection.body_text())).into_response()
        }
    }
}

/// A page elsewhere must not drive a developer's server: on loopback only pages of this machine may connect.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Rejection> {
    let is_here = |url: Url| matches!(url.scheme(), "http" | "https") && is_of_this_machine(&url);
    let mut origins = headers.get_all(ORIGIN).iter();
    // contract gap: the reference says nothing of browsers. All of several origins must be this machine's.
    if !app.is_loopback
        || origins.all(|origin| origin.to_str().ok().and_then(|text| Url::parse(text).ok()).is_some_and(is_here))
    {
        return Ok(());
    }
    Err(Rejection::Forbidden("the Origin is a page of another host, and this server is for this machine".to_owned()))
}

/// Hears the key, then tells the tenant's events.
async fn events(app: &App, socket: &mut Line) -> Over {
    let (tenant, last_event_id) = match timeout(AUTH, first_frame(app, socket)).await {
        Ok(Ok(first)) => first,
        Ok(Err(over)) => return over,
        Err(_) => return close_code(app, 4408, "no authentication in time"),
    };
    socket.tape.belongs_to(&tenant, None);
    let Subscription { resume, seq, backlog, events, end } = app.subscribe(&tenant, last_event_id.as_deref());
    // contract gap: an answer to the key is an addition. `seq` lets a client tell that the first event is missing.
    let greeting = app.contract.is_extended().then(|| {
        let connection = app.ids.next("conn");
        json!({"type": "auth.ok", "connectionId": connection, "resume": resume.as_str(), "seq": seq}).to_string()
    });
    let told = Told { greeting, backlog, frames: events, end, surface: Surface::Contract };
    // contract gap: a client has nothing more to say; what it says is ignored.
    link::serve(app, socket, told, |_| {}).await
}

/// Strict refuses with 1008, whatever is wrong.
///
/// contract gap: the reference shows the first frame and says nothing of what happens without it.
fn close_code(app: &App, code: u16, reason: &'static str) -> Over {
    Over::Close(if app.contract.is_extended() { code } else { 1008 }, reason)
}

/// Reads the first frame: the key, and what the client has seen last.
async fn first_frame(app: &App, socket: &mut Line) -> Result<(TenantId, Option<String>), Over> {
    let text = loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = app.stop.cancelled() => return Err(Over::Close(1001, "shutting down")),
        };
        match message {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Binary(_))) => return Err(Over::Close(1003, "text frames only")),
            // A ping before the key proves nothing, so it is not answered but refused.
            Some(Ok(Message::Ping(_))) => return Err(close_code(app, 4400, "the first frame must be auth")),
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) => return Err(Over::Goodbye),
            None => return Err(Over::Gone),
            Some(Err(error)) => return Err(fault(&error)),
        }
    };
    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
    if frame.get("type").and_then(Value::as_str) != Some("auth") {
        return Err(close_code(app, 4400, "the first frame must be auth"));
    }
    let tenant = match app.tenant_of(frame.get("apiKey").and_then(Value::as_str).unwrap_or_default()) {
        Ok(tenant) => tenant,
        Err(rejection) => {
            say(app, socket, &rejection).await?;
            return Err(close_code(app, 4401, "unauthorized"));
        }
    };
    if let Some(Met { id, act: code }) = app.faults.on_auth() {
        socket.tape.fault(&id, SocketFault::RefuseAuth(code).kind());
        match code {
            4401 => say(app, socket, &Rejection::Unauthorized("a fault that was asked for")).await?,
            4403 => say(app, socket, &Rejection::Forbidden("a fault that was asked for".to_owned())).await?,
            _ => {}
        }
        return Err(Over::Close(code, "a fault that was asked for"));
    }
    // An id of another shape is one this server does not know, which is not the same as none.
    let last = frame.get("lastEventId").filter(|id| !id.is_null());
    Ok((tenant, last.map(|id| id.as_str().unwrap_or_default().to_owned())))
}

/// Says why the first frame is refused; strict says nothing.
async fn say(app: &App, socket: &mut Line, rejection: &Rejection) -> Result<(), Over> {
    if !app.contract.is_extended() {
        return Ok(());
    }
    let mut body = rejection.body(false);
    body.extra.insert("type".to_owned(), "error".into());
    let text = serde_json::to_string(&body).unwrap_or_default();
    socket.send(Message::text(text)).await.map_err(|_| Over::Gone)
}
