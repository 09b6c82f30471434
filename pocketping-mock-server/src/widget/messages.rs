//! `messages`: what a visitor writes, edits, deletes, and has read.

use axum::extract::State;
use axum::routing::{get, patch, post};
use http::{HeaderMap, StatusCode};
use pocketping_sdk::{Attachment, AttachmentId, Message, MessageId, MessageKind, ReplyTo, SessionId, SessionStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use super::version;
use crate::app::App;
use crate::http::{Answer, Body, Pairs, PathId, Routes};
use crate::names;
use crate::operations;
use crate::store::change::Receipt;
use crate::store::{After, Rejection, Tx, Words, rules};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/message", post(write))
        .route("/message/{messageId}", patch(edit).delete(remove))
        .route("/messages", get(list))
        .route("/typing", post(typing))
        .route("/read", post(read))
}

/// How many files one message may carry.
const MOST_FILES: usize = 20;
/// How many messages can be received at once: each is an event.
const MOST_RECEIPTS: usize = 500;
/// The largest page that can be asked for.
const MOST_PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewWords {
    session_id: SessionId,
    content: Option<String>,
    sender: Option<MessageKind>,
    attachment_ids: Option<Vec<AttachmentId>>,
    reply_to: Option<MessageId>,
}

async fn write(State(app): State<App>, place: Place, Body(words): Body<NewWords>) -> Result<Answer, Rejection> {
    names::check_sender(words.sender.as_ref())?;
    let message = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &words.session_id)?;
        say(tx, words, &place)
    })?;
    let mut answer = json!({"messageId": message.id, "timestamp": message.created_at.map(names::time)});
    if let Some(files) = &message.attachments {
        answer["attachments"] = files.iter().map(names::attachment).collect();
    }
    Ok(Answer::json(StatusCode::OK, &answer))
}

/// Adds a visitor's message, with the files it announced; a closed session opens again.
fn say(tx: &mut Tx<'_>, words: NewWords, place: &Place) -> Result<Message, Rejection> {
    let ids = words.attachment_ids.unwrap_or_default();
    // A file needs no words.
    let content = words.content.unwrap_or_default();
    if ids.is_empty() || !content.trim().is_empty() {
        rules::content(&content)?;
    }
    if let Some(id) = &words.reply_to {
        names::check_id("replyTo", id.as_str())?;
    }
    let files = attachable(tx, &words.session_id, &ids, place)?;
    let message = Words::new(MessageKind::Visitor, content);
    put(tx, &words.session_id, message, files, words.reply_to)
}

/// Adds what a visitor sends, checked: a closed session opens again, and the visitor is there.
pub(super) fn put(
    tx: &mut Tx<'_>,
    session: &SessionId,
    words: Words,
    files: Vec<Attachment>,
    reply_to: Option<MessageId>,
) -> Result<Message, Rejection> {
    if tx.session(session)?.status == SessionStatus::Closed {
        tx.reopen_session(session)?;
    }
    tx.visitor_is_here(session)?;
    let ids: Vec<_> = files.iter().map(|file| file.id.clone()).collect();
    let said = tx.add_message(session, words, |message| {
        message.reply_to = reply_to.map(ReplyTo::Id);
        message.attachments = Some(files).filter(|files| !files.is_empty());
    })?;
    for id in &ids {
        tx.uploads_mut().attach(id);
    }
    Ok(said)
}

/// The files of a message that is to be: each whole, of this session, and of no other message.
fn attachable(
    tx: &Tx<'_>,
    session: &SessionId,
    ids: &[AttachmentId],
    place: &Place,
) -> Result<Vec<Attachment>, Rejection> {
    if ids.len() > MOST_FILES {
        return Err(Rejection::field(
            "attachmentIds",
            format_args!("names {}; at most {MOST_FILES} are taken", ids.len()),
        ));
    }
    ids.iter()
        .enumerate()
        .map(|(n, id)| {
            if ids[..n].contains(id) {
                return Err(Rejection::field("attachmentIds", format_args!("names {id} twice")));
            }
            let upload = tx.tables().uploads().check_attachable(id, session)?;
            Ok(upload.attachment(place.file_url(upload)))
        })
        .collect()
}

