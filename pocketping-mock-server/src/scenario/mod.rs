//! Scenarios: a timeline as data, played against the server: what visitors and operators do, what the time brings, and what is
//! expected then.

mod expect;
mod export;
mod play;
mod step;
mod stock;

use std::fmt;

use pocketping_sdk::{Message, Session};
use serde::Deserialize;

use crate::json;

pub use play::Played;
pub(crate) use play::play;
use step::Step;

/// A timeline of steps, one after the other.
///
/// ```
/// use pocketping_mock_server::{MockServer, Scenario};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let scenario = Scenario::from_json(r#"{"steps": [
///     {"visit": {"as": "ann", "page": "https://example.com/pricing"}},
///     {"say": {"as": "ann", "text": "Is anybody there?"}},
///     {"wait": "30s"},
///     {"reply": {"to": "ann", "text": "Yes!"}},
///     {"expect": {"in": "ann", "session": {"unanswered": false}, "messages": [{"content": "Yes!"}]}}
/// ]}"#)?;
/// let played = MockServer::start().play(&scenario).await?;
/// assert_eq!(played.steps.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    name: Option<String>,
    about: Option<String>,
    steps: Vec<Step>,
}

/// A scenario that cannot be read, or that did not go as it should; it names the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The number of the step, from 1, when it is about one.
    pub(crate) step: Option<usize>,
    what: String,
    /// What was done before.
    pub(crate) played: Vec<String>,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}: {}", self.what),
            None => write!(f, "the scenario cannot be read: {}", self.what),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    fn unreadable(what: impl fmt::Display) -> Self {
        Self { step: None, what: what.to_string(), played: Vec::new() }
    }

    /// The step that failed, from 1; none when the scenario could not be read.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// What was done before it failed, a line each.
    pub fn played(&self) -> &[String] {
        &self.played
    }
}

impl Scenario {
    /// Reads a scenario from JSON.
    ///
    /// # Errors
    /// When it is not JSON of this shape; the error names the field and the line.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        json::read(text.as_bytes()).map_err(ScenarioError::unreadable)
    }

    /// Reads a scenario from YAML, of which JSON is a part.
    ///
    /// # Errors
    /// When it is not YAML of this shape; the error names the field and the line.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        let value: serde_json::Value = serde_norway::from_str(text).map_err(ScenarioError::unreadable)?;
        let value = value.to_string();
        json::read(value.as_bytes()).map_err(|wrong| {
            // The line of the text that was made here says nothing; that of the step does.
            let what = wrong.what.split(" at line ").next().unwrap_or_default();
            let step = wrong.field.as_deref().and_then(step_of).and_then(|step| line_of_step(text, step));
            let line = step.map(|line| format!(" (line {line})")).unwrap_or_default();
            match &wrong.field {
                Some(field) => ScenarioError::unreadable(format_args!("{field}: {what}{line}")),
                None => ScenarioError::unreadable(what),
            }
        })
    }

    /// One of the stories that come with the server.
    pub fn stock(name: &str) -> Option<Self> {
        stock::STORIES.iter().find(|(known, _)| *known == name).map(|(name, text)| {
            Self::from_json(text).unwrap_or_else(|error| unreachable!("checked by a test: {name}: {error}"))
        })
    }

    /// The names of the stories that come with the server.
    pub fn stock_names() -> impl Iterator<Item = &'static str> {
        stock::STORIES.iter().map(|(name, _)| *name)
    }

    /// The file of a story that comes with the server.
    pub fn stock_file(name: &str) -> Option<&'static str> {
        stock::STORIES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// A conversation as a scenario, as JSON: who wrote what, and how long after each other.
    pub fn of_conversation(session: &Session, messages: &[Message]) -> String {
        export::scenario(session, messages)
    }

    /// What it is about, for whoever reads it.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// The number of the step in a path such as `steps[3].say`.
#[cfg(feature = "yaml")]
fn step_of(field: &str) -> Option<usize> {
    field.strip_prefix("steps[")?.split(']').next()?.parse().ok()
}

/// The line, from 1, on which a step of a YAML file begins.
#[cfg(feature = "yaml")]
fn line_of_step(text: &str, step: usize) -> Option<usize> {
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with("steps:")).skip(1);
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let (first, line) = lines.find(|(_, line)| is_item(line))?;
    let indent = line.len() - line.trim_start().len();
    let rest = lines.filter(|(_, line)| is_item(line) && line.len() - line.trim_start().len() == indent);
    std::iter::once(first).chain(rest.map(|(at, _)| at)).nth(step).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stock_story_can_be_read() {
        for (name, text) in stock::STORIES {
            let scenario = Scenario::from_json(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(scenario.name(), Some(*name));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (json, place) in [
            ("", "line 1"),
            ("{}", "steps"),
            (r#"{"steps": [{"say": {"as": "a"}}]}"#, "steps[0]"),
            (r#"{"steps": [{"shout": {}}]}"#, "shout"),
            (r#"{"steps": [{"wait": "soon"}]}"#, "number with its unit"),
            (r#"{"steps": [{"say": {"as": "a", "text": "x", "loud": true}}]}"#, "loud"),
        ] {
            let error = Scenario::from_json(json).unwrap_err();
            assert!(error.to_string().contains(place) && error.step().is_none(), "{json}: {error}");
        }
    }

    #[cfg(feature = "yaml")]
    #[test]
    fn yaml_is_read_and_its_errors_name_the_line() {
        let good = "name: x\nsteps:\n  - visit: {as: ann}\n  - say: {as: ann, text: Hello}\n  - wait: 30s\n";
        assert_eq!(Scenario::from_yaml(good).unwrap().steps().len(), 3);
        let bad = "name: x\nsteps:\n  - visit: {as: ann}\n  # a comment\n  - say:\n      as: ann\n  - wait: 30s\n";
        let error = Scenario::from_yaml(bad).unwrap_err().to_string();
        assert!(error.contains("steps[1]") && error.contains("(line 5)") && error.contains("text"), "{error}");
        assert!(Scenario::from_yaml("steps: [").unwrap_err().to_string().contains("line"), "syntax");
    }
}
