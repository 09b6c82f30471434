//! A conversation as a scenario.

use pocketping_sdk::{Message, MessageKind, Session, Timestamp};
use serde_json::{Value, json};

/// The one visitor's name.
const VISITOR: &str = "visitor";

/// The steps that lead to this conversation, and what is expected at its end.
pub(super) fn scenario(session: &Session, messages: &[Message]) -> String {
    let mut visit = json!({"as": VISITOR});
    for (name, value) in [("page", &session.metadata.page_url), ("userAgent", &session.metadata.user_agent)] {
        if let Some(value) = value {
            visit[name] = json!(value);
        }
    }
    if !session.metadata.extra.is_empty() {
        visit["metadata"] = json!(session.metadata.extra);
    }
    let mut steps = vec![json!({"visit": visit})];
    let mut time = session.created_at;
    for message in messages {
        steps.extend(pause(&mut time, message.created_at));
        steps.extend(said(message));
    }
    if let Some(identity) = &session.identity {
        steps.push(json!({"identify": {"as": VISITOR, "identity": identity}}));
    }
    if let Some(csat) = &session.csat {
        steps.push(json!({"rate": {"as": VISITOR, "score": csat.score, "comment": csat.comment}}));
    }
    let told = messages.iter().filter(|message| message.deleted_at.is_none());
    let told: Vec<Value> = told.map(|message| json!({"type": message.kind, "content": message.content})).collect();
    let status = json!({"status": session.status});
    steps.push(json!({"expect": {"in": VISITOR, "session": status, "messages": told}}));
    let scenario = json!({"name": format!("session {}", session.id), "steps": steps});
    // A value with string keys: always JSON.
    serde_json::to_string_pretty(&scenario).unwrap_or_default()
}

/// The time from one message to the next, in whole milliseconds.
fn pause(time: &mut Option<Timestamp>, next: Option<Timestamp>) -> Option<Value> {
    let (before, next) = (*time, next?);
    *time = Some(next);
    let millis = next.since(before?).as_millis();
    (millis > 0).then(|| json!({"wait": format!("{millis}ms")}))
}

fn said(message: &Message) -> Option<Value> {
    if message.deleted_at.is_some() || message.content.is_empty() {
        return None;
    }
    Some(match &message.kind {
        MessageKind::Visitor => json!({"say": {"as": VISITOR, "text": message.content}}),
        // What the server writes when a session is closed.
        MessageKind::System if message.content == "Session closed" => json!({"close": {"in": VISITOR}}),
        MessageKind::Operator => json!({"reply": {"to": VISITOR, "text": message.content}}),
        other => json!({"reply": {"to": VISITOR, "text": message.content, "by": other}}),
    })
}
