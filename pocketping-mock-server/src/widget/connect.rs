//! `connect`: a visitor comes, or comes back.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use pocketping_sdk::{Extra, Message, Metadata, ProjectId, Session, SessionId, VisitorId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::place::Place;
use super::{device, version};
use crate::app::App;
use crate::connection::Connection;
use crate::http::{Answer, Body, Routes};
use crate::names;
use crate::store::{Held, Rejection, Row, Tx, Visit, WidgetConfig, rules};

pub(super) fn routes() -> Routes {
    Routes::new().route("/connect", post(connect))
}

/// What a widget says when it connects.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    visitor_id: VisitorId,
    session_id: Option<SessionId>,
    inspector_token: Option<String>,
    metadata: Option<Extra>,
    identity: Option<Extra>,
}

async fn connect(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    place: Place,
    headers: HeaderMap,
    Body(mut hello): Body<Hello>,
) -> Result<Answer, Rejection> {
    names::check_id("visitorId", hello.visitor_id.as_str())?;
    let widget = headers.get(version::VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let ip = address(&headers, connection.peer());
    let token = hello.inspector_token.take();
    let welcome = app.write(&place.tenant, |tx| {
        let session = enter(tx, &place.project, hello, ip.as_deref())?;
        tx.set_widget_version(&session.id, widget)?;
        tx.note_connected(&session.id)?;
        let tables = tx.tables();
        let config = tables.project_by_id(&place.project)?.widget.clone();
        Ok(Welcome {
            operator_online: tables.operator_online(),
            messages: tables.recent(&session.id)?,
            config,
            session,
        })
    })?;
    Ok(Answer::json(StatusCode::OK, &welcome.json(token.as_deref())))
}

/// Finds the visitor's session, by its id or else by the visitor, or opens one: an unknown id is no error.
fn enter(tx: &mut Tx<'_>, project: &ProjectId, hello: Hello, ip: Option<&str>) -> Result<Held<Session>, Rejection> {
    let said = hello.identity.map(names::read_identity).transpose()?;
    let known = tx.tables().session_of(project, hello.session_id.as_ref(), &hello.visitor_id).cloned();
    let stored = known.as_ref().and_then(|session| session.identity.as_ref());
    let identity = match said {
        Some(said) => Some(names::introduced(stored, said)?),
        None => stored.cloned(),
    };
    let told = hello.metadata.map(names::read_metadata).transpose()?;
    let told = told.map(|told| described(told, known.as_ref().map(|known| &***known), ip));
    if let Some(session) = known {
        let metadata = told.unwrap_or_else(|| session.metadata.clone());
        rules::metadata(&metadata)?;
        return tx.return_visitor(&session.id, metadata, identity);
    }
    let visit = Visit::new()
        .visitor(hello.visitor_id)
        .project(project.clone())
        .all_metadata(told.unwrap_or_default())
        .identity(identity)
        .online();
    tx.open_session(visit).map(|session| Arc::new(Row::new(session)))
}

/// What the server knows of a browser besides what the browser tells. Where the visitor was first seen stays.
fn described(mut metadata: Metadata, known: Option<&Session>, ip: Option<&str>) -> Metadata {
    device::describe(&mut metadata);
    let stored = known.map(|session| &session.metadata.extra);
    for name in ["ip", "country", "city"] {
        let seen = stored.and_then(|stored| stored.get(name)).cloned();
        let value = seen.or_else(|| ip.filter(|_| name == "ip").map(Value::from));
        if let Some(value) = value {
            metadata.extra.insert(name.to_owned(), value);
        }
    }
    metadata
}

/// Whom a proxy says it speaks for, else who is at the other end.
fn address(headers: &HeaderMap, peer: Option<IpAddr>) -> Option<String> {
    let said = |name: &str| headers.get(name)?.to_str().ok();
    let forwarded = said("x-forwarded-for").and_then(|list| list.split(',').next());
    let said = forwarded.or(said("x-real-ip")).map(str::trim).filter(|text| !text.is_empty());
    said.map(str::to_owned).or_else(|| peer.map(|ip| ip.to_canonical().to_string()))
}

/// What a widget needs to begin: the conversation, and how it is to look.
struct Welcome {
    session: Held<Session>,
    messages: Vec<Held<Message>>,
    operator_online: bool,
    config: WidgetConfig,
}

impl Welcome {
    fn json(self, inspector_token: Option<&str>) -> Value {
        let Self { session, messages, operator_online, config } = self;
        let text = |text: Option<String>| text.map(Value::String);
        let mut answer = Map::new();
        for (name, value) in [
            ("sessionId", Some(json!(session.id))),
            ("visitorId", Some(json!(session.visitor_id))),
            ("operatorOnline", Some(json!(operator_online))),
            ("operatorReachable", Some(json!(config.operator_reachable.unwrap_or(true)))),
            ("messages", Some(messages.iter().map(|message| names::message(message)).collect())),
            // Widgets insist on an id in it.
            ("identity", session.identity.as_ref().filter(|it| it.customer_id.is_some()).map(names::identity_of)),
            ("preChatForm", config.pre_chat_form.as_ref().map(|form| form.json(names::can_be_reached(&session)))),
            ("inspectorMode", config.inspects(inspector_token).then_some(json!(true))),
            ("trackedElements", config.tracked_elements.map(Value::Array)),
            ("welcomeMessage", text(config.welcome_message)),
            ("operatorName", text(config.operator_name)),
            ("operatorAvatar", text(config.operator_avatar)),
            ("primaryColor", config.primary_color),
            ("headerColor", config.header_color),
            ("footerColor", config.footer_color),
            ("chatBackground", config.chat_background),
            ("toggleColor", config.toggle_color),
        ] {
            if let Some(value) = value {
                answer.insert(name.to_owned(), value);
            }
        }
        Value::Object(answer)
    }
}
