//! `sessions close`: one session, or many, each with a result.

use clap::Args;
use futures::{StreamExt, stream};
use pocketping_sdk::Client;
use serde::{Serialize, Serializer};

use crate::commands::at_least_one;
use crate::commands::many::{Brake, Tally};
use crate::context::Context;
use crate::dry_run::DryRunArgs;
use crate::error::{CliError, ErrorJson, Exit};
use crate::ids;
use crate::output::{Output, Render};

// Which sessions.
#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The sessions' ids; `-` reads them from standard input, @FILE from a file, one a line
    #[arg(required = true, value_name = "SESSION")]
    sessions: Vec<String>,
    /// How many are closed at once
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = at_least_one)]
    concurrency: usize,
    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(super) async fn run(args: CloseArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if ids::is_one(&args.sessions) {
        let Some(id) = args.sessions.into_iter().next() else { return Ok(()) };
        return output.item(&context.writer(args.dry_run)?.session(id).close().await?);
    }
    let ids = ids::read(&args.sessions)?;
    if ids.is_empty() {
        output.remark("no ids were given; nothing is closed");
        return Ok(());
    }
    let (client, brake) = (context.writer(args.dry_run)?, Brake::default());
    context.confirm(&format!("close {} sessions?", ids.len()), args.yes || args.dry_run.dry_run)?;
    let mut results = stream::iter(ids).map(|id| close(&client, id, &brake)).buffered(args.concurrency);
    let (mut tally, mut is_unread) = (Tally::default(), false);
    while let Some(result) = results.next().await {
        if let Some(unsent) = result.failure.as_ref().and_then(CliError::unsent) {
            output.event(unsent)?;
            continue;
        }
        tally.note(result.failure.as_ref());
        if is_unread {
            continue;
        }
        match output.event(&result) {
            // Nobody reads any more; what was asked for is done all the same.
            Err(error) if error.exit() == Exit::Done => is_unread = true,
            printed => printed?,
        }
    }
    tally.verdict("sessions were not closed")
}

async fn close(client: &Client, id: String, brake: &Brake) -> Closed {
    let closed = match brake.check() {
        Ok(()) => client.session(id.as_str()).close().ack_only().await.map_err(CliError::from),
        Err(untried) => Err(untried),
    };
    if let Err(failure) = &closed {
        brake.note(failure);
    }
    Closed { id, failure: closed.err() }
}

/// What became of one of many.
#[derive(Debug)]
struct Closed {
    id: String,
    failure: Option<CliError>,
}

#[derive(Serialize)]
struct ClosedJson<'a> {
    id: &'a str,
    closed: bool,
    #[serde(flatten)]
    error: Option<ErrorJson<'a>>,
}

impl Serialize for Closed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let error = self.failure.as_ref().map(CliError::as_json);
        ClosedJson { id: &self.id, closed: error.is_none(), error }.serialize(to)
    }
}

impl Render for Closed {
    const COLUMNS: &'static [&'static str] = &["id", "result"];

    fn cells(&self) -> Vec<String> {
        let result = self.failure.as_ref().map_or_else(|| "closed".to_owned(), |why| format!("failed: {why}"));
        vec![self.id.clone(), result]
    }
}
