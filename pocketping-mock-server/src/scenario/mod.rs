//! Scenarios: a timeline as data, played against the server: what visitors and operators do, what the time brings, and what is
//! expected then.

mod expect;
mod export;
mod play;
mod read;
mod step;
mod stock;

use std::fmt;

use pocketping_sdk::{Message, Session};

use expect::Difference;
pub use play::Played;
pub(crate) use play::play;
use read::{Form, Shape, Source};
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
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    name: Option<String>,
    about: Option<String>,
    steps: Vec<Step>,
    /// What it was read from, for the lines of its steps.
    source: Source,
}

/// A scenario that cannot be read, or that did not go as it should; it names the step, its line and its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    step: Option<usize>,
    line: Option<usize>,
    /// The field in the step, when it could not be read.
    field: Option<Box<str>>,
    what: Box<str>,
    differences: Vec<Difference>,
    /// What was done before; nothing when it could not be read.
    played: Option<Vec<String>>,
}

/// What differs first, then a line for each that was expected and is not there, and for what is there instead.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        self.differences().iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    fn unreadable(what: impl fmt::Display) -> Self {
        let what = what.to_string().into();
        Self { step: None, line: None, field: None, what, differences: Vec::new(), played: None }
    }

    /// What went wrong, without what differs, on one line.
    pub fn summary(&self) -> String {
        let unreadable = self.played.is_none().then(|| "the scenario cannot be read".to_owned());
        let step = self.step.map(|step| format!("step {step}"));
        let line = self.line.map(|line| format!("line {line}"));
        let place = [step, line].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let field = self.field.as_ref().map(|field| format!("`{field}`"));
        let parts = [unreadable, Some(place).filter(|place| !place.is_empty()), field, Some(self.what.to_string())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }

    /// What went wrong, without its place.
    pub fn why(&self) -> &str {
        &self.what
    }

    /// What was expected and is not so: a line with `-` for that, and one with `+` for what is there.
    pub fn differences(&self) -> Vec<String> {
        self.differences.iter().flat_map(Difference::lines).collect()
    }

    /// The step that failed or cannot be read, from 1, when it is about one.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// The line of the step, or of what is wrong in it.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What was done before it failed, a line each.
    pub fn played(&self) -> &[String] {
        self.played.as_deref().unwrap_or_default()
    }
}

