//! How commands fail: one line, an exit code, and a hint.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use pocketping_mock_server::StartError;
use pocketping_sdk::{Error, ErrorKind, Outcome};
use serde::Serialize;

use crate::catalogue::{API, EXITS};
use crate::dry_run::Unsent;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    api: Box<Api>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// What was to be told instead of sent: nothing failed then.
    unsent: Option<Box<Unsent>>,
    /// Whether only what was to be printed failed.
    is_of_output: bool,
}

/// What the API, or the way to it, said.
#[derive(Debug, Default)]
struct Api {
    /// The server's own code, when it is one of those that are documented.
    code: Option<&'static str>,
    status: Option<u16>,
    request_id: Option<String>,
    is_retryable: bool,
    outcome: Option<Outcome>,
    retry_after: Option<Duration>,
}

/// An error as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorJson<'a> {
    error: ErrorFields<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorFields<'a> {
    /// A code of the catalogue.
    code: &'static str,
    exit: u8,
    message: String,
    status: Option<u16>,
    request_id: Option<&'a str>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    /// `not_sent`, `rejected`, `applied` or `unknown`; none for what never was a request.
    outcome: Option<&'static str>,
    hint: Option<&'a str>,
}

/// The exit codes, a part of the interface. What they mean stands in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Nobody reads the output any more, or it was only to be told what would be done: that is no failure.
    Done = 0,
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
    #[cfg(test)]
    pub(crate) const ALL: [Self; 15] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::Config,
        Self::Auth,
        Self::NotFound,
        Self::Invalid,
        Self::RateLimited,
        Self::Server,
        Self::Network,
        Self::Unknown,
        Self::Partial,
        Self::Unmet,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Its code in the catalogue.
    fn code(self) -> &'static str {
        EXITS.iter().find(|entry| entry.exit == self).map_or("unexpected", |entry| entry.code)
    }

    /// Whether there is nothing to say: whoever ended the program knows why.
    pub(crate) fn is_quiet(self) -> bool {
        matches!(self, Self::Done | Self::Interrupted | Self::Terminated)
    }
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            api: Box::default(),
            hint: None,
            source: None,
            unsent: None,
            is_of_output: false,
        }
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

    /// Of an answer with this status to a request with this id, which says nothing of what became of it.
    pub(crate) fn with_answer(mut self, status: u16, request_id: &str) -> Self {
        self.api.status = Some(status);
        self.api.outcome = Some(Outcome::Unknown);
        self.api.request_id = Some(request_id.to_owned());
        self
    }

    /// Only what was to be printed failed.
    pub(crate) fn of_output(self) -> Self {
        Self { is_of_output: true, ..self }
    }

    /// The error of a command that had something done before it printed: what was done is not to be done again.
    pub(crate) fn after_a_write(mut self) -> Self {
        if !self.is_of_output || self.exit.is_quiet() {
            return self;
        }
        self.api.outcome = Some(Outcome::Applied);
        Self { exit: Exit::Partial, ..self }.with_hint("it was done; only printing what came of it failed")
    }

    /// Of something that was not tried because of this failure.
    pub(crate) fn of_untried(&self) -> Self {
        let Api { outcome, is_retryable, retry_after, .. } = *self.api;
        let api = Api { outcome: outcome.map(|_| Outcome::NotSent), is_retryable, retry_after, ..Api::default() };
        Self { api: Box::new(api), ..Self::new(self.exit, format!("it was not tried: {self}")) }
    }

    /// Of two that failed for one reason, what can be said of both, with the first one's message and hint.
    pub(crate) fn in_common(&self, other: &Self) -> Self {
        fn same<T: PartialEq + Clone>(one: Option<&T>, other: Option<&T>) -> Option<T> {
            one.filter(|_| one == other).cloned()
        }
        let (one, two) = (&self.api, &other.api);
        let outcome = match (one.outcome, two.outcome) {
            (one, other) if one == other => one,
            (Some(Outcome::NotSent | Outcome::Rejected), Some(Outcome::NotSent | Outcome::Rejected)) => {
                Some(Outcome::Rejected)
            }
            _ => Some(Outcome::Unknown),
        };
        let api = Api {
            code: same(one.code.as_ref(), two.code.as_ref()),
            status: same(one.status.as_ref(), two.status.as_ref()),
            request_id: same(one.request_id.as_ref(), two.request_id.as_ref()),
            is_retryable: one.is_retryable && two.is_retryable,
            outcome,
            retry_after: one.retry_after.max(two.retry_after),
        };
        Self { api: Box::new(api), hint: self.hint.clone(), ..Self::new(self.exit, self.to_string()) }
    }

    /// The same with this message.
    pub(crate) fn saying(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None, ..self }
    }

    /// The same with another message, where its own was told already.
    pub(crate) fn named(self, message: impl Into<String>) -> Self {
        Self { hint: None, ..self.saying(message) }
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether the server said that there is no such session.
    pub(crate) fn is_of_no_session(&self) -> bool {
        self.api.code == Some("SESSION_NOT_FOUND") && self.exit == Exit::NotFound
    }

    /// What `--dry-run` did not send.
    pub(crate) fn unsent(&self) -> Option<&Unsent> {
        self.unsent.as_deref()
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The error as programs read it.
    pub(crate) fn as_json(&self) -> ErrorJson<'_> {
        ErrorJson {
            error: ErrorFields {
                code: self.api.code.unwrap_or_else(|| self.exit.code()),
                exit: self.exit as u8,
                message: self.to_string(),
                status: self.api.status,
                request_id: self.api.request_id.as_deref(),
                retryable: self.api.is_retryable,
                retry_after_seconds: self.api.retry_after.map(|after| after.as_secs()),
                outcome: self.api.outcome.map(Outcome::as_str),
                hint: self.hint(),
            },
        }
    }
}