async fn list(
    State(app): State<App>,
    place: Place,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Answer, Rejection> {
    let asked = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let session = session_of(&pairs)?;
    let limit = asked("limit").map(page_size).transpose()?;
    let after = asked("after").filter(|after| !after.is_empty());
    // Whoever says a widget's version asks as a widget does.
    let how = if headers.contains_key(version::VERSION) { After::OfWidget } else { After::Plain };
    let messages = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &session)?;
        let Some(after) = after else { return tx.tables().conversation(&session).map(<[_]>::to_vec) };
        tx.note_known(&session, after)?;
        tx.tables().news(&session, after, how)
    })?;
    // A widget asks for no limit and reads no `hasMore`: a limit it did not ask for would hide messages from it.
    let shown = limit.unwrap_or(messages.len()).min(messages.len());
    let items: Vec<Value> = messages[..shown].iter().map(|message| names::message(message)).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"messages": items, "hasMore": shown < messages.len()})))
}

fn page_size(text: &str) -> Result<usize, Rejection> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST_PAGE).contains(limit));
    limit.ok_or_else(|| Rejection::field("limit", format_args!("is a number from 1 to {MOST_PAGE}")))
}

/// The session that a call without a body is about.
pub(super) fn session_of(pairs: &[(String, String)]) -> Result<SessionId, Rejection> {
    let id = pairs.iter().find(|(name, id)| name == "sessionId" && !id.is_empty());
    id.map(|(_, id)| id.as_str().into()).ok_or_else(|| Rejection::field("sessionId", "is missing"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtherWords {
    session_id: SessionId,
    content: String,
}

async fn edit(
    State(app): State<App>,
    place: Place,
    id: PathId<MessageId>,
    Body(words): Body<OtherWords>,
) -> Result<Answer, Rejection> {
    let changed = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &words.session_id)?;
        operations::edit(tx, &words.session_id, &id.0, &MessageKind::Visitor, words.content)
    })?;
    Ok(Answer::json(StatusCode::OK, &json!({"message": names::message(&changed)})))
}

async fn remove(
    State(app): State<App>,
    place: Place,
    id: PathId<MessageId>,
    Pairs(pairs): Pairs,
) -> Result<Answer, Rejection> {
    let session = session_of(&pairs)?;
    app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &session)?;
        operations::delete(tx, &session, &id.0, &MessageKind::Visitor)
    })?;
    Ok(Answer::json(StatusCode::OK, &json!({"deleted": true})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keystroke {
    session_id: SessionId,
    sender: Option<MessageKind>,
}

/// A key was pressed. Widgets say so with every one, so it costs a look and nothing else; nobody is told.
async fn typing(State(app): State<App>, place: Place, Body(key): Body<Keystroke>) -> Result<Answer, Rejection> {
    names::check_sender(key.sender.as_ref())?;
    app.read(&place.tenant, |tables| tables.session_in(&place.project, &key.session_id).map(drop))?;
    Ok(Answer::ok())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    session_id: SessionId,
    message_ids: Option<Vec<MessageId>>,
    status: Option<String>,
}

async fn read(State(app): State<App>, place: Place, Body(seen): Body<Seen>) -> Result<Answer, Rejection> {
    let receipt = match seen.status.as_deref() {
        None | Some("read") => Receipt::Read,
        Some("delivered") => Receipt::Delivered,
        Some(_) => return Err(Rejection::field("status", "is delivered or read")),
    };
    let ids = seen.message_ids.unwrap_or_default();
    if ids.len() > MOST_RECEIPTS {
        let what = format_args!("names {}; at most {MOST_RECEIPTS} are taken at once", ids.len());
        return Err(Rejection::field("messageIds", what));
    }
    let updated = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &seen.session_id)?;
        tx.receive_messages(&seen.session_id, &ids, receipt, |author| {
            operations::can_receive(&MessageKind::Visitor, author)
        })
    })?;
    Ok(Answer::json(StatusCode::OK, &json!({"updated": updated})))
}
