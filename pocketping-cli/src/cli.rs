//! What can be typed.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::catalogue;
use crate::commands::{
    api, chat, completions, config, demo, doctor, events, explain, inbox, listen, login, man, messages, mock, profile,
    sessions, stats, wait, webhooks,
};
use crate::error::CliError;
use crate::jq::Jq;
use crate::output::{Color, Field, Format, Output, Shape};

/// PocketPing from the terminal: sessions, messages, live events and a local reference server
#[derive(Debug, Parser)]
#[command(name = "pocketping", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Never ask, even on a terminal
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_input: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The definition of all commands, with what stands at the end of the help.
    pub(crate) fn whole() -> clap::Command {
        Self::command().after_help(after_help())
    }

    /// Reads the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // Most calls do without the end of the help, which is made of the whole catalogue.
        let is_help = |arg: std::ffi::OsString| matches!(arg.to_str(), Some("-h" | "--help" | "help"));
        let wants_help = std::env::args_os().len() < 2 || std::env::args_os().skip(1).any(is_help);
        let mut command = if wants_help { Self::whole() } else { Self::command() };
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let cli = matches.and_then(|mut matches| {
            let cli = Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command));
            std::mem::forget(matches);
            cli
        });
        // Taking the definition of all commands apart costs more than many a command.
        std::mem::forget(command);
        cli
    }
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

    /// Use the server and the key that are kept under this name [env: POCKETPING_PROFILE]
    #[arg(long, global = true, value_name = "NAME", value_parser = profile::name)]
    pub(crate) profile: Option<String>,

    /// Read POCKETPING_* variables from this file; the environment goes before it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Do not count requests together with other calls of this program, where they are paced
    #[arg(long, global = true)]
    pub(crate) no_shared_limit: bool,
}

/// What is printed, and how.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct OutputArgs {
    /// How data is printed; lists and items go to stdout, everything else to stderr [default: table]
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Print these fields only, by their names in the JSON: id,identity.email
    #[arg(long, global = true, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<Field>,

    /// Print what this jq expression makes of the JSON, a result a line
    #[arg(long, global = true, value_name = "EXPR", conflicts_with = "fields")]
    jq: Option<String>,

    /// Print ids only
    #[arg(short, long, global = true, conflicts_with_all = ["fields", "jq"])]
    quiet: bool,

    /// When to print with colour [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    color: Option<Color>,

    /// As --color never
    #[arg(long, global = true, conflicts_with = "color")]
    no_color: bool,
}

impl OutputArgs {
    /// Where data and remarks go, as it was asked for.
    pub(crate) fn output(self) -> (Output, Result<(), CliError>) {
        let color = if self.no_color { Color::Never } else { self.color.unwrap_or_default() };
        let (shape, result) = match self.jq.as_deref().map(Jq::compile) {
            Some(Ok(jq)) => (Shape::Jq(jq), Ok(())),
            Some(Err(what)) => (Shape::Whole, Err(CliError::usage(format!("--jq: {what}")))),
            None if self.quiet => (Shape::Id, Ok(())),
            None if self.fields.is_empty() => (Shape::Whole, Ok(())),
            None => (Shape::Fields(self.fields), Ok(())),
        };
        (Output::to_stdout(self.output.unwrap_or_default(), shape, color), result)
    }
}

fn after_help() -> String {
    let exits = catalogue::exits_in_help();
    format!(
        "{exits}\n`pocketping explain CODE` tells more.\n\n\
         Start with `pocketping demo`: it needs nothing but this program."
    )
}

/// The nouns. A command's arguments are defined when it is the one that is called (`defer`): `--version` should not pay for all of
/// them. What is said of a command stands here then; a doc comment on its arguments would take its place.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// List, read, close and identify sessions, and switch their AI
    #[command(subcommand, alias = "session")]
    Sessions(sessions::SessionsCommand),
    /// Read and send messages
    #[command(subcommand, alias = "message")]
    Messages(messages::MessagesCommand),
    /// Talk with a visitor, line by line
    Chat(chat::ChatArgs),
    /// See all conversations on the whole terminal, and answer
    Inbox(inbox::InboxArgs),
    /// Create, list and delete webhooks; sign, verify and try out deliveries
    #[command(subcommand, alias = "webhook")]
    Webhooks(webhooks::WebhooksCommand),
    /// Watch live events, and post recorded ones again
    #[command(subcommand, alias = "event")]
    Events(events::EventsCommand),
    /// Print events as they happen, and forward them: the same as `events listen`
    Listen(listen::ListenArgs),
    /// Wait for the first event of a session that is as it should be
    Wait(wait::WaitArgs),
    /// Say how support does: conversations, answers and ratings of 7 or 30 days
    Stats(stats::StatsArgs),
    /// Run the in-memory reference server
    Mock(Box<mock::MockArgs>),
    /// See a whole conversation happen, with nothing but this program
    Demo(demo::DemoArgs),
    /// Send a request of your own making
    Api(Box<api::ApiArgs>),
    /// Keep a key, and the server it is for, in a profile
    Login(login::LoginArgs),
    /// List, choose, show and remove profiles
    #[command(subcommand, alias = "profiles")]
    Profile(profile::ProfileCommand),
    /// Show which settings count, and where each of them comes from
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Say what an error's code means, and what to do
    Explain(explain::ExplainArgs),
    /// Look at everything between this program and the server, and say what is wrong
    Doctor(doctor::DoctorArgs),
    /// Print the script that completes commands, flags and session ids in a shell
    Completions(completions::CompletionsArgs),
    /// Print a page of the manual, or write all of them
    Man(man::ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
