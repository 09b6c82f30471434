//! What the commands work with: the client, made when the first one needs it.

use std::env;

use pocketping_mock_server::ApiKey;
use pocketping_sdk::Client;

use crate::cli::GlobalArgs;
use crate::error::{CliError, Exit};

const KEY: &str = "POCKETPING_API_KEY";

/// The settings of this call of the program.
#[derive(Debug)]
pub(crate) struct Context {
    global: GlobalArgs,
}

impl Context {
    pub(crate) fn new(global: GlobalArgs) -> Self {
        Self { global }
    }

    /// The client, from flags and environment; a flag wins.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let mut builder = Client::builder().user_agent(concat!("pocketping-cli/", env!("CARGO_PKG_VERSION")));
        if self.global.api_keys.is_empty() && env::var_os(KEY).is_none() {
            return Err(CliError::new(Exit::Config, "no API key was given")
                .with_hint("set POCKETPING_API_KEY, or pass --api-key"));
        }
        builder = builder.from_env()?;
        if let Some(url) = &self.global.api_url {
            builder = builder.base_url(url);
        }
        match self.global.api_keys.as_slice() {
            [] => {}
            [key] => builder = builder.api_key(key),
            _ => {
                return Err(CliError::usage(
                    "--api-key was given more than once; only `pocketping mock` takes several",
                ));
            }
        }
        Ok(builder.build()?)
    }

    /// The keys for the server that takes several: those of the flag, else that of the environment.
    pub(crate) fn api_keys(&self) -> Result<Vec<ApiKey>, CliError> {
        let texts = match env::var(KEY) {
            Ok(key) if self.global.api_keys.is_empty() => vec![key],
            _ => self.global.api_keys.clone(),
        };
        let parsed = texts.iter().map(|text| text.parse()).collect::<Result<_, String>>();
        parsed.map_err(|error| CliError::usage(format!("--api-key: {error}")))
    }

    /// A context for a server that runs inside this program.
    pub(crate) fn for_server(&self, url: &str, key: &str) -> Self {
        Self {
            global: GlobalArgs { api_url: Some(url.to_owned()), api_keys: vec![key.to_owned()], ..self.global.clone() },
        }
    }
}
