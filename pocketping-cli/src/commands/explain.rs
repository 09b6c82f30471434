//! `explain`: what an error's code means, and what to do.

use clap::Args;
use serde::Serialize;

use crate::catalogue::{self, Entry};
use crate::error::{CliError, Exit};
use crate::output::{Output, Render};

// Which code.
#[derive(Debug, Args)]
#[command(after_help = "Example: pocketping explain SESSION_CLOSED")]
pub(crate) struct ExplainArgs {
    /// An error's code, or an exit code; all of them without one
    code: Option<String>,
}

/// A code as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    code: &'static str,
    exit: u8,
    meaning: &'static str,
    advice: &'static str,
}

impl From<&Entry> for Explained {
    fn from(entry: &Entry) -> Self {
        Self { code: entry.code, exit: entry.exit as u8, meaning: entry.meaning, advice: entry.advice }
    }
}

impl Render for Explained {
    const COLUMNS: &'static [&'static str] = &["code", "exit", "meaning", "advice"];

    fn cells(&self) -> Vec<String> {
        vec![self.code.to_owned(), self.exit.to_string(), self.meaning.to_owned(), self.advice.to_owned()]
    }
}

pub(crate) fn run(args: &ExplainArgs, output: &mut Output) -> Result<(), CliError> {
    let Some(code) = &args.code else {
        return output.list(&catalogue::all().map(Explained::from).collect::<Vec<_>>());
    };
    let entry = catalogue::find(code).ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("there is no code {code}")).with_hint(
            "a server may have codes of its own, which its message explains; `pocketping explain` lists the rest",
        )
    })?;
    output.item(&Explained::from(entry))
}
