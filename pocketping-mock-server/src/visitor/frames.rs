//! `Frame`: what a server tells a widget. Unknown types, fields and values are kept, and never an error.

use pocketping_sdk::{Message, MessageId, MessageKind, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Result};

/// Something a server tells a widget: `{"type": …, "data": …}`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// `message`: a message is new, or is not what it was.
    Message(Box<Message>),
    /// `message_edited`: a message has another text.
    Edited(Edited),
    /// `message_deleted`: a message is gone.
    Deleted(Deleted),
    /// `typing`: somebody types, or stopped.
    Typing(Typing),
    /// `presence`: an operator came, or the last one left.
    Presence(OperatorPresence),
    /// `read`: messages were delivered, or read.
    Read(Read),
    /// `event`: the page is told something.
    Event(PageEvent),
    /// `ai_takeover`: the AI takes over.
    AiTakeover(AiTakeover),
    /// `version_warning`: the widget is too old, or will be.
    VersionWarning(VersionWarning),
    /// `config_update`: the widget is to be another.
    ConfigUpdate(ConfigUpdate),
    /// `screenshot_request`: somebody asks for [a picture of the page](super::Chat::send_screenshot).
    ScreenshotRequest(ScreenshotRequest),
    /// `csat_request`: the visitor is asked [to rate](super::Chat::rate) the conversation.
    CsatRequest(CsatRequest),
    /// Another type, or one of these with data that cannot be its own.
    Other(Other),
}

open! {
    /// A message has another text.
    pub struct Edited {
        /// JSON `messageId`.
        message_id: MessageId = "messageId",
        /// JSON `content`.
        [private] content: String = "content",
        ;
        /// JSON `editedAt`.
        edited_at: Option<Timestamp> = "editedAt",
    }
}

open! {
    /// A message is gone.
    pub struct Deleted {
        /// JSON `messageId`.
        message_id: MessageId = "messageId",
        ;
        /// JSON `deletedAt`.
        deleted_at: Option<Timestamp> = "deletedAt",
    }
}

open! {
    /// Somebody types, or stopped.
    pub struct Typing {
        /// JSON `isTyping`.
        is_typing: bool = "isTyping",
        ;
        /// JSON `sender`: who; empty where the server does not say.
        sender: MessageKind = "sender",
    }
}

open! {
    /// An operator came, or the last one left.
    pub struct OperatorPresence {
        /// JSON `online`.
        online: bool = "online",
        ;
    }
}

open! {
    /// Messages were delivered, or read.
    pub struct Read {
        /// JSON `messageIds`.
        message_ids: Vec<MessageId> = "messageIds",
        ;
        /// JSON `status`: `delivered` or `read`.
        status: String = "status",
        /// JSON `deliveredAt`.
        delivered_at: Option<Timestamp> = "deliveredAt",
        /// JSON `readAt`.
        read_at: Option<Timestamp> = "readAt",
    }
}

open! {
    /// The page is told something, for its listeners for custom events of this name.
    pub struct PageEvent {
        /// JSON `name`.
        name: String = "name",
        ;
        /// JSON `data`; `null` where there is none.
        [private] data: Value = "data",
        /// JSON `timestamp`.
        timestamp: Option<Timestamp> = "timestamp",
    }
}

open! {
    /// The AI takes over.
    pub struct AiTakeover {
        ;
        /// JSON `reason`: `timeout`, `manual` or `scheduled`.
        reason: Option<String> = "reason",
    }
}

open! {
    /// The widget is too old, or will be.
    pub struct VersionWarning {
        ;
        /// JSON `severity`: `info`, `warning` or `error`.
        severity: String = "severity",
        /// JSON `message`.
        message: String = "message",
        /// JSON `currentVersion`.
        current_version: Option<String> = "currentVersion",
        /// JSON `minVersion`.
        min_version: Option<String> = "minVersion",
        /// JSON `latestVersion`.
        latest_version: Option<String> = "latestVersion",
        /// JSON `canContinue`; a widget that cannot ends its link.
        can_continue: Option<bool> = "canContinue",
        /// JSON `upgradeUrl`.
        upgrade_url: Option<String> = "upgradeUrl",
    }
}

