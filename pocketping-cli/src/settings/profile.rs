//! `Profile`: a server and the key for it, under a name.

use std::process::{Command, Stdio};

use serde::Deserialize;

use super::KeyFrom;
use crate::error::{CliError, Exit};

/// A profile as the configuration file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) api_url: Option<String>,
    api_key: Option<String>,
    /// A program and its arguments, which prints the key.
    credential_command: Option<Vec<String>>,
    pub(crate) plan: Option<String>,
}

impl Profile {
    pub(crate) fn new(api_url: String, key: KeyFrom, plan: Option<String>) -> Self {
        let (api_key, credential_command) = match key {
            KeyFrom::Given(key) => (Some(key), None),
            KeyFrom::Command(command) => (None, Some(command)),
        };
        Self { api_url: Some(api_url), api_key, credential_command, plan }
    }

    /// How its key is come by.
    pub(crate) fn key(&self) -> Option<KeyFrom> {
        let command = || self.credential_command.clone().map(KeyFrom::Command);
        self.api_key.clone().map(KeyFrom::Given).or_else(command)
    }

    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match (&self.api_key, &self.credential_command) {
            (Some(_), Some(_)) => Err("it has api-key and credential-command; one of them is the key"),
            (Some(key), None) if key.is_empty() => Err("its api-key is empty"),
            (None, Some(command)) if command.first().is_none_or(String::is_empty) => {
                Err("its credential-command is empty; it is a list of a program and its arguments")
            }
            _ => Ok(()),
        }
    }
}

/// Runs a command that prints a key. It talks to people by itself, on stderr and the terminal.
pub(super) fn ask(command: &[String]) -> Result<String, CliError> {
    let Some((program, args)) = command.split_first() else {
        return Err(CliError::new(Exit::Config, "credential-command is empty"));
    };
    // Its arguments may hold a secret.
    let failed = |what: String| CliError::new(Exit::Config, format!("credential-command `{program}` {what}"));
    // Standard input is this program's: a message may be read from it.
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({})", output.status)));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| failed("printed something that is no text".to_owned()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(failed("printed nothing".to_owned())),
        key if key.contains('\n') => Err(failed("printed more than one line".to_owned())),
        key => Ok(key.to_owned()),
    }
}
