//! JSON as it is printed: stable, and without characters that steer a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Render;
use super::safe::is_unsafe;

/// One document, for people and programs alike.
pub(super) fn document<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    writeln!(out, "{}", escaped(&serde_json::to_string_pretty(value)?))
}

/// One object a line.
pub(super) fn line<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    writeln!(out, "{}", escaped(&serde_json::to_string(value)?))
}

/// serde_json escapes the controls below the space; the others can only stand inside a string, where `\u` is the same.
pub(crate) fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _infallible = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON that came as text: printed in the order it has, and as carefully as everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonText(String);

impl JsonText {
    pub(crate) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        Ok(Self(text.trim().to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde_transcode::transcode(&mut serde_json::Deserializer::from_str(&self.0), to)
    }
}

/// Any JSON as an object that can be printed.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Document<T: Serialize>(pub(crate) T);

impl<T: Serialize> Render for Document<T> {
    const COLUMNS: &'static [&'static str] = &["json"];

    fn cells(&self) -> Vec<String> {
        vec![serde_json::to_string(&self.0).unwrap_or_default()]
    }

    /// Its `id`, or those of the objects it lists; of an answer with its head they are in the `body`.
    fn ids(&self) -> Vec<String> {
        let value = serde_json::to_value(&self.0).unwrap_or_default();
        let ids = ids_in(&value);
        if ids.is_empty() { value.get("body").map(ids_in).unwrap_or_default() } else { ids }
    }
}

/// The `id` of an object, or those of the objects in the lists of it.
fn ids_in(value: &Value) -> Vec<String> {
    let id = |value: &Value| value.get("id").and_then(Value::as_str).map(str::to_owned);
    let listed = |items: &Value| items.as_array().map(|items| items.iter().filter_map(id).collect::<Vec<_>>());
    match value {
        Value::Object(fields) => {
            id(value).map_or_else(|| fields.values().filter_map(listed).flatten().collect(), |id| vec![id])
        }
        _ => listed(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reads_back_the_same_and_holds_no_control_characters() {
        let text = "\u{1b}[2J \u{9b}31m \u{7f} \u{202e}x\n\u{feff}";
        let mut out = Vec::new();
        document(&mut out, &[text]).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert!(!printed.contains(|c| c != '\n' && is_unsafe(c)), "{printed:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&printed).unwrap(), [text]);
    }
}
