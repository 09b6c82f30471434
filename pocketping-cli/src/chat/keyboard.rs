//! Where lines come from: a person at a terminal, whose half-typed line stays while others write, or a pipe.

use std::io::{self, BufRead, Read};
use std::sync::mpsc as blocking;
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc;

use crate::error::CliError;
use crate::input::MOST;
use crate::terminal::Terminal;

/// What came.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the end of the pipe.
    End,
    /// A line that cannot be sent. There may be others behind it.
    Wrong(String),
    /// Nothing more can be read.
    Failed(String),
}

/// Reads lines in a thread of its own. Each one is read when it was asked for: after the last one the terminal is left as it was.
pub(super) struct Keyboard {
    typed: mpsc::UnboundedReceiver<Typed>,
    asks: blocking::Sender<()>,
    printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// Put back at the end, whatever happens.
    terminal: Option<Terminal>,
}

impl Keyboard {
    pub(super) fn new() -> Result<Self, CliError> {
        let (sender, typed) = mpsc::unbounded_channel();
        let (asks, asked) = blocking::channel::<()>();
        let mut printer: Option<Box<dyn ExternalPrinter + Send>> = None;
        let is_terminal = Terminal::is_smart();
        let mut read: Box<dyn FnMut() -> Typed + Send> = if is_terminal {
            let failed = |error| CliError::unexpected("the terminal cannot be used", error);
            let mut editor = DefaultEditor::new().map_err(failed)?;
            printer = Some(Box::new(editor.create_external_printer().map_err(failed)?));
            Box::new(move || from_terminal(&mut editor))
        } else {
            let mut pipe = Pipe::default();
            Box::new(move || pipe.next(&mut io::stdin().lock()))
        };
        let work = move || {
            while asked.recv().is_ok() {
                // An error says that the chat is over.
                if sender.send(read()).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("keyboard".to_owned()).spawn(work);
        started.map_err(|error| CliError::unexpected("a thread cannot be started", error))?;
        Ok(Self { typed, asks, printer, terminal: is_terminal.then(Terminal::keep).flatten() })
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.printer.is_some()
    }

    /// Leaves the terminal as it was; what is told from now on goes below what was being typed.
    pub(super) fn leave(&mut self) {
        self.printer = None;
        self.terminal = None;
    }

    /// Asks for the next line.
    pub(super) fn go_on(&self) {
        // The thread ends with the chat.
        let _ = self.asks.send(());
    }

    /// The line that was asked for.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Typed {
        self.typed.recv().await.unwrap_or(Typed::End)
    }

    /// Prints above what is being typed.
    pub(super) fn print(&mut self, text: &str) {
        if let Some(printer) = &mut self.printer {
            // When the terminal is gone nobody is left to see it.
            drop(printer.print(format!("{text}\n")));
        }
    }
}

fn from_terminal(editor: &mut DefaultEditor) -> Typed {
    match editor.readline("> ") {
        Ok(line) => {
            // It is there again with the arrow up, should it not have been sent.
            drop(editor.add_history_entry(&line));
            Typed::Line(line)
        }
        Err(ReadlineError::Interrupted) => Typed::Interrupt,
        Err(ReadlineError::Eof) => Typed::End,
        Err(error) => Typed::Failed(format!("the terminal cannot be read: {error}")),
    }
}

/// Where a pipe is read.
#[derive(Debug, Default)]
struct Pipe {
    /// The number of the last line.
    line: u64,
    /// Whether that line goes on: it had no end where its limit was.
    goes_on: bool,
}

impl Pipe {
    /// The next line. Whether one can be sent says nothing about the others.
    fn next(&mut self, input: &mut impl BufRead) -> Typed {
        let bytes = match self.bytes(input) {
            Ok(bytes) if bytes.is_empty() => return Typed::End,
            Ok(bytes) => bytes,
            Err(error) => return Typed::Failed(format!("standard input cannot be read: {error}")),
        };
        if self.goes_on {
            return Typed::Wrong(format!("line {} of standard input holds more than 1 MiB", self.line));
        }
        match String::from_utf8(bytes) {
            Ok(line) => Typed::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => {
                let at = error.utf8_error().valid_up_to() + 1;
                Typed::Wrong(format!("line {} of standard input is no text: its byte {at} is no UTF-8", self.line))
            }
        }
    }

    fn bytes(&mut self, input: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if std::mem::take(&mut self.goes_on) {
            input.skip_until(b'\n')?;
        }
        self.line += 1;
        let mut bytes = Vec::new();
        input.by_ref().take(MOST + 1).read_until(b'\n', &mut bytes)?;
        self.goes_on = bytes.len() as u64 > MOST && !bytes.ends_with(b"\n");
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_pipe_is_judged_by_itself() {
        let long = "é".repeat(600_000);
        let fits = "x".repeat(1 << 20);
        let text = [b"one\r\n\n\xff\n".as_slice(), long.as_bytes(), b"\ntwo\n", fits.as_bytes(), b"\nlast"].concat();
        let (mut input, mut pipe, mut seen) = (text.as_slice(), Pipe::default(), Vec::new());
        loop {
            seen.push(match pipe.next(&mut input) {
                Typed::Line(line) if line == fits => "fits".to_owned(),
                Typed::Line(line) | Typed::Wrong(line) | Typed::Failed(line) => line,
                Typed::Interrupt | Typed::End => break,
            });
        }
        let bad = "line 3 of standard input is no text: its byte 1 is no UTF-8";
        let big = "line 4 of standard input holds more than 1 MiB";
        assert_eq!(seen, ["one", "", bad, big, "two", "fits", "last"]);
    }
}
