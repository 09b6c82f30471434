//! The contract's rules on what may be written, each naming the field it is about.

use pocketping_sdk::{EventKind, Extra, Identity, Message, MessageKind, Metadata};
use serde_json::Value;
use url::Url;

use super::Rejection;
use crate::contract::Contract;

/// The largest message, in Unicode scalar values.
const MOST_CONTENT: usize = 4000;
/// The largest `metadata` or `identity`, as JSON: any event must fit a frame.
const MOST_OBJECT: usize = 32 << 10;

/// A message's text: 1 to 4000 characters, not blank.
pub(crate) fn content(content: &str) -> Result<(), Rejection> {
    if content.trim().is_empty() {
        return Err(Rejection::field("content", "is blank"));
    }
    let length = content.chars().count();
    if length > MOST_CONTENT {
        return Err(Rejection::field(
            "content",
            format_args!("has {length} characters; at most {MOST_CONTENT} are taken"),
        ));
    }
    Ok(())
}

/// A message that its author may still change.
pub(crate) fn own(message: &Message, author: &MessageKind) -> Result<(), Rejection> {
    if message.kind != *author {
        let words = format!("the message {} was written by the {}, not by the {author}", message.id, message.kind);
        return Err(Rejection::Forbidden(words));
    }
    if message.deleted_at.is_some() {
        return Err(Rejection::Gone(format!("the message {} is deleted", message.id)));
    }
    Ok(())
}

/// Who may be said to write: any of the four, `operator` when nobody is named.
pub(crate) fn kind(kind: MessageKind) -> Result<MessageKind, Rejection> {
    match kind {
        // contract gap: the reference shows a `type` in every request; one without it is an operator's.
        MessageKind::Other(text) if text.is_empty() => Ok(MessageKind::Operator),
        MessageKind::Other(_) => {
            Err(Rejection::field("type", format_args!("is one of {}", MessageKind::KNOWN.join(", "))))
        }
        known => Ok(known),
    }
}

/// The longest comment on a rating, in characters.
const MOST_COMMENT: usize = 1000;
/// How deep an object may be: whoever reads an event has a limit, too.
const MOST_DEPTH: usize = 32;

/// Refuses what is nested too deeply.
pub(crate) fn depth<'a>(name: &str, values: impl IntoIterator<Item = &'a Value>) -> Result<(), Rejection> {
    fn is_deep(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left == 0 || items.iter().any(|item| is_deep(item, left - 1)),
            Value::Object(fields) => left == 0 || fields.values().any(|field| is_deep(field, left - 1)),
            _ => false,
        }
    }
    if values.into_iter().any(|value| is_deep(value, MOST_DEPTH)) {
        return Err(Rejection::field(name, format_args!("is nested more than {MOST_DEPTH} levels deep")));
    }
    Ok(())
}

/// What a visit brings along: bounded, like everything that stands in an event.
pub(crate) fn metadata(metadata: &Metadata) -> Result<(), Rejection> {
    depth("metadata", metadata.extra.values())?;
    let size = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if size > MOST_OBJECT {
        return Err(Rejection::field(
            "metadata",
            format_args!("has {size} bytes as JSON; at most {MOST_OBJECT} are kept"),
        ));
    }
    Ok(())
}

/// What is said of a visitor: at least one field, and an e-mail address that looks like one.
pub(crate) fn identity(said: &Identity) -> Result<(), Rejection> {
    let has_metadata = said.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty());
    if said.email.is_none() && said.name.is_none() && said.customer_id.is_none() && !has_metadata {
        return Err(Rejection::Invalid(
            "at least one of `email`, `name`, `customerId` and `metadata` must be given".to_owned(),
        ));
    }
    if said.email.as_ref().is_some_and(|email| !looks_like_email(email)) {
        return Err(Rejection::field("email", "does not look like an e-mail address"));
    }
    Ok(())
}

/// One `@`, something on both sides, no spaces.
pub(crate) fn looks_like_email(email: &str) -> bool {
    let mut parts = email.split('@');
    let sides = (parts.next(), parts.next(), parts.next());
    matches!(sides, (Some(local), Some(domain), None) if !local.is_empty() && !domain.is_empty())
        && !email.contains(char::is_whitespace)
}

