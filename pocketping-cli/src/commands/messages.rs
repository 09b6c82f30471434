//! `messages`: list, send, tail.

mod tail;

use clap::{Args, Subcommand};
use pocketping_sdk::{Message, MessageKind, NewMessage, Timestamp};

use super::{ListLimit, cell};
use crate::cli::Called;
use crate::context::Context;
use crate::dry_run::DryRunArgs;
use crate::error::CliError;
use crate::input::typed_text;
use crate::output::{Output, Render};
use crate::time::since;

// Work with messages.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum MessagesCommand {
    /// List a session's last messages, oldest first
    #[command(after_help = "Example: pocketping messages list sess_abc123 --all -o ndjson")]
    List(Called<ListArgs>),
    /// Send a message
    #[command(after_help = "Example: pocketping messages send sess_abc123 \"Thanks for reaching out!\"")]
    Send(Called<SendArgs>),
    /// Print a session's last messages, then those that come, a line each, until Ctrl-C
    #[command(after_help = "Example: pocketping messages tail sess_abc123 -n 20 --until-closed -o ndjson")]
    Tail(Called<tail::TailArgs>),
}

// Which messages.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The session's id
    session: String,
    /// Only those that changed at this time (RFC 3339) or later; 10m is ten minutes ago by this machine's clock
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    #[command(flatten)]
    limit: ListLimit,
}

// What to send, and where.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The session's id
    session: String,
    /// The text; `-` is standard input, `@FILE` a file, `@@` an @; `--` before it lets it begin with a hyphen
    text: String,
    /// Who writes it: operator, visitor, ai or system
    #[arg(long = "type", default_value = "operator", value_name = "TYPE", value_parser = kind)]
    kind: MessageKind,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

fn kind(text: &str) -> Result<MessageKind, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(MessageKind::from(text)) }
}

pub(crate) async fn run(command: MessagesCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        MessagesCommand::List(Called(args)) => list(args, context, output).await,
        MessagesCommand::Send(Called(args)) => send(args, context, output).await,
        MessagesCommand::Tail(Called(args)) => tail::run(args, context, output).await,
    }
}

async fn list(args: ListArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let mut list = context.session(&context.client()?, &args.session).messages().list();
    if let Some(since) = args.since {
        list = list.since(since);
    }
    args.limit.print_last(list.stream(), output).await
}

async fn send(args: SendArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let message = NewMessage::new(typed_text(&args.text)?).kind(args.kind);
    let session = context.session(&context.writer(args.dry_run)?, &args.session);
    output.item(&session.messages().send(message).await?)
}

impl Render for Message {
    const COLUMNS: &'static [&'static str] = &["id", "time", "from", "text"];

    const TIMES: &'static [&'static str] = &["time"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), cell(self.created_at.as_ref()), self.kind.to_string(), self.content.clone()]
    }
}
