//! `uploads`: a file is announced, sent to an address of its own, and said to be whole.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use pocketping_sdk::{AttachmentId, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use crate::app::App;
use crate::http::{Answer, Body, Pairs, PathId, Routes, collect};
use crate::names;
use crate::store::uploads::{self, LIFETIME, Upload, UploadState};
use crate::store::{Rejection, Tx};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/upload", post(announce))
        .route("/upload/complete", post(complete))
        .route("/upload/{uploadId}", put(send))
        .route("/files/{uploadId}", get(file))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announcement {
    session_id: SessionId,
    filename: String,
    mime_type: String,
    size: u64,
}

async fn announce(State(app): State<App>, place: Place, Body(file): Body<Announcement>) -> Result<Answer, Rejection> {
    uploads::check(&file.filename, &file.mime_type)?;
    check_size(&app, file.size)?;
    let upload = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &file.session_id)?;
        new_upload(tx, file.session_id, file.filename, file.mime_type, Some(file.size))
    })?;
    Ok(Answer::json(StatusCode::OK, &address_of(&upload, &place)))
}

/// A file's size, as it may be.
pub(super) fn check_size(app: &App, size: u64) -> Result<(), Rejection> {
    match size {
        0 => Err(Rejection::field("size", "is zero; an empty file is none")),
        size if size > app.limits.upload => {
            Err(Rejection::TooLarge(usize::try_from(app.limits.upload).unwrap_or(usize::MAX)))
        }
        _ => Ok(()),
    }
}

/// Announces a file.
pub(super) fn new_upload(
    tx: &mut Tx<'_>,
    session_id: SessionId,
    filename: String,
    mime_type: String,
    size: Option<u64>,
) -> Result<Upload, Rejection> {
    let upload = Upload {
        id: tx.ids().next("att").into(),
        session_id,
        filename,
        mime_type,
        size,
        token: tx.ids().secret("upl"),
        expires_at: tx.now().saturating_add(LIFETIME),
        state: UploadState::Announced,
    };
    tx.announce_upload(upload.clone())?;
    Ok(upload)
}

/// Where a file is to be sent, and until when.
pub(super) fn address_of(upload: &Upload, place: &Place) -> Value {
    let Upload { id, token, .. } = upload;
    json!({
        "attachmentId": id,
        "uploadUrl": format!("{}/upload/{id}?token={token}", place.endpoint),
        "expiresAt": names::time(upload.expires_at),
    })
}

impl Place {
    /// Where a file's bytes are.
    pub(super) fn file_url(&self, upload: &Upload) -> String {
        format!("{}/files/{}?token={}", self.endpoint, upload.id, upload.token)
    }
}

async fn send(
    State(app): State<App>,
    place: Place,
    id: PathId<AttachmentId>,
    Pairs(pairs): Pairs,
    request: Request,
) -> Result<Answer, Rejection> {
    let token = token_of(&pairs);
    // Nobody without the token gets to send a single byte, and nobody more than there is room for.
    let expected = app.write(&place.tenant, |tx| {
        let now = tx.now();
        tx.uploads_mut().expect(&id.0, token, now, app.limits.upload, app.limits.upload_memory)
    })?;
    let room = Room { app: &app, place: &place, expected: Some(expected) };
    let limit = usize::try_from(expected).unwrap_or(usize::MAX);
    let bytes = collect(request.into_body(), limit).await.map_err(|rejection| match rejection {
        Rejection::TooLarge(_) if expected < app.limits.upload => {
            Rejection::Invalid(format!("more than the {expected} announced bytes were sent"))
        }
        other => other,
    })?;
    room.take(&id.0, bytes)?;
    Ok(Answer::ok())
}

/// The room of a file that is on its way; given back when it does not come.
struct Room<'a> {
    app: &'a App,
    place: &'a Place,
    expected: Option<u64>,
}

impl Room<'_> {
    fn take(mut self, id: &AttachmentId, bytes: Bytes) -> Result<(), Rejection> {
        let expected = self.expected.unwrap_or(0);
        self.app.write(&self.place.tenant, |tx| tx.uploads_mut().send(id, expected, bytes))?;
        self.expected = None;
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let Some(expected) = self.expected else { return };
        let given_back = self.app.write(&self.place.tenant, |tx| {
            tx.uploads_mut().give_up(expected);
            Ok(())
        });
        // It refuses nothing.
        drop(given_back);
    }
}

fn token_of(pairs: &[(String, String)]) -> &str {
    pairs.iter().find(|(name, _)| name == "token").map_or("", |(_, token)| token)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    session_id: SessionId,
    attachment_id: AttachmentId,
}

async fn complete(State(app): State<App>, place: Place, Body(done): Body<Completion>) -> Result<Answer, Rejection> {
    let attachment = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &done.session_id)?;
        let now = tx.now();
        let upload = tx.uploads_mut().complete(&done.attachment_id, &done.session_id, now)?;
        Ok(upload.attachment(place.file_url(upload)))
    })?;
    Ok(Answer::json(StatusCode::OK, &names::attachment(&attachment)))
}

/// A file's bytes, for whoever was given its address.
async fn file(
    State(app): State<App>,
    place: Place,
    id: PathId<AttachmentId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Rejection> {
    let (mime_type, bytes) = app.read(&place.tenant, |tables| {
        let upload = tables.uploads().by_token(&id.0, token_of(&pairs))?;
        let bytes = upload.content().cloned().ok_or_else(|| Rejection::NoSuchUpload(id.0.clone()))?;
        Ok((upload.mime_type.clone(), bytes))
    })?;
    let kind = HeaderValue::try_from(mime_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (CONTENT_TYPE, kind),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=900")),
    ];
    Ok((headers, bytes).into_response())
}
