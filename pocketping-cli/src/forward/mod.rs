//! Forwarding: events are posted to a receiver as webhooks are, by `listen` as they happen and by `events replay` once more.

mod dead_letter;
mod delivery;
mod lanes;
mod recorded;
mod target;

use std::path::PathBuf;

use clap::Args;

pub(crate) use dead_letter::DeadLetters;
pub(crate) use delivery::{Delivery, now};
pub(crate) use lanes::{Ended, Failed, Lanes, Remarks};
pub(crate) use recorded::{Recorded, Time};
pub(crate) use target::{Refusal, Target};

use crate::commands::at_least_one;
use crate::error::{CliError, Exit};
use crate::input::{Source, secret_of};
use crate::settings::variable;

/// Where the secret of the signatures stands when no file was named.
pub(crate) const SECRET: &str = "POCKETPING_WEBHOOK_SECRET";

// How events are forwarded; the command's own flag says where to.
#[derive(Debug, Args)]
pub(crate) struct ForwardArgs {
    /// File with the key of the signatures, `-` for standard input [env: POCKETPING_WEBHOOK_SECRET]
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) secret_file: Option<String>,

    /// Try a delivery this often again, after 1, 2, 4, 8 … seconds, or later when the receiver asks for it
    #[arg(long, value_name = "N", default_value_t = 4, requires = "target")]
    retries: u32,

    /// Post to this many sessions at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one, requires = "target")]
    concurrency: usize,

    /// Append what finally failed to this file and go on, for `pocketping events replay`
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) dead_letter: Option<PathBuf>,
}

/// What forwarding takes.
pub(crate) struct Forward<T> {
    pub(crate) lanes: Lanes<T>,
    pub(crate) remarks: Remarks,
    pub(crate) dead_letters: Option<DeadLetters>,
}

impl ForwardArgs {
    /// Makes ready to forward to what this flag named. Nothing is sent.
    pub(crate) fn open<T: 'static>(self, flag: &str, url: &str) -> Result<Forward<T>, CliError> {
        let secret = secret_in(self.secret_file.as_deref())?;
        let target = Target::new(flag, url, secret)?;
        let dead_letters = self.dead_letter.map(DeadLetters::open).transpose()?;
        let concurrency = self.concurrency.min(tokio::sync::Semaphore::MAX_PERMITS);
        let (lanes, remarks) = Lanes::new(target, self.retries, concurrency);
        Ok(Forward { lanes, remarks, dead_letters })
    }
}

/// The secret of a file, or that of the environment without one. An empty one is refused.
pub(crate) fn secret_in(file: Option<&str>) -> Result<Option<String>, CliError> {
    let Some(file) = file else { return variable(SECRET) };
    let secret = secret_of(Source::typed(file))?;
    if secret.is_empty() {
        let message = format!("the secret in {file} is empty: anybody could sign with it");
        return Err(CliError::new(Exit::Config, message));
    }
    Ok(Some(secret))
}

impl Failed {
    /// A receiver that answered is a server that failed; one that did not is the network.
    pub(crate) fn exit(&self) -> Exit {
        if self.status.is_some() { Exit::Server } else { Exit::Network }
    }
}
