//! The command line of the server, shared by its own binary and by `pocketping mock`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

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

    /// Write the base URL to this file once the server answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// The keys of the server's own binary; `pocketping mock` takes them from its global flag.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// Key the server takes, and the tenant it opens; may be repeated [default: a random one]
    #[arg(long = "api-key", env = "POCKETPING_API_KEY", hide_env_values = true, value_name = "KEY[=TENANT]")]
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

/// A server that runs, and its ready file.
#[derive(Debug)]
pub struct Running {
    server: MockServer,
    ready_file: Option<PathBuf>,
}

impl ServeArgs {
    /// Starts the server: with the system's clock and random ids, as a server that is not inside a test. Without a key
    /// it makes a random one.
    ///
    /// # Errors
    /// When it cannot start, or a file cannot be read or written; the error names it.
    pub fn start(self, api_keys: Vec<ApiKey>) -> Result<Running, StartError> {
        let mut builder = MockServer::builder()
            .address(SocketAddr::new(self.host, self.port))
            .contract(self.contract)
            .clock(Clock::system())
            .random_ids();
        if api_keys.is_empty() {
            builder = builder.api_key(random_key());
        }
        for key in api_keys {
            builder = builder.key(key);
        }
        if self.any_key {
            builder = builder.any_key();
        }
        if let Some(limit) = self.rate_limit.0 {
            builder = builder.rate_limit(limit);
        }
        if let Some(path) = &self.seed {
            builder = builder.seed(read_seed(path)?);
        }
        if let Some(path) = &self.ready_file {
            // A file of an earlier run would say "ready" too early.
            remove(path).map_err(|error| cannot("replaced", path, error))?;
        }
        let server = builder.start()?;
        if let Some(path) = &self.ready_file {
            write_at_once(path, server.url()).map_err(|error| cannot("written", path, error))?;
        }
        Ok(Running { server, ready_file: self.ready_file })
    }
}

impl Running {
    /// What a person needs to know to use it.
    pub fn announcement(&self) -> String {
        let mut text = format!("PocketPing mock server ready at {}", self.server.url());
        let _infallible = write!(text, " (key {})", self.server.api_key());
        text
    }

    /// The server.
    pub fn server(&self) -> &MockServer {
        &self.server
    }

    /// Runs until the process is told to stop (Ctrl-C, or SIGTERM), then shuts down in order.
    ///
    /// # Errors
    /// When signals cannot be listened for, or the ready file cannot be removed.
    pub async fn until_stopped(self) -> io::Result<()> {
        stop_signal().await?;
        self.server.shutdown().await;
        self.ready_file.as_deref().map_or(Ok(()), remove)
    }
}

fn read_seed(path: &Path) -> Result<Seed, StartError> {
    if path == Path::new("demo") {
        return Ok(Seed::demo());
    }
    let json = fs::read_to_string(path).map_err(|error| cannot("read", path, error))?;
    Seed::from_json(&json).map_err(|error| StartError::new(format!("{}: {error}", path.display())))
}

fn cannot(what: &str, path: &Path, error: io::Error) -> StartError {
    StartError::new(format!("{} cannot be {what}", path.display())).with_source(error)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whoever sees the file sees all of it.
fn write_at_once(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    fs::write(&temporary, format!("{text}\n"))?;
    fs::rename(&temporary, path)
}

#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
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
