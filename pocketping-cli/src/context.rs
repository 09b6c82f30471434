//! What the commands work with: the client, made when the first one needs it.

use std::env;

use pocketping_mock_server::ApiKey;
use pocketping_sdk::Client;

use crate::cli::ConnectionArgs;
use crate::error::{CliError, Exit};

const KEY: &str = "POCKETPING_API_KEY";
const URL: &str = "POCKETPING_API_URL";
const PLAN: &str = "POCKETPING_PLAN";

/// A variable of the environment. One that is set and empty is an error: it must not mean another server.
pub(crate) fn variable(name: &str) -> Result<Option<String>, CliError> {
    match env::var(name) {
        Ok(value) if value.is_empty() => {
            Err(CliError::new(Exit::Config, format!("the environment variable {name} is empty")))
        }
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(CliError::new(Exit::Config, format!("the environment variable {name} is not Unicode")))
        }
    }
}

/// The settings of this call of the program.
#[derive(Debug)]
pub(crate) struct Context {
    connection: ConnectionArgs,
    /// Whether the server runs inside this program: nothing of the environment is about it.
    is_local: bool,
}

impl Context {
    pub(crate) fn new(connection: ConnectionArgs) -> Self {
        Self { connection, is_local: false }
    }

    /// The client, from flags and environment; a flag wins, and a variable it wins over is not looked at.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let mut builder = Client::builder().user_agent(concat!("pocketping-cli/", env!("CARGO_PKG_VERSION")));
        let key = self.key()?.ok_or_else(|| {
            CliError::new(Exit::Config, "no API key was given").with_hint("set POCKETPING_API_KEY, or pass --api-key")
        })?;
        builder = builder.api_key(key);
        if let Some(url) = self.url()? {
            builder = builder.base_url(url);
        }
        if !self.is_local
            && let Some(plan) = variable(PLAN)?
        {
            builder = builder.plan(&plan)?;
        }
        Ok(builder.build()?)
    }

    /// The key, when one was given.
    pub(crate) fn key(&self) -> Result<Option<String>, CliError> {
        match self.connection.api_keys.as_slice() {
            [] => variable(KEY),
            [key] => Ok(Some(key.clone())),
            _ => Err(CliError::usage("--api-key was given more than once; only `pocketping mock` takes several")),
        }
    }

    /// The server's address, when one was given.
    pub(crate) fn url(&self) -> Result<Option<String>, CliError> {
        match &self.connection.api_url {
            Some(url) => Ok(Some(url.clone())),
            None => variable(URL),
        }
    }

    /// The keys for the server that takes several: those of the flag, else that of the environment.
    pub(crate) fn api_keys(&self) -> Result<Vec<ApiKey>, CliError> {
        if self.connection.api_keys.is_empty() {
            let key = variable(KEY)?.map(|key| key.parse::<ApiKey>()).transpose();
            return key.map(Vec::from_iter).map_err(|error| CliError::new(Exit::Config, format!("{KEY}: {error}")));
        }
        let parsed = self.connection.api_keys.iter().map(|text| text.parse()).collect::<Result<_, String>>();
        parsed.map_err(|error| CliError::usage(format!("--api-key: {error}")))
    }

    /// A context for a server that runs inside this program.
    pub(crate) fn for_server(url: &str, key: &str) -> Self {
        Self {
            connection: ConnectionArgs { api_url: Some(url.to_owned()), api_keys: vec![key.to_owned()] },
            is_local: true,
        }
    }
}
