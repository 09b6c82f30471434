//! Everything that is printed. stdout carries data and nothing else; what a person is told goes to stderr.
//!
//! Knows no noun: commands bring their objects as [`Render`].

mod delimited;
mod human;
mod json;
mod progress;
mod safe;
mod shape;
mod sink;

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::process::ExitCode;

use futures::{Stream, StreamExt};
use serde::Serialize;

use crate::error::CliError;
use crate::jq::Jq;
use crate::time::as_people_say;
use shape::{Lookout, Part, names};
use sink::Sink;

pub(crate) use json::{Document, JsonText, escaped as escaped_json};
pub(crate) use progress::{end as end_progress, with_progress};
pub(crate) use safe::{is_unsafe, safe};
pub(crate) use shape::{Field, Shape};
pub(crate) use sink::Kept;

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
    /// Comma-separated, with a line of heads (RFC 4180)
    Csv,
    /// Tab-separated, with a line of heads
    Tsv,
}

impl Format {
    /// Whether objects are printed as JSON, and errors with them.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// When colour is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb; CLICOLOR_FORCE asks for it anywhere
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether a stream is printed to with colour. What was typed goes before the environment.
    fn is_on(self, is_terminal: bool) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") => {
                true
            }
            Self::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// An object that can be printed.
pub(crate) trait Render: Serialize {
    /// The heads of a list's columns.
    const COLUMNS: &'static [&'static str];

    /// The fields under [`COLUMNS`](Self::COLUMNS).
    fn cells(&self) -> Vec<String>;

    /// Those of [`COLUMNS`](Self::COLUMNS) that hold a time: in a table on a terminal they say how long ago it was.
    const TIMES: &'static [&'static str] = &[];

    /// Those of [`COLUMNS`](Self::COLUMNS) that a table on a narrow terminal can do without, in the order in which it does.
    const SPARE: &'static [&'static str] = &[];

    /// What it is called by, or what those in it are.
    fn ids(&self) -> Vec<String> {
        self.cells().into_iter().take(1).collect()
    }

    /// What is shown of one object by itself.
    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.cells()).collect()
    }
}

/// Where data and remarks go.
pub(crate) struct Output {
    sink: Sink,
    shape: Shape,
    /// Which fields nothing had of what came over time.
    lookout: Lookout,
    error_color: bool,
}

impl Output {
    pub(crate) fn to_stdout(format: Format, shape: Shape, color: Color) -> Self {
        let sink = Sink::new(format, |is_terminal| color.is_on(is_terminal));
        Self { sink, shape, lookout: Lookout::default(), error_color: color.is_on(io::stderr().is_terminal()) }
    }

    /// Whether programs are told about what they read in the same form as what they read: whole objects of JSON, among which
    /// one of another kind has its place.
    pub(crate) fn is_whole_json(&self) -> bool {
        self.sink.format.is_json() && matches!(self.shape, Shape::Whole)
    }

