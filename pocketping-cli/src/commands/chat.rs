//! `chat`: a conversation, line by line.

use clap::Args;
use pocketping_sdk::Message;
use serde::Serialize;

use crate::chat::{Chat, is_closed};
use crate::context::Context;
use crate::error::CliError;
use crate::link::Link;
use crate::output::{Output, Render, remark};
use crate::stop::Stop;

// With whom, and how much of what was said before is shown.
#[derive(Debug, Args)]
#[command(
    after_help = "A line is sent when you press Enter; what is typed stays while others write. /help tells the commands.\n\
                  From a pipe each line is sent, and what others write is printed as by `messages list`; it ends with the input.\n\n\
                  Example: pocketping chat sess_abc123"
)]
pub(crate) struct ChatArgs {
    /// The session's id
    session: String,

    /// Show so many of the last messages first
    #[arg(long, default_value_t = 10, value_name = "N")]
    history: usize,
}

pub(crate) async fn run(args: ChatArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let client = context.client()?;
    let session = context.session(&client, &args.session);
    let known = session.get().await?;
    let mut stop = Stop::new()?;
    // Before the history is read: what comes between is in both, and shown once.
    let events = tokio::select! {
        events = client.events().connect().session(session.id().clone()) => events?,
        end = stop.asked() => return Err(end),
    };
    let link = Link::of(&events, client.base_url().socket());
    let mut chat = Chat::new(session, events, link, output)?;
    if is_closed(&known.status) {
        remark("the session is closed; it opens again when its visitor writes");
    }
    tokio::select! {
        read = chat.history(args.history) => read?,
        end = stop.asked() => return Err(end),
    }
    chat.talk(&mut stop).await
}

/// A message, as `messages list` prints it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Said<'a>(pub(crate) &'a Message);

impl Render for Said<'_> {
    const COLUMNS: &'static [&'static str] = Message::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.0.cells()
    }
}
