//! Everything that is printed. stdout carries data and nothing else; what a person is told goes to stderr.
//!
//! Knows no noun: commands bring their objects as [`Render`].

mod human;
mod json;
mod safe;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::error::CliError;

pub(crate) use safe::safe;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table on a terminal; lines of tab-separated fields in a pipe
    #[default]
    Table,
    /// One JSON document: an object, or an array for lists
    Json,
    /// One JSON object a line
    Ndjson,
}

/// An object that can be printed.
pub(crate) trait Render: Serialize {
    /// The heads of a list's columns.
    const COLUMNS: &'static [&'static str];

    /// The fields under [`COLUMNS`](Self::COLUMNS).
    fn cells(&self) -> Vec<String>;

    /// What is shown of one object by itself.
    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.cells()).collect()
    }
}

/// Where data and remarks go.
pub(crate) struct Output {
    format: Format,
    out: Box<dyn Write>,
    /// Whether stdout is a terminal: tables are for people, tabs for programs.
    is_terminal: bool,
    color: bool,
    error_color: bool,
}

impl Output {
    pub(crate) fn to_stdout(format: Format, color: bool) -> Self {
        let color = color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = color && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let is_terminal = io::stdout().is_terminal();
        Self {
            format,
            out: Box::new(BufWriter::new(io::stdout())),
            is_terminal,
            color: color && is_terminal,
            error_color: color && io::stderr().is_terminal(),
        }
    }

    /// Whether people read this: no machine-readable format was asked for.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Prints for people from here on.
    pub(crate) fn for_people(&mut self) {
        self.format = Format::Table;
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// One object.
    pub(crate) fn item<T: Render>(&mut self, item: &T) -> Result<(), CliError> {
        match self.format {
            Format::Json => json::document(&mut self.out, item)?,
            Format::Ndjson => json::line(&mut self.out, item)?,
            Format::Table => human::item(&mut self.out, &item.details(), self.is_terminal, self.color)?,
        }
        Ok(self.flush()?)
    }

    /// A list.
    pub(crate) fn list<T: Render>(&mut self, items: &[T]) -> Result<(), CliError> {
        match self.format {
            Format::Json => json::document(&mut self.out, items)?,
            Format::Ndjson => items.iter().try_for_each(|item| json::line(&mut self.out, item))?,
            Format::Table => {
                let rows: Vec<_> = items.iter().map(Render::cells).collect();
                human::list(&mut self.out, T::COLUMNS, &rows, self.is_terminal, self.color)?;
            }
        }
        self.flush()?;
        if items.is_empty() && self.is_for_people() && self.is_terminal {
            self.remark("nothing found");
        }
        Ok(())
    }

    /// One of many that come over time: a line each, written at once.
    pub(crate) fn event<T: Render>(&mut self, event: &T) -> Result<(), CliError> {
        match self.format {
            Format::Json | Format::Ndjson => json::line(&mut self.out, event)?,
            Format::Table => human::line(&mut self.out, &event.cells(), self.is_terminal)?,
        }
        Ok(self.flush()?)
    }

    /// A line of data that is text in every format.
    pub(crate) fn text(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.out, "{}", safe(line))?;
        Ok(self.flush()?)
    }

    /// A line of a story: emphasised on a terminal.
    pub(crate) fn heading(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.out, "{}", human::bold(&safe(line), self.color))?;
        Ok(self.flush()?)
    }

    /// What a person should know; never data.
    #[expect(clippy::unused_self, reason = "remarks go through the output like everything else")]
    pub(crate) fn remark(&mut self, line: &str) {
        // When stderr is gone nobody is left to tell.
        drop(writeln!(io::stderr(), "{}", safe(line)));
    }

    /// The error a command ends with when two things went wrong: the first one, unless it has nothing to say. The other one
    /// is told as a warning.
    pub(crate) fn first_of(
        &mut self,
        first: Result<(), CliError>,
        second: Result<(), CliError>,
    ) -> Result<(), CliError> {
        match (first, second) {
            (Err(first), Err(second)) if first.exit().is_quiet() => Err(second),
            (Err(first), Err(second)) => {
                if !second.exit().is_quiet() {
                    self.remark(&format!("warning: {second}"));
                }
                Err(first)
            }
            (first, second) => first.and(second),
        }
    }

    /// Says why the program failed and gives its exit code.
    pub(crate) fn failure(&mut self, error: &CliError) -> ExitCode {
        if !error.exit().is_quiet() {
            let label = human::red("error:", self.error_color);
            drop(writeln!(io::stderr(), "{label} {}", safe(&error.to_string())));
            if let Some(hint) = error.hint() {
                self.remark(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(error.exit() as u8)
    }
}
