//! What can be typed.

use clap::{Args, Parser, Subcommand};

use crate::commands::{demo, events, listen, messages, mock, sessions, wait, webhooks};
use crate::output::Format;

/// PocketPing from the terminal: sessions, messages, live events and a local reference server
#[derive(Debug, Parser)]
#[command(
    name = "pocketping",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 unexpected, 2 usage, 3 configuration, 4 auth, 5 not found,\n\
                  6 invalid request, 7 rate limited, 8 server error, 9 network or timeout,\n\
                  10 outcome unknown, 11 partly done, 12 what was waited for did not happen,\n\
                  130 interrupted, 143 terminated.\n\n\
                  Start with `pocketping demo`: it needs nothing but this program."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct GlobalArgs {
    /// Base URL of the bridge server [env: POCKETPING_API_URL] [default: https://api.pocketping.io/v1]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) api_url: Option<String>,

    /// API key; better set in the environment, hidden from other users of this machine [env: POCKETPING_API_KEY]
    #[arg(long = "api-key", global = true, value_name = "KEY", help_heading = "Global options")]
    pub(crate) api_keys: Vec<String>,

    /// How data is printed; lists and items go to stdout, everything else to stderr
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t = Format::Table,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    pub(crate) output: Format,

    /// Print without colour, as when NO_COLOR is set
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
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
    /// Create, list and delete webhooks
    #[command(subcommand, alias = "webhook")]
    Webhooks(webhooks::WebhooksCommand),
    /// Watch live events, and post recorded ones again
    #[command(subcommand, alias = "event")]
    Events(events::EventsCommand),
    /// Print events as they happen, and forward them: the same as `events listen`
    Listen(listen::ListenArgs),
    /// Wait for the first event of a session that is as it should be
    Wait(wait::WaitArgs),
    /// Run the in-memory reference server
    Mock(Box<mock::MockArgs>),
    /// See a whole conversation happen, with nothing but this program
    Demo(demo::DemoArgs),
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
