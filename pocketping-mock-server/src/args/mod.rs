//! The command line of the server, shared by its own binary and by `pocketping mock`.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::delivery::Tls;
use crate::sources::{Clock, random_key};
use crate::{ApiKey, Contract, MockServer, Seed, StartError};

/// How the server is run.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    host: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 3001)]
    port: u16,

    /// Let every unseen key in, each to a tenant of its own
    #[arg(long)]
    any_key: bool,

    /// Speak only what the API reference promises, or its additions too
    #[arg(long, default_value = "extended", value_name = "strict|extended")]
    contract: Contract,

    /// Start with the sessions of this JSON file; `demo` is the API reference's own example
    #[arg(long, value_name = "FILE|demo")]
    seed: Option<PathBuf>,

    /// Requests a minute per key, by plan or number
    #[arg(long, default_value = "none", value_name = "free|pro|team|none|N/min")]
    rate_limit: RateLimit,

    /// Let webhooks lead to private addresses although others than this machine can reach the server
    #[arg(long)]
    allow_private_webhooks: bool,

    /// Trust this PEM file's authorities, too, when delivering to https webhooks
    #[arg(long, value_name = "FILE")]
    webhook_ca: Option<PathBuf>,

    /// Write the base URL to this file once the server answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// The keys of the server's own binary; `pocketping mock` takes them from its global flag.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// Key the server takes, and the tenant it opens; may be repeated [default: a random one]
    #[arg(long = "api-key", env = "POCKETPING_API_KEY", hide_env = true, value_name = "KEY[=TENANT]")]
    pub api_keys: Vec<ApiKey>,
}

/// A rate limit as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RateLimit(Option<u32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "free" => Some(100),
            "pro" => Some(1000),
            "team" => Some(10_000),
            "none" => None,
            other => Some(
                other
                    .strip_suffix("/min")
                    .and_then(|number| number.parse().ok())
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("{other:?} is none of free, pro, team, none and N/min"))?,
            ),
        }))
    }
}

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

impl ServeArgs {
    /// Starts the server: with the system's clock and random ids, as a server that is not inside a test. Without a key
    /// it makes a random one. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When it cannot start, or a file cannot be read or written; the error names it.
    pub fn start(self, api_keys: Vec<ApiKey>) -> Result<Running, StartError> {
        let mut builder = MockServer::builder()
            .address(SocketAddr::new(self.host, self.port))
            .contract(self.contract)
            .clock(Clock::system())
            .random_ids();
        let key = api_keys.is_empty().then(random_key);
        if let Some(key) = &key {
            builder = builder.api_key(key);
        }
        for key in api_keys {
            builder = builder.key(key);
        }
        if self.any_key {
            builder = builder.any_key();
        }
        if self.allow_private_webhooks {
            builder = builder.allow_private_webhooks();
        }
        if let Some(limit) = self.rate_limit.0 {
            builder = builder.rate_limit(limit);
        }
        if let Some(path) = &self.seed {
            builder = builder.seed(read_seed(path)?);
        }
        if let Some(path) = &self.webhook_ca {
            builder = builder.webhook_root_certificate_pem(read_roots(path)?);
        }
        // From here on a signal ends the server in order, however early it comes.
        let signals = Signals::new()
            .map_err(|error| StartError::new("signals cannot be listened for".to_owned()).with_source(error))?;
        let server = builder.start().map_err(|error| match &self.seed {
            Some(path) if error.is_seed => error.in_file(path),
            _ => error,
        })?;
        let ready_url = server.url().to_owned();
        let ready_file = self.ready_file.map(|path| ReadyFile::write(path, &ready_url)).transpose()?;
        Ok(Running { server: Some(server), key, _ready_file: ready_file, ready_url, signals })
    }
}

impl Running {
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

fn read_seed(path: &Path) -> Result<Seed, StartError> {
    if path == Path::new("demo") {
        return Ok(Seed::demo());
    }
    let json = fs::read_to_string(path).map_err(|error| cannot("read", path, error))?;
    Seed::from_json(&json).map_err(|error| StartError::new(format!("{}: {error}", path.display())))
}

fn read_roots(path: &Path) -> Result<Vec<u8>, StartError> {
    let pem = fs::read(path).map_err(|error| cannot("read", path, error))?;
    // Only here is it known which file it was.
    Tls::new(std::slice::from_ref(&pem)).map_err(|error| StartError::new(error).in_file(path))?;
    Ok(pem)
}

fn cannot(what: &str, path: &Path, error: io::Error) -> StartError {
    StartError::new(format!("{} cannot be {what}", path.display())).with_source(error)
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
struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
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
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn stop(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be waited for");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_is_a_plan_or_a_number() {
        for (text, limit) in [("free", Some(100)), ("team", Some(10_000)), ("none", None), ("7/min", Some(7))] {
            assert_eq!(text.parse(), Ok(RateLimit(limit)), "{text}");
        }
        for bad in ["", "7", "0/min", "-1/min", "gold"] {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad}");
        }
    }
}