open! {
    /// The widget is to be another.
    pub struct ConfigUpdate {
        ;
        /// JSON `trackedElements`.
        tracked_elements: Option<Vec<Value>> = "trackedElements",
    }
}

open! {
    /// Somebody asks for a picture of the page.
    pub struct ScreenshotRequest {
        /// JSON `requestId`.
        request_id: String = "requestId",
        ;
        /// JSON `requestedBy`.
        requested_by: Option<String> = "requestedBy",
        /// JSON `requestedFrom`.
        requested_from: Option<String> = "requestedFrom",
        /// JSON `silent`: it becomes no message.
        silent: bool = "silent",
    }
}

open! {
    /// The visitor is asked to rate the conversation.
    pub struct CsatRequest {
        ;
        /// JSON `requestedAt`.
        requested_at: Option<Timestamp> = "requestedAt",
    }
}

/// A frame of another type, as it came.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Other {
    /// JSON `type`.
    pub kind: String,
    /// JSON `data`; `null` where there is none.
    pub data: Value,
}

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Other").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A frame as it comes.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
}

impl Frame {
    /// Reads a frame's text.
    pub(super) fn read(text: &str) -> Result<Self> {
        let Raw { kind, data } = serde_json::from_str(text).map_err(|error| Error::frame(error, text))?;
        let known = match kind.as_str() {
            "message" => typed(&data).map(Self::Message),
            "message_edited" => typed(&data).map(Self::Edited),
            "message_deleted" => typed(&data).map(Self::Deleted),
            "typing" => typed(&data).map(Self::Typing),
            "presence" => typed(&data).map(Self::Presence),
            "read" => typed(&data).map(Self::Read),
            "event" => typed(&data).map(Self::Event),
            "ai_takeover" => typed(&data).map(Self::AiTakeover),
            "version_warning" => typed(&data).map(Self::VersionWarning),
            "config_update" => typed(&data).map(Self::ConfigUpdate),
            "screenshot_request" => typed(&data).map(Self::ScreenshotRequest),
            "csat_request" => typed(&data).map(Self::CsatRequest),
            _ => None,
        };
        Ok(known.unwrap_or(Self::Other(Other { kind, data })))
    }
}

fn typed<T: DeserializeOwned>(data: &Value) -> Option<T> {
    T::deserialize(data).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_or_null_is_no_error() {
        let Frame::Typing(typing) =
            Frame::read(r#"{"type":"typing","data":{"isTyping":true,"sender":null,"mood":"good"},"v":1}"#).unwrap()
        else {
            panic!("a typing frame")
        };
        assert_eq!((typing.sender.as_str(), &typing.extra["mood"]), ("", &json!("good")));
        let of_another_kind = |kind: &str, data: Value| Frame::Other(Other { kind: kind.to_owned(), data });
        for (text, expected) in [
            (r#"{"type":"confetti","data":[1]}"#, of_another_kind("confetti", json!([1]))),
            (r#"{"type":"confetti"}"#, of_another_kind("confetti", Value::Null)),
            (r#"{"type":"read","data":{"messageIds":7}}"#, of_another_kind("read", json!({"messageIds": 7}))),
            (r#"{"type":"message","data":{"content":"x"}}"#, of_another_kind("message", json!({"content": "x"}))),
        ] {
            assert_eq!(Frame::read(text).unwrap(), expected);
        }
        let error = Frame::read("<html>").unwrap_err().to_string();
        assert_eq!(error, "a frame cannot be read (expected value at line 1 column 1): <html>");
    }

    #[test]
    fn what_is_said_is_masked() {
        let text = r#"{"type":"message_edited","data":{"messageId":"m","content":"secret","more":"secret"}}"#;
        let shown = format!("{:?}", Frame::read(text).unwrap());
        assert!(shown.contains("MessageId(\"m\")") && shown.contains("more") && !shown.contains("secret"), "{shown}");
    }
}
