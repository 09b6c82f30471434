//! JSON that comes from outside: read to its end, and what is wrong told by its place.

use serde::de::DeserializeOwned;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The field, when it is one.
    pub(crate) field: Option<String>,
    pub(crate) what: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads a value and makes sure that nothing follows it.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Wrong> {
    let mut input = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        let field = Some(error.path().to_string()).filter(|path| path != ".");
        Wrong { field, what: error.inner().to_string() }
    })?;
    input.end().map_err(|error| Wrong { field: None, what: error.to_string() })?;
    Ok(value)
}
