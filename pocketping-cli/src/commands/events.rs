//! `events`: listen.

use clap::{Args, Subcommand};
use pocketping_sdk::{Event, EventData};

use super::{at_least_one, cell};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};

/// Work with live events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Print events as they happen, a line each, until the link ends or Ctrl-C
    #[command(after_help = "Example: pocketping events listen -o ndjson")]
    Listen(ListenArgs),
}

/// How long.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
}

pub(crate) async fn run(command: EventsCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        EventsCommand::Listen(args) => listen(args, context, output).await,
    }
}

async fn listen(args: ListenArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let client = context.client()?;
    let mut events = client.events().connect().await?;
    output.remark(&format!("listening on {}", client.base_url().socket()));
    let mut left = args.limit.unwrap_or(usize::MAX);
    while left > 0 {
        let Some(item) = events.next().await else { break };
        match item {
            Ok(item) => {
                if let Some(gap) = item.gap() {
                    output.remark(&format!("warning: something may be missing: {}", gap.detail));
                }
                if let Some(event) = item.event() {
                    output.event(event)?;
                    left -= 1;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    events.close().await;
    Ok(())
}

impl Render for Event {
    const COLUMNS: &'static [&'static str] = &["time", "event", "session", "what"];

    fn cells(&self) -> Vec<String> {
        let (time, what) = match &self.data {
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => {
                (session.last_activity, cell(session.metadata.page_url.as_ref()))
            }
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                (message.created_at, format!("{}: {}", message.kind, message.content))
            }
            _ => (None, String::new()),
        };
        let session = self.session_id().unwrap_or_default().to_owned();
        vec![cell(self.timestamp.or(time).as_ref()), self.kind().to_string(), session, what]
    }
}
