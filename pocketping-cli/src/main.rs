//! `pocketping`: PocketPing from the terminal.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are help texts for terminals")]

mod catalogue;
mod chat;
mod cli;
mod commands;
mod context;
mod cursor_file;
mod doctor;
mod dry_run;
mod error;
mod files;
mod forward;
mod ids;
mod inbox;
mod input;
mod jq;
mod link;
mod markdown;
mod output;
mod resizes;
mod settings;
mod stop;
mod terminal;
mod time;
mod told;

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{Color, Format, Output, Shape, is_unsafe, safe, with_progress};

fn main() -> ExitCode {
    if let Some(ended) = commands::completions::answer() {
        return ended;
    }
    let cli = match Cli::read(&std::env::args_os().collect::<Vec<_>>()) {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let (mut output, sound) = cli.global.output.output();
    let context = Context::new(cli.global.connection, !cli.global.no_input);
    let ended = sound.and_then(|()| run(cli.command, &context, &mut output));
    match ended.map_err(|error| context.explain(error)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.unsent().map_or(Ok(()), |unsent| output.item(unsent)) {
            Ok(()) => output.failure(&error),
            Err(error) => output.failure(&error),
        },
    }
}

fn run(command: Command, context: &Context, output: &mut Output) -> Result<(), CliError> {
    // One thread: a command line tool starts faster without a pool it has no use for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::unexpected("the runtime cannot start", error))?;
    let result = runtime.block_on(with_progress(commands::run(command, context, output)));
    // A read of standard input may still hang; the process ends all the same.
    runtime.shutdown_background();
    let ended = output.end();
    result.and_then(|()| Ok(ended?))
}

/// Says what is wrong with the command line, or prints the help or the version that was asked for.
fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && asks_for_json() {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let what = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let is_more = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more information");
        let more: Vec<_> = lines.take_while(is_more).collect();
        let error = CliError::usage([&[what.as_str()], &more[..]].concat().join(" "));
        return Output::to_stdout(Format::Json, Shape::Whole, Color::Never).failure(&error);
    }
    let exit = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8);
    // It repeats what was typed, and a script may have typed what a visitor wrote.
    let is_odd = |arg: std::ffi::OsString| arg.to_string_lossy().contains(is_unsafe);
    let printed = if error.use_stderr() && std::env::args_os().any(is_odd) {
        let text = error.render().to_string();
        let lines: Vec<_> = text.lines().map(safe).collect();
        writeln!(std::io::stderr(), "{}", lines.join("\n"))
    } else {
        error.print()
    };
    match printed.map_err(CliError::from) {
        // What is wrong counts more than that it cannot be told.
        Err(error) if exit == 0 => Output::to_stdout(Format::Table, Shape::Whole, Color::Never).failure(&error),
        _ => ExitCode::from(exit),
    }
}

/// Whether a command line that cannot be read asks for JSON, as far as can be told.
fn asks_for_json() -> bool {
    let args: Vec<_> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let is_json = |value: &str| matches!(value, "json" | "ndjson");
    let attached = |arg: &String| {
        let value =
            arg.strip_prefix("--output=").or_else(|| arg.strip_prefix("-o=")).or_else(|| arg.strip_prefix("-o"));
        value.is_some_and(is_json)
    };
    args.iter().any(attached) || args.windows(2).any(|two| matches!(&*two[0], "-o" | "--output") && is_json(&two[1]))
}
