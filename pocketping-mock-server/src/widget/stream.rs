//! `stream`: what happens in a session, at once: over a WebSocket, or as server-sent events.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderMap;
use http::header::UPGRADE;
use pocketping_sdk::SessionId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::events::events;
use super::messages::session_of;
use super::place::Place;
use crate::app::App;
use crate::connection::Connection;
use crate::http::{Pairs, Routes, refused_upgrade};
use crate::journal::Tape;
use crate::names;
use crate::store::change::Change;
use crate::store::{Rejection, TenantId, Tx, VisitorSignal, rules};
use crate::surface::Surface;
use crate::widgets::{Joined, screenshot_request};
use crate::ws::line::Line;
use crate::ws::link::{self, Over, Told};

pub(super) fn routes() -> Routes {
    Routes::new().route("/stream", get(open))
}

/// The largest frame of a widget that is kept, like everything else that is told of a visitor.
const MOST_FRAME: usize = 32 << 10;

async fn open(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    place: Place,
    Pairs(pairs): Pairs,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Rejection> {
    let session = session_of(&pairs);
    let mut tape = Tape::new(&app.journal, Surface::Widget);
    tape.belongs_to(&place.tenant, session.as_ref().ok());
    let is_socket = headers.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_socket {
        let session = session?;
        let after = pairs.iter().find(|(name, after)| name == "after" && !after.is_empty());
        let joined = app.join(&place.tenant, &place.project, &session, after.map(|(_, after)| after.as_str()))?;
        return Ok(events(app, connection, tape, place.tenant, session, joined));
    }
    let upgrade = upgrade
        .map_err(|rejection| Rejection::Invalid(format!("this is no WebSocket upgrade: {}", rejection.body_text())))?;
    if let Some(met) = app.faults.on_upgrade(Surface::Widget) {
        return Ok(refused_upgrade(&app, Surface::Widget, met));
    }
    let Ok(session) = session else {
        return Ok(link::open(app, Surface::Widget, connection, upgrade, tape, |_, socket| async {
            (socket, Over::Close(4000, "sessionId required"))
        }));
    };
    // Before the upgrade is answered: whoever sees the answer hears of everything from then on.
    let joined = app.join(&place.tenant, &place.project, &session, None)?;
    Ok(link::open(app, Surface::Widget, connection, upgrade, tape, move |app, mut socket| async move {
        let over = talk(&app, &mut socket, joined, &place.tenant, &session).await;
        (socket, over)
    }))
}

/// What is done only for a widget that is known to hear: the visitor is there, and what is handed out once is handed out.
pub(super) fn heard(app: &App, tenant: &TenantId, session: &SessionId) -> Vec<Bytes> {
    if let Err(rejection) = app.write(tenant, |tx| tx.visitor_is_here(session)) {
        tracing::warn!(%rejection, %session, "the visitor cannot be marked as being there");
    }
    app.hand_out_screenshots(tenant, session).iter().map(screenshot_request).collect()
}

/// Serves a widget's socket.
async fn talk(app: &App, socket: &mut Line, joined: Joined, tenant: &TenantId, session: &SessionId) -> Over {
    let Joined { first, frames, end } = joined;
    let backlog = first.frames().chain(heard(app, tenant, session)).collect();
    let told = Told { greeting: None, backlog, frames, end, surface: Surface::Widget };
    link::serve(app, socket, told, |text| {
        if text.len() > MOST_FRAME {
            tracing::warn!(bytes = text.len(), %session, "a widget's frame is larger than what is kept");
            return;
        }
        let heard = serde_json::from_str::<Frame>(text).map_err(|error| Rejection::Invalid(error.to_string()));
        let heard = heard.and_then(|frame| app.write(tenant, |tx| hear(tx, session, frame)));
        if let Err(rejection) = heard {
            // The protocol has no answer for it.
            tracing::warn!(%rejection, %session, "a widget's frame was not taken");
        }
    })
    .await
}

/// What a widget says on its socket.
#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Map<String, Value>,
}

/// Keeps what a page tells, and passes custom events on. Typing is acknowledged elsewhere, and told nobody; frames of
/// other types may come from newer widgets.
fn hear(tx: &mut Tx<'_>, id: &SessionId, frame: Frame) -> Result<(), Rejection> {
    let session = tx.session(id)?.clone();
    rules::depth("data", frame.data.values())?;
    match frame.kind.as_str() {
        "event" => {
            let Some(name) = frame.data.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
                return Err(Rejection::field("name", "is missing in a custom event"));
            };
            let timestamp = frame.data.get("timestamp").cloned().unwrap_or_else(|| json!(names::time(tx.now())));
            let mut event = json!({"name": name, "timestamp": timestamp, "sessionId": id});
            if let Some(data) = frame.data.get("data") {
                event["data"] = data.clone();
            }
            tx.add_signal(id, signal(&frame.kind, Value::Object(frame.data), tx))?;
            tx.tell(Change::FromPage(session, event));
            Ok(())
        }
        "inspector_select" => {
            let kept = signal(&frame.kind, Value::Object(frame.data), tx);
            tx.add_signal(id, kept)
        }
        _ => Ok(()),
    }
}

fn signal(kind: &str, data: Value, tx: &Tx<'_>) -> VisitorSignal {
    VisitorSignal { kind: kind.to_owned(), data, at: tx.now() }
}
