//! What the commands work with: the client, made when the first one needs it.

use std::cell::{Cell, OnceCell};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use pocketping_mock_server::ApiKey;
use pocketping_sdk::{Client, ClientBuilder, Pacing, RetryPolicy, SessionHandle, SessionId};

use crate::cli::ConnectionArgs;
use crate::dry_run::{DryRun, DryRunArgs};
use crate::error::{CliError, Exit};
use crate::output::{remark, safe};
use crate::settings::{self, Directory, KEY, Setting, Settings};

/// The settings of this call of the program.
#[derive(Debug)]
pub(crate) struct Context {
    connection: ConnectionArgs,
    /// Whether people may be asked, where there is a terminal.
    asks: bool,
    /// Whether the server runs inside this program: nothing that is set elsewhere is about it.
    is_local: bool,
    /// What was found, once: files are read, and a vault is asked, a single time.
    found: OnceCell<Found>,
    /// Whether the command changes the server.
    writes: Cell<bool>,
    /// The session it is about.
    session: OnceCell<SessionId>,
}

/// What clients are made of.
#[derive(Debug)]
struct Found {
    url: String,
    key: String,
    plan: Option<Setting>,
    /// Whether requests wait for their turn.
    is_paced: bool,
}

impl Context {
    pub(crate) fn new(connection: ConnectionArgs, asks: bool) -> Self {
        Self {
            connection,
            asks,
            is_local: false,
            found: OnceCell::new(),
            writes: Cell::new(false),
            session: OnceCell::new(),
        }
    }

    /// A context for a server that runs inside this program.
    pub(crate) fn for_server(url: &str, key: &str) -> Self {
        let connection = ConnectionArgs {
            api_url: Some(url.to_owned()),
            api_keys: vec![key.to_owned()],
            ..ConnectionArgs::default()
        };
        Self {
            connection,
            asks: false,
            is_local: true,
            found: OnceCell::new(),
            writes: Cell::new(false),
            session: OnceCell::new(),
        }
    }

