//! A `.env` file, read when it was named and not otherwise.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{CliError, Exit};
use crate::input::{self, Source};

/// Our variables of the file; others are not looked at.
#[derive(Debug)]
pub(super) struct EnvFile {
    path: PathBuf,
    variables: HashMap<String, String>,
}

impl EnvFile {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let text = Source::File(path).text(input::MOST);
        let text = text.map_err(|error| CliError::new(error.exit(), format!("--env-file {error}")))?;
        let refused = |error: dotenvy::Error| {
            // The line that cannot be read may hold a key: it is not repeated.
            let what = match error {
                dotenvy::Error::LineParse(line, at) => {
                    let number = text.find(&line).map(|start| text[..start].matches('\n').count() + 1);
                    let which = number.map_or("a line".to_owned(), |number| format!("line {number}"));
                    format!("{which} cannot be read from its character {} on", at + 1)
                }
                other => other.to_string(),
            };
            CliError::new(Exit::Config, format!("--env-file {}: {what}", path.display()))
        };
        let mut variables = HashMap::new();
        for pair in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = pair.map_err(refused)?;
            if name.starts_with("POCKETPING_") {
                variables.insert(name, value);
            }
        }
        Ok(Self { path: path.to_owned(), variables })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// As a variable of the environment: one that is empty is an error.
    pub(super) fn variable(&self, name: &str) -> Result<Option<String>, CliError> {
        match self.variables.get(name) {
            Some(value) if value.is_empty() => {
                Err(CliError::new(Exit::Config, format!("{name} is empty in {}", self.path.display())))
            }
            value => Ok(value.cloned()),
        }
    }
}
