//! `events`: listen, replay.

use clap::Subcommand;
use pocketping_sdk::{Event, EventData};

use super::listen::ListenArgs;
use super::replay::ReplayArgs;
use super::{cell, listen, replay};
use crate::cli::Called;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};

// Work with live events.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum EventsCommand {
    /// Print events as they happen, a line each, until Ctrl-C, and forward them
    Listen(Called<ListenArgs>),
    /// Post recorded deliveries again
    #[command(after_help = "Example: pocketping events replay failed.ndjson \\\n\
                        \x20          --to http://localhost:3000/webhook")]
    Replay(Called<ReplayArgs>),
}

pub(crate) async fn run(command: EventsCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        EventsCommand::Listen(Called(args)) => listen::run(args, context, output).await,
        EventsCommand::Replay(Called(args)) => replay::run(args, output).await,
    }
}

impl Render for Event {
    const COLUMNS: &'static [&'static str] = &["time", "event", "session", "what"];

    /// Its own, or where a server gives it none, that of what it is about.
    fn ids(&self) -> Vec<String> {
        let about = match &self.data {
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => Some(message.id.to_string()),
            _ => self.session_id().map(str::to_owned),
        };
        self.id.as_ref().map(ToString::to_string).or(about).into_iter().collect()
    }

    fn cells(&self) -> Vec<String> {
        let what = match &self.data {
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => {
                cell(session.metadata.page_url.as_ref())
            }
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                format!("{}: {}", message.kind, message.content)
            }
            _ => String::new(),
        };
        let session = self.session_id().unwrap_or_default().to_owned();
        vec![cell(self.happened_at().as_ref()), self.kind().to_string(), session, what]
    }
}
