//! What the commands work with: the client, made when the first one needs it.

use pocketping_sdk::Client;

use crate::cli::GlobalArgs;
use crate::error::CliError;

/// The settings of this call of the program.
#[derive(Debug)]
pub(crate) struct Context {
    global: GlobalArgs,
}

impl Context {
    pub(crate) fn new(global: GlobalArgs) -> Self {
        Self { global }
    }

    /// The client, from flags and environment.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let mut builder =
            Client::builder().from_env()?.user_agent(concat!("pocketping-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(url) = self.global.api_url.as_ref().filter(|url| !url.is_empty()) {
            builder = builder.base_url(url);
        }
        match self.global.api_keys.as_slice() {
            [] => {}
            [key] if key.is_empty() => {}
            [key] => builder = builder.api_key(key),
            _ => {
                return Err(CliError::usage(
                    "--api-key was given more than once; only `pocketping mock` takes several",
                ));
            }
        }
        Ok(builder.build()?)
    }

    /// The keys as they were given, for the server that takes several.
    pub(crate) fn api_keys(&self) -> impl Iterator<Item = &str> {
        self.global.api_keys.iter().map(String::as_str).filter(|key| !key.is_empty())
    }

    /// A context for a server that runs inside this program.
    pub(crate) fn for_server(&self, url: &str, key: &str) -> Self {
        Self {
            global: GlobalArgs { api_url: Some(url.to_owned()), api_keys: vec![key.to_owned()], ..self.global.clone() },
        }
    }
}
