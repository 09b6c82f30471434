//! `messages`: list and send.

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use pocketping_sdk::{Message, MessageKind, NewMessage, SessionId, SessionStatus};

use crate::app::App;
use crate::http::{Answer, Body, Caller, Pairs, PathId, Routes, list as list_answer};
use crate::store::{MessageQuery, Rejection, Tx, Words, rules};

pub(super) fn routes() -> Routes {
    Routes::new().route("/sessions/{sessionId}/messages", get(list).post(send))
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    id: PathId<SessionId>,
    Pairs(pairs): Pairs,
) -> Result<Answer, Rejection> {
    let query = if app.contract.is_extended() { MessageQuery::read(&pairs)? } else { MessageQuery::default() };
    let page = app.list_messages(&caller.tenant, &id.0, &query)?;
    let mut answer = list_answer(app.contract, "messages");
    page.items.iter().for_each(|message| answer.push_message(message));
    Ok(answer.finish(page.next.map(MessageQuery::next_cursor)))
}

async fn send(
    State(app): State<App>,
    caller: Caller,
    id: PathId<SessionId>,
    Body(body): Body<NewMessage>,
) -> Result<Answer, Rejection> {
    Answer::of_write(&app, &caller, StatusCode::CREATED, |tx| send_message(tx, &id.0, body))
}

/// Adds a message.
///
/// contract gap: the reference does not say what a closed session takes; here it is none but its visitor's, which opens it
/// again, because nothing a visitor says is lost.
pub(crate) fn send_message(tx: &mut Tx<'_>, id: &SessionId, body: NewMessage) -> Result<Message, Rejection> {
    send_filled(tx, id, body, |_| {})
}

/// A visitor writes, wherever the visitor is: who writes is here.
pub(crate) fn visitor_says(tx: &mut Tx<'_>, id: &SessionId, content: String) -> Result<Message, Rejection> {
    let message = send_message(tx, id, NewMessage::new(content).kind(MessageKind::Visitor))?;
    tx.visitor_is_here(id)?;
    Ok(message)
}

/// As [`send_message`], after `fill` gave the message what is besides its words.
pub(crate) fn send_filled(
    tx: &mut Tx<'_>,
    id: &SessionId,
    body: NewMessage,
    fill: impl FnOnce(&mut Message),
) -> Result<Message, Rejection> {
    let is_closed = tx.session(id)?.status == SessionStatus::Closed;
    rules::content(&body.content)?;
    let kind = rules::kind(body.kind)?;
    if is_closed && kind != MessageKind::Visitor {
        return Err(Rejection::SessionClosed(id.clone()));
    }
    if is_closed {
        tx.reopen_session(id)?;
    }
    tx.add_message(id, Words::new(kind, body.content), fill)
}
