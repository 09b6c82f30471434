//! `pocketping`: PocketPing from the terminal.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are help texts for terminals")]

mod cli;
mod commands;
mod context;
mod cursor_file;
mod error;
mod files;
mod forward;
mod jq;
mod link;
mod output;
mod stop;
mod time;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::to_stdout(cli.global.output, !cli.global.no_color);
    match run(cli, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.failure(&error),
    }
}

fn run(cli: Cli, output: &mut Output) -> Result<(), CliError> {
    // One thread: a command line tool starts faster without a pool it has no use for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::unexpected("the runtime cannot start", error))?;
    let context = Context::new(cli.global);
    let result = runtime.block_on(commands::run(cli.command, &context, output));
    // A read of standard input may still hang; the process ends all the same.
    runtime.shutdown_background();
    result.and_then(|()| Ok(output.flush()?))
}
