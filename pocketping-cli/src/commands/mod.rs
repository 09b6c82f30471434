//! One file per noun: what can be typed, one short function per verb, and how its objects look.

pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod messages;
pub(crate) mod mock;
pub(crate) mod sessions;
pub(crate) mod webhooks;

use std::io::Read;

use futures::{Stream, StreamExt};

use crate::cli::Command;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        Command::Sessions(command) => sessions::run(command, context, output).await,
        Command::Messages(command) => messages::run(command, context, output).await,
        Command::Webhooks(command) => webhooks::run(command, context, output).await,
        Command::Events(command) => events::run(command, context, output).await,
        Command::Mock(args) => mock::run(args, context, output).await,
        Command::Demo(args) => demo::run(args, context, output).await,
    }
}

/// How much of a list is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct ListLimit {
    /// Print at most this many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// Print all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl ListLimit {
    /// How many to ask for: one more than is printed tells whether there are more.
    fn wanted(&self) -> usize {
        if self.all { usize::MAX } else { self.limit as usize + 1 }
    }

    /// Reads the list and says when there is more of it.
    async fn collect<T>(
        &self,
        items: impl Stream<Item = pocketping_sdk::Result<T>>,
        output: &mut Output,
    ) -> Result<Vec<T>, CliError> {
        let mut items = std::pin::pin!(items);
        let mut read = Vec::new();
        while let Some(item) = items.next().await {
            read.push(item?);
        }
        if !self.all && read.len() > self.limit as usize {
            read.truncate(self.limit as usize);
            output.remark(&format!("there are more than {}; --limit N or --all prints them", self.limit));
        }
        Ok(read)
    }
}

/// A text as it was typed, or standard input for `-`. One line break at the end of the input is not part of it.
fn text_or_stdin(text: String) -> Result<String, CliError> {
    if text != "-" {
        return Ok(text);
    }
    let mut input = String::new();
    std::io::stdin()
        .read_to_string(&mut input)
        .map_err(|error| CliError::unexpected("standard input cannot be read as UTF-8", error))?;
    let text = input.strip_suffix('\n').map_or(input.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(text.to_owned())
}

/// A secret from a file, or from standard input for `-`: never from the command line, which other users can see.
fn secret_from(file: &str) -> Result<String, CliError> {
    let text = if file == "-" {
        text_or_stdin(file.to_owned())?
    } else {
        std::fs::read_to_string(file)
            .map_err(|error| CliError::new(Exit::Config, format!("{file} cannot be read: {error}")))?
    };
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// An optional value as a cell.
fn cell<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}
