//! The names of PocketPing's deployed parts, and what of the contract's objects stands behind each: `sender` is `type`,
//! `timestamp` is `createdAt`, `url` is `pageUrl`, an identity's `id` is `customerId`. The one place that knows both.

use std::borrow::Cow;

use pocketping_sdk::json::object as fields_of;
use pocketping_sdk::{Attachment, Extra, Identity, Message, MessageKind, Metadata, Session, Timestamp};
use serde_json::{Map, Value, json};

use crate::store::{Rejection, rules};

/// The longest id a client may bring along.
const MOST_ID: usize = 255;

/// A time as browsers write it: UTC, always with milliseconds.
pub(crate) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    match text.strip_suffix('Z') {
        Some(whole) if !text.contains('.') => format!("{whole}.000Z"),
        _ => text,
    }
}

/// A time in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}

/// An object of those fields that have a value.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields_of(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))))
}

/// A message.
pub(crate) fn message(message: &Message) -> Value {
    let at = |time_of: Option<Timestamp>| time_of.map(|at| json!(time(at)));
    let status = match (message.read_at, message.delivered_at) {
        (Some(_), _) => "read",
        (None, Some(_)) => "delivered",
        (None, None) => "sent",
    };
    let fields = object([
        ("id", Some(json!(message.id))),
        ("sessionId", message.session_id.as_ref().map(|id| json!(id))),
        ("content", Some(json!(message.content))),
        ("sender", Some(json!(message.kind))),
        ("timestamp", at(message.created_at)),
        ("replyTo", message.reply_to.as_ref().map(|reply| json!(reply))),
        ("metadata", message.extra.get("metadata").cloned()),
        ("attachments", message.attachments.as_ref().map(|files| files.iter().map(attachment).collect())),
        ("status", Some(json!(status))),
        ("deliveredAt", at(message.delivered_at)),
        ("readAt", at(message.read_at)),
        ("editedAt", at(message.edited_at)),
        ("deletedAt", at(message.deleted_at)),
    ]);
    Value::Object(fields)
}

/// A file of a message, or one that is ready to become that.
pub(crate) fn attachment(file: &Attachment) -> Value {
    Value::Object(object([
        ("id", Some(json!(file.id))),
        ("filename", file.filename.as_ref().map(|name| json!(name))),
        ("mimeType", file.mime_type.as_ref().map(|kind| json!(kind))),
        ("size", file.size.map(|size| json!(size))),
        ("url", file.url.as_ref().map(|url| json!(url))),
        ("status", Some(json!("ready"))),
    ]))
}

/// A session as it travels between PocketPing's servers.
pub(crate) fn session(session: &Session, operator_online: bool) -> Value {
    let identity = session.identity.as_ref();
    let told = |key: &str| identity.and_then(|identity| identity.metadata.as_ref()?.get(key)).cloned();
    Value::Object(object([
        ("id", Some(json!(session.id))),
        ("visitorId", session.visitor_id.as_ref().map(|id| json!(id))),
        ("createdAt", session.created_at.map(|at| json!(time(at)))),
        ("lastActivity", session.last_activity.map(|at| json!(time(at)))),
        ("operatorOnline", Some(json!(operator_online))),
        ("aiActive", Some(json!(session.ai_enabled.unwrap_or(true)))),
        ("metadata", Some(metadata(&session.metadata))),
        ("identity", identity.map(identity_of)),
        ("userPhone", told(PHONE)),
        ("userPhoneCountry", told(PHONE_COUNTRY)),
        ("csat", csat(session)),
    ]))
}

/// A session as the management API shows it: as above, and with what its messages add.
pub(crate) fn conversation(of: &Session, messages: usize, last: Option<&Message>, operator_online: bool) -> Value {
    let mut told = session(of, operator_online);
    told["projectId"] = json!(of.project_id);
    told["status"] = json!(of.status);
    told["unanswered"] = json!(of.unanswered.unwrap_or(false));
    told["messageCount"] = json!(messages);
    if let Some(last) = last {
        told["lastMessage"] = message(last);
    }
    let visitor = of.identity.as_ref().map(|identity| {
        object([
            ("name", identity.name.as_ref().map(|name| json!(name))),
            ("email", identity.email.as_ref().map(|email| json!(email))),
        ])
    });
    if let Some(visitor) = visitor.filter(|visitor| !visitor.is_empty()) {
        told["visitor"] = Value::Object(visitor);
    }
    // Elsewhere its time is `respondedAt`.
    told["csat"] = of
        .csat
        .as_ref()
        .map_or(Value::Null, |csat| json!({"score": csat.score, "comment": csat.comment, "at": csat.at.map(time)}));
    told
}

/// A session's rating.
pub(crate) fn csat(session: &Session) -> Option<Value> {
    let csat = session.csat.as_ref()?;
    Some(Value::Object(object([
        ("score", csat.score.map(|score| json!(score))),
        ("comment", csat.comment.as_ref().map(|comment| json!(comment))),
        ("respondedAt", csat.at.map(|at| json!(time(at)))),
    ])))
}

/// The visitor's page and browser.
pub(crate) fn metadata(metadata: &Metadata) -> Value {
    let mut fields = object([
        ("url", metadata.page_url.as_ref().map(|url| json!(url))),
        ("userAgent", metadata.user_agent.as_ref().map(|agent| json!(agent))),
    ]);
    fields.extend(metadata.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(fields)
}

/// The page and browser as a widget tells them. Names that are the contract's own are not the widget's to give.
pub(crate) fn read_metadata(mut told: Extra) -> Result<Metadata, Rejection> {
    let mut text = |name: &str| match told.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Null) | None => Ok(None),
        Some(_) => Err(Rejection::field(&format!("metadata.{name}"), "must be a text")),
    };
    let mut metadata = Metadata::new();
    (metadata.page_url, metadata.user_agent) = (text("url")?, text("userAgent")?);
    let page_url = text("pageUrl")?;
    metadata.page_url = metadata.page_url.or(page_url);
    metadata.extra = told;
    Ok(metadata)
}

