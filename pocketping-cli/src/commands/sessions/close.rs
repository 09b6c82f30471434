//! `sessions close`: one session, or many, each with a result.

use clap::Args;
use futures::{Stream, StreamExt, stream};
use pocketping_sdk::Client;
use serde::{Serialize, Serializer};

use crate::commands::at_least_one;
use crate::commands::many::{Brake, Tally};
use crate::context::Context;
use crate::dry_run::DryRunArgs;
use crate::error::{CliError, ErrorJson};
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
        let Some(id) = args.sessions.first() else { return Ok(()) };
        return output.item(&context.session(&context.writer(args.dry_run)?, id).close().await?);
    }
    let ids = ids::read(&args.sessions)?;
    if ids.is_empty() {
        output.remark("no ids were given; nothing is closed");
        return Ok(());
    }
    let (client, brake) = (context.writer(args.dry_run)?, Brake::default());
    context.confirm(&format!("close {} sessions?", ids.len()), args.yes || args.dry_run.dry_run)?;
    let results = stream::iter(ids).map(|id| close(&client, id, &brake)).buffered(args.concurrency);
    if args.dry_run.dry_run {
        return tell(results.collect().await, output);
    }
    let mut tally = Tally::default();
    let printed = print(results.inspect(|result| tally.note(result.failure.as_ref())), output).await;
    output.first_of(tally.verdict("sessions were not closed"), printed)
}

/// Prints each as it comes, where the form of the output allows it. Each is closed all the same when that fails.
async fn print(results: impl Stream<Item = Closed>, output: &mut Output) -> Result<(), CliError> {
    if output.takes_lists_whole() {
        return output.list(&results.collect::<Vec<_>>().await);
    }
    let mut results = std::pin::pin!(results);
    let mut printed = Ok(());
    while let Some(result) = results.next().await {
        if let (true, Some(why)) = (output.is_ids(), &result.failure) {
            output.remark(&format!("warning: {} is not closed: {why}", result.id));
        }
        if printed.is_ok() {
            printed = output.event(&result);
        }
    }
    printed
}

/// What would be sent, and what cannot be.
fn tell(results: Vec<Closed>, output: &mut Output) -> Result<(), CliError> {
    let (mut unsent, mut failure) = (Vec::new(), None);
    for result in results.into_iter().filter_map(|result| result.failure) {
        match result.unsent() {
            Some(request) => unsent.push(request.clone()),
            None => failure = failure.or(Some(result)),
        }
    }
    // Headers have a place where objects have lines of their own.
    if output.is_plain() {
        unsent.iter().try_for_each(|request| output.item(request))?;
    } else {
        output.list(&unsent)?;
    }
    failure.map_or(Ok(()), Err)
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

    /// Of those that are closed.
    fn ids(&self) -> Vec<String> {
        self.failure.is_none().then(|| self.id.clone()).into_iter().collect()
    }
}
