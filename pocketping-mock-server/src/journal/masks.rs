//! What the journal does not show: keys, tokens, secrets and signatures never, personal data only when asked.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue};
use regex_bites::{Captures, Regex};
use serde_json::Value;
use url::form_urlencoded;

use super::entry::{Body, Direction, Entry, FrameKind, Kind};
use super::log::Stored;
use super::named::{PERSONAL_HEADERS, Place, SENTENCES, is_free, is_secret_header, place_of};
use crate::store::given_name;

/// Secrets in texts that are not JSON, or not whole; and those in URLs.
static IN_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?i)(\bBearer\s+|[?&"]?\b[a-z_-]*(?:api_?-?key|secret|token|password|signature)\\?"?\s*[:=]\s*\\?"?)([^\\"&\s,}<]+)"#;
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a constant: {error}"))
});

/// Without one of these there is none of them.
const HINTS: [&str; 6] = ["bearer", "key", "password", "secret", "signature", "token"];

/// How much is shown.
#[derive(Clone, Debug)]
pub(super) struct Masks<'a> {
    pub(super) salt: &'a RandomState,
    /// Secrets that are known, wherever they stand.
    pub(super) known: Arc<[String]>,
    /// Whether personal data is shown.
    pub(super) personal: bool,
}

impl Masks<'_> {
    /// An entry as it may be shown.
    pub(super) fn entry(&self, stored: &Stored) -> Entry {
        let mut entry = Entry::clone(&stored.entry);
        entry.tenant = stored.tenant.as_ref().and_then(given_name).map(str::to_owned);
        match &mut entry.kind {
            Kind::Request(request) => {
                request.query = request.query.as_deref().map(|query| self.query(query));
                request.path = self.free(&request.path);
                self.headers(&mut request.headers);
                self.headers(&mut request.answer_headers);
                self.body(&mut request.body);
                self.body(&mut request.answer);
                if let Some(refusal) = &mut request.refused_by {
                    refusal.why = self.sentence(&refusal.why);
                }
            }
            Kind::Frame(frame) => match (frame.kind, frame.direction) {
                (FrameKind::Close, Direction::Received) => {
                    let text = frame.text.text();
                    let (code, reason) = text.split_once(' ').unwrap_or((&text, ""));
                    let text = if reason.is_empty() {
                        code.to_owned()
                    } else {
                        format!("{code} {}", self.text(reason, Place::Personal))
                    };
                    frame.text.bytes = text.into();
                }
                (FrameKind::Text, _) | (_, Direction::Received) => self.body(&mut frame.text),
                (_, Direction::Sent) => {}
            },
            Kind::Event(event) => self.body(&mut event.text),
            Kind::Attempt(attempt) => {
                attempt.url = self.url(&attempt.url);
                self.headers(&mut attempt.headers);
                self.body(&mut attempt.body);
            }
        }
        entry
    }

    /// What stands for a text: the same for the same text, on this server.
    fn mask(&self, text: &str) -> String {
        let tag = self.tag(text);
        format!("<masked {} chars {tag}>", text.chars().count())
    }

    fn tag(&self, text: &str) -> String {
        format!("#{:08x}", self.salt.hash_one(text) & 0xffff_ffff)
    }

    fn secret(&self, text: &str) -> String {
        format!("<masked {}>", self.tag(text))
    }

    fn text(&self, text: &str, place: Place) -> String {
        match place {
            Place::Secret => self.secret(text),
            Place::Personal if !self.personal && !text.is_empty() => self.mask(text),
            Place::Plain if !self.personal && is_free(text) => self.mask(text),
            _ => self.free(text),
        }
    }

    /// A text without the secrets in it.
    fn free(&self, text: &str) -> String {
        let known = self.known.iter().filter(|secret| text.contains(secret.as_str()));
        let text =
            known.fold(Cow::Borrowed(text), |text, known| text.replace(known.as_str(), &self.secret(known)).into());
        let lower = text.to_ascii_lowercase();
        if !HINTS.iter().any(|hint| lower.contains(hint)) {
            return text.into_owned();
        }
        let put = |found: &Captures<'_>| {
            let [start, secret] = [1, 2].map(|n| found.get(n).map_or("", |part| part.as_str()));
            if secret.starts_with("<masked") { found[0].to_owned() } else { format!("{start}{}", self.secret(secret)) }
        };
        IN_TEXT.replace_all(&text, put).into_owned()
    }

    /// A sentence without what it quotes.
    fn sentence(&self, text: &str) -> String {
        let text = self.free(text);
        match (text.find('"'), text.rfind('"')) {
            (Some(start), Some(end)) if !self.personal && start < end => {
                format!("{}\"{}\"{}", &text[..start], self.mask(&text[start + 1..end]), &text[end + 1..])
            }
            _ => text,
        }
    }

    fn url(&self, url: &str) -> String {
        let Ok(mut url) = url::Url::parse(url) else { return self.free(url) };
        // Some carry a token as the user's name.
        let user = Some(url.username()).filter(|name| !name.is_empty()).map(|name| self.secret(name));
        if user.is_some_and(|name| url.set_username(&name).is_err()) {
            return self.secret(url.as_str());
        }
        let password = url.password().map(|password| self.secret(password));
        if password.is_some() && url.set_password(password.as_deref()).is_err() {
            return self.secret(url.as_str());
        }
        if let Some(query) = url.query().map(|query| self.query(query)) {
            url.set_query(Some(&query));
        }
        url.into()
    }

    fn query(&self, query: &str) -> String {
        let mut shown = form_urlencoded::Serializer::new(String::new());
        let mut is_changed = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = place_of(&name).unwrap_or(Place::Plain);
            let text = self.text(&value, place);
            is_changed |= text != value;
            shown.append_pair(&name, &text);
        }
        if is_changed { shown.finish() } else { query.to_owned() }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let is_secret = is_secret_header(name.as_str());
            let shown = match text.split_once(' ') {
                Some((scheme, secret)) if is_secret && scheme.eq_ignore_ascii_case("bearer") => {
                    format!("{scheme} {}", self.secret(secret))
                }
                _ if is_secret => self.secret(&text),
                _ if PERSONAL_HEADERS.contains(&name.as_str()) => self.text(&text, Place::Personal),
                _ => self.free(&text),
            };
            if shown != text {
                *value = HeaderValue::try_from(shown).unwrap_or(HeaderValue::from_static("<masked>"));
            }
        }
    }

    pub(super) fn body(&self, body: &mut Body) {
        if body.bytes.is_empty() {
            return;
        }
        if let Some(value) = body.json() {
            let shown = self.json(value.clone());
            if shown != value {
                body.bytes = shown.to_string().into();
            }
            return;
        }
        let text = body.text();
        let shown = if self.personal { self.free(&text) } else { self.mask(&text) };
        if !self.personal || shown != text {
            body.bytes = shown.into();
        }
    }

    pub(super) fn json(&self, mut value: Value) -> Value {
        self.walk(&mut value, Place::Plain);
        value
    }

    fn walk(&self, value: &mut Value, place: Place) {
        match value {
            Value::String(text) => *text = self.text(text, place),
            Value::Number(number) if place == Place::Secret || (place == Place::Personal && !self.personal) => {
                *value = self.text(&number.to_string(), place).into();
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, place)),
            Value::Object(fields) => {
                // What a page tells in its own words.
                let is_error = fields.contains_key("code") || fields.contains_key("error");
                let told = fields.get("type").and_then(Value::as_str).map(str::to_owned);
                for (name, value) in fields.iter_mut() {
                    match (value, told.as_deref()) {
                        (Value::Object(data), Some("event")) if name == "data" => {
                            for (name, value) in data.iter_mut() {
                                let of_page = if matches!(name.as_str(), "name" | "timestamp" | "sessionId") {
                                    Place::Plain
                                } else {
                                    Place::Personal
                                };
                                self.walk(value, of_page.max(place));
                            }
                        }
                        (value, Some("inspector_select")) if name == "data" => {
                            self.walk(value, Place::Personal.max(place));
                        }
                        (Value::String(sentence), _)
                            if is_error && place == Place::Plain && SENTENCES.contains(&name.as_str()) =>
                        {
                            *sentence = self.sentence(sentence);
                        }
                        (value, _) => self.walk(value, place_of(name).map_or(place, |own| own.max(place))),
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(personal: bool, value: Value) -> Value {
        Masks { salt: &RandomState::new(), known: ["sk_1234".to_owned()].into(), personal }.json(value)
    }

    #[test]
    fn structure_and_equality_stay() {
        let shown = masked(
            false,
            json!({"id": "msg_1", "content": "Hi", "n": 1, "message": {"content": "Hi", "type": "visitor"},
                   "other": {"content": "Ho"}, "identity": {"metadata": {"plan": "pro", "age": 7, "ok": true}}}),
        );
        assert_eq!(
            (&shown["id"], &shown["n"], &shown["message"]["type"]),
            (&json!("msg_1"), &json!(1), &json!("visitor"))
        );
        let text = shown["content"].as_str().unwrap();
        assert!(text.starts_with("<masked 2 chars #") && text.ends_with('>'), "{text}");
        assert_eq!(shown["content"], shown["message"]["content"]);
        assert_ne!(shown["content"], shown["other"]["content"]);
        let metadata = &shown["identity"]["metadata"];
        assert!(metadata["plan"].as_str().unwrap().contains("3 chars") && metadata["ok"] == true, "{metadata}");
        assert!(metadata["age"].as_str().unwrap().contains("1 chars"));
    }

    #[test]
    fn an_address_tells_neither_user_nor_password() {
        let masks = Masks { salt: &RandomState::new(), known: [].into(), personal: true };
        for url in ["http://tok_1234@h/hook?a=1", "http://u:tok_1234@h/hook?a=1", "http://tok_1234:x@h/hook?a=1"] {
            let shown = masks.url(url);
            assert!(!shown.contains("tok_1234") && shown.ends_with("@h/hook?a=1"), "{shown}");
        }
        assert_eq!(masks.url("http://h/hook"), "http://h/hook");
    }

    #[test]
    fn secrets_are_never_shown() {
        for personal in [false, true] {
            let shown = masked(
                personal,
                json!({"apiKey": "sk_1234", "secret": 1234, "uploadUrl": "http://h/upload/a?token=tok_1234&x=1",
                       "content": "see http://h/files/a?token=tok_1234", "deep": [{"inspectorToken": ["sk_1234"]}], "odd": ["xsk_1234x"]}),
            );
            let text = shown.to_string();
            assert!(!text.contains("1234"), "{text}");
            assert_eq!(text.contains("see http"), personal);
            let masks = Masks { salt: &RandomState::new(), known: ["sk_1234".to_owned()].into(), personal };
            let mut cut = Body::new(&r#"{"apiKey":"sk_1234","content":"Hello, wor"#.into());
            masks.body(&mut cut);
            assert!(!cut.text().contains("1234") && cut.text().contains("Hello") == personal, "{cut:?}");
            assert!(!masks.query("apiKey=sk_1234&limit=3").contains("1234"));
            assert!(!masks.url("https://u:p1234@h/x?sig=1&access_token=t1234").contains("1234"));
        }
    }

    #[test]
    fn what_sentences_quote_and_misnamed_fields_hold_is_masked() {
        let said = r#"`content` cannot be read: invalid type: string "say \"a\" now", expected x"#;
        let shown = masked(false, json!({"message": said, "code": "X", "contents": "Hello there", "mail": "a@b.c", "not": {"message": "told there"}})).to_string();
        assert!(shown.contains("`content` cannot be read"), "{shown}");
        assert!(!shown.contains("now") && !shown.contains("there") && !shown.contains("a@b.c"), "{shown}");
    }
}
