//! The page a visitor is on, and the browser that shows it: what a widget tells of them.

use pocketping_sdk::Extra;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A browser nobody knows: it is not said to be one that it is not.
pub(super) const USER_AGENT: &str =
    concat!("Mozilla/5.0 (X11; Linux x86_64) pocketping-rust/", env!("CARGO_PKG_VERSION"));

#[derive(Clone)]
pub(super) struct Page {
    pub(super) url: String,
    pub(super) referrer: String,
    pub(super) title: String,
    pub(super) user_agent: String,
    pub(super) timezone: String,
    pub(super) language: String,
    pub(super) screen: String,
    /// What is told besides, or instead.
    pub(super) more: Extra,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            url: "http://localhost/".to_owned(),
            referrer: String::new(),
            title: String::new(),
            user_agent: USER_AGENT.to_owned(),
            timezone: "UTC".to_owned(),
            language: "en-US".to_owned(),
            screen: "1920x1080".to_owned(),
            more: Extra::new(),
        }
    }
}

/// What a widget looks for to tell robots; a person's browser has none of it.
#[derive(Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "it is the widget's")]
struct BotSignals {
    webdriver: bool,
    plugins: bool,
    languages: bool,
    chrome: bool,
    permissions: bool,
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const BOT_SIGNALS: &str = "botSignals";
        let told = [
            ("url", Some(&self.url)),
            ("referrer", Some(&self.referrer).filter(|text| !text.is_empty())),
            ("pageTitle", Some(&self.title).filter(|text| !text.is_empty())),
            ("userAgent", Some(&self.user_agent)),
            ("timezone", Some(&self.timezone)),
            ("language", Some(&self.language)),
            ("screenResolution", Some(&self.screen)),
        ];
        let mut map = serializer.serialize_map(None)?;
        let is_besides = |name: &str| self.more.contains_key(name);
        for (name, text) in told.into_iter().filter(|(name, _)| !is_besides(name)) {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if !is_besides(BOT_SIGNALS) {
            map.serialize_entry(BOT_SIGNALS, &BotSignals::default())?;
        }
        for (name, value) in &self.more {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_instead_is_told_once() {
        let mut page = Page { screen: "0x0".to_owned(), ..Page::default() };
        for (name, value) in [("botSignals", json!({"webdriver": true})), ("url", json!(7)), ("plan", json!("pro"))] {
            page.more.insert(name.to_owned(), value);
        }
        let rest = r#""timezone":"UTC","language":"en-US","screenResolution":"0x0","botSignals":{"webdriver":true},"plan":"pro","url":7}"#;
        let expected = format!("{{\"userAgent\":\"{USER_AGENT}\",{rest}");
        assert_eq!(serde_json::to_string(&page).unwrap(), expected);
    }
}
