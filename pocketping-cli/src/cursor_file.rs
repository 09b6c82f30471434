//! The file in which the place of a stream is kept over restarts: the SDK's cursor as JSON.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pocketping_sdk::EventCursor;
use tokio::time::{Instant, sleep_until};

use crate::error::{CliError, Exit};
use crate::files::replace;

/// How long a change may wait to be written, so that many are written at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a stream's place is kept.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
    /// What stands in the file.
    written: Option<String>,
    /// When a change is to be written.
    due: Option<Instant>,
    last: Option<Instant>,
}

impl CursorFile {
    /// Reads the cursor; an empty one when there is no file yet. The file is not changed.
    pub(crate) fn read(path: PathBuf) -> Result<(Self, EventCursor), CliError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(&path, &format!("cannot be read: {error}"))),
        };
        let cursor = match &text {
            Some(text) if text.trim().is_empty() => {
                let error = CliError::new(Exit::Config, format!("the cursor file {} is empty", path.display()));
                return Err(error.with_hint("it was left as it is; delete it to begin now"));
            }
            Some(text) => {
                text.parse().map_err(|error| refused(&path, &format!("cannot be used: {}", CliError::from(error))))?
            }
            None => EventCursor::default(),
        };
        let file = Self { path, written: text, due: None, last: None };
        Ok((file, cursor))
    }

    /// What to look at when the server or the SDK refuses the cursor.
    pub(crate) fn hint(&self) -> String {
        format!("the cursor file {} was left as it is; without it the command begins now", self.path.display())
    }

    /// Something changed: it is to be written soon.
    pub(crate) fn touch(&mut self) {
        let now = Instant::now();
        self.due.get_or_insert(self.last.map_or(now, |last| last + PAUSE));
    }

    /// Ends when a change is to be written.
    pub(crate) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Writes the cursor. Whoever reads the file reads the old one or the new one, whole.
    pub(crate) fn write(&mut self, cursor: &EventCursor) -> Result<(), CliError> {
        self.due = None;
        let text = cursor.to_string();
        if self.written.as_ref() != Some(&text) {
            replace(&self.path, &format!("{text}\n")).map_err(|error| {
                CliError::new(
                    Exit::Config,
                    format!("the cursor file {} cannot be written: {error}", self.path.display()),
                )
            })?;
            self.written = Some(text);
        }
        self.last = Some(Instant::now());
        Ok(())
    }
}

fn refused(path: &Path, why: &str) -> CliError {
    CliError::new(Exit::Config, format!("{} {why}", path.display()))
        .with_hint("the file was left as it is; without it the command begins now")
}
