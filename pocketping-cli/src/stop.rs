//! The signals that end a command which runs on and on: with a chance to finish what is under way.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::error::{CliError, Exit};

/// How long a command may take to end after a signal; longer than what any of them waits for.
const LONGEST: Duration = Duration::from_secs(8);
/// How long it may take after a second one.
const HURRY: Duration = Duration::from_secs(1);

/// Ctrl-C and SIGTERM, from its making on: they do not end the process by themselves any more.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    pub(crate) fn new() -> Result<Self, CliError> {
        let made = Self::listen().and_then(|stop| Self::insist().map(|()| stop));
        made.map_err(|error| CliError::unexpected("signals cannot be listened for", error))
    }

    /// Ends the process after a signal when it does not end by itself, or soon after a second one: it may hang in a write
    /// that nobody reads.
    fn insist() -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Before the thread runs: a signal must not come between.
        let listening = {
            let _inside = runtime.enter();
            Self::listen()
        };
        let mut stop = match listening {
            Ok(stop) => stop,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        thread::Builder::new().name("stop".to_owned()).spawn(move || {
            runtime.block_on(async {
                let end = stop.asked().await;
                if timeout(LONGEST, stop.asked()).await.is_ok() {
                    sleep(HURRY).await;
                }
                // The thread that would return from `main` may hang.
                std::process::exit(end.exit() as i32);
            });
        })?;
        Ok(())
    }

    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next signal, as the end of the command it asks for.
    #[cfg(unix)]
    pub(crate) async fn asked(&mut self) -> CliError {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => CliError::new(Exit::Interrupted, "interrupted"),
            _ = self.terminate.recv() => CliError::new(Exit::Terminated, "terminated"),
        }
    }

    /// The next signal, as the end of the command it asks for.
    #[cfg(not(unix))]
    pub(crate) async fn asked(&mut self) -> CliError {
        match tokio::signal::ctrl_c().await {
            Ok(()) => CliError::new(Exit::Interrupted, "interrupted"),
            Err(error) => CliError::unexpected("Ctrl-C cannot be waited for", error),
        }
    }
}
