//! `pocketping-mock-server`: the reference server by itself. `pocketping mock` is the same.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use pocketping_mock_server::StartError;
use pocketping_mock_server::args::{KeyArgs, ServeArgs};

/// The in-memory reference bridge server for PocketPing
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    keys: KeyArgs,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut line = format!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                line = format!("{line}: {error}");
                cause = error.source();
            }
            // Nobody is left to tell when this fails, too.
            drop(writeln!(std::io::stderr(), "{line}"));
            let is_usage = error.downcast_ref().is_some_and(StartError::is_usage);
            // As where the flags cannot even be read.
            if is_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: Cli) -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let running = cli.serve.start(cli.keys.api_keys)?;
        writeln!(std::io::stdout(), "{}", running.announcement())?;
        running.until_stopped().await;
        Ok(())
    })
}
