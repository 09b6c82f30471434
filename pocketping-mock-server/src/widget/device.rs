//! What a browser's user agent says of the device, roughly: enough for an operator to picture it.

use pocketping_sdk::Metadata;

/// Adds `deviceType`, `browser` and `os` to what a widget tells, where its user agent says them.
pub(super) fn describe(metadata: &mut Metadata) {
    let Some(agent) = metadata.user_agent.clone() else { return };
    for (name, value) in [("deviceType", Some(device(&agent))), ("browser", browser(&agent)), ("os", os(&agent))] {
        if let Some(value) = value {
            metadata.extra.insert(name.to_owned(), value.into());
        }
    }
}

/// The first of these words that stands in the agent decides.
fn first(agent: &str, words: &[(&str, &'static str)]) -> Option<&'static str> {
    words.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
}

fn device(agent: &str) -> &'static str {
    let is_tablet = ["iPad", "Tablet", "PlayBook", "Silk"].iter().any(|word| agent.contains(word))
        || (agent.contains("Android") && !agent.contains("Mobile"));
    if is_tablet {
        "tablet"
    } else if ["Mobi", "iPhone", "Android"].iter().any(|word| agent.contains(word)) {
        "mobile"
    } else {
        "desktop"
    }
}

/// Browsers name those they descend from, so the youngest comes first.
fn browser(agent: &str) -> Option<&'static str> {
    first(
        agent,
        &[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("SamsungBrowser", "Samsung Internet"),
            ("Firefox/", "Firefox"),
            ("FxiOS", "Firefox"),
            ("CriOS", "Chrome"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ],
    )
}

fn os(agent: &str) -> Option<&'static str> {
    first(
        agent,
        &[
            ("Windows", "Windows"),
            ("iPhone", "iOS"),
            ("iPad", "iOS"),
            ("Android", "Android"),
            ("CrOS", "ChromeOS"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_told_apart() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
                ["desktop", "Chrome", "Linux"],
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
                ["mobile", "Safari", "iOS"],
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
                ["desktop", "Edge", "Windows"],
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
                ["tablet", "Chrome", "Android"],
            ),
        ] {
            let mut metadata = Metadata::new();
            metadata.user_agent = Some(agent.to_owned());
            describe(&mut metadata);
            assert_eq!(
                ["deviceType", "browser", "os"].map(|name| metadata.extra[name].as_str().unwrap()),
                expected,
                "{agent}"
            );
        }
    }
}
