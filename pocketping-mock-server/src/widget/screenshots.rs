//! `screenshots`: the visitor's browser is asked for a picture of the page, and sends it.

use axum::extract::State;
use axum::routing::{get, post};
use http::{Method, StatusCode};
use pocketping_sdk::{AttachmentId, MessageKind, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::messages::{put, session_of};
use super::place::Place;
use super::uploads::{address_of, check_size, new_upload};
use crate::app::App;
use crate::http::{Answer, Body, Pairs, Routes};
use crate::store::{Rejection, Tx, Words};
use crate::widgets::screenshot;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/screenshot/requests", get(requests))
        .route("/screenshot/upload", post(announce))
        .route("/screenshot/upload/complete", post(complete))
}

/// What is asked for. A widget takes a screenshot as often as it is told to, so each is told once.
async fn requests(
    State(app): State<App>,
    place: Place,
    method: Method,
    Pairs(pairs): Pairs,
) -> Result<Answer, Rejection> {
    let session = session_of(&pairs)?;
    // Widgets ask every two seconds: nothing is changed, and no lock is held for a commit, where nothing is asked for.
    let is_asked = app.read(&place.tenant, |tables| {
        tables.session_in(&place.project, &session).map(|_| tables.asks_for_screenshots(&session))
    })?;
    // A HEAD hears nothing of what it is told.
    let asked = if is_asked && method == Method::GET {
        app.write(&place.tenant, |tx| tx.take_screenshot_requests(&session))?
    } else {
        Vec::new()
    };
    let asked: Vec<Value> = asked.iter().map(screenshot).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"requests": asked})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announcement {
    session_id: SessionId,
    request_id: String,
}

async fn announce(State(app): State<App>, place: Place, Body(shot): Body<Announcement>) -> Result<Answer, Rejection> {
    let upload = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &shot.session_id)?;
        tx.screenshot_request(&shot.session_id, &shot.request_id)?;
        let filename = format!("screenshot-{}.png", shot.request_id);
        let upload = new_upload(tx, shot.session_id.clone(), filename, "image/png".to_owned(), None)?;
        tx.screenshot_request(&shot.session_id, &shot.request_id)?.file = Some(upload.id.clone());
        Ok(upload)
    })?;
    let mut answer = address_of(&upload, &place);
    answer["storageKey"] = json!(format!("screenshots/{}", upload.id));
    Ok(Answer::json(StatusCode::OK, &answer))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    session_id: SessionId,
    request_id: String,
    attachment_id: AttachmentId,
    size: u64,
}

async fn complete(State(app): State<App>, place: Place, Body(shot): Body<Completion>) -> Result<Answer, Rejection> {
    check_size(&app, shot.size)?;
    let answer = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &shot.session_id)?;
        show(tx, &shot, &place)
    })?;
    Ok(Answer::json(StatusCode::OK, &answer))
}

/// Ends a request; what was not asked for silently becomes a message of the visitor's.
fn show(tx: &mut Tx<'_>, shot: &Completion, place: &Place) -> Result<Value, Rejection> {
    let request = tx.screenshot_request(&shot.session_id, &shot.request_id)?;
    if request.file.as_ref() != Some(&shot.attachment_id) {
        return Err(Rejection::field("attachmentId", "is not the file announced for this request"));
    }
    let is_silent = request.silent;
    let sent = tx.tables().uploads().of_session(&shot.attachment_id, &shot.session_id)?.sent_bytes();
    if sent != Some(shot.size) {
        let sent = sent.unwrap_or(0);
        return Err(Rejection::field("size", format_args!("is {}, and {sent} bytes were sent", shot.size)));
    }
    let now = tx.now();
    tx.uploads_mut().complete(&shot.attachment_id, &shot.session_id, now)?;
    let upload = tx.tables().uploads().check_attachable(&shot.attachment_id, &shot.session_id)?;
    let url = place.file_url(upload);
    let attachment = upload.attachment(url.clone());
    let message = if is_silent {
        None
    } else {
        let words = Words::new(MessageKind::Visitor, String::new()).asked_for();
        Some(put(tx, &shot.session_id, words, vec![attachment], None)?.id)
    };
    tx.end_screenshot_request(&shot.session_id, &shot.request_id)?;
    Ok(json!({"success": true, "messageId": message, "attachmentId": shot.attachment_id, "url": url}))
}
