//! What the socket's frames and close codes mean. Pure: no I/O, no time.

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Outcome};
use crate::types::{Event, EventData, EventId, Extra};

/// A text frame of the server.
#[derive(Debug)]
pub(super) enum Frame {
    /// Something happened.
    Event(Box<Event>),
    /// The key was accepted (extended).
    AuthOk(AuthOk),
    /// The server says what is wrong; a close follows.
    Refused(Error),
    /// It is no event.
    Unreadable {
        /// What is wrong, without its text: that may be what somebody said.
        detail: String,
        /// Whether it broke on the way: it is no JSON at all.
        is_broken: bool,
    },
}

/// What is said of a subscription that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AuthOk {
    /// Whether what was missed comes first.
    pub(super) resumed: bool,
    /// The number of the event before the first one that comes, where the server says it.
    pub(super) seq: Option<u64>,
}

/// The first frame a client sends.
pub(super) fn auth(api_key: &str, last_event_id: Option<&EventId>) -> String {
    match last_event_id {
        Some(id) => json!({"type": "auth", "apiKey": api_key, "lastEventId": id}).to_string(),
        None => json!({"type": "auth", "apiKey": api_key}).to_string(),
    }
}

/// Reads a text frame. An event of an unknown type is kept; a frame that is no JSON object with a `type` is no event.
pub(super) fn read(text: &str) -> Frame {
    let event: Event = match serde_json::from_str(text) {
        Ok(event) => event,
        Err(error) => {
            let detail =
                format!("a frame of the socket is not an event (line {} column {})", error.line(), error.column());
            let is_broken = error.classify() != serde_json::error::Category::Data;
            return Frame::Unreadable { detail, is_broken };
        }
    };
    match &event.data {
        EventData::Other { kind, fields } if *kind == "auth.ok" => {
            let resumed = fields.get("resume").and_then(Value::as_str) == Some("resumed");
            Frame::AuthOk(AuthOk { resumed, seq: event.seq })
        }
        EventData::Other { kind, fields } if *kind == "error" => Frame::Refused(refusal(fields)),
        _ => Frame::Event(Box::new(event)),
    }
}

/// The error an `error` frame speaks of.
fn refusal(fields: &Extra) -> Error {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (code, message) = (text("code"), text("message"));
    if matches!(code, "UNAUTHORIZED" | "FORBIDDEN") {
        return unauthorized(&format!("{code}: {message}"));
    }
    Error::new(ErrorKind::Closed, Outcome::Rejected, format!("the socket answered {code}: {message}"))
}

/// The socket refused the key, for good.
pub(super) fn unauthorized(why: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, Outcome::Rejected, format!("the socket refused the API key ({why})"))
}

