//! One file per noun: what can be typed, one short function per verb, and how its objects look.

pub(crate) mod api;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod inbox;
pub(crate) mod listen;
pub(crate) mod login;
pub(crate) mod man;
mod many;
pub(crate) mod messages;
pub(crate) mod mock;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod scenarios;
pub(crate) mod sessions;
pub(crate) mod signing;
pub(crate) mod stats;
pub(crate) mod trigger;
pub(crate) mod wait;
pub(crate) mod webhooks;

use std::collections::VecDeque;

use futures::{Stream, StreamExt, TryStreamExt};

use crate::cli::{Called, Command};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        Command::Sessions(Called(command)) => sessions::run(command, context, output).await,
        Command::Messages(Called(command)) => messages::run(command, context, output).await,
        Command::Webhooks(Called(command)) => webhooks::run(command, context, output).await,
        Command::Events(Called(command)) => events::run(command, context, output).await,
        Command::Listen(Called(args)) => listen::run(args, context, output).await,
        Command::Wait(Called(args)) => wait::run(args, context, output).await,
        Command::Mock(Called(args)) => mock::run(*args, context, output).await,
        Command::Chat(Called(args)) => chat::run(args, context, output).await,
        Command::Stats(Called(args)) => stats::run(args, context, output).await,
        Command::Inbox(Called(inbox::InboxArgs {})) => inbox::run(context).await,
        Command::Api(Called(args)) => api::run(*args, context, output).await,
        Command::Login(Called(args)) => login::run(args, context, output).await,
        Command::Profile(Called(command)) => profile::run(command, context, output),
        Command::Config(Called(command)) => config::run(&command, context, output),
        Command::Explain(Called(args)) => explain::run(&args, output),
        Command::Doctor(Called(args)) => doctor::run(args, context, output).await,
        Command::Completions(Called(args)) => completions::run(&args, output),
        Command::Man(Called(args)) => man::run(&args, output),
        Command::Demo(Called(args)) => demo::run(args, output).await,
    }
}

// How much of a list is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct ListLimit {
    /// Print at most this many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = at_least_one)]
    limit: usize,

    /// Print all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "it must be a number, 1 or more".to_owned())
}

impl ListLimit {
    fn most(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }

    /// Prints the first objects of a list, and says when there are more.
    async fn print_first<T: Render>(
        &self,
        items: impl Stream<Item = pocketping_sdk::Result<T>>,
        output: &mut Output,
    ) -> Result<(), CliError> {
        // One more than is printed tells whether there are more.
        let mut read: Vec<T> = items.take(self.most().saturating_add(1)).try_collect().await?;
        let more = read.len() > self.most();
        read.truncate(self.most());
        output.list(&read)?;
        if more {
            output.remark(&format!("these are the first {}; --limit N or --all prints more", self.limit));
        }
        Ok(())
    }

    /// Prints the last objects of a list, and says when there are more.
    async fn print_last<T: Render>(
        &self,
        items: impl Stream<Item = pocketping_sdk::Result<T>>,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let (read, more) = last_of(items, self.most()).await?;
        output.list(&read)?;
        if more {
            output.remark(&format!("these are the last {}; --limit N or --all prints more", self.limit));
        }
        Ok(())
    }
}

/// The last objects of a list, at most this many, and whether there were more.
async fn last_of<T>(
    items: impl Stream<Item = pocketping_sdk::Result<T>>,
    most: usize,
) -> Result<(Vec<T>, bool), CliError> {
    let mut items = std::pin::pin!(items);
    let mut read = VecDeque::new();
    let mut more = false;
    while let Some(item) = items.try_next().await? {
        read.push_back(item);
        if read.len() > most {
            read.pop_front();
            more = true;
        }
    }
    Ok((read.into(), more))
}

/// An optional value as a cell.
fn cell<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}
