//! `Shape`: what of an object is printed: all of it, some fields, what an expression makes of it, or its id alone.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::jq::Jq;

/// What of an object is printed.
#[derive(Debug, Default)]
pub(crate) enum Shape {
    /// All of it.
    #[default]
    Whole,
    /// These fields.
    Fields(Vec<Field>),
    /// What the expression makes of it.
    Jq(Jq),
    /// Its id alone.
    Id,
}

impl Shape {
    /// These fields, each of them once.
    pub(crate) fn fields(asked: Vec<Field>) -> Self {
        let mut fields = Vec::new();
        for field in asked {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Self::Fields(fields)
    }
}

/// A field as the JSON names it; a dot leads into an object: `identity.email`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field(String);

impl std::str::FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.split('.').any(str::is_empty) {
            return Err("a field is a name of the JSON, such as id or identity.email".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Field {
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    fn of<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.split('.').try_fold(object, |value, name| value.get(name))
    }
}

/// Some fields of an object, in the order they were asked for. Those it does not have are left out.
#[derive(Debug)]
pub(super) struct Part<'a> {
    fields: &'a [Field],
    object: Value,
}

impl<'a> Part<'a> {
    pub(super) fn new<T: Serialize>(fields: &'a [Field], object: &T) -> serde_json::Result<Self> {
        Ok(Self { fields, object: serde_json::to_value(object)? })
    }

    /// The fields as cells of a row.
    pub(super) fn cells(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.of(&self.object).map(cell).unwrap_or_default()).collect()
    }

    pub(super) fn has(&self, field: &Field) -> bool {
        field.of(&self.object).is_some()
    }

    /// The names of what there is.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.object.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str))
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for field in self.fields {
            if let Some(value) = field.of(&self.object) {
                map.serialize_entry(field.name(), value)?;
            }
        }
        map.end()
    }
}

/// Which of the fields that were asked for none of the objects has that were seen, and which the first one has.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    has_begun: bool,
    missing: Vec<Field>,
    there: Vec<String>,
}

impl Lookout {
    pub(super) fn saw(&mut self, fields: &[Field], part: &Part<'_>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.missing = fields.to_vec();
            self.there = part.names().map(str::to_owned).collect();
        }
        self.missing.retain(|field| !part.has(field));
    }

    pub(super) fn verdict(&self) -> Option<String> {
        let (missing, there) = (names(&self.missing).join(", "), self.there.join(", "));
        let fields = if self.missing.len() == 1 { "field" } else { "fields" };
        let what = format!("nothing here has the {fields} {missing}; there are {there}");
        (!self.missing.is_empty()).then_some(what)
    }
}

pub(super) fn names(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(Field::name).collect()
}

/// A value as a text: a string as it is, nothing for `null`, anything else as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_by_their_names_in_the_order_they_are_asked_for() {
        let fields: Vec<Field> = ["identity.email", "id", "none"].map(|it| it.parse().unwrap()).to_vec();
        let part = Part::new(&fields, &json!({"id": "s", "n": 1, "identity": {"email": "a@b.c"}})).unwrap();
        assert_eq!(serde_json::to_string(&part).unwrap(), r#"{"identity.email":"a@b.c","id":"s"}"#);
        assert_eq!(part.cells(), ["a@b.c", "s", ""]);
        let Shape::Fields(once) = Shape::fields([&fields[..], &fields].concat()) else { panic!("they are fields") };
        assert_eq!(once, fields);
        assert!(["", "a..b", "."].iter().all(|bad| bad.parse::<Field>().is_err()));
    }
}
