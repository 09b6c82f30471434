//! A server that runs in the foreground: its ready file, and the signals that end it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cannot;
use crate::{MockServer, StartError};

/// A server that runs, and its ready file, which is gone when this is.
#[derive(Debug)]
pub struct Running {
    server: Option<MockServer>,
    key: Option<String>,
    /// Held for its drop.
    _ready_file: Option<ReadyFile>,
    ready_url: String,
    signals: Signals,
}

/// A file that says that something is ready, and where. It is gone when this is, unless another program has written its
/// own since.
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
    text: String,
}

impl Running {
    /// Says that the server is ready, where that was asked for.
    pub(super) fn new(
        server: MockServer,
        key: Option<String>,
        ready_file: Option<PathBuf>,
        signals: Signals,
    ) -> Result<Self, StartError> {
        let ready_url = server.url().to_owned();
        let ready_file = ready_file.map(|path| ReadyFile::write(path, &ready_url)).transpose()?;
        Ok(Self { server: Some(server), key, _ready_file: ready_file, ready_url, signals })
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.ready_url
    }

    /// The key, when the server made it; one that was given is not repeated.
    pub fn made_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What a person needs to know to use it.
    pub fn announcement(&self) -> String {
        let key = self.made_key().map(|key| format!(" (key {key})")).unwrap_or_default();
        format!("PocketPing mock server ready at {}{key}", self.url())
    }

    /// Runs until the process is told to stop (Ctrl-C, or SIGTERM), then shuts down in order.
    pub async fn until_stopped(mut self) {
        self.signals.stop().await;
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }
}

impl ReadyFile {
    /// Writes the text as the file's one line. Whoever sees the file sees all of it.
    ///
    /// # Errors
    /// When the file cannot be written; the error names it.
    pub fn write(path: PathBuf, text: &str) -> Result<Self, StartError> {
        write_at_once(&path, text).map_err(|error| cannot("written", &path, error))?;
        Ok(Self { path, text: text.to_owned() })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let is_ours = fs::read_to_string(&self.path).is_ok_and(|text| text.trim_end() == self.text);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the ready file stays behind");
        }
    }
}

fn write_at_once(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = fs::write(&temporary, format!("{text}\n")).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not be there; what matters is the error that is given.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// The signals that end a server.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { streams: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?] })
    }

    #[cfg(unix)]
    async fn stop(&mut self) {
        let [terminate, interrupt] = &mut self.streams;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn stop(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be waited for");
        }
    }
}
