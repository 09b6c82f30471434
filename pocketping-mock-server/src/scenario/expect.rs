//! What is expected, held against what is there; what differs is told by its place.

use serde_json::Value;

/// What differs between what was written and what is there: a line each, none when nothing does. Objects may hold more than
/// was written.
pub(super) fn differences(place: &str, expected: &Value, got: &Value, into: &mut Vec<String>) {
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
        _ => into.push(format!("{place}: expected {expected}, there is {got}")),
    }
}

/// The same for the last of a list: as many as were written.
pub(super) fn last_of(place: &str, expected: &[Value], got: &[Value], into: &mut Vec<String>) {
    let Some(from) = got.len().checked_sub(expected.len()) else {
        into.push(format!("{place}: expected {}, there are {}", expected.len(), got.len()));
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

    #[test]
    fn what_differs_is_told_by_its_place() {
        let told = |expected: Value, got: Value| {
            let mut lines = Vec::new();
            differences("session", &expected, &got, &mut lines);
            lines
        };
        assert_eq!(told(json!({"a": 1}), json!({"a": 1, "b": 2})), [""; 0]);
        assert_eq!(told(json!({"a": null}), json!({})), [""; 0], "null is absent");
        assert_eq!(told(json!({"a": {"b": 1}}), json!({"a": {"b": 2}})), ["session.a.b: expected 1, there is 2"]);
        assert_eq!(told(json!({"a": [1]}), json!({"a": [1, 2]})), ["session.a: expected [1], there is [1,2]"]);
        let mut lines = Vec::new();
        last_of("messages", &[json!({"x": 1})], &[json!({"x": 0}), json!({"x": 2})], &mut lines);
        last_of("messages", &[json!(1), json!(2)], &[json!(1)], &mut lines);
        assert_eq!(lines, ["messages[1].x: expected 1, there is 2", "messages: expected 2, there are 1"]);
    }
}
