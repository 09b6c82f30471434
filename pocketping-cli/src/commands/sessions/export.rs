//! `sessions export`: sessions with their messages.

use std::future::ready;
use std::path::PathBuf;

use clap::Args;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use pocketping_sdk::{Client, Message, Session, SessionId};
use serde::Serialize;

use super::{FilterArgs, name};
use crate::commands::cell;
use crate::commands::many::{Brake, Tally};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::files;
use crate::ids;
use crate::markdown;
use crate::output::{Output, Render, remark};

/// How many sessions are read at once.
const READS_AT_ONCE: usize = 4;

// Which sessions, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Ids of sessions; `-` reads them from standard input, `@FILE` from a file
    #[arg(value_name = "SESSION", conflicts_with = "all")]
    sessions: Vec<String>,
    /// All sessions, or those the filters leave
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to this file, readable by its owner only, instead of stdout
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

pub(super) async fn run(args: ExportArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if !args.all && args.filter.is_any() {
        return Err(CliError::usage("filters go with --all; ids say themselves which sessions are meant"));
    }
    if !args.all && args.sessions.is_empty() {
        return Err(CliError::usage("which sessions? Ids, `-` for standard input, or --all"));
    }
    if args.output_file.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        return Err(CliError::usage("--output-file takes the name of a file; without it stdout is written to"));
    }
    let client = context.client()?;
    let wanted: Vec<Wanted> = if args.all {
        args.filter.list(&client).stream().map_ok(|session| (session.id.clone(), Some(session))).try_collect().await?
    } else {
        ids::read(&args.sessions)?.into_iter().map(|id| (id.into(), None)).collect()
    };
    let kept = args.output_file.map(|path| (path, output.keep()));
    let (mut tally, brake) = (Tally::default(), Brake::default());
    let one = match &wanted[..] {
        // Its failure is that of the command.
        [(id, None)] => Some(transcript(&client, (id.clone(), None), &brake).await.1?),
        _ => None,
    };
    let read = if let Some(one) = one {
        stream::iter([one]).left_stream()
    } else {
        let read = stream::iter(wanted).map(|wanted| transcript(&client, wanted, &brake)).buffered(READS_AT_ONCE);
        let read = read.filter_map(|(id, read)| {
            tally.note(read.as_ref().err());
            if let Err(error) = &read {
                remark(&format!("warning: {id} is missing: {error}"));
            }
            ready(read.ok())
        });
        read.right_stream()
    };
    print(read, output).await?;
    let did_some = tally.did_some();
    let ended = tally.verdict("sessions could not be exported");
    if let Some((path, kept)) = kept.filter(|_| did_some || ended.is_ok()) {
        files::replace(&path, &kept.text())
            .map_err(|error| CliError::new(Exit::Config, format!("{} cannot be written: {error}", path.display())))?;
    }
    ended
}

async fn print(read: impl Stream<Item = Transcript>, output: &mut Output) -> Result<(), CliError> {
    if output.is_delimited() {
        let rows = read.flat_map(|read| stream::iter(Row::all_of(&read)));
        return output.list_as_it_comes(rows).await;
    }
    if !output.is_plain() {
        return output.list_as_it_comes(read).await;
    }
    let mut read = std::pin::pin!(read);
    while let Some(transcript) = read.next().await {
        output.harmless(&transcript.markdown())?;
    }
    Ok(())
}

/// A session that is to be exported; one that a list showed need not be asked for once more.
type Wanted = (SessionId, Option<Session>);

async fn transcript(client: &Client, (id, listed): Wanted, brake: &Brake) -> (SessionId, Result<Transcript, CliError>) {
    let handle = client.session(&id);
    let read = async {
        brake.check()?;
        let mut session = match listed {
            Some(session) => session,
            None => handle.get().await?,
        };
        // They are read whole.
        session.messages = None;
        let messages = handle.messages().list().stream().try_collect().await?;
        Ok(Transcript { session, messages })
    };
    let read = read.await.inspect_err(|failure| brake.note(failure));
    (id, read)
}

/// A session and all of its messages.
#[derive(Debug, Serialize)]
struct Transcript {
    #[serde(flatten)]
    session: Session,
    messages: Vec<Message>,
}

impl Transcript {
    fn markdown(&self) -> String {
        let session = &self.session;
        let mut text = format!("# {}\n\n", markdown::inline(session.id.as_str()));
        for (what, value) in [
            ("status", session.status.to_string()),
            ("visitor", name(session).unwrap_or_default().to_owned()),
            ("created", cell(session.created_at.as_ref())),
            ("last activity", cell(session.last_activity.as_ref())),
            ("page", cell(session.metadata.page_url.as_ref())),
        ] {
            if !value.is_empty() {
                text.extend(["- ", what, ": ", &markdown::inline(&value), "\n"]);
            }
        }
        for message in &self.messages {
            let (kind, time) = (message.kind.to_string(), cell(message.created_at.as_ref()));
            text.extend(["\n**", &markdown::inline(&kind), "** ", &markdown::inline(&time), "\n\n"]);
            text.push_str(&markdown::quote(&message.content));
        }
        text.push('\n');
        text
    }
}

impl Render for Transcript {
    const COLUMNS: &'static [&'static str] = &["id", "status", "name", "created", "messages"];

    fn cells(&self) -> Vec<String> {
        let session = &self.session;
        vec![
            session.id.to_string(),
            session.status.to_string(),
            name(session).unwrap_or_default().to_owned(),
            cell(session.created_at.as_ref()),
            self.messages.len().to_string(),
        ]
    }
}

/// A message with its session, for those who read rows. A session nobody wrote in has one, too.
#[derive(Debug, Serialize)]
struct Row(Vec<String>);

impl Row {
    fn all_of(read: &Transcript) -> Vec<Self> {
        let session = &read.session;
        let head = [session.id.to_string(), session.status.to_string(), name(session).unwrap_or_default().to_owned()];
        let row = |message: Vec<String>| Self([head.to_vec(), message].concat());
        if read.messages.is_empty() {
            return vec![row(vec![String::new(); Message::COLUMNS.len()])];
        }
        read.messages.iter().map(|message| row(message.cells())).collect()
    }
}

impl Render for Row {
    const COLUMNS: &'static [&'static str] = &["session", "status", "name", "id", "time", "from", "text"];

    fn cells(&self) -> Vec<String> {
        self.0.clone()
    }
}
