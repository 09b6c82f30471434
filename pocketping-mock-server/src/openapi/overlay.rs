//! What one description has otherwise than another, laid over it: a JSON merge patch (RFC 7396), where `null` takes away.

use serde_json::{Map, Value};

/// The description with what is otherwise, as text.
pub(super) fn overlaid(description: &str, otherwise: &str) -> String {
    let mut value = parsed(description);
    overlay(&mut value, parsed(otherwise));
    format!("{value:#}\n")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| unreachable!("the tests read it: {error}"))
}

fn overlay(value: &mut Value, otherwise: Value) {
    let Value::Object(changes) = otherwise else {
        *value = otherwise;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(fields) = value else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            overlay(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_overlay_replaces_adds_and_takes_away() {
        for (value, otherwise, expected) in [
            (
                json!({"a": 1, "b": {"c": 2, "d": 3}}),
                json!({"b": {"c": null, "e": [4]}}),
                json!({"a": 1, "b": {"d": 3, "e": [4]}}),
            ),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": "text"}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}})),
            (json!({"a": 1}), json!({}), json!({"a": 1})),
        ] {
            let mut changed = value;
            overlay(&mut changed, otherwise);
            assert_eq!(changed, expected);
        }
    }
}