impl Scenario {
    /// Reads a scenario from JSON.
    ///
    /// # Errors
    /// When it is not JSON of this shape; the error names the step, the line and the field.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        Self::read(text, Form::Json)
    }

    /// Reads a scenario from YAML, of which JSON is a part.
    ///
    /// # Errors
    /// When it is not YAML of this shape; the error names the step, the line and the field.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        Self::read(text, Form::Yaml)
    }

    fn read(text: &str, form: Form) -> Result<Self, ScenarioError> {
        let source = Source::new(text, form);
        let Shape { name, about, steps } = source.read()?;
        Ok(Self { name, about, steps, source })
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

    /// What a scenario of this conversation cannot say, a line each: deleted messages, files, receipts, ….
    pub fn left_out_of(session: &Session, messages: &[Message]) -> Vec<String> {
        export::left_out(session, messages)
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

/// So many of these, as people say it.
fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
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
    fn what_cannot_be_read_is_named_by_its_step_its_line_and_its_field() {
        for (json, place) in [
            ("", "EOF while parsing"),
            ("[]", "it must be an object with `steps`"),
            ("{}", "line 1: missing field `steps`"),
            (r#"{"steps": [{"wait": 7}]}"#, "`wait`: must be a number with its unit"),
            (r#"{"steps": []}"#, "line 1: `steps`: must hold at least one step"),
            ("{\"steps\": [\n{\"say\": {\"as\": \"a\"}}]}", "step 1, line 2: `say`: missing field `text`"),
            (r#"{"steps": [{"shout": {}}]}"#, "step 1, line 1: `shout`: unknown variant `shout`"),
            (r#"{"steps": [{"wait": "1s", "pause": "1s"}]}"#, "step 1, line 1: must be one step"),
            (r#"{"steps": [5]}"#, "step 1, line 1: must be one step"),
            (
                "{\"steps\": [\"reset\",\n{\"wait\":\n\"soon\"}]}",
                "step 2, line 3: `wait`: must be a number with its unit",
            ),
            (r#"{"steps": [{"wait": "721h"}]}"#, "`wait`: must be at most 30d"),
            (r#"{"steps": [{"pause": "301s"}]}"#, "`pause`: must be at most 5m"),
            (r#"{"steps": [{"reset": false}]}"#, "`reset`: must be true, or stand alone"),
            (r#"{"steps": [{"clear-faults": "no"}]}"#, "`clear-faults`: must be true, or stand alone"),
            (r#"{"steps": ["online"]}"#, "`online`: invalid type: null"),
            (r#"{"steps": [{"say": {"as": "a", "text": "x", "loud": true}}]}"#, "`say.loud`: unknown field `loud`"),
            (
                "{\"steps\": [{\"say\": {\"as\": \"a\",\n\"as\": \"b\"}}]}",
                "step 1, line 2: `say.as`: `as` is there twice",
            ),
            (
                "{\"steps\": [{\"fault\": {\"do\": {\n\"kind\": \"earthquake\"}}}]}",
                "step 1, line 2: `fault.do.kind`: must be one of status",
            ),
            (r#"{"steps": [{"expect": {}}]}"#, "step 1, line 1: `expect`: must say what is expected"),
            (r#"{"steps": [{"expect": {"in": "a"}}]}"#, "`expect`: must say what is expected"),
            (r#"{"steps": [{"expect": {"in": "a", "session": {}}}]}"#, "`expect.session`: must be an object"),
            (r#"{"steps": [{"expect": {"in": "a", "messages": []}}]}"#, "`expect.messages`: is empty"),
            (r#"{"steps": [{"expect": {"count": 1}}]}"#, "`expect.in`: is missing: whose"),
            (
                r#"{"steps": [{"expect": {"events": ["message.updated"]}}]}"#,
                "`expect.events`: must be of session.created",
            ),
            (r#"{"steps": [{"expect": {"deliveries": {"lost": 1}}}]}"#, "`expect.deliveries`: must say how many are"),
        ] {
            let error = Scenario::from_json(json).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with("the scenario cannot be read: ") && said.contains(place), "{json}: {said}");
            assert_eq!(error.step().is_some(), said.contains("step "), "{said}");
            #[cfg(feature = "yaml")]
            if !json.is_empty() {
                assert_eq!(Scenario::from_yaml(json).unwrap_err().to_string(), said, "YAML says the same of it");
            }
        }
    }

    /// The names that an error has in backticks, behind these words.
    fn named_behind(error: &str, words: &str) -> Vec<String> {
        let listed = error.split_once(words).map_or("", |(_, listed)| listed);
        listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_readme_has_a_row_for_every_step_with_all_of_its_fields() {
        let readme = include_str!("../../README.md");
        let said = |step: &str| Scenario::from_json(&format!(r#"{{"steps": [{{{step}: {{"nope": 1}}}}]}}"#));
        let steps = named_behind(&said("\"nope\"").unwrap_err().to_string(), "expected one of ");
        assert!(steps.len() > 20, "{steps:?}");
        for step in steps {
            let row = readme.lines().find(|line| line.starts_with(&format!("| `{step}`")));
            let row = row.unwrap_or_else(|| panic!("{step} has no row"));
            let error = said(&format!("\"{step}\"")).unwrap_err().to_string();
            for field in named_behind(&error, "unknown field `nope`, expected ") {
                let is_there = row.contains(&format!("`{field}`")) || row.contains(&format!("`{field}?`"));
                assert!(is_there, "{field} is not in: {row}");
            }
        }
    }

    #[test]
    fn what_wants_nothing_said_may_stand_alone() {
        let said =
            Scenario::from_json(r#"{"steps": [{"reset": true}, {"clear-faults": true}, {"cut-connections": true}]}"#);
        let alone = Scenario::from_json(r#"{"steps": ["reset", "clear-faults", "cut-connections"]}"#);
        assert_eq!(said.unwrap().steps(), alone.unwrap().steps());
    }

    #[cfg(feature = "yaml")]
    #[test]
    fn yaml_is_read_and_its_errors_name_the_line() {
        let good = "name: x\nsteps:\n  - visit: {as: ann}\n  - say: {as: ann, text: Hello}\n  - wait: 30s\n  - reset\n";
        assert_eq!(Scenario::from_yaml(good).unwrap().steps().len(), 4);
        for (bad, said) in [
            (
                "name: x\nsteps:\n  - visit: {as: ann}\n  # a comment\n  - say:\n      as: ann\n  - wait: 30s\n",
                "step 2, line 6: `say`: missing field `text`",
            ),
            (
                "steps:\n  - say:\n      as: ann\n      text: one\n      text: two\n",
                "step 1, line 5: `say.text`: `text` is there twice",
            ),
            ("steps:\n  - reset\nname: x\nname: y\n", "line 4: `name`: `name` is there twice"),
            ("steps:\n  - rate:\n      as: ann\n      score: much\n", "step 1, line 4: `rate.score`: invalid type"),
            ("", "it must be an object with `steps`"),
            ("steps: [", "line 2: `steps`: did not find expected node content"),
        ] {
            let error = Scenario::from_yaml(bad).unwrap_err().to_string();
            assert!(error.contains(said), "{error}, not {said}");
        }
    }
}
