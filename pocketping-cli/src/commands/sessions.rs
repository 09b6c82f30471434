//! `sessions`: list, get, close, export, identify, ai, watch.

mod close;
mod export;
mod watch;

use std::cmp::{Ordering, Reverse};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use futures::{TryStreamExt, stream};
use pocketping_sdk::{Client, Identify, ListSessions, ProjectId, Session, SessionFilter, SessionStatus, Timestamp};
use serde_json::Value;

use super::{ListLimit, cell};
use crate::cli::Called;
use crate::context::Context;
use crate::dry_run::DryRunArgs;
use crate::error::CliError;
use crate::output::{Output, Render};
use crate::time::since;

// Work with sessions.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum SessionsCommand {
    /// List sessions, newest first
    #[command(after_help = "Example: pocketping sessions list --status active --unanswered --sort activity")]
    List(Called<ListArgs>),
    /// Show one session
    #[command(after_help = "Example: pocketping sessions get sess_abc123 -o json")]
    Get(Called<IdArgs>),
    /// Close sessions; closing a closed one changes nothing
    #[command(after_help = "Example: pocketping sessions list --status active -q | \\\n\
                            \x20          pocketping sessions close -")]
    Close(Called<close::CloseArgs>),
    /// Print sessions with their messages
    #[command(after_help = "Markdown, unless -o, --fields, --jq or --quiet asks for something else.\n\n\
                            Example: pocketping sessions export --all --status closed \\\n\
                            \x20          --output-file closed.md")]
    Export(Called<export::ExportArgs>),
    /// Say who the visitor is
    #[command(after_help = "Example: pocketping sessions identify sess_abc123 --email user@example.com \\\n\
                        \x20          --metadata plan=pro")]
    Identify(Called<IdentifyArgs>),
    /// Switch the AI on or off
    #[command(after_help = "Example: pocketping sessions ai sess_abc123 off")]
    Ai(Called<AiArgs>),
    /// Watch sessions change: a table that is drawn anew on a terminal, else first the list and then a line a change
    #[command(after_help = "Example: pocketping sessions watch --status active --unanswered -o ndjson")]
    Watch(Called<watch::WatchArgs>),
}

// Which sessions, in which order.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// By what they are sorted: the newest, those something last happened in, or by the visitor's name; all that match
    /// are read for it, and --limit counts from the first one [default: created]
    #[arg(long, value_name = "BY")]
    sort: Option<Sort>,
    /// The other way around; sessions without the value are last all the same
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    limit: ListLimit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    #[default]
    Created,
    Activity,
    Name,
}

impl Sort {
    /// Sorts sessions; those that are equal keep their order.
    fn sort(self, sessions: &mut [Session], is_reversed: bool) {
        let newest =
            |one: Option<Timestamp>, other: Option<Timestamp>| by(one.map(Reverse), other.map(Reverse), is_reversed);
        let key = |session: &Session| name(session).map(str::to_lowercase);
        sessions.sort_by(|one, other| match self {
            Self::Created => newest(one.created_at, other.created_at),
            Self::Activity => newest(one.last_activity, other.last_activity),
            Self::Name => by(key(one), key(other), is_reversed),
        });
    }
}

/// The order of two values; what has none is last.
fn by<T: Ord>(one: Option<T>, other: Option<T>, is_reversed: bool) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) if is_reversed => other.cmp(&one),
        (Some(one), Some(other)) => one.cmp(&other),
        (one, other) => one.is_none().cmp(&other.is_none()),
    }
}

// Which sessions.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only of this status
    #[arg(long, value_parser = ["active", "closed"])]
    status: Option<String>,
    /// Only of this project
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// Only with something happening at this time (RFC 3339) or later; 10m is ten minutes ago by this machine's clock
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Only where the visitor wrote last
    #[arg(long)]
    unanswered: bool,
    /// Only with this text in name, e-mail address, page URL or messages
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl FilterArgs {
    /// Whether anything is asked for.
    fn is_any(&self) -> bool {
        let Self { status, project, since, unanswered, search } = self;
        status.is_some() || project.is_some() || since.is_some() || *unanswered || search.is_some()
    }

    /// What is asked for, to be held against one session.
    fn filter(&self) -> SessionFilter {
        let mut filter = SessionFilter::default();
        filter.status = self.status.as_deref().map(SessionStatus::from);
        filter.project_id = self.project.as_deref().map(ProjectId::from);
        filter.since = self.since;
        filter.unanswered = self.unanswered;
        filter.text = self.search.clone().filter(|text| !text.is_empty());
        filter
    }

    /// What is asked for, of a list.
    fn list(&self, client: &Client) -> ListSessions {
        let SessionFilter { status, project_id, since, unanswered, text, .. } = self.filter();
        let mut list = client.sessions().list();
        if let Some(status) = status {
            list = list.status(status);
        }
        if let Some(project) = project_id {
            list = list.project(project);
        }
        if let Some(since) = since {
            list = list.since(since);
        }
        if unanswered {
            list = list.unanswered();
        }
        if let Some(text) = text {
            list = list.search(text);
        }
        list
    }
}

