//! JSON as the client, the reference server and the command line tool all make it and tell of it. It is no part of the API.

use serde_json::{Map, Value};

/// An object of these fields. `collect` would sort them first, with some kilobytes of code for every kind of iterator.
pub fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    fn of(fields: &mut dyn Iterator<Item = (String, Value)>) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, value) in fields {
            object.insert(name, value);
        }
        object
    }
    of(&mut fields.into_iter())
}

/// One step down into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The field of an object.
    Field(String),
    /// The item of an array, from 0.
    Item(usize),
}

/// A place as it is told, such as `sessions[3].id`; nothing for the whole.
pub fn path(place: &[Segment]) -> String {
    let mut path = String::new();
    for segment in place {
        match segment {
            Segment::Item(index) => path.extend(["[", &index.to_string(), "]"]),
            Segment::Field(name) if path.is_empty() => path.push_str(name),
            Segment::Field(name) => path.extend([".", name]),
        }
    }
    path
}

/// The place of the value that `error` is about, which is of reading `text`. What is missing is missing from this value; a field
/// that is not known, or that is there twice, is the last of the place.
pub fn place_of(text: &str, error: &serde_json::Error) -> Vec<Segment> {
    /// Where the reader is in an object or an array.
    enum Level<'a> {
        Field(Option<&'a [u8]>),
        Item(usize),
    }
    let mut levels = Vec::new();
    let mut rest = until(text.as_bytes(), error.line(), error.column());
    if error.is_syntax() {
        // The byte that is wrong counts as read.
        rest = rest.split_last().map_or(rest, |(_, before)| before);
    } else if error.is_data() && !is_of_a_beginning(error) {
        // After a wrong item so does the comma, and the space behind it.
        rest = rest.trim_ascii_end().strip_suffix(b",").unwrap_or(rest);
    }
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, levels.last_mut()) {
            (b'{', _) => levels.push(Level::Field(None)),
            (b'[', _) => levels.push(Level::Item(0)),
            (b'}' | b']', _) => drop(levels.pop()),
            (b'"', level) => {
                let (word, after) = word_of(rest);
                if let Some(Level::Field(name @ None)) = level {
                    *name = Some(word);
                }
                rest = after;
            }
            (b',', Some(Level::Field(name))) => *name = None,
            (b',', Some(Level::Item(index))) => *index += 1,
            _ => {}
        }
    }
    let segment = |level| match level {
        Level::Field(name) => Some(Segment::Field(unescaped(name?))),
        Level::Item(index) => Some(Segment::Item(index)),
    };
    levels.into_iter().filter_map(segment).collect()
}

/// Whether an object or an array is wrong for being one: it is not read then.
fn is_of_a_beginning(error: &serde_json::Error) -> bool {
    let said = error.to_string();
    ["map", "sequence"].iter().any(|kind| said.starts_with(&format!("invalid type: {kind},")))
}

/// What an object holds under a name, as it is written; the last, when it is there twice. `text` is JSON.
///
/// `serde_json`'s `RawValue` would do the same, and make one of the names that a visitor may choose mean something in every
/// `Value` of the program.
pub fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    let (mut word, mut start, mut found): (&[u8], _, _) = (b"", None, None);
    while let Some(byte) = bytes.get(at) {
        match (byte, depth) {
            (b'"', _) => {
                let (inside, rest) = word_of(&bytes[at + 1..]);
                if depth == 1 {
                    word = inside;
                }
                at = bytes.len() - rest.len();
                continue;
            }
            (b'{' | b'[', _) => depth += 1,
            (b':', 1) if unescaped(word) == name => start = Some(at + 1),
            (b',' | b'}', 1) => {
                found = start.take().map(|start| text[start..at].trim()).or(found);
                depth -= usize::from(*byte == b'}');
            }
            (b'}' | b']', _) => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    found
}

/// What an error says, without the line and the column.
pub fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    said.strip_suffix(&place).unwrap_or(&said).to_owned()
}

/// What had been read. Lines count from 1, and columns are the bytes of the line that were read.
fn until(text: &[u8], line: usize, column: usize) -> &[u8] {
    let mut ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = line.checked_sub(2).map_or(Some(0), |before| ends.nth(before)).unwrap_or(text.len());
    &text[..text.len().min(start + column)]
}

/// What stands in quotation marks, of which the first one was read, and what follows them.
fn word_of(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or((rest, &[]), |end| (&rest[..end], &rest[end + 1..]))
}

