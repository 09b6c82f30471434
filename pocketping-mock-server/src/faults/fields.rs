//! An object of JSON, taken apart field by field: whatever is wrong is told by its path.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::durations::duration;
use crate::json::Wrong;

/// The longest time that something is held up.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is left of an object.
#[derive(Debug)]
pub(super) struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of a whole text.
    pub(super) fn of(value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Ok(Self { path: String::new(), map }),
            _ => Err(Wrong { field: None, what: "must be a JSON object".to_owned() }),
        }
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, name: &str, what: impl Into<String>) -> Wrong {
        Wrong { field: Some(format!("{}{name}", self.path)), what: what.into() }
    }

    /// Whatever it is.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name)
    }

    fn typed<T>(
        &mut self,
        name: &str,
        what: impl Into<String>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.map.remove(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(name, what))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Wrong> {
        let path = format!("{}{name}.", self.path);
        self.typed(name, "must be an object", |value| match value {
            Value::Object(map) => Some(Self { path, map }),
            _ => None,
        })
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        self.typed(name, "must be a text that is not empty", |value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        })
    }

    /// A text that is one of these.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        name_of: fn(T) -> &'static str,
    ) -> Result<Option<T>, Wrong> {
        let names = all.iter().map(|one| name_of(*one)).collect::<Vec<_>>().join(", ");
        self.typed(name, format!("must be one of {names}"), |value| {
            all.iter().copied().find(|one| value.as_str() == Some(name_of(*one)))
        })
    }

    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Wrong> {
        let what = format!("must be a whole number from {} to {}", range.start(), range.end());
        self.typed(name, what, |value| value.as_u64().filter(|number| range.contains(number)))
    }

    pub(super) fn number32(&mut self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Wrong> {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        Ok(self.number(name, wide)?.and_then(|number| u32::try_from(number).ok()))
    }

    pub(super) fn number16(&mut self, name: &str, range: RangeInclusive<u16>) -> Result<Option<u16>, Wrong> {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        Ok(self.number(name, wide)?.and_then(|number| u16::try_from(number).ok()))
    }

    pub(super) fn fraction(&mut self, name: &str) -> Result<Option<f64>, Wrong> {
        self.typed(name, "must be a number above 0, and 1 at most", |value| {
            value.as_f64().filter(|number| *number > 0.0 && *number <= 1.0)
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Wrong> {
        self.typed(name, "must be true or false", |value| value.as_bool())
    }

    pub(super) fn time(&mut self, name: &str) -> Result<Option<Duration>, Wrong> {
        let Some(value) = self.map.remove(name) else { return Ok(None) };
        self.time_of(name, &value).map(Some)
    }

    /// How long this value says; what waits in real time waits no longer than that.
    pub(super) fn time_of(&self, name: &str, value: &Value) -> Result<Duration, Wrong> {
        let time = duration(value.as_str().unwrap_or_default());
        match time.map_err(|what| self.wrong(name, what.trim_start_matches("it ")))? {
            time if time <= LONGEST => Ok(time),
            _ => Err(self.wrong(name, "must be at most 1h")),
        }
    }

    /// A field that cannot be left out.
    pub(super) fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T, Wrong> {
        value.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// All that is left, by name.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (String, Value)> + use<> {
        std::mem::take(&mut self.map).into_iter()
    }

    /// Nothing may be left.
    pub(super) fn end(self, of: &str) -> Result<(), Wrong> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.wrong(name, format!("is no field of {of}"))),
        }
    }
}
