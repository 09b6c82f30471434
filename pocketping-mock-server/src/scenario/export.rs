//! A conversation as a scenario.

use pocketping_sdk::{Message, MessageKind, Session, Timestamp};
use serde_json::{Value, json};

use super::counted;
use crate::durations::MOST_MOVED;

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
    let told = messages.iter().filter(|message| is_told(message));
    let told: Vec<Value> = told.map(|message| json!({"type": message.kind, "content": message.content})).collect();
    let mut expected = json!({"in": VISITOR, "session": {"status": session.status}, "count": told.len()});
    if !told.is_empty() {
        expected["messages"] = json!(told);
    }
    steps.push(json!({"expect": expected}));
    let scenario = json!({"name": format!("session {}", session.id), "steps": steps});
    // A value with string keys: always JSON.
    serde_json::to_string_pretty(&scenario).unwrap_or_default()
}

/// What no step says of this conversation, a line each.
pub(super) fn left_out(session: &Session, messages: &[Message]) -> Vec<String> {
    let all = |is_it: fn(&Message) -> bool| messages.iter().filter(|message| is_it(message)).count();
    let files = messages.iter().filter_map(|message| message.attachments.as_ref()).map(Vec::len).sum();
    let of_files = all(|message| message.deleted_at.is_none() && message.content.is_empty());
    let edited = all(|message| message.edited_at.is_some() && message.deleted_at.is_none());
    let counts = [
        (all(|message| message.deleted_at.is_some()), "deleted message", "is left out", "are left out"),
        (files, "file", "is left out", "are left out"),
        (of_files, "wordless message", "is left out", "are left out"),
        (edited, "edited message", "is said as it is now", "are said as they are now"),
        (all(|message| message.reply_to.is_some()), "quotation", "is left out", "are left out"),
        (all(|message| message.read_at.is_some()), "receipt", "is left out", "are left out"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let mut lines: Vec<_> = counts
        .map(|(count, what, is, are)| format!("{} {}", counted(count, what), if count == 1 { is } else { are }))
        .collect();
    let late = [(session.identity.is_some(), "the visitor's identity"), (session.csat.is_some(), "the rating")];
    lines.extend(
        late.into_iter().filter(|(is_there, _)| *is_there).map(|(_, what)| format!("{what} is said at the end")),
    );
    if session.ai_enabled.is_some_and(|is_on| !is_on) {
        lines.push("that the AI is off is left out".to_owned());
    }
    lines
}

/// The time from one message to the next, in whole milliseconds; in several steps where it is more than one may take.
fn pause(time: &mut Option<Timestamp>, next: Option<Timestamp>) -> Vec<Value> {
    let Some(next) = next else { return Vec::new() };
    let Some(before) = time.replace(next) else { return Vec::new() };
    let (millis, most) = (next.since(before).as_millis(), MOST_MOVED.as_millis());
    let whole = std::iter::repeat_n(most, usize::try_from(millis / most).unwrap_or(0));
    let waits = whole.chain(Some(millis % most)).filter(|wait| *wait > 0);
    waits.map(|wait| json!({"wait": format!("{wait}ms")})).collect()
}

/// Whether a step can say it.
fn is_told(message: &Message) -> bool {
    message.deleted_at.is_none() && !message.content.is_empty()
}

fn said(message: &Message) -> Option<Value> {
    if !is_told(message) {
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
