//! `webhooks`: create, list, delete; sign, verify and trigger have files of their own.

use clap::{Args, Subcommand};
use pocketping_sdk::{EventKind, NewWebhook, Webhook};
use serde::Serialize;

use super::cell;
use super::signing::{self, SignArgs, VerifyArgs};
use super::trigger::{self, TriggerArgs};
use crate::cli::{Called, NoArgs};
use crate::context::Context;
use crate::dry_run::DryRunArgs;
use crate::error::CliError;
use crate::input::{Source, secret_of};
use crate::output::{Output, Render};

// Work with webhooks.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum WebhooksCommand {
    /// Register a webhook; the same URL again replaces its events
    #[command(after_help = "Example: pocketping webhooks create https://yoursite.com/webhook \\\n\
                            \x20          --event message.created")]
    Create(Called<CreateArgs>),
    /// List webhooks (servers with the extended contract)
    #[command(after_help = "Example: pocketping webhooks list")]
    List(Called<NoArgs>),
    /// Delete a webhook (servers with the extended contract)
    #[command(after_help = "Example: pocketping webhooks delete wh_1")]
    Delete(Called<DeleteArgs>),
    /// Print the signature of a body
    #[command(after_help = "Example: pocketping webhooks sign @body.json --secret-file webhook.secret")]
    Sign(Called<SignArgs>),
    /// Say whether a delivery is genuine and fresh, and if not, why
    #[command(after_help = "Ends with 0 when it is, with 6 when it is not.\n\n\
                      Example: pocketping webhooks verify @body.json --signature sha256=4dbb… \\\n\
                      \x20          --secret-file new --secret-file old")]
    Verify(Called<VerifyArgs>),
    /// Post made-up deliveries to any URL, without a server
    #[command(
        after_help = "The key is never sent. A redirect is not followed, and nothing is tried again. Ends with 8 when\n\
                      the receiver refuses, with 9 when it does not answer, with 11 when some were taken.\n\n\
                      Example: pocketping webhooks trigger message.created -f message.content=Hi \\\n\
                      \x20          --to http://localhost:3000/hook"
    )]
    Trigger(Called<TriggerArgs>),
}

// Where to post, and what.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Where events are posted to
    url: String,
    /// Which event; may be repeated
    #[arg(
        long = "event",
        value_name = "EVENT",
        default_values = ["session.created", "message.created", "session.closed"]
    )]
    events: Vec<EventKind>,
    /// File with the key of the signatures, `-` for standard input [default: the server makes one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

// Which webhook.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The webhook's id
    webhook: String,
    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(command: WebhooksCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        WebhooksCommand::Create(Called(args)) => create(args, context, output).await,
        WebhooksCommand::List(_) => output.list(&context.client()?.webhooks().list().await?.webhooks),
        WebhooksCommand::Delete(Called(args)) => {
            let client = context.writer(args.dry_run)?;
            context.confirm(&format!("delete the webhook {}?", args.webhook), args.yes || args.dry_run.dry_run)?;
            client.webhooks().delete(args.webhook.as_str()).await?;
            output.item(&Deleted { id: &args.webhook, deleted: true })
        }
        WebhooksCommand::Sign(Called(args)) => signing::sign(&args, output),
        WebhooksCommand::Verify(Called(args)) => signing::verify(&args, output),
        WebhooksCommand::Trigger(Called(args)) => trigger::run(args, output).await,
    }
}

async fn create(args: CreateArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let mut webhook = NewWebhook::new(args.url, args.events);
    if let Some(file) = args.secret_file {
        webhook = webhook.secret(secret_of(Source::typed(&file))?);
    }
    let created = context.writer(args.dry_run)?.webhooks().create(webhook).await?;
    output.item(&Created(&created))?;
    match (&created.id, &created.secret) {
        // It was not printed, and is never told again.
        (_, Some(secret)) if !output.is_whole() => {
            output.remark(&format!("the secret, which is shown this once: {secret}"));
        }
        (_, Some(_)) => output.remark("the secret is shown this once; keep it, deliveries are signed with it"),
        (None, None) => output.remark("done; this server tells neither id nor secret"),
        (Some(_), None) => {}
    }
    Ok(())
}

/// A webhook that is no more.
#[derive(Debug, Serialize)]
struct Deleted<'a> {
    id: &'a str,
    deleted: bool,
}

impl Render for Deleted<'_> {
    const COLUMNS: &'static [&'static str] = &["id", "deleted"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_owned(), if self.deleted { "yes" } else { "no" }.to_owned()]
    }
}

/// A webhook with its secret, which a list does not have.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Created<'a>(&'a Webhook);

impl Render for Created<'_> {
    const COLUMNS: &'static [&'static str] = &["id", "url", "events", "created", "secret"];

    fn cells(&self) -> Vec<String> {
        [self.0.cells(), vec![cell(self.0.secret.as_ref())]].concat()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::COLUMNS.iter().copied().zip(self.cells()).collect();
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}

impl Render for Webhook {
    const COLUMNS: &'static [&'static str] = &["id", "url", "events", "created"];
    const TIMES: &'static [&'static str] = &["created"];

    fn cells(&self) -> Vec<String> {
        let events: Vec<_> = self.events.iter().map(EventKind::as_str).collect();
        vec![cell(self.id.as_ref()), self.url.clone(), events.join(","), cell(self.created_at.as_ref())]
    }
}
