//! Deliveries read from a file: dead letters, and the lines of `listen -o ndjson`.

use pocketping_sdk::json::said;
use pocketping_sdk::{Event, Timestamp, WebhookPayload};
use serde_json::Value;

use super::dead_letter::DeadLetter;
use super::delivery::{Delivery, json};
use crate::error::CliError;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// In the order of the file.
    pub(crate) deliveries: Vec<Delivery>,
    /// How many events there were of kinds that webhooks do not tell of.
    pub(crate) others: usize,
}

/// Which time stands in the payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// That of the replay: receivers take what is signed now for fresh.
    Now(Timestamp),
    /// The recorded one, and the body as it was; `now` only where an event has no time.
    Verbatim(Timestamp),
}

impl Recorded {
    /// Reads all lines, or names the first one that is neither of both.
    pub(crate) fn read(bytes: &[u8], time: Time) -> Result<Self, CliError> {
        let mut read = Self::default();
        for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let bad = |why: String| {
                CliError::usage(format!("line {} {why}; nothing was sent", n + 1))
                    .with_hint("lines are those of a dead-letter file, or of `pocketping listen -o ndjson`")
            };
            let line = str::from_utf8(line).map_err(|_| bad("is not UTF-8".to_owned()))?;
            if line.trim().is_empty() {
                continue;
            }
            let value: Value =
                serde_json::from_str(line).map_err(|error| bad(format!("is not JSON: {}", in_line(&error))))?;
            let has = |field: &str| value.get(field).is_some();
            if has("type") {
                let event: Event = serde_json::from_value(without_marks(value))
                    .map_err(|error| bad(format!("is no event: {}", in_line(&error))))?;
                match delivery_of(&event, time)? {
                    Some(delivery) => read.deliveries.push(delivery),
                    None => read.others += 1,
                }
            } else if has("delivery") {
                let (letter, payload) =
                    DeadLetter::read(line).map_err(|error| bad(format!("is no dead letter: {}", in_line(&error))))?;
                read.deliveries.push(again(letter, payload, time).map_err(bad)?);
            } else if !has("event") || has("data") {
                return Err(bad("is neither an event nor a dead letter".to_owned()));
            }
        }
        Ok(read)
    }
}

/// What is wrong in a line. The parser saw that line only and calls each the first.
fn in_line(error: &serde_json::Error) -> String {
    match (said(error), error.column()) {
        (what, 0) => what,
        (what, column) => format!("{what} at column {column}"),
    }
}

/// The event without what `listen` adds to its line.
fn without_marks(mut line: Value) -> Value {
    if let Some(fields) = line.as_object_mut() {
        fields.remove("backfilled");
        fields.remove("repeatPossible");
    }
    line
}

fn delivery_of(event: &Event, time: Time) -> Result<Option<Delivery>, CliError> {
    match time {
        Time::Now(now) => Delivery::at(event, now),
        Time::Verbatim(now) => Delivery::as_recorded(event, now),
    }
}

/// A delivery once more, under its id.
fn again(letter: DeadLetter, recorded: &str, time: Time) -> Result<Delivery, String> {
    let cannot = |error: serde_json::Error| {
        // Its columns would be those of the payload.
        format!("holds no webhook payload: {}", said(&error))
    };
    let mut payload: WebhookPayload = serde_json::from_str(recorded).map_err(cannot)?;
    let body = match time {
        Time::Verbatim(_) => recorded.to_owned(),
        Time::Now(now) => {
            payload.timestamp = Some(now);
            json(&payload).map_err(|error| error.to_string())?
        }
    };
    let data = payload.data;
    let of_session = || data.session.map(|session| session.id);
    let session = data.session_id.or_else(of_session).map(|id| id.to_string());
    Ok(Delivery { id: letter.delivery, event: payload.event, session, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = r#"{"delivery":"dlv_1","attempts":5,"status":503,"error":"503","failedAt":"2024-01-15T10:31:00Z","payload":{"data":{"x":1,"sessionId":"s"},"timestamp":"2024-01-15T10:30:00Z","event":"session.closed"}}"#;
    const EVENT: &str = r#"{"type":"session.created","session":{"id":"s","status":"active","createdAt":"2024-01-15T10:30:00Z"},"backfilled":true}"#;

    fn bodies(text: &str, time: fn(Timestamp) -> Time) -> Vec<String> {
        let read = Recorded::read(text.as_bytes(), time("2024-01-15T12:00:00Z".parse().unwrap())).unwrap();
        read.deliveries.into_iter().map(|delivery| delivery.body).collect()
    }

    #[test]
    fn lines_of_both_kinds_are_read_and_those_about_the_stream_skipped() {
        let text =
            format!("{{\"event\":\"ready\",\"socket\":\"ws://a/ws\"}}\n{EVENT}\n\n{{\"event\":\"gap\"}}\n{LETTER}\n");
        let created = |time: &str| {
            format!(
                r#"{{"event":"session.created","timestamp":"{time}","data":{{"sessionId":"s","session":{{"id":"s","status":"active","createdAt":"2024-01-15T10:30:00Z","metadata":{{}}}}}}}}"#
            )
        };
        assert_eq!(
            bodies(&text, Time::Now),
            [
                created("2024-01-15T12:00:00Z"),
                r#"{"event":"session.closed","timestamp":"2024-01-15T12:00:00Z","data":{"sessionId":"s","x":1}}"#
                    .into(),
            ]
        );
        assert_eq!(
            bodies(&text, Time::Verbatim),
            [
                created("2024-01-15T10:30:00Z"),
                r#"{"data":{"x":1,"sessionId":"s"},"timestamp":"2024-01-15T10:30:00Z","event":"session.closed"}"#
                    .into(),
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let now = Time::Now("2024-01-15T12:00:00Z".parse().unwrap());
        for (line, why) in [
            ("{", "is not JSON"),
            ("7", "neither"),
            ("{}", "neither"),
            (r#"{"event":"message.created","timestamp":"2024-01-15T10:30:00Z","data":{}}"#, "neither"),
            (r#"{"type":"message.created"}"#, "is no event"),
            (r#"{"delivery":"dlv_1"}"#, "is no dead letter"),
            (
                r#"{"delivery":"dlv_1","attempts":1,"error":"","failedAt":"2024-01-15T10:30:00Z","payload":[]}"#,
                "no webhook payload",
            ),
        ] {
            let error = Recorded::read(format!("{EVENT}\n{line}\n").as_bytes(), now).unwrap_err().to_string();
            assert!(error.starts_with("line 2 ") && error.contains(why), "{line}: {error}");
            assert_eq!(error.matches("line").count(), 1, "{error}");
        }
        let error = Recorded::read(b"\n\n{\"\xff\"}\n", now).unwrap_err();
        assert_eq!((error.exit() as u8, error.to_string().as_str()), (2, "line 3 is not UTF-8; nothing was sent"));
        let other = Recorded::read(br#"{"type":"typing.started","sessionId":"s"}"#, now).unwrap();
        assert_eq!((other.deliveries.len(), other.others), (0, 1));
    }
}
