//! `LogArgs`: what the server tells on stderr while it runs. The only file that names tracing-subscriber.

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::StartError;

/// What the server tells on stderr while it runs.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Tell this much on stderr; `info` is a line for every request
    #[arg(long, value_enum, default_value = "warn", value_name = "LEVEL")]
    log: Level,

    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogArgs {
    /// Tells from here on.
    pub(super) fn begin(&self) -> Result<(), StartError> {
        let (level, others) = match self.log {
            Level::Off => (LevelFilter::OFF, LevelFilter::OFF),
            Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
            Level::Warn => (LevelFilter::WARN, LevelFilter::WARN),
            Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
            Level::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        };
        let filter = Targets::new().with_default(others).with_target("pocketping", level);
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match self.log_format {
            Format::Text => lines.with_ansi(false).with_target(false).boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().map_err(|error| {
            // Only when this process has said already how its logs are told.
            StartError::new("the server's log cannot be told").with_source(error)
        })
    }
}
