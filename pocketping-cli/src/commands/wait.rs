//! `wait`: until a session has an event that is as it should be.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::jq::{Evaluator, Jq, Unended};
use crate::output::Output;
use crate::time::since;
use clap::Args;
use futures::TryStreamExt;
use pocketping_mock_server::args::duration;
use pocketping_sdk::{After, ErrorKind, Event, Message, SessionHandle};
use tokio::time::timeout;

// What to wait for, and how long.
#[derive(Debug, Args)]
#[command(after_help = "The event is that of `pocketping listen -o ndjson`: .type, .message, .session, .sessionId.\n\
                  What already happened in the session counts, unless --after says otherwise.\n\n\
                  Example: pocketping wait --session sess_abc123 --timeout 10m \\\n\
                  \x20          --until '.message.type == \"operator\"'")]
pub(crate) struct WaitArgs {
    /// The session's id
    #[arg(long, value_name = "ID")]
    session: String,

    /// The first event for which this jq expression gives neither null nor false ends the wait
    #[arg(long, value_name = "JQ")]
    until: String,

    /// How long to wait, such as 500ms, 30s, 10m or 2h; then the exit code is 12
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Duration,

    /// Count only what came after this message, at this time (RFC 3339) or later, or from now on; 10m is ten minutes ago by
    /// this machine's clock
    #[arg(long, value_name = "MESSAGE|TIME|now", value_parser = after)]
    after: Option<After>,
}

fn after(text: &str) -> Result<After, String> {
    Ok(match (text, since(text)) {
        ("", _) => return Err("it is empty; it takes a message's id, a time or now".to_owned()),
        ("now", _) => After::Now,
        (_, Ok(time)) => After::Time(time),
        (id, Err(_)) => After::Message(id.into()),
    })
}

pub(crate) async fn run(args: WaitArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let until = Jq::compile(&args.until)
        .map_err(|error| CliError::usage(format!("--until {:?} is no jq expression: {error}", args.until)))?;
    let until = Evaluator::start(until).map_err(|error| CliError::unexpected("a thread cannot be started", error))?;
    let client = context.client()?;
    let deadline = Instant::now() + args.timeout;
    // An expression that fails for one event may be right for the next one.
    let shared = Arc::new(Mutex::new(Noted::default()));
    let inside = Arc::clone(&shared);
    let is_it = move |event: &Event| {
        let result = until.is_true_of(event, deadline);
        let mut notes = inside.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(Ok(is_it)) => is_it,
            Ok(Err(error)) => {
                notes.failure.get_or_insert(error);
                false
            }
            Err(Unended) => {
                notes.is_unended = true;
                // It ends the wait.
                true
            }
        }
    };
    let session = context.session(&client, &args.session);
    check(&session, args.after.as_ref(), deadline).await?;
    let wait = session.wait_for(is_it, deadline.saturating_duration_since(Instant::now()));
    let found = match args.after {
        Some(after) => wait.after(after).await,
        None => wait.await,
    };
    let noted = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    match found {
        _ if noted.is_unended => {
            let message =
                format!("the expression did not end for an event of {} within {:?}", args.session, args.timeout);
            Err(CliError::new(Exit::Unmet, message))
        }
        Ok(event) => output.item(&event),
        Err(error) if error.kind() == ErrorKind::Timeout && Instant::now() >= deadline => {
            if let Some(failure) = noted.failure {
                output.remark(&format!("warning: for some events the expression failed: {failure}"));
            }
            let message = format!("no event of {} was as it should be within {:?}", args.session, args.timeout);
            Err(CliError::new(Exit::Unmet, message))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the session can be waited for: for the wait itself a server that was never reached, or a message that is not
/// there, is just something that did not happen.
async fn check(session: &SessionHandle, after: Option<&After>, deadline: Instant) -> Result<(), CliError> {
    let left = || deadline.saturating_duration_since(Instant::now());
    session.get().deadline(left()).await?;
    let Some(After::Message(id)) = after else { return Ok(()) };
    let messages = session.messages().list().deadline(left()).stream();
    let is_it = |message: Message| std::future::ready(message.id == *id);
    // Each page has the deadline; together they have it, too.
    match timeout(left(), messages.try_any(is_it)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => {
            let message = format!("message {id} is not in session {}", session.id());
            Err(CliError::new(Exit::NotFound, message).with_hint("--after takes a message's id, a time or now"))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            let message = format!("the messages of {} could not be read in time", session.id());
            Err(CliError::new(Exit::Network, message))
        }
    }
}

/// What went wrong with the expression.
#[derive(Debug, Default)]
struct Noted {
    /// The first failure.
    failure: Option<String>,
    is_unended: bool,
}