/// What is stored after `said` was said: given fields replace, `metadata` is merged one level deep.
pub(crate) fn merged(stored: Option<&Identity>, said: Identity) -> Result<Identity, Rejection> {
    let mut merged = stored.cloned().unwrap_or_default();
    merged.email = said.email.or(merged.email);
    merged.name = said.name.or(merged.name);
    merged.customer_id = said.customer_id.or(merged.customer_id);
    if let Some(metadata) = said.metadata.filter(|metadata| !metadata.is_empty()) {
        depth("metadata", metadata.values())?;
        check_size("metadata", merged.metadata.get_or_insert_default(), metadata)?;
    }
    let size = serde_json::to_vec(&merged).map_or(usize::MAX, |json| json.len());
    if size > MOST_OBJECT {
        return Err(Rejection::Invalid(format!(
            "the identity has {size} bytes as JSON; at most {MOST_OBJECT} are kept"
        )));
    }
    Ok(merged)
}

fn check_size(name: &str, into: &mut Extra, from: Extra) -> Result<(), Rejection> {
    into.extend(from);
    let size = serde_json::to_vec(into).map_or(usize::MAX, |json| json.len());
    if size > MOST_OBJECT {
        return Err(Rejection::field(name, format_args!("has {size} bytes as JSON; at most {MOST_OBJECT} are kept")));
    }
    Ok(())
}

/// A rating: 1 to 5, and a comment that may be missing or blank. Gives the comment as it is kept.
pub(crate) fn rating(score: i64, comment: Option<String>) -> Result<Option<String>, Rejection> {
    if !(1..=5).contains(&score) {
        return Err(Rejection::field("score", "is a whole number from 1 to 5"));
    }
    let comment = comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let length = comment.as_ref().map_or(0, |text| text.chars().count());
    if length > MOST_COMMENT {
        let what = format_args!("has {length} characters; at most {MOST_COMMENT} are kept");
        return Err(Rejection::field("comment", what));
    }
    Ok(comment)
}

/// A webhook: an absolute `http(s)` URL, at least one known event, a secret of 8 to 255 characters.
pub(crate) fn webhook(
    url: &str,
    events: &[EventKind],
    secret: Option<&str>,
    contract: Contract,
) -> Result<(), Rejection> {
    web_url(url).map_err(|what| Rejection::field("url", what))?;
    if events.is_empty() {
        return Err(Rejection::field("events", "names no event"));
    }
    let known = contract.webhook_events();
    if let Some(position) = events.iter().position(|event| !known.contains(event)) {
        let known: Vec<_> = known.iter().map(EventKind::as_str).collect();
        return Err(Rejection::field(&format!("events[{position}]"), format_args!("is one of {}", known.join(", "))));
    }
    if secret.is_some_and(|secret| !(8..=255).contains(&secret.chars().count())) {
        return Err(Rejection::field("secret", "has 8 to 255 characters"));
    }
    Ok(())
}

/// Where a webhook can lead, or a server be reached: an absolute `http(s)` URL.
pub(crate) fn web_url(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("is no absolute URL: {error}"))?;
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("holds a blank".to_owned());
    }
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err("must start with http:// or https://".to_owned());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_counted_in_unicode_scalar_values() {
        assert!(content(&"é".repeat(4000)).is_ok());
        for bad in [String::new(), " \n\t".into(), "\u{a0}".into(), "x".repeat(4001)] {
            assert!(content(&bad).is_err());
        }
    }

    #[test]
    fn an_email_has_one_at_sign_with_something_on_both_sides() {
        for good in ["a@b", "user+tag@example.com"] {
            assert!(looks_like_email(good), "{good}");
        }
        for bad in ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b "] {
            assert!(!looks_like_email(bad), "{bad}");
        }
    }

    #[test]
    fn metadata_is_merged_one_level_deep_and_bounded() {
        let stored =
            Identity::new().name("Old").metadata("plan", "free").metadata("nested", serde_json::json!({"a": 1}));
        let said = Identity::new().email("a@b").metadata("plan", "pro").metadata("nested", serde_json::json!({"b": 2}));
        let merged = merged(Some(&stored), said).unwrap();
        assert_eq!((merged.name.as_deref(), merged.email.as_deref()), (Some("Old"), Some("a@b")));
        assert_eq!(serde_json::json!(merged.metadata), serde_json::json!({"plan": "pro", "nested": {"b": 2}}));
        let large = Identity::new().metadata("x", "y".repeat(MOST_OBJECT));
        assert!(super::merged(None, large).is_err_and(|error| error.to_string().contains("`metadata`")));
    }
}
