//! `profile`: list, use, show, remove.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::cell;
use crate::cli::{Called, NoArgs};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{Output, Render};
use crate::settings::{ConfigFile, Profile};

// Work with profiles: a server and the key for it, under a name.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ProfileCommand {
    /// List profiles
    #[command(after_help = "Example: pocketping profile list")]
    List(Called<NoArgs>),
    /// Use this profile from now on, unless another one is named
    #[command(after_help = "Example: pocketping profile use staging")]
    Use(Called<NameArgs>),
    /// Show one profile; without a name the one in use
    #[command(after_help = "Example: pocketping profile show staging -o json")]
    Show(Called<ShowArgs>),
    /// Remove a profile, and its key with it
    #[command(after_help = "Example: pocketping profile remove staging --yes")]
    Remove(Called<RemoveArgs>),
}

// Which profile.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The profile's name
    #[arg(value_parser = name)]
    name: String,
}

// Which profile, if not the one in use.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The profile's name
    #[arg(value_parser = name)]
    name: Option<String>,
}

// Which profile, and whether to ask.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The profile's name
    #[arg(value_parser = name)]
    name: String,
    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
}

/// A name that can stand in a file and in a shell as it is.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_good) {
        return Err("a profile's name is 1 to 64 letters, digits, dots, hyphens and underscores".to_owned());
    }
    Ok(text.to_owned())
}

/// A profile as it is shown: without its key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    name: String,
    current: bool,
    api_url: Option<String>,
    api_key: Option<String>,
    plan: Option<String>,
}

impl Shown {
    pub(crate) fn new(name: &str, profile: &Profile, current: bool) -> Self {
        Self {
            name: name.to_owned(),
            current,
            api_url: profile.api_url.clone(),
            api_key: profile.key().map(|key| key.shown()),
            plan: profile.plan.clone(),
        }
    }

    fn of(file: &ConfigFile, name: &str, in_use: Option<&str>) -> Result<Self, CliError> {
        let profile = file.profile(name).ok_or_else(|| missing(name))?;
        Ok(Self::new(name, profile, in_use == Some(name)))
    }
}

impl Render for Shown {
    const COLUMNS: &'static [&'static str] = &["name", "in use", "server", "key", "plan"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.current { "yes" } else { "no" }.to_owned(),
            cell(self.api_url.as_ref()),
            cell(self.api_key.as_ref()),
            cell(self.plan.as_ref()),
        ]
    }
}

fn missing(name: &str) -> CliError {
    CliError::new(Exit::NotFound, format!("there is no profile {name:?}"))
        .with_hint("`pocketping profile list` lists all")
}

pub(crate) fn run(command: ProfileCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let settings = context.settings_of_any_profile()?;
    let in_use = settings.profile().map(|profile| profile.value.clone());
    let in_use = in_use.as_deref();
    match command {
        ProfileCommand::List(_) => {
            let profiles = settings.file().profiles();
            let shown: Vec<_> =
                profiles.map(|(name, profile)| Shown::new(name, profile, in_use == Some(name))).collect();
            output.list(&shown)
        }
        ProfileCommand::Use(Called(args)) => {
            let mut file = settings.into_file();
            let shown = Shown::of(&file, &args.name, Some(&args.name))?;
            if !file.select(&args.name)? {
                return Err(missing(&args.name));
            }
            output.item(&shown)
        }
        ProfileCommand::Show(Called(args)) => {
            let name = args.name.as_deref().or(in_use);
            let name = name.ok_or_else(|| {
                CliError::new(Exit::NotFound, "no profile is in use").with_hint("`pocketping login` makes one")
            })?;
            output.item(&Shown::of(settings.file(), name, in_use)?)
        }
        ProfileCommand::Remove(Called(args)) => {
            let shown = Shown::of(settings.file(), &args.name, in_use)?;
            context.confirm(&format!("remove the profile {:?} and its key?", args.name), args.yes)?;
            settings.into_file().remove(&args.name)?;
            output.item(&shown)?;
            output.remark(&format!("the profile {:?} is removed", args.name));
            Ok(())
        }
    }
}