// Which session.
#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// The session's id
    session: String,
}

// Whose visitor, and what is known.
#[derive(Debug, Args)]
pub(crate) struct IdentifyArgs {
    /// The session's id
    session: String,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

// What is known of the visitor; at least one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Known {
    /// E-mail address
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    email: Option<String>,
    /// Name
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// Your own id for this person
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    customer_id: Option<String>,
    /// Anything else; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
}

// Which session, and what of its AI.
#[derive(Debug, Args)]
pub(crate) struct AiArgs {
    /// The session's id
    session: String,
    /// Whether the AI may answer
    state: OnOff,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnOff {
    On,
    Off,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it must look like KEY=VALUE".to_owned()),
    }
}

pub(crate) async fn run(command: SessionsCommand, context: &Context, output: &mut Output) -> Result<(), CliError> {
    match command {
        SessionsCommand::List(Called(args)) => list(args, context, output).await,
        SessionsCommand::Get(Called(args)) => {
            output.item(&context.session(&context.client()?, &args.session).get().await?)
        }
        SessionsCommand::Export(Called(args)) => export::run(args, context, output).await,
        SessionsCommand::Close(Called(args)) => close::run(args, context, output).await,
        SessionsCommand::Identify(Called(args)) => identify(args, context, output).await,
        SessionsCommand::Ai(Called(args)) => ai(args, context, output).await,
        SessionsCommand::Watch(Called(args)) => watch::run(args, context, output).await,
    }
}

async fn list(args: ListArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let list = args.filter.list(&context.client()?);
    if args.sort.is_none() && !args.reverse {
        return args.limit.print_first(list.stream(), output).await;
    }
    let mut sessions: Vec<Session> = list.stream().try_collect().await?;
    args.sort.unwrap_or_default().sort(&mut sessions, args.reverse);
    args.limit.print_first(stream::iter(sessions.into_iter().map(Ok)), output).await
}

async fn identify(args: IdentifyArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let mut who = Identify::new();
    who.email = args.known.email;
    who.name = args.known.name;
    who.customer_id = args.known.customer_id;
    for (key, value) in args.known.metadata {
        if who.metadata.as_ref().is_some_and(|known| known.contains_key(&key)) {
            return Err(CliError::usage(format!("--metadata says {key} twice")));
        }
        who = who.metadata(key, value);
    }
    let session = context.session(&context.writer(args.dry_run)?, &args.session).identify(who).await?;
    output.item(&session)?;
    if session.identity.is_none() {
        output.remark("done; this server does not show what it knows of a visitor");
    }
    Ok(())
}

async fn ai(args: AiArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let session = context.session(&context.writer(args.dry_run)?, &args.session);
    let session = session.set_ai(args.state == OnOff::On).await?;
    output.item(&session)?;
    if session.ai_enabled.is_none() {
        output.remark("done; this server does not show whether the AI is on");
    }
    Ok(())
}

impl Render for Session {
    const COLUMNS: &'static [&'static str] = &["id", "status", "unanswered", "last activity", "name", "page"];

    const TIMES: &'static [&'static str] = &["last activity"];

    const SPARE: &'static [&'static str] = &["page", "unanswered"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.status.to_string(),
            yes_no(self.unanswered),
            cell(self.last_activity.as_ref()),
            cell(name(self).as_ref()),
            cell(self.metadata.page_url.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("id", self.id.to_string()),
            ("status", self.status.to_string()),
            ("visitor", cell(self.visitor_id.as_ref())),
            ("project", cell(self.project_id.as_ref())),
            ("created", cell(self.created_at.as_ref())),
            ("last activity", cell(self.last_activity.as_ref())),
            ("closed", cell(self.closed_at.as_ref())),
            ("page", cell(self.metadata.page_url.as_ref())),
            ("browser", cell(self.metadata.user_agent.as_ref())),
            ("ai", self.ai_enabled.map(|on| if on { "on" } else { "off" }.to_owned()).unwrap_or_default()),
            ("unanswered", yes_no(self.unanswered)),
        ];
        if let Some(identity) = &self.identity {
            details.push(("name", cell(identity.name.as_ref())));
            details.push(("email", cell(identity.email.as_ref())));
            details.push(("customer", cell(identity.customer_id.as_ref())));
            for (key, value) in identity.metadata.iter().flatten() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                details.push(("metadata", format!("{key}={value}")));
            }
        }
        for (key, value) in &self.metadata.extra {
            details.push((
                "visit",
                format!("{key}={}", value.as_str().map_or_else(|| Value::to_string(value), str::to_owned)),
            ));
        }
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}

/// What people call the visitor by.
fn name(session: &Session) -> Option<&str> {
    let identity = session.identity.as_ref()?;
    identity.name.as_deref().or(identity.email.as_deref())
}

fn yes_no(value: Option<bool>) -> String {
    value.map(|yes| if yes { "yes" } else { "no" }.to_owned()).unwrap_or_default()
}