/// What a close code says.
pub(super) fn closed(code: Option<u16>, reason: &str) -> Error {
    let meaning = match code {
        Some(4401 | 4403) => {
            return unauthorized(&format!("close code {}", code.unwrap_or(4401))).with_close_code(code);
        }
        Some(1001) => "the server is shutting down",
        Some(1003 | 1007 | 1009 | 4400) => "the server did not take a frame",
        Some(1008) => "the server closed the link for a reason of policy",
        Some(1012) => "the server starts anew",
        Some(1013) => "the server closed the link because this reader was too slow",
        Some(4408) => "the server saw no authentication in time",
        Some(_) => "the server closed the link",
        None => "the connection ended without a close",
    };
    let code_text = code.map(|code| format!(" ({code})")).unwrap_or_default();
    // A reason that only repeats the meaning is left out.
    let reason = if meaning.contains(reason) { String::new() } else { format!(": {reason}") };
    Error::new(ErrorKind::Closed, Outcome::Unknown, format!("{meaning}{code_text}{reason}")).with_close_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_wherever_their_type_stands() {
        let auth_ok = |rest: &str| read(&format!(r#"{{"type":"auth.ok","connectionId":"c",{rest}}}"#));
        let ok = |resumed, seq| AuthOk { resumed, seq };
        for (rest, expected) in [
            (r#""resume":"resumed","seq":7"#, ok(true, Some(7))),
            (r#""resume":"expired","seq":0"#, ok(false, Some(0))),
            (r#""resume":"fresh""#, ok(false, None)),
        ] {
            assert!(matches!(auth_ok(rest), Frame::AuthOk(said) if said == expected), "{rest}");
        }
        let refused = r#"{"error":"Unauthorized","message":"no","code":"UNAUTHORIZED","type":"error"}"#;
        assert!(matches!(read(refused), Frame::Refused(error) if error.is_unauthorized()));
        let Frame::Event(event) = read(r#"{"message":{"id":"m","content":"x","type":"ai"},"type":"message.created"}"#)
        else {
            panic!("an event")
        };
        assert_eq!(event.message().unwrap().id, "m");
    }

    #[test]
    fn an_unknown_event_is_kept_and_a_frame_that_is_none_is_told_without_its_text() {
        let Frame::Event(event) = read(r#"{"type":"typing","id":5,"sessionId":"s","isTyping":true}"#) else {
            panic!("an event")
        };
        assert_eq!((event.kind().as_str(), event.session_id()), ("typing", Some("s")));
        let EventData::Other { fields, .. } = &event.data else { panic!("kept raw") };
        assert_eq!(fields["id"], 5);
        for (text, broken) in [
            ("", true),
            ("hunter2", true),
            (r#"{"type":"message.created","message":{"content":"hunt"#, true),
            ("[]", false),
            (r#"{"a":"hunter2"}"#, false),
            (r#"{"type":"message.created","message":"hunter2"}"#, false),
        ] {
            let Frame::Unreadable { detail, is_broken } = read(text) else { panic!("{text} is no event") };
            assert_eq!(is_broken, broken, "{text}");
            assert!(!detail.contains("hunt"), "{detail}");
        }
    }

    /// Frames of every kind, whole and broken.
    fn frame() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let kinds = vec!["session.created", "session.updated", "message.created", "message.updated", "session.closed"];
        let kind = prop_oneof![
            proptest::sample::select(kinds).prop_map(str::to_owned),
            proptest::sample::select(&["auth.ok", "error"][..]).prop_map(str::to_owned),
            "[a-z.]{0,12}",
        ];
        let value = prop_oneof![
            Just(json!(null)),
            Just(json!(true)),
            any::<i64>().prop_map(|number| json!(number)),
            ".{0,20}".prop_map(|text| json!(text)),
            ".{1,9}".prop_map(
                |id| json!({"id": id, "content": "hunter2", "type": id, "createdAt": "2024-01-15T10:30:00Z"})
            ),
        ];
        let names = vec!["session", "message", "sessionId", "id", "seq", "timestamp", "resume", "code", "extra"];
        let fields = proptest::collection::vec((proptest::sample::select(names), value), 0..5);
        let whole = (kind, fields).prop_map(|(kind, fields)| {
            let mut frame = json!({"type": kind});
            for (name, value) in fields {
                frame[name] = value;
            }
            frame.to_string()
        });
        let broken = (whole.clone(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
            let mut end = at.index(text.len() + 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        });
        prop_oneof![whole, broken, ".{0,40}"]
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_an_event_that_reads_back_or_is_told_without_its_text(text in frame()) {
            match read(&text) {
                Frame::Event(event) => {
                    let again = serde_json::to_string(&event).unwrap();
                    proptest::prop_assert!(matches!(read(&again), Frame::Event(same) if same == event), "{} {}", text, again);
                }
                Frame::Unreadable { detail, .. } => proptest::prop_assert!(!detail.contains("hunter2"), "{}", detail),
                Frame::AuthOk(_) | Frame::Refused(_) => proptest::prop_assert!(text.contains("auth.ok") || text.contains("error")),
            }
        }
    }

    #[test]
    fn close_codes_say_whether_the_key_was_refused() {
        for (code, unauthorized) in [(Some(4401), true), (Some(4403), true), (Some(1008), false), (None, false)] {
            let error = closed(code, "");
            assert_eq!((error.is_unauthorized(), error.close_code()), (unauthorized, code));
        }
    }
}
