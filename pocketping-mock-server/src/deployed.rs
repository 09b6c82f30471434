//! The events webhook in the form that PocketPing's deployments send: `{type, data, sentAt}`.

use pocketping_sdk::{Message, MessageKind, Session, Timestamp};
use serde_json::{Value, json};

use crate::names;
use crate::store::Tenant;
use crate::store::change::{Change, Update};

/// Where deployed events are sent, and how they are signed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EventsWebhook {
    pub(crate) url: String,
    pub(crate) secret: Option<String>,
}

impl std::fmt::Debug for EventsWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventsWebhook").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The names of all events.
pub(crate) const KINDS: [&str; 15] = [
    "new_session",
    "visitor_message",
    "visitor_message_edited",
    "visitor_message_deleted",
    "message_read",
    "operator_status",
    "ai_takeover",
    "custom_event",
    "identity_update",
    "visitor_disconnect",
    "csat_submitted",
    "operator_message",
    "operator_message_edited",
    "operator_message_deleted",
    "csat_request",
];

/// An event's name and what it carries; `None` for what deployments tell nobody.
pub(crate) fn event(change: &Change, tenant: &Tenant) -> Option<(&'static str, Value)> {
    let full = |session: &Session| names::session(session, tenant.operator_online());
    let operators = |kind: &'static str, mut data: Value| {
        data["type"] = json!(kind);
        Some((kind, json!({"event": data})))
    };
    let told = |at: Option<Timestamp>| at.map(names::time);
    match change {
        Change::Opened(session) => {
            let mut data = json!({"session": full(session)});
            if looks_like_a_bot(session) && tells_bots(session, tenant) {
                data["isBot"] = json!(true);
            }
            Some(("new_session", data))
        }
        Change::Said(message, session) => match message.kind {
            MessageKind::Visitor => {
                Some(("visitor_message", json!({"message": names::message(message), "session": full(session)})))
            }
            MessageKind::Operator => operators("operator_message", operator_message(message)),
            _ => None,
        },
        Change::Edited(message) => {
            let mut data =
                json!({"sessionId": message.session_id, "messageId": message.id, "content": message.content});
            if message.kind == MessageKind::Visitor {
                return Some(("visitor_message_edited", data));
            }
            data["editedAt"] = json!(told(message.edited_at));
            operators("operator_message_edited", data)
        }
        Change::Deleted(message, _) => {
            let mut data = json!({"sessionId": message.session_id, "messageId": message.id});
            if message.kind == MessageKind::Visitor {
                return Some(("visitor_message_deleted", data));
            }
            data["deletedAt"] = json!(told(message.deleted_at));
            operators("operator_message_deleted", data)
        }
        // It tells what visitors have seen.
        Change::Received(session, messages, receipt) => {
            let theirs = messages.iter().filter(|message| message.kind != MessageKind::Visitor);
            let ids: Vec<_> = theirs.map(|message| &message.id).collect();
            let data = || json!({"sessionId": session, "messageIds": ids, "status": receipt.as_str()});
            (!ids.is_empty()).then(|| ("message_read", data()))
        }
        Change::Updated(session, update) => match update {
            Update::Identified => Some(("identity_update", json!({"session": full(session)}))),
            Update::Left { duration, reason } => {
                let data = json!({"session": full(session), "duration": duration, "reason": reason});
                Some(("visitor_disconnect", data))
            }
            Update::Rated => {
                let csat = session.csat.as_ref()?;
                let comment = csat.comment.as_deref().unwrap_or_default();
                let data = json!({"sessionId": session.id, "score": csat.score, "comment": comment,
                                  "respondedAt": told(csat.at)});
                Some(("csat_submitted", data))
            }
            Update::Returned | Update::Reopened | Update::Ai => None,
        },
        Change::RatingAsked(session, at) => {
            operators("csat_request", json!({"sessionId": session, "requestedAt": names::seconds(*at)}))
        }
        Change::OperatorOnline(online) => Some(("operator_status", json!({"online": online}))),
        Change::TakenOver(session, reason) => {
            Some(("ai_takeover", json!({"session": full(session), "reason": reason})))
        }
        Change::FromPage(session, event) => Some(("custom_event", json!({"event": event, "session": full(session)}))),
        Change::Closed(_)
        | Change::Typing { .. }
        | Change::AiDeclined(_)
        | Change::ToPage(..)
        | Change::ScreenshotAsked(..)
        | Change::Tracked(..) => None,
    }
}

/// The body of an event.
pub(crate) fn body(kind: &str, data: &Value, at: Timestamp) -> Vec<u8> {
    json!({"type": kind, "data": data, "sentAt": names::seconds(at)}).to_string().into_bytes()
}

fn operator_message(message: &Message) -> Value {
    let mut data = json!({"sessionId": message.session_id, "messageId": message.id, "content": message.content,
                          "sourceBridge": "api"});
    if let Some(name) = message.extra.get("metadata").and_then(|metadata| metadata.get("operatorName")) {
        data["operatorName"] = name.clone();
    }
    if let Some(files) = &message.attachments {
        data["attachments"] = files.iter().map(names::attachment).collect();
    }
    data
}

fn tells_bots(session: &Session, tenant: &Tenant) -> bool {
    let project = session.project_id.as_ref().and_then(|id| tenant.project_by_id(id).ok());
    project.is_some_and(|project| project.settings.tells_bots())
}

/// Whether a browser says of itself that a program drives it.
fn looks_like_a_bot(session: &Session) -> bool {
    let agent = session.metadata.user_agent.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_named =
        ["headless", "bot/", "crawler", "spider", "curl/", "python-requests"].iter().any(|word| agent.contains(word));
    let signals = session.metadata.extra.get("botSignals");
    is_named || signals.and_then(|signals| signals.get("webdriver")).and_then(Value::as_bool).unwrap_or(false)
}