impl fmt::Display for CliError {
    /// The whole chain on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {}", chain(&**source)),
            None => Ok(()),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        if let Some(unsent) = error.source().and_then(|source| source.downcast_ref::<Unsent>()) {
            return Self { unsent: Some(Box::new(unsent.clone())), ..Self::new(Exit::Done, "it was not sent") };
        }
        let exit = exit_of(&error);
        let own = hint_for(exit, &error).map(str::to_owned);
        let hint = match (error.hint(), own) {
            // What may have been done counts more than why that is not known.
            (Some(why), Some(own)) if matches!(exit, Exit::Unknown | Exit::Partial) => Some(format!("{own}; {why}")),
            (Some(why), _) => Some(why.to_owned()),
            (None, own) => own.or_else(|| {
                let wait = error.retry_after().filter(|_| exit == Exit::RateLimited)?;
                Some(format!("the server asks to wait for {} s", wait.as_secs()))
            }),
        };
        let source = error.source().map(|source| chain(source).into());
        // Where the server said none, the status stands for one; that is not what it said.
        let said = error.api().filter(|api| api.has_code).map(|api| &api.code);
        let code = said.and_then(|code| API.iter().find(|entry| entry.code == code.as_str()));
        let api = Box::new(Api {
            code: code.map(|entry| entry.code),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            is_retryable: error.is_retryable(),
            outcome: error.route().map(|_| error.outcome()),
            retry_after: error.retry_after(),
        });
        Self { api, hint, source, ..Self::new(exit, error.to_string()) }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
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
        _ if is_write && error.outcome() == Outcome::Applied => Exit::Partial,
        ErrorKind::Api | ErrorKind::Redirect | ErrorKind::RateLimited if may_have_happened => Exit::Unknown,
        _ if error.is_unauthorized() => Exit::Auth,
        _ if error.is_rate_limited() => Exit::RateLimited,
        ErrorKind::Config | ErrorKind::Redirect => Exit::Config,
        ErrorKind::Request => Exit::Usage,
        // An answer that is not the API's says nothing about what was asked for.
        ErrorKind::Api if error.api().is_some_and(|api| !api.documented) => Exit::Server,
        ErrorKind::Api if error.is_not_found() => Exit::NotFound,
        ErrorKind::Api if error.status().is_some_and(|status| status < 500) => Exit::Invalid,
        _ if may_have_happened => Exit::Unknown,
        ErrorKind::Api | ErrorKind::Decode | ErrorKind::TooLarge | ErrorKind::Incomplete => Exit::Server,
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Network | ErrorKind::Closed => Exit::Network,
        _ => Exit::Unexpected,
    }
}

/// The writes that change nothing more when they are done twice.
const REPEATABLE: [&str; 5] = [
    "POST /sessions/:sessionId/close",
    "POST /sessions/:sessionId/identify",
    "POST /sessions/:sessionId/ai",
    "POST /webhooks",
    "DELETE /webhooks/:webhookId",
];

/// What to do when a server is not reached.
pub(crate) const NO_WAY: &str = "check the address (`pocketping config show` says where it is set), and that the server runs; \
                                 `pocketping mock` starts a local one";

fn hint_for(exit: Exit, error: &Error) -> Option<&'static str> {
    let is_repeatable = error.route().is_some_and(|route| REPEATABLE.contains(&route));
    match exit {
        // The link stood: address and server were right.
        _ if error.kind() == ErrorKind::Closed => None,
        Exit::Auth => {
            Some("check the key, and that it is this server's; `pocketping config show` says where both come from")
        }
        Exit::Network => Some(NO_WAY),
        Exit::Unknown if error.route() == Some("POST /sessions/:sessionId/messages") => {
            Some("it may have been sent: look before you send it again (`pocketping messages list`)")
        }
        Exit::Unknown if is_repeatable => Some("it may have been done; doing it again changes nothing more"),
        Exit::Unknown => Some("it may have been done: look before you do it again"),
        Exit::Partial if is_repeatable => Some("it was done; doing it again changes nothing more"),
        Exit::Partial => Some("it was done, and doing it again does it twice; only what came of it is not known"),
        Exit::NotFound if error.route() == Some("GET /webhooks") => Some("this server has no list of webhooks"),
        Exit::NotFound if error.route().is_some_and(|route| route.contains("/sessions/:sessionId")) => {
            Some("`pocketping sessions list` shows which there are")
        }
        _ => None,
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Unexpected };
        Self { source: Some(error.into()), ..Self::new(exit, "the output cannot be written") }.of_output()
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => io::Error::from(kind).into(),
            None => Self::unexpected("something cannot be printed as JSON", error),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Config };
        let source = error.source().map(|source| chain(source).into());
        Self { source, ..Self::new(exit, error.to_string()) }
    }
}
