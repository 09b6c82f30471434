//! Reading a successful answer: the bare object, the object under its own key, or a thin acknowledgement.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use memchr::memmem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::response::{Reply, text_header};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::json::{Segment, member, path, place_of, said};

/// What a successful answer held.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded<T> {
    Value(T),
    /// 204, an empty body, `{}` or `{"ok":true}`: done, but nothing more is said.
    Ack,
}

/// Reads an answer. `key` is the name a server may wrap the object in.
///
/// Anything that is neither the object nor an acknowledgement is an error with an unknown outcome: a captive portal's
/// 200 must never read as "sent".
pub(super) fn decode<T: DeserializeOwned>(
    reply: &Reply,
    method: &Method,
    route: &str,
    key: Option<&str>,
) -> Result<Decoded<T>> {
    let fail = |what: &str| {
        let message = format!("{method} {route}: the answer ({}) is not what the API promises: {what}", reply.status);
        Error::new(ErrorKind::Decode, Outcome::Unknown, message)
            .with_status(reply.status)
            .with_hint(looks_like(&reply.headers, &reply.body))
    };
    let text = std::str::from_utf8(&reply.body).map_err(|_| fail("it is not UTF-8"))?;
    if reply.status == StatusCode::NO_CONTENT || text.trim().is_empty() {
        return Ok(Decoded::Ack);
    }
    match serde_json::from_str::<T>(text) {
        Ok(_) if says_not_ok(text) => Err(fail("the server says `ok: false`")),
        Ok(value) => Ok(Decoded::Value(value)),
        Err(error) => {
            let Ok(json) = serde_json::from_str::<Value>(text) else {
                let kind = text_header(&reply.headers, &CONTENT_TYPE);
                return Err(fail(&format!("it is not JSON ({})", kind.as_deref().unwrap_or("no content type"))));
            };
            if is_ack(&json) {
                return Ok(Decoded::Ack);
            }
            if says_not_ok(text) {
                return Err(fail("the server says `ok: false`"));
            }
            let wrapped = key.and_then(|key| Some((key, member(text, key)?)));
            let (key, text, value) = match wrapped {
                Some((key, wrapped)) => (key, wrapped, serde_json::from_str(wrapped)),
                None => ("", text, Err(error)),
            };
            value.map(Decoded::Value).map_err(|error| fail(&describe(key, text, &error)))
        }
    }
}

/// A thin acknowledgement, as the strict contract answers writes.
fn is_ack(json: &Value) -> bool {
    json.as_object().is_some_and(|object| {
        object.is_empty() || (object.len() == 1 && object.get("ok").is_some_and(|ok| *ok == Value::Bool(true)))
    })
}

fn says_not_ok(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Verdict {
        ok: Value,
    }
    // Of a list, nearly always in vain, so by the fastest search there is.
    memmem::find(text.as_bytes(), b"\"ok\"").is_some()
        && serde_json::from_str::<Verdict>(text).is_ok_and(|verdict| verdict.ok == false)
}

/// `missing field `id` at sessions[3]`, with what the answer said left out: it may be chat text. `key` is where `text` stands.
fn describe(key: &str, text: &str, error: &serde_json::Error) -> String {
    let mut place = place_of(text, error);
    if !key.is_empty() {
        place.insert(0, Segment::Field(key.to_owned()));
    }
    let (path, cause) = (path(&place), redact(&said(error)));
    if path.is_empty() { cause } else { format!("{cause} at {path}") }
}

/// Leaves out whatever stands between the first and the last quotation mark.
fn redact(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &message[..=first], &message[last..]),
        _ => message.to_owned(),
    }
}

