//! Entries as JSON, and as a line for people.

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::entry::{Body, Entry, Kind, Refusal};

/// An entry as JSON.
pub(crate) fn json(entry: &Entry) -> Value {
    let mut shown = json!({"number": entry.number, "at": entry.at, "kind": entry.kind.as_str()});
    if let Some(tenant) = &entry.tenant {
        shown["tenant"] = json!(tenant);
    }
    let fields = match &entry.kind {
        Kind::Request(request) => json!({
            "surface": request.surface.as_str(), "method": request.method, "path": request.path, "route": request.route,
            "query": request.query, "headers": headers(&request.headers), "body": body(&request.body),
            "bodyBytes": request.body.whole, "status": request.status, "answerHeaders": headers(&request.answer_headers),
            "answer": body(&request.answer), "answerBytes": request.answer.whole, "whole": request.is_whole,
            "tookMs": request.took.as_secs_f64() * 1000.0, "refusedBy": request.refused_by.as_ref().map(refusal),
            "fault": request.fault,
        }),
        Kind::Frame(frame) => json!({
            "surface": frame.surface.as_str(), "link": frame.link, "sessionId": frame.session_id,
            "direction": frame.direction.as_str(), "frame": frame.kind.as_str(), "text": body(&frame.text),
            "textBytes": frame.text.whole, "fault": frame.fault,
        }),
        Kind::Event(event) => json!({"event": event.kind, "sessionId": event.session_id, "body": body(&event.text)}),
        Kind::Attempt(attempt) => json!({
            "deliveryId": attempt.delivery_id, "webhookId": attempt.webhook_id, "url": attempt.url, "event": attempt.event,
            "sessionId": attempt.session_id, "attempt": attempt.attempt, "headers": headers(&attempt.headers),
            "body": body(&attempt.body), "status": attempt.status, "error": attempt.error,
        }),
    };
    if let (Value::Object(shown), Value::Object(fields)) = (&mut shown, fields) {
        shown.extend(fields);
    }
    shown
}

fn refusal(refusal: &Refusal) -> Value {
    json!({"code": refusal.code, "rule": refusal.rule, "why": refusal.why})
}

/// A body as JSON where it is that, else as text.
fn body(body: &Body) -> Value {
    if body.bytes.is_empty() {
        return Value::Null;
    }
    body.json().unwrap_or_else(|| body.text().into())
}

/// Headers as an object; those that were sent more than once have their values joined.
fn headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        shown.insert(name.to_string(), values.join(", ").into());
    }
    Value::Object(shown)
}

/// The longest text that stands in a line.
const MOST_TEXT: usize = 120;

/// An entry as one line.
pub(super) fn line(entry: &Entry) -> String {
    let what = match &entry.kind {
        Kind::Request(request) => {
            let status = request.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let refused = request.refused_by.as_ref().map(|by| format!(" ({}: {})", by.code, by.why));
            let fault = request.fault.as_ref().map(|fault| format!(" by {fault}")).unwrap_or_default();
            format!("{} {} -> {status}{}{fault}", request.method, request.path, refused.unwrap_or_default())
        }
        Kind::Frame(frame) => {
            let text: String = frame.text.text().chars().take(MOST_TEXT).collect();
            if let Some(fault) = &frame.fault {
                return format!("#{} {fault} on link {}: {text}", entry.number, frame.link);
            }
            format!("{} frame {} on link {}: {text}", frame.kind.as_str(), frame.direction.as_str(), frame.link)
        }
        Kind::Event(event) => {
            let session = event.session_id.as_ref().map(|id| format!(" of {id}"));
            format!("event {}{}", event.kind, session.unwrap_or_default())
        }
        Kind::Attempt(attempt) => {
            let ended = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            format!("attempt {} of {} ({}) -> {ended}", attempt.attempt, attempt.delivery_id, attempt.event)
        }
    };
    format!("#{} {what}", entry.number)
}