    /// Whether whole objects are printed, in whatever form.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.shape, Shape::Whole)
    }

    /// Whether rows are printed, of the columns that there are.
    pub(crate) fn is_delimited(&self) -> bool {
        matches!(self.sink.format, Format::Csv | Format::Tsv) && self.is_whole()
    }

    /// Whether ids are printed, and nothing else.
    pub(crate) fn is_ids(&self) -> bool {
        matches!(self.shape, Shape::Id)
    }

    /// Whether nothing was asked for but the text that people read.
    pub(crate) fn is_plain(&self) -> bool {
        self.sink.format == Format::Table && matches!(self.shape, Shape::Whole)
    }

    /// Whether that text goes to a terminal.
    pub(crate) fn is_for_people(&self) -> bool {
        self.is_plain() && self.sink.is_terminal
    }

    /// Whether a table is printed, and a person sees it.
    fn is_on_terminal(&self) -> bool {
        self.sink.format == Format::Table && self.sink.is_terminal
    }

    /// Whether a table can be drawn anew in its place.
    pub(crate) fn has_live_tables(&self) -> bool {
        self.is_on_terminal() && self.is_plain() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
    }

    /// Whether a list is one thing: a document, or what an expression is asked about.
    pub(crate) fn takes_lists_whole(&self) -> bool {
        matches!((self.sink.format, &self.shape), (Format::Json, Shape::Whole | Shape::Fields(_)) | (_, Shape::Jq(_)))
    }

    /// Prints a document of JSON from here on, unless another form of JSON was asked for.
    pub(crate) fn as_json(&mut self) {
        if !self.sink.format.is_json() {
            self.sink.format = Format::Json;
        }
    }

    /// Text as it is, whose writer made it harmless.
    pub(crate) fn harmless(&mut self, text: &str) -> Result<(), CliError> {
        self.sink.raw(text)?;
        Ok(self.flush()?)
    }

    /// Keeps what is printed from here on, instead of printing it.
    pub(crate) fn keep(&mut self) -> Kept {
        let kept = Kept::default();
        self.sink.divert(Box::new(kept.clone()));
        kept
    }

    /// Prints for people from here on.
    pub(crate) fn for_people(&mut self) {
        self.sink.format = Format::Table;
        self.shape = Shape::Whole;
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// One object.
    pub(crate) fn item<T: Render>(&mut self, item: &T) -> Result<(), CliError> {
        let mut lookout = Lookout::default();
        match &self.shape {
            Shape::Id => item.ids().iter().try_for_each(|id| self.sink.text(id, false))?,
            Shape::Jq(jq) => results(&mut self.sink, jq, item)?,
            Shape::Fields(fields) => {
                let part = Part::new(fields, item)?;
                let cells: Vec<_> = names(fields).into_iter().zip(part.cells()).collect();
                self.sink.item(&part, &cells)?;
                lookout.saw(fields, &part);
            }
            Shape::Whole if self.sink.format == Format::Table => self.sink.item(item, &item.details())?,
            Shape::Whole => {
                let cells: Vec<_> = T::COLUMNS.iter().copied().zip(item.cells()).collect();
                self.sink.item(item, &cells)?;
            }
        }
        self.flush()?;
        self.warn(&lookout);
        Ok(())
    }

    /// Any JSON: people get it as a document.
    pub(crate) fn document<T: Render>(&mut self, document: &T) -> Result<(), CliError> {
        if !self.is_plain() {
            return self.item(document);
        }
        self.sink.document(document)?;
        Ok(self.flush()?)
    }

    /// A list.
    pub(crate) fn list<T: Render>(&mut self, items: &[T]) -> Result<(), CliError> {
        let mut lookout = Lookout::default();
        match &self.shape {
            Shape::Id => {
                items.iter().flat_map(Render::ids).try_for_each(|id| self.sink.text(&id, false))?;
            }
            Shape::Jq(jq) => results(&mut self.sink, jq, &items)?,
            Shape::Fields(fields) => {
                let parts = items.iter().map(|item| Part::new(fields, item)).collect::<Result<Vec<_>, _>>()?;
                self.sink.list(&parts, (&names(fields), &[]), Part::cells)?;
                for part in &parts {
                    lookout.saw(fields, part);
                }
            }
            Shape::Whole if self.is_on_terminal() => {
                self.sink.list(items, (T::COLUMNS, T::SPARE), for_people)?;
            }
            Shape::Whole => self.sink.list(items, (T::COLUMNS, T::SPARE), Render::cells)?,
        }
        self.flush()?;
        self.warn(&lookout);
        if items.is_empty() && self.is_on_terminal() {
            self.remark("nothing found");
        }
        Ok(())
    }

    /// One of many that come over time: a line each, written at once.
    pub(crate) fn event<T: Render>(&mut self, event: &T) -> Result<(), CliError> {
        match &self.shape {
            Shape::Id => event.ids().iter().try_for_each(|id| self.sink.text(id, false))?,
            Shape::Jq(jq) => results(&mut self.sink, jq, event)?,
            Shape::Fields(fields) => {
                let part = Part::new(fields, event)?;
                self.sink.event(&part, &names(fields), &part.cells())?;
                self.lookout.saw(fields, &part);
            }
            Shape::Whole => self.sink.event(event, T::COLUMNS, &event.cells())?,
        }
        Ok(self.flush()?)
    }

    /// A list in the place of the one that was drawn before, as far as the terminal has room for it.
    pub(crate) fn redraw<T: Render>(&mut self, items: &[T]) -> Result<(), CliError> {
        let rows: Vec<_> = items.iter().map(for_people).collect();
        self.sink.redraw((T::COLUMNS, T::SPARE), &rows)?;
        Ok(self.flush()?)
    }

    /// What was drawn may stand anywhere: the next table stands alone.
    pub(crate) fn wipe(&mut self) -> Result<(), CliError> {
        Ok(self.sink.wipe()?)
    }

    /// A list whose objects come one after the other: printed as they come, where the form of the output allows it.
    pub(crate) async fn list_as_it_comes<T: Render>(&mut self, items: impl Stream<Item = T>) -> Result<(), CliError> {
        if self.takes_lists_whole() {
            return self.list(&items.collect::<Vec<_>>().await);
        }
        let mut items = pin!(items);
        while let Some(item) = items.next().await {
            self.event(&item)?;
        }
        Ok(())
    }

    /// A line of data that is text in every format.
    pub(crate) fn text(&mut self, line: &str) -> Result<(), CliError> {
        self.sink.text(line, false)?;
        Ok(self.flush()?)
    }

    /// A line of a text that is JSON, as it stands there.
    pub(crate) fn json_text(&mut self, line: &str) -> Result<(), CliError> {
        self.text(&json::escaped(line))
    }

    /// A line of a text that a program reads: tabs stay tabs. Written with the others.
    pub(crate) fn code(&mut self, line: &str) -> Result<(), CliError> {
        Ok(self.sink.code(line)?)
    }

    /// A line of a story: emphasised on a terminal.
    pub(crate) fn heading(&mut self, line: &str) -> Result<(), CliError> {
        self.sink.text(line, true)?;
        Ok(self.flush()?)
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let flushed = self.flush();
        let lookout = std::mem::take(&mut self.lookout);
        self.warn(&lookout);
        flushed
    }

    fn warn(&mut self, lookout: &Lookout) {
        if let Some(what) = lookout.verdict() {
            self.remark(&format!("warning: {what}"));
        }
    }

    /// What a person should know; never data.
    pub(crate) fn remark(&mut self, line: &str) {
        // It may stand on the same terminal, below the table.
        self.sink.drawn = 0;
        remark(line);
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
        if error.exit().is_quiet() {
            return ExitCode::from(error.exit() as u8);
        }
        progress::end();
        if self.sink.format.is_json() {
            // Nobody is left to tell when this fails, too.
            drop(json::line(&mut io::stderr(), &error.as_json()));
        } else {
            let label = human::red("error:", self.error_color);
            drop(writeln!(io::stderr(), "{label} {}", safe(&error.to_string())));
            if let Some(hint) = error.hint() {
                self.remark(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(error.exit() as u8)
    }
}

/// What a person should know, where no output is at hand.
pub(crate) fn remark(line: &str) {
    progress::end();
    // When stderr is gone nobody is left to tell.
    drop(writeln!(io::stderr(), "{}", safe(line)));
}

impl<T: Render> Render for &T {
    const COLUMNS: &'static [&'static str] = T::COLUMNS;
    const TIMES: &'static [&'static str] = T::TIMES;
    const SPARE: &'static [&'static str] = T::SPARE;

    fn cells(&self) -> Vec<String> {
        T::cells(self)
    }

    fn ids(&self) -> Vec<String> {
        T::ids(self)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        T::details(self)
    }
}

/// The cells of an object with its times as people say them.
fn for_people<T: Render>(item: &T) -> Vec<String> {
    let cells = T::COLUMNS.iter().zip(item.cells()).map(|(column, cell)| {
        let said = T::TIMES.contains(column).then(|| as_people_say(&cell)).flatten();
        said.unwrap_or(cell)
    });
    cells.collect()
}

/// The results of an expression, a line each.
fn results<T: Serialize>(sink: &mut Sink, jq: &Jq, value: &T) -> Result<(), CliError> {
    jq.results_of(&serde_json::to_vec(value)?, |result| Ok(sink.result(&result)?))
}