fn unescaped(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    serde_json::from_str(&format!("\"{name}\"")).unwrap_or_else(|_| name.into_owned())
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

    use super::*;
    use crate::types::Timestamp;

    /// What [`Any`] does not take.
    const WRONG: &str = "wrong!";

    /// Any JSON but one word.
    struct Any;

    impl<'de> Deserialize<'de> for Any {
        fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
            input.deserialize_any(Self)
        }
    }

    impl<'de> Visitor<'de> for Any {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything else")
        }

        fn visit_unit<E: Error>(self) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self, E> {
            if text == WRONG { Err(E::custom("it is wrong")) } else { Ok(self) }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
            while items.next_element::<Self>()?.is_some() {}
            Ok(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
            while fields.next_entry::<String, Self>()?.is_some() {}
            Ok(self)
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        const TEXT: &str = "[a-c\"\\\\{}:,\\[\\] é\n]{0,5}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            TEXT.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::from),
                btree_map(TEXT, inner, 0..5).prop_map(|fields| Value::Object(object(fields))),
            ]
        })
    }

    /// The places of a value and of all that is in it.
    fn places(value: &Value, place: &[Segment], found: &mut Vec<Vec<Segment>>) {
        found.push(place.to_vec());
        let items = value.as_array().into_iter().flatten().enumerate();
        let items = items.map(|(index, item)| (Segment::Item(index), item));
        let fields = value.as_object().into_iter().flatten();
        for (segment, inner) in items.chain(fields.map(|(name, field)| (Segment::Field(name.clone()), field))) {
            places(inner, &[place, &[segment]].concat(), found);
        }
    }

    fn at<'a>(value: &'a mut Value, place: &[Segment]) -> &'a mut Value {
        place.iter().fold(value, |value, segment| match segment {
            Segment::Item(index) => &mut value[*index],
            Segment::Field(name) => &mut value[name],
        })
    }

    proptest! {
        #[test]
        fn what_is_wrong_is_found_in_any_json(value in values(), any: prop::sample::Index) {
            let mut found = Vec::new();
            places(&value, &[], &mut found);
            let place = any.get(&found);
            let mut spoilt = value.clone();
            *at(&mut spoilt, place) = WRONG.into();
            for text in [spoilt.to_string(), serde_json::to_string_pretty(&spoilt).unwrap()] {
                let Err(error) = serde_json::from_str::<Any>(&text) else { panic!("{text}") };
                prop_assert_eq!(&place_of(&text, &error), place, "{}: {}", text, error);
            }
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    let member = member(&text, name).map(serde_json::from_str::<Value>);
                    prop_assert_eq!(member.unwrap().unwrap(), inner.clone(), "{:?} of {}", name, text);
                }
                // What ends early is told without a panic, wherever that is.
                for (end, _) in text.char_indices() {
                    if let Err(error) = serde_json::from_str::<Value>(&text[..end]) {
                        prop_assert!(place_of(&text[..end], &error).len() <= 6);
                    }
                }
            }
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default, rename = "list")]
        _list: Vec<Inner>,
        #[serde(default, rename = "a \"b\"")]
        _quoted: Option<Inner>,
        #[serde(default, rename = "numbers")]
        _numbers: Vec<u8>,
        #[serde(default, rename = "times")]
        _times: Vec<Timestamp>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "n")]
        _n: u8,
    }

    #[test]
    fn a_member_is_given_as_it_is_written() {
        for (text, found) in [
            (r#"{"a":1}"#, Some("1")),
            (r#" { "b" : [{"a":2}, "a"] , "a" : {"a": [1.0, "}\"]"]} } "#, Some(r#"{"a": [1.0, "}\"]"]}"#)),
            (r#"{"\u0061":"x:,\"","b":{}}"#, Some(r#""x:,\"""#)),
            (r#"{"a":1,"b":"a","a":null}"#, Some("null")),
            (r#"{"b":"a","c":{"a":1}}"#, None),
            (r#"["a",1]"#, None),
            (r#""a""#, None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(member(text, "a"), found, "{text}");
        }
    }

    #[test]
    fn an_error_is_told_by_its_path() {
        for (text, path) in [
            ("5", ""),
            (r#"["n"]"#, "[0]"),
            (r#"{"list":5}"#, "list"),
            (r#"{"list":[{"n":1},{"m":[{"n":"]},"}]}]}"#, "list[1]"),
            ("{\"list\":[\n{\"n\":1},\r\n {\"n\" : 300}]}", "list[1].n"),
            (r#"{"list":[{"n":[]}]}"#, "list[0].n"),
            (r#"{"list":[{"n":{}}]}"#, "list[0].n"),
            (r#"{"list":[{"n":null}]}"#, "list[0].n"),
            (r#"{"list":[{"n":"\\\"{"}]}"#, "list[0].n"),
            (r#"{"list":[{"n":1},{"n":1,"n":2}]}"#, "list[1].n"),
            (r#"{"list":[],"other":[]}"#, "other"),
            (r#"{"a \"b\"":{"n":true}}"#, "a \"b\".n"),
            (r#"{"numbers":[1,{}]}"#, "numbers[1]"),
            (r#"{"numbers":[1, []]}"#, "numbers[1]"),
            (r#"{"numbers":[[],1]}"#, "numbers[0]"),
            (r#"{"numbers":[1,true,{}]}"#, "numbers[1]"),
            // Told without a line and a column by what reads the text of a time.
            (r#"{"times":["2024-01-15T10:30:00Z","now",{}]}"#, "times[1]"),
            (r#"{"times":["now" , "2024-01-15T10:30:00Z"]}"#, "times[0]"),
            (r#"{"a \u0022b\"":{}}"#, "a \"b\""),
            // No JSON from there on.
            (r#"{"list":[]}[]"#, ""),
            (r#"{"list":[{"n":1},,{"n":2}]}"#, "list[1]"),
            (r#"{"list": }"#, "list"),
            (r#"{"list":,"a":1}"#, "list"),
            (r#"{"list":[{"n":1.}]}"#, "list[0].n"),
            (r#"{"list":[{"n":-},1]}"#, "list[0].n"),
            (r#"{"list":[{"n":1}],}"#, ""),
            (r#"{"list":[{"n":1}] "a":1}"#, "list"),
            (r#"{"list":[{"n":x"#, "list[0].n"),
            (r#"{"list":[{"n":1},"#, "list[1]"),
            (r#"{"list":[{"n":1"#, "list[0].n"),
            (r#"{"li"#, "li"),
        ] {
            let error = serde_json::from_str::<Outer>(text).unwrap_err();
            assert_eq!(super::path(&place_of(text, &error)), path, "{text}: {error}");
        }
    }
}
