//! `mock run`, `mock stories`, `mock export`: timelines of what visitors and operators do.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use futures::TryStreamExt;
use pocketping_mock_server::{Contract, MockServer, Scenario};
use serde::Serialize;

use super::cell;
use crate::cli::Called;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{Document, JsonText, Output, Render};

// What is done with scenarios.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ScenariosCommand {
    /// Play a scenario on a server of its own, and check what it expects
    ///
    /// Its clock stands until the scenario moves it: hours pass in milliseconds.
    Run(Called<RunArgs>),
    /// List the stories that come with the server, or print one
    Stories(Called<StoriesArgs>),
    /// Print a session of a server as a scenario
    Export(Called<ExportArgs>),
}

// What is played, and how.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 12: a step could not be done, or something was not as expected.\n\n\
                  Example: pocketping mock run rush-hour --contract strict")]
pub(crate) struct RunArgs {
    /// A file of JSON or YAML, `-` for standard input, or the name of a story
    #[arg(value_name = "FILE|STORY")]
    scenario: PathBuf,

    /// Speak only what the API reference promises, or its additions too
    #[arg(long, default_value = "extended", value_name = "strict|extended")]
    contract: Contract,
}

// Which story.
#[derive(Debug, Args)]
#[command(after_help = "Example: pocketping mock stories angry-visitor > mine.json")]
pub(crate) struct StoriesArgs {
    /// Print this one
    #[arg(value_name = "STORY")]
    story: Option<String>,
}

// Which session.
#[derive(Debug, Args)]
#[command(after_help = "Example: pocketping mock export sess_abc123 > story.json && \\\n\
                        \x20          pocketping mock run story.json")]
pub(crate) struct ExportArgs {
    /// The session's id
    #[arg(value_name = "SESSION")]
    session: String,
}

/// A step that was done, or failed.
#[derive(Debug, Serialize)]
struct Step<'a> {
    #[serde(rename = "step")]
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Failed>,
}

/// Why it failed.
#[derive(Debug, Serialize)]
struct Failed {
    why: String,
    line: Option<usize>,
    differences: Vec<String>,
}

impl Render for Step<'_> {
    const COLUMNS: &'static [&'static str] = &["step", "done"];

    fn cells(&self) -> Vec<String> {
        let failed = self.failed.as_ref().map(|failed| format!("failed: {}", failed.why));
        vec![self.number.to_string(), self.done.map(str::to_owned).or(failed).unwrap_or_default()]
    }
}

/// A story that comes with the server.
#[derive(Debug, Serialize)]
struct Story {
    name: &'static str,
    about: Option<String>,
}

impl Render for Story {
    const COLUMNS: &'static [&'static str] = &["name", "about"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), cell(self.about.as_ref())]
    }
}

pub(crate) async fn run(command: ScenariosCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        ScenariosCommand::Run(Called(args)) => play(args, output).await,
        ScenariosCommand::Stories(Called(args)) => stories(args.story.as_deref(), output),
        ScenariosCommand::Export(Called(args)) => export(&args.session, context, output).await,
    }
}

async fn play(args: RunArgs, output: &mut Output) -> Result<(), CliError> {
    let scenario = read(&args.scenario)?;
    let server = MockServer::builder().contract(args.contract).start()?;
    let played = server.play(&scenario).await;
    server.shutdown().await;
    let (steps, failure) = match &played {
        Ok(played) => (played.steps.as_slice(), None),
        Err(error) => (error.played(), Some(error)),
    };
    let done = steps.iter().enumerate().map(|(n, done)| Step { number: n + 1, done: Some(done), failed: None });
    let failed = failure.and_then(|error| {
        let failed = Failed { why: error.why().to_owned(), line: error.line(), differences: error.differences() };
        Some(Step { number: error.step()?, done: None, failed: Some(failed) })
    });
    output.list(&done.chain(failed).collect::<Vec<_>>())?;
    let Some(error) = failure else { return Ok(()) };
    error.differences().iter().for_each(|line| output.remark(line));
    Err(CliError::new(Exit::Unmet, error.summary()))
}

/// A file wins over a story of the same name: whoever has one means it.
fn read(name: &PathBuf) -> Result<Scenario, CliError> {
    let text = if name.as_os_str() == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| CliError::unexpected("standard input cannot be read", error))?;
        text
    } else {
        let story = name.to_str().filter(|_| !name.exists()).and_then(Scenario::stock);
        if let Some(story) = story {
            return Ok(story);
        }
        fs::read_to_string(name).map_err(|error| {
            let known: Vec<_> = Scenario::stock_names().collect();
            CliError::usage(format!("{} cannot be read: {error}", name.display()))
                .with_hint(format!("the stories are {}", known.join(", ")))
        })?
    };
    let scenario =
        if text.trim_start().starts_with('{') { Scenario::from_json(&text) } else { Scenario::from_yaml(&text) };
    scenario.map_err(|error| CliError::usage(format!("{}: {error}", name.display())))
}

fn stories(story: Option<&str>, output: &mut Output) -> Result<(), CliError> {
    let Some(name) = story else {
        let about = |name: &str| Scenario::stock(name)?.about().map(str::to_owned);
        let stories: Vec<_> = Scenario::stock_names().map(|name| Story { name, about: about(name) }).collect();
        return output.list(&stories);
    };
    let file = Scenario::stock_file(name)
        .ok_or_else(|| CliError::new(Exit::NotFound, format!("there is no story {name:?}")))?;
    file_as_it_is(file, output)
}

/// Prints the JSON of a file, for people as it stands there.
fn file_as_it_is(text: &str, output: &mut Output) -> Result<(), CliError> {
    if output.is_plain() {
        text.lines().try_for_each(|line| output.json_text(line))
    } else {
        output.item(&Document(JsonText::parse(text)?))
    }
}

async fn export(session: &str, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let session = context.session(&context.client()?, session);
    let messages: Vec<_> = session.messages().list().stream().try_collect().await?;
    let session = session.get().await?;
    file_as_it_is(&Scenario::of_conversation(&session, &messages), output)?;
    for line in Scenario::left_out_of(&session, &messages) {
        output.remark(&format!("note: {line}"));
    }
    Ok(())
}