/// Who the visitor is, after this was said. Another person's id makes it another person.
pub(crate) fn introduced(stored: Option<&Identity>, said: Identity) -> Result<Identity, Rejection> {
    let is_other = stored
        .and_then(|stored| stored.customer_id.as_ref())
        .is_some_and(|known| said.customer_id.as_ref().is_some_and(|id| id != known));
    rules::merged(stored.filter(|_| !is_other), said)
}

/// Takes a text out; what is of another kind stays as it came.
fn take_text(told: &mut Extra, name: &str) -> Option<String> {
    match told.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Null) | None => None,
        Some(other) => {
            told.insert(name.to_owned(), other);
            None
        }
    }
}

const PHONE: &str = "phone";
const PHONE_COUNTRY: &str = "phoneCountry";

/// Who the visitor is. Without an `id`, which widgets insist on, when nobody gave one.
pub(crate) fn identity_of(identity: &Identity) -> Value {
    let mut fields = object([
        ("id", identity.customer_id.as_ref().map(|id| json!(id))),
        ("email", identity.email.as_ref().map(|email| json!(email))),
        ("name", identity.name.as_ref().map(|name| json!(name))),
    ]);
    for (key, value) in identity.metadata.iter().flatten() {
        fields.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(fields)
}

/// Who the visitor is, as a widget says it: an `id`, and whatever else the website knows.
pub(crate) fn read_identity(mut told: Extra) -> Result<Identity, Rejection> {
    let id = match told.remove("id") {
        Some(Value::String(id)) => id,
        // Websites that count their customers do not always write the number as text.
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(Rejection::field("identity.id", "is missing; it must be a text")),
    };
    check_id("identity.id", &id)?;
    let mut identity = Identity::new().customer_id(id);
    (identity.email, identity.name) = (take_text(&mut told, "email"), take_text(&mut told, "name"));
    identity.metadata = Some(told).filter(|rest| !rest.is_empty());
    Ok(identity)
}

/// What a visitor filled in before the conversation.
pub(crate) fn pre_chat(email: Option<String>, phone: Option<String>, country: Option<String>) -> Identity {
    let mut identity = Identity::new();
    identity.email = email;
    for (key, value) in [(PHONE, phone), (PHONE_COUNTRY, country)] {
        if let Some(value) = value {
            identity = identity.metadata(key, value);
        }
    }
    identity
}

/// Whether the visitor has said by e-mail or telephone how to be reached.
pub(crate) fn can_be_reached(session: &Session) -> bool {
    session.identity.as_ref().is_some_and(|identity| {
        identity.email.is_some() || identity.metadata.as_ref().is_some_and(|told| told.contains_key(PHONE))
    })
}

/// An id that a client brings along.
pub(crate) fn check_id(name: &str, id: &str) -> Result<(), Rejection> {
    let length = id.chars().count();
    if length == 0 || length > MOST_ID || id.contains(char::is_control) {
        return Err(Rejection::field(
            name,
            format_args!("must have 1 to {MOST_ID} characters, and no control characters"),
        ));
    }
    Ok(())
}

/// A widget's visitor writes as the visitor and as nobody else.
pub(crate) fn check_sender(sender: Option<&MessageKind>) -> Result<(), Rejection> {
    match sender {
        None | Some(MessageKind::Visitor) => Ok(()),
        Some(other) => Err(Rejection::field(
            "sender",
            format_args!("is {:?}; a widget writes as \"visitor\" only", Cow::from(other.as_str())),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_seconds_are_whole() {
        for (given, told, whole) in [
            ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00.000Z", "2024-01-15T10:30:00Z"),
            ("2024-01-15T10:30:00.120Z", "2024-01-15T10:30:00.120Z", "2024-01-15T10:30:00Z"),
        ] {
            let at: Timestamp = given.parse().unwrap();
            assert_eq!((time(at).as_str(), seconds(at).as_str()), (told, whole));
        }
    }

    #[test]
    fn an_identity_is_the_same_after_both_ways() {
        let told = json!({"id": "u1", "email": "a@b.c", "plan": "pro", "name": null, "seats": 3});
        let Value::Object(fields) = told else { unreachable!() };
        let identity = read_identity(fields).unwrap();
        assert_eq!(identity.customer_id.as_deref(), Some("u1"));
        assert_eq!(identity_of(&identity), json!({"id": "u1", "email": "a@b.c", "plan": "pro", "seats": 3}));
    }

    #[test]
    fn metadata_is_the_same_after_both_ways() {
        let told = json!({"url": "https://a/", "userAgent": "x", "referrer": "r", "botSignals": {"webdriver": false}});
        let metadata_of = read_metadata(told.as_object().unwrap().clone()).unwrap();
        assert_eq!(metadata_of.page_url.as_deref(), Some("https://a/"));
        assert_eq!(metadata(&metadata_of), told);
        for odd in [json!({"url": 7}), json!({"userAgent": []}), json!({"pageUrl": 7})] {
            assert!(read_metadata(odd.as_object().unwrap().clone()).is_err(), "{odd}");
        }
        let by_contract = json!({"pageUrl": "https://b/", "userAgent": null});
        let told = read_metadata(by_contract.as_object().unwrap().clone()).unwrap();
        assert_eq!((told.page_url.as_deref(), told.extra.len()), (Some("https://b/"), 0));
    }
}
