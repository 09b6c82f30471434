//! What the scripted AI says to what.

use std::fmt;
use std::time::Duration;

use regex_bites::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::json;
use crate::store::rules;

/// What is said where no rule fits, and none was given to say instead.
const FALLBACK: &str =
    "Thanks for your message! Nobody is here right now; an operator will answer as soon as possible.";

/// A scripted AI: when nobody answers a visitor in time, it does, by rules.
///
/// ```
/// use std::time::Duration;
/// use pocketping_mock_server::{MockServer, Responder, Visit};
///
/// let responder = Responder::after(Duration::from_secs(30)).rule("price|cost", "Plans start at $19.")?;
/// let server = MockServer::builder().responder(responder).start()?;
/// let session = server.visitor_opens_session(Visit::new());
/// server.visitor_says(&session.id, "What does it cost?");
/// server.clock().advance(Duration::from_secs(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Responder {
    pub(super) delay: Duration,
    rules: Vec<Rule>,
    fallback: String,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Regex,
    reply: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rules: Vec<RuleText>,
    fallback: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    pattern: String,
    reply: String,
}

/// Rules that cannot be used; one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesError(String);

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the AI rules cannot be used: {}", self.0)
    }
}

impl std::error::Error for RulesError {}

impl Responder {
    /// One that waits so long, on the server's clock, and has one answer for everything.
    pub fn after(delay: Duration) -> Self {
        Self { delay, rules: Vec::new(), fallback: FALLBACK.to_owned() }
    }

    /// Says this where the visitor's words hold the pattern: a regular expression, whatever the case. The first rule that
    /// fits counts.
    ///
    /// # Errors
    /// When the pattern is no regular expression, or the reply is blank or longer than 4000 characters.
    pub fn rule(mut self, pattern: &str, reply: impl Into<String>) -> Result<Self, RulesError> {
        let place = format!("rules[{}]", self.rules.len());
        let reply = checked(reply.into(), &format!("{place}.reply"))?;
        let pattern = RegexBuilder::new(pattern)
            .case_insensitive(true)
            .build()
            .map_err(|error| RulesError(format!("{place}.pattern: {error}")))?;
        self.rules.push(Rule { pattern, reply });
        Ok(self)
    }

    /// Says this where no rule fits.
    ///
    /// # Errors
    /// When it is blank or longer than 4000 characters.
    pub fn fallback(mut self, reply: impl Into<String>) -> Result<Self, RulesError> {
        self.fallback = checked(reply.into(), "fallback")?;
        Ok(self)
    }

    /// Adds the rules of a JSON file: `{"rules": [{"pattern": "price|cost", "reply": "…"}], "fallback": "…"}`.
    ///
    /// # Errors
    /// When it is not JSON of this shape, or a rule of it cannot be used; the error names the place.
    pub fn rules_json(self, text: &str) -> Result<Self, RulesError> {
        let file: RulesFile = json::read(text.as_bytes()).map_err(|wrong| RulesError(wrong.to_string()))?;
        let mut responder = self;
        for rule in file.rules {
            responder = responder.rule(&rule.pattern, rule.reply)?;
        }
        match file.fallback {
            Some(fallback) => responder.fallback(fallback),
            None => Ok(responder),
        }
    }

    /// What it says to these words.
    pub(super) fn reply_to(&self, words: &str) -> &str {
        let rule = self.rules.iter().find(|rule| rule.pattern.is_match(words));
        rule.map_or(&self.fallback, |rule| &rule.reply)
    }

    /// How long it waits.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }
}

fn checked(reply: String, place: &str) -> Result<String, RulesError> {
    rules::content(&reply).map_err(|error| RulesError(format!("{place}: {error}")))?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let responder = Responder::after(Duration::ZERO)
            .rules_json(r#"{"rules": [{"pattern": "price|cost", "reply": "19"}, {"pattern": "COST", "reply": "no"}], "fallback": "?"}"#)
            .unwrap();
        assert_eq!(responder.reply_to("What does it Cost?"), "19");
        assert_eq!(responder.reply_to("Hello"), "?");
        assert_eq!(Responder::after(Duration::ZERO).reply_to("Hello"), FALLBACK);
    }

    #[test]
    fn rules_that_cannot_be_used_are_refused_with_their_place() {
        for (json, place) in [
            ("", "line 1"),
            (r#"{"rule": []}"#, "rule"),
            (r#"{"rules": [{"pattern": "(", "reply": "x"}]}"#, "rules[0].pattern"),
            (r#"{"rules": [{"pattern": "a", "reply": " "}]}"#, "rules[0].reply"),
            (r#"{"rules": [{"pattern": "a"}]}"#, "rules[0]"),
            (r#"{"fallback": ""}"#, "fallback"),
            ("{} x", "line 1"),
        ] {
            let error = Responder::after(Duration::ZERO).rules_json(json).unwrap_err().to_string();
            assert!(error.contains(place) && !error.contains('\n'), "{json}: {error}");
        }
    }
}
