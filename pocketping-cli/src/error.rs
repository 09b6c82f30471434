//! How commands fail: one line, an exit code, and a hint.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use pocketping_mock_server::StartError;
use pocketping_sdk::{Error, ErrorKind, Outcome};

/// A command that failed.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The exit codes, a part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Nobody reads the output any more: that is no failure.
    BrokenPipe = 0,
    Unexpected = 1,
    Usage = 2,
    Config = 3,
    Auth = 4,
    NotFound = 5,
    Invalid = 6,
    RateLimited = 7,
    Server = 8,
    Network = 9,
    Unknown = 10,
    /// Some of many were done.
    Partial = 11,
    /// What was waited for did not happen in time.
    Unmet = 12,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// Whether there is nothing to say: whoever ended the program knows why.
    pub(crate) fn is_quiet(self) -> bool {
        matches!(self, Self::BrokenPipe | Self::Interrupted | Self::Terminated)
    }
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, source: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn unexpected(message: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::new(Exit::Unexpected, message) }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for CliError {
    /// The whole chain on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let exit = exit_of(&error);
        let hint = error.hint().or_else(|| hint_for(exit, &error)).map(str::to_owned);
        let source = error.source().map(|source| chain(source).into());
        Self { exit, message: error.to_string(), hint, source }
    }
}

/// The causes on one line: the SDK's error itself was printed as the message.
fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

fn exit_of(error: &Error) -> Exit {
    // A write that may have happened matters more than why nobody knows.
    let is_write = error.route().is_some_and(|route| !route.starts_with("GET "));
    let may_have_happened = is_write && error.outcome() == Outcome::Unknown;
    match error.kind() {
        _ if error.is_unauthorized() => Exit::Auth,
        _ if error.is_rate_limited() => Exit::RateLimited,
        ErrorKind::Config | ErrorKind::Redirect => Exit::Config,
        ErrorKind::Request => Exit::Usage,
        // An answer that is not the API's says nothing about what was asked for.
        ErrorKind::Api if error.api().is_some_and(|api| !api.documented) && !may_have_happened => Exit::Server,
        ErrorKind::Api if error.is_not_found() => Exit::NotFound,
        ErrorKind::Api if error.status().is_some_and(|status| status < 500) => Exit::Invalid,
        _ if may_have_happened => Exit::Unknown,
        ErrorKind::Api | ErrorKind::Decode | ErrorKind::TooLarge | ErrorKind::Incomplete => Exit::Server,
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Network | ErrorKind::Closed => Exit::Network,
        _ => Exit::Unexpected,
    }
}

fn hint_for(exit: Exit, error: &Error) -> Option<&'static str> {
    match exit {
        // The link stood: address and server were right.
        _ if error.kind() == ErrorKind::Closed => None,
        Exit::Auth => Some("check POCKETPING_API_KEY, and that POCKETPING_API_URL is the server the key belongs to"),
        Exit::Network => {
            Some("check POCKETPING_API_URL, and that the server runs; `pocketping mock` starts a local one")
        }
        Exit::Unknown if error.route() == Some("POST /sessions/:sessionId/messages") => {
            Some("it may have been sent: look before you send it again (`pocketping messages list`)")
        }
        Exit::Unknown => Some("it may have been done; doing it again changes nothing more"),
        Exit::NotFound if error.route() == Some("GET /webhooks") => Some("this server has no list of webhooks"),
        _ => None,
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::BrokenPipe } else { Exit::Unexpected };
        Self { exit, message: "the output cannot be written".to_owned(), hint: None, source: Some(error.into()) }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Config };
        let source = error.source().map(|source| chain(source).into());
        Self { exit, message: error.to_string(), hint: None, source }
    }
}
