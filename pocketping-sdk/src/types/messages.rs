//! Messages: what visitors, operators, the AI and the system say in a session.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{Lenient, by_text};
use super::{AttachmentId, Extra, MessageId, SessionId, Timestamp};

wire! {
    /// One message of a session.
    ///
    /// In a webhook payload `session_id` and `created_at` may be missing.
    pub struct Message {
        /// JSON `id`; the only field every server must give.
        id: MessageId = "id",
        ;
        /// JSON `sessionId`.
        session_id: Option<SessionId> = "sessionId",
        /// JSON `content`; empty when the message was deleted or has only attachments.
        [private] content: String = "content",
        /// JSON `type` (read from `sender` too): who wrote it; empty when the server did not say.
        kind: MessageKind = "type" | "sender",
        /// JSON `createdAt` (read from `timestamp` too).
        created_at: Option<Timestamp> = "createdAt" | "timestamp",
        /// JSON `updatedAt` (extended): the last edit, deletion or receipt.
        updated_at: Option<Timestamp> = "updatedAt" lenient,
        /// JSON `editedAt` (extended).
        edited_at: Option<Timestamp> = "editedAt" lenient,
        /// JSON `deletedAt` (extended); `content` is empty then.
        deleted_at: Option<Timestamp> = "deletedAt" lenient,
        /// JSON `deliveredAt` (extended).
        delivered_at: Option<Timestamp> = "deliveredAt" lenient,
        /// JSON `readAt` (extended).
        read_at: Option<Timestamp> = "readAt" lenient,
        /// JSON `replyTo` (extended): the message this one answers.
        [private] reply_to: Option<ReplyTo> = "replyTo" lenient,
        /// JSON `attachments` (extended).
        [private] attachments: Option<Vec<Attachment>> = "attachments" lenient,
    }
}

/// The message another one answers: its id, or an excerpt of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ReplyTo {
    /// Only the id.
    Id(MessageId),
    /// An object with the quoted message's fields, `id` among them.
    Quoted(Extra),
}

impl std::fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A quotation is chat text.
        write!(f, "ReplyTo({:?})", self.id())
    }
}

impl Lenient for ReplyTo {
    fn read(value: &Value) -> Option<Self> {
        by_text(value)
    }
}

impl Lenient for Vec<Attachment> {
    fn read(value: &Value) -> Option<Self> {
        by_text(value)
    }
}

impl Lenient for Vec<Message> {
    fn read(value: &Value) -> Option<Self> {
        by_text(value)
    }
}

impl ReplyTo {
    /// The id of the message answered, when it was given.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id.as_str()),
            Self::Quoted(fields) => fields.get("id").and_then(Value::as_str),
        }
    }
}

wire! {
    /// A file attached to a message.
    pub struct Attachment {
        /// JSON `id`.
        id: AttachmentId = "id",
        ;
        /// JSON `filename`.
        [private] filename: Option<String> = "filename" lenient,
        /// JSON `mimeType`.
        mime_type: Option<String> = "mimeType" lenient,
        /// JSON `size`, in bytes.
        size: Option<u64> = "size" lenient,
        /// JSON `url`.
        [private] url: Option<String> = "url" lenient,
    }
}

wire! {
    /// The answer of `GET /sessions/:sessionId/messages`.
    pub struct MessageList {
        /// JSON `messages`, oldest first.
        [list] messages: Vec<Message> = "messages",
        ;
        /// JSON `nextCursor` (extended): where the next page starts; absent on the last one.
        next_cursor: Option<String> = "nextCursor",
    }
}

wire! {
    /// The body of `POST /sessions/:sessionId/messages`.
    ///
    /// ```
    /// use pocketping_sdk::NewMessage;
    ///
    /// let body = NewMessage::operator("Thanks for reaching out!");
    /// assert_eq!(
    ///     serde_json::to_value(&body)?,
    ///     serde_json::json!({"content": "Thanks for reaching out!", "type": "operator"}),
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct NewMessage {
        /// JSON `content`: 1 to 4000 characters, not blank.
        [private] content: String = "content",
        ;
        /// JSON `type`; the server takes `operator` when it is missing.
        kind: MessageKind = "type",
    }
}

impl NewMessage {
    /// A message from a human operator.
    pub fn operator(content: impl Into<String>) -> Self {
        Self::new(content).kind(MessageKind::Operator)
    }

    /// Sets who writes it.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<MessageKind>) -> Self {
        self.kind = kind.into();
        self
    }
}

open_enum! {
    /// Who wrote a message (`type`).
    pub enum MessageKind {
        /// The website's visitor.
        Visitor = "visitor",
        /// A human operator.
        Operator = "operator",
        /// The AI fallback.
        Ai = "ai",
        /// The system itself, such as "Session closed".
        System = "system",
    }
}
