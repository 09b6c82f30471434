//! What is expected, held against what is there; what differs is told by its place.

use serde_json::Value;

/// Something that is not as it was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) there: String,
}

impl Difference {
    pub(super) fn new(place: impl Into<String>, expected: &impl ToString, there: &impl ToString) -> Self {
        Self { place: place.into(), expected: expected.to_string(), there: there.to_string() }
    }

    /// As lines of a diff.
    pub(super) fn lines(&self) -> [String; 2] {
        [format!("- {}: {}", self.place, self.expected), format!("+ {}: {}", self.place, self.there)]
    }
}

/// What differs between what was written and what is there, none when nothing does. Objects may hold more than was written.
pub(super) fn differences(place: &str, expected: &Value, got: &Value, into: &mut Vec<Difference>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                let absent = Value::Null;
                differences(&format!("{place}.{name}"), value, got.get(name).unwrap_or(&absent), into);
            }
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            for (n, (expected, got)) in expected.iter().zip(got).enumerate() {
                differences(&format!("{place}[{n}]"), expected, got, into);
            }
        }
        _ if expected == got => {}
        _ => into.push(Difference::new(place, expected, got)),
    }
}

/// The same for the last of a list: as many as were written.
pub(super) fn last_of(place: &str, expected: &[Value], got: &[Value], into: &mut Vec<Difference>) {
    let Some(from) = got.len().checked_sub(expected.len()) else {
        into.push(Difference::new(place, &format!("at least {}", expected.len()), &got.len()));
        return;
    };
    for (n, (expected, got)) in expected.iter().zip(&got[from..]).enumerate() {
        differences(&format!("{place}[{}]", from + n), expected, got, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(found: &[Difference]) -> Vec<String> {
        found.iter().flat_map(Difference::lines).collect()
    }

    #[test]
    fn what_differs_is_told_by_its_place() {
        let told = |expected: Value, got: Value| {
            let mut found = Vec::new();
            differences("session", &expected, &got, &mut found);
            lines(&found)
        };
        assert_eq!(told(json!({"a": 1}), json!({"a": 1, "b": 2})), [""; 0]);
        assert_eq!(told(json!({"a": null}), json!({})), [""; 0], "null is absent");
        assert_eq!(told(json!({"a": {"b": 1}}), json!({"a": {"b": 2}})), ["- session.a.b: 1", "+ session.a.b: 2"]);
        assert_eq!(told(json!({"a": [1]}), json!({"a": [1, 2]})), ["- session.a: [1]", "+ session.a: [1,2]"]);
        let mut found = Vec::new();
        last_of("messages", &[json!({"x": 1})], &[json!({"x": 0}), json!({"x": 2})], &mut found);
        last_of("messages", &[json!(1), json!(2)], &[json!(1)], &mut found);
        let expected = ["- messages[1].x: 1", "+ messages[1].x: 2", "- messages: at least 2", "+ messages: 1"];
        assert_eq!(lines(&found), expected);
    }
}
