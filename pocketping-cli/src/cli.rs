//! What can be typed.

use clap::builder::Resettable;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};

use crate::catalogue;
use crate::commands::{
    completions, demo, doctor, events, explain, listen, man, messages, mock, sessions, wait, webhooks,
};
use crate::error::CliError;
use crate::jq::Jq;
use crate::output::{Color, Field, Format, Output, Shape};

/// PocketPing from the terminal: sessions, messages, live events and a local reference server
#[derive(Debug, Parser)]
#[command(
    name = "pocketping",
    version,
    arg_required_else_help = true,
    after_help = after_help(),
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server, and as whom.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct ConnectionArgs {
    /// Base URL of the bridge server [env: POCKETPING_API_URL] [default: https://api.pocketping.io/v1]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) api_url: Option<String>,

    /// API key; better set in the environment, hidden from other users of this machine [env: POCKETPING_API_KEY]
    #[arg(long = "api-key", global = true, value_name = "KEY")]
    pub(crate) api_keys: Vec<String>,
}

/// What is printed, and how.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct OutputArgs {
    /// How data is printed; lists and items go to stdout, everything else to stderr
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,

    /// Print these fields only, by their names in the JSON: id,identity.email
    #[arg(long, global = true, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<Field>,

    /// Print what this jq expression makes of the JSON, a result a line
    #[arg(long, global = true, value_name = "EXPR", conflicts_with = "fields")]
    jq: Option<String>,

    /// Print ids only
    #[arg(short, long, global = true, conflicts_with_all = ["fields", "jq"])]
    quiet: bool,

    /// When to print with colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,

    /// As --color never
    #[arg(long, global = true, conflicts_with = "color")]
    no_color: bool,
}

impl OutputArgs {
    /// Where data and remarks go, as it was asked for.
    pub(crate) fn output(self) -> (Output, Result<(), CliError>) {
        let color = if self.no_color { Color::Never } else { self.color };
        let (shape, result) = match self.jq.as_deref().map(Jq::compile) {
            Some(Ok(jq)) => (Shape::Jq(jq), Ok(())),
            Some(Err(what)) => (Shape::Whole, Err(CliError::usage(format!("--jq: {what}")))),
            None if self.quiet => (Shape::Id, Ok(())),
            None if self.fields.is_empty() => (Shape::Whole, Ok(())),
            None => (Shape::Fields(self.fields), Ok(())),
        };
        (Output::to_stdout(self.output, shape, color), result)
    }
}

fn after_help() -> String {
    let exits = catalogue::exits_in_help();
    format!(
        "{exits}\n`pocketping explain CODE` tells more.\n\n\
         Start with `pocketping demo`: it needs nothing but this program."
    )
}

/// The arguments of a command, made when it is the one that was typed (or asked about): a start costs what it uses.
#[derive(Debug)]
pub(crate) struct Deferred<T>(pub(crate) T);

impl<T: FromArgMatches> FromArgMatches for Deferred<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| described_as_before(command, T::augment_args))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(|command| described_as_before(command, T::augment_args_for_update))
    }
}

/// Adds arguments whose own description is not the command's: that one stands already.
fn described_as_before(command: clap::Command, add: fn(clap::Command) -> clap::Command) -> clap::Command {
    let (about, long) = (command.get_about().cloned(), command.get_long_about().cloned());
    add(command).about(Resettable::from(about)).long_about(Resettable::from(long))
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List, read, close and identify sessions, and switch their AI
    #[command(subcommand, alias = "session")]
    Sessions(sessions::SessionsCommand),
    /// Read and send messages
    #[command(subcommand, alias = "message")]
    Messages(messages::MessagesCommand),
    /// Create, list and delete webhooks; sign, verify and try out deliveries
    #[command(subcommand, alias = "webhook")]
    Webhooks(webhooks::WebhooksCommand),
    /// Watch live events, and post recorded ones again
    #[command(subcommand, alias = "event")]
    Events(events::EventsCommand),
    /// Print events as they happen, and forward them: the same as `events listen`
    Listen(Deferred<listen::ListenArgs>),
    /// Wait for the first event of a session that is as it should be
    Wait(Deferred<wait::WaitArgs>),
    /// Run the in-memory reference server
    Mock(Deferred<Box<mock::MockArgs>>),
    /// See a whole conversation happen, with nothing but this program
    Demo(demo::DemoArgs),
    /// Say what an error's code means, and what to do
    Explain(explain::ExplainArgs),
    /// Look at everything between this program and the server, and say what is wrong
    Doctor(Deferred<doctor::DoctorArgs>),
    /// Print the script that completes commands, flags and session ids in a shell
    Completions(Deferred<completions::CompletionsArgs>),
    /// Print a page of the manual, or write all of them
    Man(Deferred<man::ManArgs>),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
