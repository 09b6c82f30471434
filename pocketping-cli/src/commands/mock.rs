//! `mock`: the reference server in the foreground.

use clap::Args;
use pocketping_mock_server::ApiKey;
use pocketping_mock_server::args::ServeArgs;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// How the server is run.
#[derive(Debug, Args)]
#[command(
    after_help = "The keys the server takes come from --api-key (or POCKETPING_API_KEY), which may be repeated here and may\n\
                  name a tenant: --api-key KEY=TENANT. Without one the server makes a random key and prints it.\n\n\
                  Example: pocketping mock --port 0 --seed demo --ready-file pocketping.url"
)]
pub(crate) struct MockArgs {
    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) async fn run(args: MockArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let keys = context.api_keys().map(str::parse::<ApiKey>).collect::<Result<_, _>>();
    let running = args.serve.start(keys.map_err(|error| CliError::usage(format!("--api-key: {error}")))?)?;
    output.text(&running.announcement())?;
    running.until_stopped().await.map_err(|error| CliError::unexpected("the server did not stop in order", error))
}
