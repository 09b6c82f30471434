//! `mock`: the reference server in the foreground.

use clap::Args;
use pocketping_mock_server::args::{Ready, ServeArgs};

use super::cell;
use super::scenarios::{self, ScenariosCommand};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};

// How the server is run.
#[derive(Debug, Args)]
#[command(after_help = "The keys the server takes come from --api-key (or POCKETPING_API_KEY), which may be\n\
                  repeated here and may name a tenant: --api-key KEY=TENANT. Without one the server\n\
                  makes a random key and prints it. Ctrl-C and SIGTERM end it in order, with 0.\n\n\
                  Example: pocketping mock --port 0 --seed demo --ready-file pocketping.url")]
#[command(args_conflicts_with_subcommands = true, about = "Run the in-memory reference server")]
pub(crate) struct MockArgs {
    #[command(subcommand)]
    scenarios: Option<ScenariosCommand>,

    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) async fn run(args: MockArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if let Some(command) = args.scenarios {
        return scenarios::run(command, context, output).await;
    }
    let running = args.serve.start(context.api_keys()?)?;
    if output.is_plain() {
        output.text(&running.announcement())?;
    } else {
        output.event(running.ready())?;
    }
    running.until_stopped().await;
    Ok(())
}

impl Render for Ready {
    const COLUMNS: &'static [&'static str] = &["url", "key"];

    fn cells(&self) -> Vec<String> {
        vec![self.url.clone(), cell(self.api_key.as_ref())]
    }
}
