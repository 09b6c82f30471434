//! `config`: which settings count, and where each of them comes from.

use clap::Subcommand;
use serde::Serialize;

use super::cell;
use crate::cli::{Called, NoArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};
use crate::settings::{Setting, Source};

// Look at the settings.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ConfigCommand {
    /// Show every setting, and whether it is a flag's, the environment's, a profile's or the default; the key is masked
    #[command(after_help = "Example: pocketping config show -o json")]
    Show(Called<NoArgs>),
}

/// A setting as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    setting: &'static str,
    value: Option<String>,
    /// `flag`, `environment`, `env-file`, `config`, `profile` or `default`; nothing for what is not set.
    source: Option<&'static str>,
    /// Which one of them.
    name: Option<String>,
}

impl Shown {
    fn new(setting: &'static str, found: Option<Setting>) -> Self {
        let (value, source) = found.map(|found| (found.value, found.source)).unzip();
        let name = source.as_ref().and_then(Source::name);
        Self { setting, value, source: source.map(|source| source.kind()), name }
    }
}

impl Render for Shown {
    const COLUMNS: &'static [&'static str] = &["setting", "value", "source", "name"];

    fn cells(&self) -> Vec<String> {
        let source = self.source.unwrap_or_default().to_owned();
        vec![self.setting.to_owned(), cell(self.value.as_ref()), source, cell(self.name.as_ref())]
    }
}

pub(crate) fn run(command: &ConfigCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let ConfigCommand::Show(_) = command;
    let settings = context.settings()?;
    let key = settings.api_key()?.map(|key| Setting { value: key.value.shown(), source: key.source });
    let url = settings.api_url()?;
    let plan = settings.plan_at(&url)?;
    output.list(&[
        Shown::new("profile", settings.profile().cloned()),
        Shown::new("api-url", Some(url)),
        Shown::new("api-key", key),
        Shown::new("plan", plan),
        Shown::new("config-file", Some(settings.file().setting())),
    ])
}
