//! Where lines come from: a person at a terminal, whose half-typed line stays while others write, or a pipe.

use std::io::{self, BufRead};
use std::sync::mpsc as blocking;
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc;

use crate::error::CliError;
use crate::terminal::Terminal;

/// What came.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the end of the pipe.
    End,
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
            Box::new(from_pipe)
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

fn from_pipe() -> Typed {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) => Typed::End,
        Ok(_) => Typed::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Typed::Failed(format!("standard input cannot be read as text: {error}")),
    }
}
