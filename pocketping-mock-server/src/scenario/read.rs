//! Reads a timeline from its text, JSON or YAML. What is wrong is told by its step, its line and its field.

use std::fmt;
use std::sync::Arc;

use pocketping_sdk::json::{Segment, path, place_of, said};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::ScenarioError;
use super::step::Step;
use crate::json::{Reading, in_words};

/// How many times as large as its text a timeline may be when its aliases are written out.
const MOST_GROWTH: usize = 8;

/// A timeline's text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    text: Arc<str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Json,
    #[cfg(feature = "yaml")]
    Yaml,
}

/// What a timeline says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) name: Option<String>,
    pub(super) about: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// Why a text cannot be read, and the line where.
#[derive(Debug)]
struct Problem {
    what: String,
    line: Option<usize>,
}

impl Source {
    pub(super) fn new(text: &str, form: Form) -> Self {
        Self { text: text.into(), form }
    }

    pub(super) fn read(&self) -> Result<Shape, ScenarioError> {
        let mut value = self.value()?;
        if !value.is_object() {
            return Err(ScenarioError::unreadable("it must be an object with `steps`"));
        }
        let names = self.named(&mut value)?;
        let text = value.to_string();
        let wrong = |error| self.wrong(&place_of(&text, &error), in_words(&said(&error)));
        let shape: Shape = serde_json::from_str(&text).map_err(wrong)?;
        if shape.steps.is_empty() {
            return Err(self.wrong(&[Segment::Field("steps".to_owned())], "must hold at least one step"));
        }
        for (n, (step, name)) in shape.steps.iter().zip(names).enumerate() {
            step.check().map_err(|wrong| {
                let field = wrong.field.iter().flat_map(|field| field.split('.')).map(str::to_owned);
                let mut place = at_step(n);
                place.extend([name].into_iter().chain(field).map(Segment::Field));
                self.wrong(&place, wrong.what)
            })?;
        }
        Ok(shape)
    }

    /// The line on which a step begins, counted from 0.
    pub(super) fn line_of_step(&self, n: usize) -> Option<usize> {
        self.line_of(&at_step(n))
    }

    fn value(&self) -> Result<Value, ScenarioError> {
        let reading = Reading::new(self.text.len().saturating_mul(MOST_GROWTH).saturating_add(1 << 16));
        self.run(&reading).map_err(|problem| {
            let place = reading.place();
            let (step, field) = told(&place);
            // A reader of YAML says the place itself, too.
            let said = problem.what.split_once(": ").filter(|(said, _)| path(&place).starts_with(said));
            let what = said.map_or(&*problem.what, |(_, what)| what);
            ScenarioError { step, line: problem.line, field, ..ScenarioError::unreadable(what) }
        })
    }

    /// Gives the steps' names; a word that stands alone is a step that wants nothing said.
    fn named(&self, value: &mut Value) -> Result<Vec<String>, ScenarioError> {
        let steps = value.get_mut("steps").and_then(Value::as_array_mut);
        let mut names = Vec::new();
        for (n, step) in steps.into_iter().flatten().enumerate() {
            if let Some(word) = step.as_str().map(str::to_owned) {
                *step = json!({word: null});
            }
            let mut fields = step.as_object().into_iter().flatten().map(|(name, _)| name.clone());
            match (fields.next(), fields.next()) {
                (Some(name), None) => names.push(name),
                _ => return Err(self.wrong(&at_step(n), "must be one step, such as {\"wait\": \"30s\"}")),
            }
        }
        Ok(names)
    }

    fn wrong(&self, place: &[Segment], what: impl fmt::Display) -> ScenarioError {
        let (step, field) = told(place);
        ScenarioError { step, line: self.line_of(place), field, ..ScenarioError::unreadable(what) }
    }

    /// The line where this stands, or else what it is missing from.
    fn line_of(&self, place: &[Segment]) -> Option<usize> {
        (0..=place.len()).rev().find_map(|length| match self.run(Seek(&place[..length])) {
            Err(problem) if problem.what.ends_with(HERE) => problem.line,
            _ => None,
        })
    }

    fn run<'de, S: DeserializeSeed<'de>>(&'de self, seed: S) -> Result<S::Value, Problem> {
        match self.form {
            Form::Json => {
                let mut input = serde_json::Deserializer::from_str(&self.text);
                let value = seed.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
                value.map_err(|error| Problem::new(&error, Some(error.line()).filter(|line| *line > 0)))
            }
            #[cfg(feature = "yaml")]
            Form::Yaml => seed
                .deserialize(serde_norway::Deserializer::from_str(&self.text))
                .map_err(|error| Problem::new(&error, error.location().map(|at| at.line()))),
        }
    }
}

impl Problem {
    /// The line is told apart.
    fn new(error: &impl fmt::Display, line: Option<usize>) -> Self {
        let what = error.to_string();
        let what =
            line.and_then(|line| what.rsplit_once(&format!(" at line {line} "))).map_or(&*what, |(what, _)| what);
        Self { what: what.to_owned(), line }
    }
}

fn at_step(n: usize) -> Vec<Segment> {
    vec![Segment::Field("steps".to_owned()), Segment::Item(n)]
}

/// The step, from 1, and the field in it.
fn told(place: &[Segment]) -> (Option<usize>, Option<Box<str>>) {
    let (step, rest) = match place {
        [Segment::Field(steps), Segment::Item(n), rest @ ..] if steps == "steps" => (Some(n + 1), rest),
        rest => (None, rest),
    };
    (step, Some(path(rest).into()).filter(|_| !rest.is_empty()))
}

/// What is said when a place is found: readers add the line to it.
const HERE: &str = "\0here";

/// Looks for a place, and fails there.
struct Seek<'a>(&'a [Segment]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl Seek<'_> {
    fn at_scalar<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.0.is_empty() { Err(E::custom(HERE)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.at_scalar()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((down, rest)) = self.0.split_first() else { return Err(A::Error::custom(HERE)) };
        let mut n = 0;
        loop {
            let is_it = matches!(down, Segment::Item(index) if *index == n);
            let is_there = if is_it {
                items.next_element_seed(Seek(rest))?
            } else {
                items.next_element::<IgnoredAny>()?.map(drop)
            };
            if is_there.is_none() {
                return Ok(());
            }
            n += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Some((down, rest)) = self.0.split_first() else { return Err(A::Error::custom(HERE)) };
        while let Some(key) = fields.next_key::<String>()? {
            if matches!(down, Segment::Field(name) if *name == key) {
                fields.next_value_seed(Seek(rest))?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
