//! The wire types: every object of the documented API, shared by the client, the reference server and webhook receivers.
//!
//! They know nothing but JSON. Four rules hold for all of them:
//!
//! - only ids are mandatory; a missing field and `null` mean the same;
//! - fields this version does not know are kept in `extra` and written back;
//! - enums are open: an unknown value is kept in `Other` and written back as it came;
//! - chat text, names, e-mail addresses and metadata are masked in `Debug`.

#[macro_use]
pub(crate) mod wire;
#[macro_use]
mod open_enum;
mod error;
mod events;
mod filters;
mod ids;
mod messages;
mod sessions;
mod timestamp;
mod visitors;
mod webhooks;

pub use error::{ErrorBody, ErrorCode};
pub use events::{Event, EventData, EventKind};
pub use filters::{SessionFilter, is_unanswered};
pub use ids::{AttachmentId, DeliveryId, EventId, MessageId, ProjectId, SessionId, VisitorId, WebhookId};
pub use messages::{Attachment, Message, MessageKind, MessageList, NewMessage, ReplyTo};
pub use sessions::{Csat, Metadata, Session, SessionList, SessionStatus, SetAi};
pub use timestamp::{Timestamp, TimestampError};
pub use visitors::{Identify, Identity};
pub use webhooks::{NewWebhook, Webhook, WebhookData, WebhookList, WebhookPayload};

/// JSON fields this version does not know, kept as they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;
