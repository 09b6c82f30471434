//! `inbox`: sessions, a conversation and an answer on a whole terminal.

use clap::Args;

use crate::context::Context;
use crate::error::CliError;
use crate::inbox;
use crate::output::end_progress;
use crate::stop::Stop;
use crate::terminal::Terminal;

// Nothing but the server.
#[derive(Debug, Args)]
#[command(after_help = "Keys stand at the bottom. Each session has a draft of its own.\n\nExample: pocketping inbox")]
pub(crate) struct InboxArgs {}

pub(crate) async fn run(context: &Context) -> Result<(), CliError> {
    if !Terminal::is_smart() {
        return Err(CliError::usage("inbox needs a terminal, and one whose cursor can be moved")
            .with_hint("`pocketping sessions watch` and `pocketping chat` work in pipes, too"));
    }
    let client = context.client()?;
    let mut stop = Stop::new()?;
    // The whole terminal is the inbox's.
    end_progress();
    inbox::run(client, &mut stop).await
}
