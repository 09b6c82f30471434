//! JSON that comes from outside: read to its end, and what is wrong told by its place.

use std::cell::{Cell, RefCell};
use std::fmt;

use pocketping_sdk::json::{Segment, path, place_of};
use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The field, when it is one.
    pub(crate) field: Option<String>,
    pub(crate) what: String,
}

impl Wrong {
    fn new(text: &str, error: &serde_json::Error) -> Self {
        let field = Some(path(&place_of(text, error))).filter(|path| !path.is_empty());
        Self { field, what: in_words(&error.to_string()) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads a value and makes sure that nothing follows it.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Wrong> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let what = format!("it is not UTF-8 from byte {} on", error.valid_up_to() + 1);
        Wrong { field: None, what }
    })?;
    serde_json::from_str(text).map_err(|error| Wrong::new(text, &error))
}

/// What serde says, in the words of JSON: the caller knows nothing of our types.
pub(crate) fn in_words(message: &str) -> String {
    let Some((before, wanted)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let (wanted, place) = wanted.find(" at line ").map_or((wanted, ""), |at| wanted.split_at(at));
    let wanted = match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        "unit" => "null",
        name if name.starts_with("struct ") => "an object",
        name if name.starts_with("a tuple") || name.starts_with("tuple ") => "an array",
        other => other,
    };
    let before = before.replace("invalid type: map", "invalid type: an object");
    let before = before.replace("invalid type: sequence", "invalid type: an array");
    format!("{before}, expected {wanted}{place}")
}

/// A value in which no object has a name twice: the second one would take the first one's place without a word.
#[derive(Debug)]
pub(crate) struct Unique(pub(crate) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Reading::new(usize::MAX).deserialize(input).map(Self)
    }
}

/// The reading of a value as [`Unique`], with so much room: YAML can say in a line what takes all memory when it is written out.
#[derive(Debug)]
pub(crate) struct Reading {
    left: Cell<usize>,
    place: RefCell<Vec<Segment>>,
}

impl Reading {
    pub(crate) fn new(room: usize) -> Self {
        Self { left: Cell::new(room), place: RefCell::default() }
    }

    /// Where it is; after an error, where that was.
    pub(crate) fn place(&self) -> Vec<Segment> {
        self.place.borrow().clone()
    }

    /// Takes room for a value, or a name, and what is in it.
    fn take<E: Error>(&self, length: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(length.saturating_add(1));
        let left = left.ok_or_else(|| E::custom("its aliases make it too large when they are written out"))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &Reading {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Reading {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.take(0)?;
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.take(0)?;
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.take(0)?;
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.take(0)?;
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.take(value.len())?;
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.take(value.len())?;
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.take(0)?;
        Ok(Value::Null)
    }

    /// A document of YAML with nothing in it.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.take(0)?;
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Down(self, Segment::Item(list.len())))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut map = Map::new();
        while let Some(name) = fields.next_key_seed(Name(self, &map))? {
            self.take(name.len())?;
            let value = fields.next_value_seed(Down(self, Segment::Field(name.clone())))?;
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

/// The reading of what is one step down.
struct Down<'a>(&'a Reading, Segment);

impl<'de> DeserializeSeed<'de> for Down<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        let Self(reading, segment) = self;
        reading.place.borrow_mut().push(segment);
        let value = reading.deserialize(input)?;
        reading.place.borrow_mut().pop();
        Ok(value)
    }
}

/// A name that is not there yet.
struct Name<'a>(&'a Reading, &'a Map<String, Value>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<String, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        if self.1.contains_key(name) {
            self.0.place.borrow_mut().push(Segment::Field(name.to_owned()));
            Err(E::custom(format_args!("`{name}` is there twice")))
        } else {
            Ok(name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_of_our_types() {
        #[derive(Debug, Deserialize)]
        struct Inner {
            #[serde(rename = "n")]
            _n: Option<u16>,
            #[serde(rename = "s")]
            _s: Option<Vec<bool>>,
        }
        for (json, told) in [
            (r#""x""#, r#"invalid type: string "x", expected an object at line 1 column 3"#),
            (r#"{"n": -1}"#, "n: invalid value: integer `-1`, expected a whole number, 0 or more at line 1 column 8"),
            (r#"{"n": {}}"#, "n: invalid type: an object, expected a whole number, 0 or more at line 1 column 6"),
            (r#"{"s": 1}"#, "s: invalid type: integer `1`, expected an array at line 1 column 7"),
            (r#"{"s": [1]}"#, "s[0]: invalid type: integer `1`, expected true or false at line 1 column 8"),
            ("{", "EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(read::<Inner>(json.as_bytes()).unwrap_err().to_string(), told);
        }
    }
}
