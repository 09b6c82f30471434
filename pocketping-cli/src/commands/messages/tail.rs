//! `messages tail`: the last messages of a session, and those that come.

use clap::Args;
use futures::TryStreamExt;
use pocketping_sdk::{Client, EventData, EventStream, GapReason, SessionStatus, StreamContent};

use crate::commands::last_of;
use crate::commands::listen::tell_gap;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::link::Link;
use crate::output::Output;
use crate::stop::Stop;
use crate::told::Told;

// Which session, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The session's id
    session: String,
    /// How many of the messages that are there are printed first
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    lines: usize,
    /// End when the session is closed, or at once when it is
    #[arg(long)]
    until_closed: bool,
}

pub(super) async fn run(args: TailArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let client = context.client()?;
    let mut stop = Stop::new()?;
    tokio::select! {
        biased;
        end = stop.asked() => Err(end),
        ended = tail(&args, &client, context, output) => ended,
    }
}

async fn tail(args: &TailArgs, client: &Client, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let session = context.session(client, &args.session);
    // The stream stands before anything is read: what comes between is in both, and known by its id.
    let mut events = client.events().connect().session(session.id()).await?;
    let is_closed = args.until_closed && session.get().await?.status == SessionStatus::Closed;
    let mut told = Told::default();
    let messages = session.messages().list().stream().inspect_ok(|message| {
        told.is_news(message);
    });
    let (last, _) = last_of(messages, args.lines).await?;
    last.iter().try_for_each(|message| output.event(message))?;
    if is_closed {
        return Ok(());
    }
    follow(args, &mut events, told, client.base_url().socket(), output).await?;
    events.close().await;
    Ok(())
}

async fn follow(
    args: &TailArgs,
    events: &mut EventStream,
    mut told: Told,
    socket: &str,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut link = Link::of(events, socket);
    loop {
        let item = tokio::select! {
            biased;
            remark = link.remark() => {
                output.remark(&remark);
                continue;
            }
            item = events.next() => item,
        };
        let Some(item) = item else { return Ok(()) };
        let event = match item?.content {
            StreamContent::Gap(gap) if matches!(gap.reason, GapReason::SessionGone) => {
                return Err(CliError::new(Exit::NotFound, format!("the session {} is gone", args.session)));
            }
            StreamContent::Gap(gap) => {
                tell_gap(&gap, output)?;
                continue;
            }
            StreamContent::Live(event) | StreamContent::Backfilled(event) => event,
            _ => continue,
        };
        match event.data {
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) if told.is_news(&message) => {
                output.event(&*message)?;
            }
            EventData::SessionClosed(_) if args.until_closed => return Ok(()),
            _ => {}
        }
    }
}