    pub(crate) fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }

    /// Whether a person sits at a terminal and may be asked.
    pub(crate) fn may_ask(&self) -> bool {
        self.asks && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks before something that cannot be taken back, if there is somebody to ask.
    pub(crate) fn confirm(&self, question: &str, is_certain: bool) -> Result<(), CliError> {
        if is_certain || !self.may_ask() {
            return Ok(());
        }
        // When stderr is gone nobody can be asked, and no answer is a no.
        drop(write!(io::stderr(), "{} [y/N] ", safe(question)));
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| CliError::usage(format!("the answer cannot be read: {error}")))?;
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        remark("nothing was done");
        Err(CliError::new(Exit::Interrupted, "it was not confirmed"))
    }

    /// Where every value comes from.
    pub(crate) fn settings(&self) -> Result<Settings<'_>, CliError> {
        let settings = Settings::read(&self.connection)?;
        warn_of_open(&settings);
        Ok(settings)
    }

    /// As [`settings`](Self::settings), for what makes or removes profiles.
    pub(crate) fn settings_of_any_profile(&self) -> Result<Settings<'_>, CliError> {
        let settings = Settings::of_any_profile(&self.connection)?;
        warn_of_open(&settings);
        Ok(settings)
    }

    /// The client, of all that is set.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        self.made(|builder, _| builder)
    }

    /// A client for the management API of the same server, which stands at its root: with the same key, and nowhere else.
    pub(crate) fn management(&self) -> Result<Client, CliError> {
        self.made(|builder, url| {
            let host = url.find("://").map_or(0, |at| at + 3);
            let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
            builder.base_url(format!("{}/api/v1", &url[..end]))
        })
    }

    /// The client for something that changes the server, or only tells what it would send.
    pub(crate) fn writer(&self, how: DryRunArgs) -> Result<Client, CliError> {
        self.writes.set(!how.dry_run);
        if how.dry_run {
            self.made(|builder, _| builder.transport(DryRun).retry(RetryPolicy::none()).pacing(Pacing::Off))
        } else {
            self.client()
        }
    }

    /// Whether the command is one that changes the server.
    fn writes(&self) -> bool {
        self.writes.get()
    }

    /// The session the command is about.
    pub(crate) fn session(&self, client: &Client, id: &str) -> SessionHandle {
        // Of several the first one is named; each is what was asked for.
        self.session.get_or_init(|| id.into());
        client.session(id)
    }

    /// What an error leaves open: which session it is about, and whether something was done.
    pub(crate) fn explain(&self, error: CliError) -> CliError {
        let error = if self.writes() { error.after_a_write() } else { error };
        match self.session.get() {
            Some(id) if error.is_of_no_session() => {
                error.with_hint(format!("there is no session {id}; `pocketping sessions list` shows which there are"))
            }
            _ => error,
        }
    }

    fn found(&self) -> Result<&Found, CliError> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let settings = self.settings()?;
        let url = settings.api_url()?;
        let (key, plan) = (settings.key_for(&url)?, settings.plan()?);
        let is_paced =
            plan.as_ref().map_or_else(|| settings::is_hosted(&url.value), |plan| plan.value != "self-hosted");
        Ok(self.found.get_or_init(|| Found { url: url.value, key, plan, is_paced }))
    }

    fn made(&self, change: impl Fn(ClientBuilder, &str) -> ClientBuilder) -> Result<Client, CliError> {
        if let (true, Some(url), [key]) = (self.is_local, &self.connection.api_url, &*self.connection.api_keys) {
            return Ok(change(builder().base_url(url).api_key(key), url).build()?);
        }
        let found = self.found()?;
        let builder = || {
            let builder = change(builder().api_key(&found.key).base_url(&found.url), &found.url);
            let builder = if found.is_paced { builder.deadline(IN_TURN) } else { builder };
            match &found.plan {
                Some(plan) => builder.plan(&plan.value).map_err(|error| {
                    let named = plan.source.name().map(|name| format!(" ({name})")).unwrap_or_default();
                    CliError::new(Exit::Config, format!("{error}{named}"))
                }),
                None => Ok(builder),
            }
        };
        // Without a home there is no place for what processes share.
        if self.connection.no_shared_limit || !Directory::State.is_there() {
            return Ok(builder()?.build()?);
        }
        let limits = Directory::State.path()?.join("limits");
        match builder()?.shared_pacing(&limits).build() {
            Ok(client) => Ok(client),
            // It may be another error: then it comes again.
            Err(error) => {
                let client = builder()?.build()?;
                remark(&format!("warning: {}; --no-shared-limit keeps it quiet", CliError::from(error)));
                Ok(client)
            }
        }
    }

    /// The keys for the server that takes several: those of the flag, else that of the environment.
    pub(crate) fn api_keys(&self) -> Result<Vec<ApiKey>, CliError> {
        if self.connection.api_keys.is_empty() {
            let key =
                settings::of_environment(KEY, &self.connection)?.map(|key| key.value.parse::<ApiKey>()).transpose();
            return key.map(Vec::from_iter).map_err(|error| CliError::new(Exit::Config, format!("{KEY}: {error}")));
        }
        let parsed = self.connection.api_keys.iter().map(|text| text.parse()).collect::<Result<_, String>>();
        parsed.map_err(|error| CliError::usage(format!("--api-key: {error}")))
    }
}

/// How long a call may take where a plan's limit is kept to: those of a shell loop wait for each other.
const IN_TURN: Duration = Duration::from_secs(600);

/// A client's builder, with this program's name.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder().user_agent(concat!("pocketping-cli/", env!("CARGO_PKG_VERSION")))
}

fn warn_of_open(settings: &Settings<'_>) {
    if settings.file().is_open_to_others() {
        let path = settings.file().path().display();
        remark(&format!("warning: others may read {path}, and the keys in it; `chmod 600` closes it"));
    }
}
