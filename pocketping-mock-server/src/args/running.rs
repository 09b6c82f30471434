//! A server that runs in the foreground: its ready file, and the signals that end it.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::cannot;
use super::values::Print;
use crate::{Contract, MockServer, StartError};

/// A server that runs, and its ready file, which is gone when this is.
#[derive(Debug)]
pub struct Running {
    server: Option<MockServer>,
    ready: Ready,
    print: Print,
    /// Held for their drop.
    _files: [Option<ReadyFile>; 2],
    signals: Signals,
}

/// What a program needs to know to use a server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Ready {
    /// The base URL.
    pub url: String,
    /// The key, when the server made it; one that was given is not repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// How much of the contract it speaks.
    #[serde(serialize_with = "as_written")]
    pub contract: Contract,
    /// The process, to be told to stop.
    pub pid: u32,
    /// The file with the authority's certificate, when it speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub ca: Option<PathBuf>,
    /// The Unix socket that it listens on, too.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub socket: Option<PathBuf>,
}

/// A path that is not Unicode must not cost the whole line.
#[expect(clippy::ref_option, reason = "serde hands it over")]
fn as_text<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over")]
fn as_written<S: Serializer>(contract: &Contract, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(if contract.is_extended() { "extended" } else { "strict" })
}

/// A file that says that something is ready, where, or what it is known by. It is gone when this is, unless another
/// program has written its own since.
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
    text: String,
}

impl Running {
    /// Says that the server is ready, where that was asked for.
    pub(super) fn new(
        server: MockServer,
        ready: Ready,
        print: Print,
        ready_file: Option<PathBuf>,
        signals: Signals,
    ) -> Result<Self, StartError> {
        // Whoever sees the ready file finds the other one.
        let ca_file = ready.ca.clone().zip(server.ca_pem());
        let ca_file = ca_file.map(|(path, pem)| ReadyFile::write("--tls-ca-file", path, pem.trim_end())).transpose()?;
        let ready_file = ready_file.map(|path| ReadyFile::write("--ready-file", path, &ready.url)).transpose()?;
        Ok(Self { server: Some(server), ready, print, _files: [ready_file, ca_file], signals })
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// What a program needs to know to use it.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The ready line, in the form that was asked for.
    pub fn announcement(&self) -> String {
        if self.print == Print::Json {
            // Names and numbers: always JSON.
            return serde_json::to_string(&self.ready).unwrap_or_default();
        }
        let key = self.ready.api_key.as_ref().map(|key| format!(" (key {key})")).unwrap_or_default();
        format!("PocketPing mock server ready at {}{key}", self.url())
    }

    /// Runs until the process is told to stop (Ctrl-C, or SIGTERM), then shuts down in order. A second signal ends that at
    /// once.
    pub async fn until_stopped(mut self) {
        self.signals.stop().await;
        if let Some(server) = self.server.take() {
            tokio::select! {
                () = server.shutdown() => {}
                () = self.signals.stop() => {}
            }
        }
    }
}

impl ReadyFile {
    /// Writes the text and a line end. Whoever sees the file sees all of it.
    ///
    /// # Errors
    /// When the file cannot be written; the error names it, and the flag that asked for it.
    pub fn write(flag: &str, path: PathBuf, text: &str) -> Result<Self, StartError> {
        write_at_once(&path, text).map_err(|error| cannot("written", flag, &path, error))?;
        Ok(Self { path, text: text.to_owned() })
    }
}

impl ReadyFile {
    /// Takes away what a killed server left there: an address at which nobody listens. Anything else stays.
    pub(super) fn remove_stale(flag: &str, path: &Path) -> Result<(), StartError> {
        let is_url = |url: &url::Url| matches!(url.scheme(), "http" | "https");
        let text = fs::read_to_string(path).unwrap_or_default();
        let addresses = url::Url::parse(text.trim()).ok().filter(is_url).and_then(|url| url.socket_addrs(|| None).ok());
        let is_heard = |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok();
        if addresses.is_none_or(|addresses| addresses.iter().any(is_heard)) {
            return Ok(());
        }
        fs::remove_file(path).map_err(|error| cannot("removed", flag, path, error))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let is_ours = fs::read_to_string(&self.path).is_ok_and(|text| text.trim_end() == self.text);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a file stays behind");
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
