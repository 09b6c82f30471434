//! What the server answers a visitor: open objects, since servers differ in what they tell.

use http::HeaderMap;
use pocketping_sdk::{Attachment, AttachmentId, Extra, Message, MessageId, SessionId, Timestamp, VisitorId};
use serde::Deserialize;
use serde_json::Value;

use super::ScreenshotRequest;

open! {
    /// The answer of `POST /connect`: the visitor's session, and how the widget is to look. How it is coloured stands in
    /// `extra`.
    pub struct Connected {
        /// JSON `sessionId`.
        session_id: SessionId = "sessionId",
        ;
        /// JSON `visitorId`, as the server knows the visitor.
        visitor_id: Option<VisitorId> = "visitorId",
        /// JSON `operatorOnline`.
        operator_online: bool = "operatorOnline",
        /// JSON `operatorReachable`; a widget takes it for true where it is missing.
        operator_reachable: Option<bool> = "operatorReachable",
        /// JSON `messages`: the conversation so far.
        messages: Vec<Message> = "messages",
        /// JSON `identity`: who the visitor is, as far as the server knows.
        [private] identity: Option<Extra> = "identity",
        /// JSON `welcomeMessage`.
        welcome_message: Option<String> = "welcomeMessage",
        /// JSON `operatorName`.
        operator_name: Option<String> = "operatorName",
        /// JSON `preChatForm`: what the visitor is to fill in.
        pre_chat_form: Option<PreChatForm> = "preChatForm",
        /// JSON `trackedElements`.
        tracked_elements: Vec<Value> = "trackedElements",
        /// JSON `inspectorMode`: whether the inspector's token was right.
        inspector_mode: bool = "inspectorMode",
    }
}

open! {
    /// What a visitor is to fill in before, or after, the first message.
    #[derive(Default)]
    pub struct PreChatForm {
        ;
        /// JSON `enabled`.
        enabled: bool = "enabled",
        /// JSON `required`.
        required: bool = "required",
        /// JSON `timing`: `before-first-message` or `after-first-message`.
        timing: String = "timing",
        /// JSON `fields`: `email-only`, `phone-only`, `email-or-phone` or `email-and-phone`.
        fields: String = "fields",
        /// JSON `completed`: whether this visitor has filled it in.
        completed: bool = "completed",
    }
}

open! {
    /// The answer of `POST /message`.
    pub struct Sent {
        /// JSON `messageId`.
        id: MessageId = "messageId",
        ;
        /// JSON `timestamp`.
        timestamp: Option<Timestamp> = "timestamp",
        /// JSON `attachments`.
        attachments: Vec<Attachment> = "attachments",
    }
}

open! {
    /// The answer of `POST /csat`.
    #[derive(Default)]
    pub struct Rated {
        ;
        /// JSON `alreadyRated`: this rating changed nothing, because there was one.
        already_rated: bool = "alreadyRated",
    }
}

open! {
    /// The answer of `GET /presence`.
    #[derive(Default)]
    pub struct Presence {
        ;
        /// JSON `online`: whether an operator is there.
        online: bool = "online",
        /// JSON `aiEnabled`.
        ai_enabled: Option<bool> = "aiEnabled",
        /// JSON `aiActiveAfter`: the seconds without an operator until the AI answers.
        ai_active_after: Option<f64> = "aiActiveAfter",
        /// JSON `operators`.
        operators: Vec<Value> = "operators",
    }
}

/// The answer of `POST /upload` and of `POST /screenshot/upload`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadAddress {
    pub(super) attachment_id: AttachmentId,
    pub(super) upload_url: String,
}

/// The answer of `GET /screenshot/requests`.
#[derive(Debug, Deserialize)]
pub(super) struct ScreenshotRequests {
    #[serde(default, deserialize_with = "super::open::nullable")]
    pub(super) requests: Vec<ScreenshotRequest>,
}

/// The answer of `GET /messages`.
#[derive(Debug, Deserialize)]
pub(super) struct MessageList {
    pub(super) messages: Vec<Message>,
}

/// The answer of `PATCH /message/{id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Changed {
    pub(super) message: Message,
}

/// The answer of `DELETE /message/{id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Removed {
    #[serde(default, deserialize_with = "super::open::nullable")]
    pub(super) deleted: bool,
}

/// What the server thinks of the widget's version: the `X-PocketPing-…` headers of its answer to `POST /connect`. All of
/// them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionStanding {
    /// `X-PocketPing-Version-Status`: `ok`, `outdated`, `deprecated` or `unsupported`.
    pub status: Option<String>,
    /// `X-PocketPing-Min-Version`.
    pub min: Option<String>,
    /// `X-PocketPing-Latest-Version`.
    pub latest: Option<String>,
    /// `X-PocketPing-Version-Message`.
    pub message: Option<String>,
}

impl VersionStanding {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let said = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self {
            status: said("x-pocketping-version-status"),
            min: said("x-pocketping-min-version"),
            latest: said("x-pocketping-latest-version"),
            message: said("x-pocketping-version-message"),
        }
    }
}