/// Says which PocketPing (or what else) an answer looks like, when it is not the documented API's.
pub(super) fn looks_like(headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let kind = text_header(headers, &CONTENT_TYPE).unwrap_or_default();
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let start = text.trim_start();
    if start.starts_with("404 page not found") {
        return Some(
            "this looks like PocketPing's Go bridge server, which does not serve the documented API; \
             point the base URL at a bridge server that does, such as `pocketping mock`",
        );
    }
    if kind.contains("html") || start.starts_with('<') {
        return Some(
            "this is a web page, not an API: check the base URL (the hosted API is https://api.pocketping.io/v1), \
             or whether a proxy or login page stands in between",
        );
    }
    // The management API and the widget endpoints answer `{"error": "<sentence>"}` without `code` and `message`.
    let json = serde_json::from_str::<Value>(start).ok()?;
    let object = json.as_object()?;
    if object.contains_key("error") && !object.contains_key("code") && !object.contains_key("message") {
        return Some(
            "this looks like another PocketPing surface (the management API under /api/v1, or a widget endpoint): \
             POCKETPING_API_URL must be the base of the documented API",
        );
    }
    if object.contains_key("detail") {
        return Some("this looks like PocketPing's Python SDK server, which does not serve the documented API");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Session;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
            attempts: 1,
            request_id: String::new(),
            elapsed: std::time::Duration::ZERO,
            answered: tokio::time::Instant::now(),
        }
    }

    fn read(status: u16, body: &str) -> Result<Decoded<Session>> {
        decode(&reply(status, body), &Method::POST, "/sessions/:sessionId/close", Some("session"))
    }

    #[test]
    fn an_object_comes_bare_or_under_its_key_and_an_acknowledgement_in_four_forms() {
        for body in [r#"{"id":"s"}"#, r#"{"session":{"id":"s"}}"#, r#"{"ok":true,"session":{"id":"s"}}"#] {
            assert!(matches!(read(200, body), Ok(Decoded::Value(session)) if session.id == "s"), "{body}");
        }
        for (status, body) in [(204, ""), (200, ""), (200, " \n"), (200, "{}"), (200, r#"{"ok":true}"#)] {
            assert_eq!(read(status, body).unwrap(), Decoded::Ack, "{status} {body:?}");
        }
    }

    #[test]
    fn nothing_else_reads_as_done() {
        for (body, word) in [
            ("<html>Login</html>", "not JSON"),
            (r#"{"ok":false}"#, "ok: false"),
            (r#"{"ok":false,"id":"s"}"#, "ok: false"),
            (r#"{"ok":"true"}"#, "missing field `id`"),
            ("[]", "Session"),
            ("null", "Session"),
            (r#"{"session":{"id":"s","createdAt":5}}"#, "session.createdAt"),
            (r#"{"id":"s","createdAt":"now"}"#, "createdAt"),
        ] {
            let error = read(200, body).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Unknown));
        }
    }

    #[test]
    fn a_list_without_its_array_is_not_an_empty_list() {
        for body in
            [r#"{"message":"log in"}"#, r#"{"data":[]}"#, r#"{"ok":false,"sessions":[]}"#, r#"{"sessions":null}"#]
        {
            let list = decode::<crate::types::SessionList>(&reply(200, body), &Method::GET, "/sessions", None);
            assert_eq!(list.unwrap_err().kind(), ErrorKind::Decode, "{body}");
        }
        let ack = decode::<crate::types::SessionList>(&reply(200, "{}"), &Method::GET, "/sessions", None);
        assert_eq!(ack.unwrap(), Decoded::Ack, "which nothing completes");
    }

    #[test]
    fn a_decode_error_does_not_repeat_what_was_said() {
        let error = read(200, r#"{"id":"s","metadata":"my \"password\" is hunter2"}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("metadata"), "{error}");
    }

    #[test]
    fn other_surfaces_of_pocketping_are_recognised() {
        for (body, word) in [
            ("404 page not found\n", "Go bridge"),
            ("<!doctype html>", "web page"),
            (r#"{"error":"Session not found"}"#, "management API"),
            (r#"{"detail":"Not Found"}"#, "Python SDK"),
        ] {
            assert!(looks_like(&HeaderMap::new(), body.as_bytes()).is_some_and(|hint| hint.contains(word)), "{body}");
        }
        assert_eq!(looks_like(&HeaderMap::new(), br#"{"error":"Not found","message":"m","code":"c"}"#), None);
    }
}
