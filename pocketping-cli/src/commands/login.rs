//! `login`: keeps a key, and the server it is for, in a profile. A key that the server refuses is not kept.

use clap::Args;

use super::profile::Shown;
use crate::context::{Context, builder};
use crate::error::{CliError, Exit};
use crate::input::{Source, secret_of};
use crate::output::Output;
use crate::settings::{KeyFrom, Profile};
use crate::terminal::Terminal;

// How the key is come by.
#[derive(Debug, Args)]
#[command(
    after_help = "The profile is the one of --profile or POCKETPING_PROFILE, else the one in use, else `default`; its server\n\
                  that of --api-url or POCKETPING_API_URL, else the one it had.\n\n\
                  Example: pocketping login --with-token < key.txt"
)]
pub(crate) struct LoginArgs {
    /// Read the key from standard input; without it a terminal is asked
    #[arg(long)]
    with_token: bool,

    /// Keep a command that prints the key, such as that of a vault, instead of the key itself
    #[arg(long, value_name = "COMMAND", value_parser = words, conflicts_with = "with_token")]
    credential_command: Option<Words>,

    /// Pace requests to this plan's limit: free, pro, team, self-hosted, or a number such as 60/min
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
}

/// A program and its arguments.
#[derive(Clone, Debug)]
struct Words(Vec<String>);

fn words(text: &str) -> Result<Words, String> {
    match shlex::split(text) {
        Some(words) if !words.is_empty() => Ok(Words(words)),
        Some(_) => Err("it is empty".to_owned()),
        None => Err("a quote in it does not end".to_owned()),
    }
}

pub(crate) async fn run(args: LoginArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if !context.connection().api_keys.is_empty() {
        return Err(CliError::usage("login takes no key from the command line, where others can see it")
            .with_hint("pocketping login --with-token < FILE"));
    }
    let settings = context.settings_of_any_profile()?;
    let url = settings.api_url()?.value;
    let name = settings.profile_name().to_owned();
    let had = settings.file().profile(&name).and_then(|profile| profile.plan.clone());
    let key = match args.credential_command {
        Some(Words(command)) => KeyFrom::Command(command),
        None => KeyFrom::Given(given(args.with_token, context)?),
    };
    let mut builder = builder().base_url(&url).api_key(key.clone().read()?);
    let plan = args.plan.or(had);
    if let Some(plan) = &plan {
        builder = builder.plan(plan).map_err(|error| CliError::usage(format!("--plan: {error}")))?;
    }
    // A key that cannot be used is not kept.
    builder.build()?.sessions().list().limit(1).call().await?;
    let profile = Profile::new(url, key, plan);
    let mut file = settings.into_file();
    file.keep(&name, &profile)?;
    if file.current().is_none() {
        file.select(&name)?;
    }
    output.item(&Shown::new(&name, &profile, file.current() == Some(name.as_str())))?;
    output.remark(&format!("the server takes the key; it is kept in {}", file.path().display()));
    Ok(())
}

fn given(with_token: bool, context: &Context) -> Result<String, CliError> {
    if with_token {
        return secret_of(Source::Stdin).and_then(|key| match key.as_str() {
            "" => Err(CliError::usage("standard input holds no key")),
            _ => Ok(key),
        });
    }
    if !context.may_ask() {
        return Err(
            CliError::usage("nobody can be asked for the key here").with_hint("pocketping login --with-token < FILE")
        );
    }
    // From before the question on: somebody may type at once.
    let terminal = Terminal::keep().inspect(Terminal::hide_typing);
    let key = rpassword::prompt_password("API key (it is not shown): ");
    drop(terminal);
    key.map_err(|error| CliError::new(Exit::Usage, format!("the key cannot be read: {error}")))
}
