//! The bodies of the widget's calls, field by field in the order it writes them.

use bytes::Bytes;
use pocketping_sdk::{AttachmentId, MessageId, SessionId, VisitorId};
use serde::Serialize;
use serde_json::Value;

use super::Identity;
use super::page::Page;

/// `POST /connect`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hello<'a> {
    pub(super) visitor_id: &'a VisitorId,
    /// `null` where there is none, and never left out.
    pub(super) session_id: Option<&'a SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inspector_token: Option<&'a str>,
    pub(super) metadata: &'a Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<&'a Identity>,
}

/// A body about a session, which it names first. That of `POST /prechat` is the form as it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Of<'a, T> {
    pub(super) session_id: &'a SessionId,
    #[serde(flatten)]
    pub(super) rest: T,
}

/// `POST /message`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) content: &'a str,
    pub(super) sender: &'static str,
    pub(super) attachment_ids: &'a [AttachmentId],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<&'a MessageId>,
}

/// `PATCH /message/{id}`.
#[derive(Serialize)]
pub(super) struct Edit<'a> {
    pub(super) content: &'a str,
}

/// `POST /typing`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Typing {
    pub(super) sender: &'static str,
    pub(super) is_typing: bool,
}

/// `POST /read`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read<'a> {
    pub(super) message_ids: &'a [MessageId],
    pub(super) status: &'static str,
}

/// `POST /identify`.
#[derive(Serialize)]
pub(super) struct Identify<'a> {
    pub(super) identity: &'a Identity,
}

/// `POST /csat`.
#[derive(Serialize)]
pub(super) struct Rating<'a> {
    pub(super) score: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<&'a str>,
}

/// `POST /upload`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Upload<'a> {
    pub(super) filename: &'a str,
    pub(super) mime_type: &'a str,
    pub(super) size: usize,
}

/// `POST /upload/complete`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Uploaded<'a> {
    pub(super) attachment_id: &'a AttachmentId,
}

/// `POST /screenshot/upload`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Screenshot<'a> {
    pub(super) request_id: &'a str,
}

/// `POST /screenshot/upload/complete`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScreenshotTaken<'a> {
    pub(super) request_id: &'a str,
    pub(super) attachment_id: &'a AttachmentId,
    pub(super) size: usize,
}

/// `POST /disconnect`.
#[derive(Serialize)]
pub(super) struct Goodbye {
    pub(super) duration: u64,
    pub(super) reason: &'static str,
}

/// `POST /visibility`.
#[derive(Serialize)]
pub(super) struct Visibility {
    pub(super) state: &'static str,
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
}

/// A frame to the server.
#[derive(Serialize)]
pub(super) struct Frame<T> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) data: T,
}

/// A custom event.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) data: Value,
    pub(super) timestamp: String,
}

/// The text of a body.
pub(super) fn json<T: Serialize>(body: &T) -> Bytes {
    // All of them have string keys only, so this cannot fail.
    serde_json::to_vec(body).unwrap_or_else(|error| unreachable!("a body is always JSON: {error}")).into()
}
