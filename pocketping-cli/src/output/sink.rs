//! `Sink`: how objects reach stdout, by format. What of them is printed was decided before.

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use super::delimited::Delimited;
use super::progress::end;
use super::{Format, human, json, safe};

/// What was printed, kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Rc<RefCell<Vec<u8>>>);

impl Kept {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct Sink {
    pub(super) format: Format,
    out: Box<dyn Write>,
    /// Whether stdout is a terminal: tables are for people, tabs for programs.
    pub(super) is_terminal: bool,
    color: bool,
    /// Whether the heads of what comes over time were printed.
    has_heads: bool,
    /// How many lines the table has that may be drawn anew; it stands right above the cursor.
    pub(super) drawn: usize,
}

impl Sink {
    pub(super) fn new(format: Format, color: impl FnOnce(bool) -> bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let out = Box::new(BufWriter::new(io::stdout()));
        Self { format, out, is_terminal, color: color(is_terminal), has_heads: false, drawn: 0 }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        end();
        self.out.flush()
    }

    /// Writes elsewhere from here on; that is no terminal.
    pub(super) fn divert(&mut self, out: Box<dyn Write>) {
        (self.out, self.is_terminal, self.color) = (out, false, false);
    }

    /// Text that was made harmless.
    pub(super) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    fn delimited(&self) -> Option<Delimited> {
        match self.format {
            Format::Csv => Some(Delimited::Csv),
            Format::Tsv => Some(Delimited::Tsv),
            _ => None,
        }
    }

    /// One object, with what is shown of it.
    pub(super) fn item<T: Serialize>(&mut self, object: &T, cells: &[(&str, String)]) -> io::Result<()> {
        match self.format {
            Format::Json => json::document(&mut self.out, object),
            Format::Ndjson => json::line(&mut self.out, object),
            Format::Table => human::item(&mut self.out, cells, self.is_terminal, self.color),
            Format::Csv | Format::Tsv => {
                let (columns, row): (Vec<_>, Vec<_>) = cells.iter().cloned().unzip();
                self.rows((&columns, &[]), &[row])
            }
        }
    }

    /// JSON, whatever the format.
    pub(super) fn document<T: Serialize>(&mut self, document: &T) -> io::Result<()> {
        json::document(&mut self.out, document)
    }

    /// A list.
    pub(super) fn list<T: Serialize>(
        &mut self,
        objects: &[T],
        columns: (&[&str], &[&str]),
        cells: impl Fn(&T) -> Vec<String>,
    ) -> io::Result<()> {
        match self.format {
            Format::Json => json::document(&mut self.out, objects),
            Format::Ndjson => objects.iter().try_for_each(|object| json::line(&mut self.out, object)),
            _ => self.rows(columns, &objects.iter().map(cells).collect::<Vec<_>>()),
        }
    }

    /// One of many that come over time: a line.
    pub(super) fn event<T: Serialize>(&mut self, object: &T, columns: &[&str], cells: &[String]) -> io::Result<()> {
        match (self.format, self.delimited()) {
            (Format::Json | Format::Ndjson, _) => json::line(&mut self.out, object),
            (_, None) => human::line(&mut self.out, cells, self.is_terminal),
            (_, Some(delimited)) => {
                if !std::mem::replace(&mut self.has_heads, true) {
                    delimited.heads(&mut self.out, columns)?;
                }
                delimited.row(&mut self.out, cells)
            }
        }
    }

    fn rows(&mut self, columns: (&[&str], &[&str]), rows: &[Vec<String>]) -> io::Result<()> {
        let Some(delimited) = self.delimited() else {
            return human::list(&mut self.out, columns, rows, self.is_terminal, self.color);
        };
        delimited.heads(&mut self.out, columns.0)?;
        rows.iter().try_for_each(|row| delimited.row(&mut self.out, row))
    }

    /// A table in the place of the one before; what the terminal has no room for is left out.
    pub(super) fn redraw(&mut self, columns: (&[&str], &[&str]), rows: &[Vec<String>]) -> io::Result<()> {
        let frame = human::frame(columns, rows, self.color)?;
        if self.drawn > 0 {
            // Up to its first line; that and all below it is cleared.
            write!(self.out, "\u{1b}[{}A\r\u{1b}[J", self.drawn)?;
        }
        frame.iter().try_for_each(|line| writeln!(self.out, "{line}"))?;
        self.drawn = frame.len();
        Ok(())
    }

    /// Forgets the table that was drawn, and all that the terminal shows.
    pub(super) fn wipe(&mut self) -> io::Result<()> {
        self.drawn = 0;
        write!(self.out, "\u{1b}[H\u{1b}[2J")
    }

    /// A result of an expression: a text as it is, with its line breaks and tabs, anything else as JSON.
    pub(super) fn result(&mut self, result: &Value) -> io::Result<()> {
        match result {
            Value::String(text) => {
                let parts: Vec<_> = text.split('\t').map(human::lines).collect();
                writeln!(self.out, "{}", parts.join("\t"))
            }
            other => json::line(&mut self.out, other),
        }
    }

    /// A line that is text in every format.
    pub(super) fn text(&mut self, line: &str, is_bold: bool) -> io::Result<()> {
        writeln!(self.out, "{}", human::bold(&safe(line), is_bold && self.color))
    }

    /// A line for a program, with the tabs it has.
    pub(super) fn code(&mut self, line: &str) -> io::Result<()> {
        let parts: Vec<_> = line.split('\t').map(safe).collect();
        writeln!(self.out, "{}", parts.join("\t"))
    }
}
