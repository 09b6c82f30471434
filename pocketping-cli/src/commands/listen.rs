//! `listen`: events as they happen, printed, and forwarded if that is asked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use pocketping_mock_server::args::ReadyFile;
use pocketping_sdk::{Acks, ConnectEvents, Event, EventStream, Gap, StreamContent, StreamItem, Ticket, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use super::{at_least_one, cell};
use crate::context::Context;
use crate::cursor_file::CursorFile;
use crate::error::{CliError, Exit};
use crate::files::is_same;
use crate::forward::{DeadLetters, Delivery, Ended, Forward, ForwardArgs, Lanes, Remarks, now};
use crate::link::Link;
use crate::output::{Output, Render};
use crate::stop::Stop;
use crate::time::since;

/// How long deliveries under way have to finish when the command ends early.
const GRACE: Duration = Duration::from_secs(5);

// What to listen to, how long, and where to forward it to.
#[derive(Debug, Args)]
#[command(after_help = "Example: pocketping listen -o ndjson --forward-to http://localhost:3000/hook \\\n\
                        \x20          --secret-file secret --cursor cursor.json --dead-letter failed.ndjson")]
pub(crate) struct ListenArgs {
    /// Only the events of this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,

    /// Begin with what happened at this time (RFC 3339) or later; 10m is ten minutes ago by this machine's clock
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "cursor")]
    since: Option<Timestamp>,

    /// End after this many events
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,

    /// Go on where the last run with this file ended; without the file, begin now
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,

    /// Write the socket's URL to this file once the subscription stands
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// Post each event to this URL, as a webhook does
    #[arg(long = "forward-to", id = "target", value_name = "URL")]
    forward_to: Option<String>,

    #[command(flatten)]
    forward: ForwardArgs,
}

impl ListenArgs {
    /// Each file is for one thing.
    fn check(&self) -> Result<(), CliError> {
        let secret = self.forward.secret_file.as_deref().filter(|file| *file != "-").map(Path::new);
        let named = [
            ("--cursor", self.cursor.as_deref()),
            ("--ready-file", self.ready_file.as_deref()),
            ("--dead-letter", self.forward.dead_letter.as_deref()),
            ("--secret-file", secret),
        ];
        let files: Vec<_> = named.iter().filter_map(|(flag, path)| Some((flag, (*path)?))).collect();
        for (n, (flag, path)) in files.iter().enumerate() {
            if let Some((other, _)) = files[..n].iter().find(|(_, other)| is_same(other, path)) {
                let message = format!("{other} and {flag} are the same file, {}; name two", path.display());
                return Err(CliError::usage(message));
            }
        }
        Ok(())
    }
}

pub(crate) async fn run(args: ListenArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    args.check()?;
    let client = context.client()?;
    let forward = match &args.forward_to {
        Some(url) => Some(args.forward.open("--forward-to", url)?),
        None => None,
    };
    let (mut cursor, start) = match args.cursor {
        Some(path) => CursorFile::read(path).map(|(file, start)| (Some(file), Some(start)))?,
        None => (None, None),
    };
    let mut connect: ConnectEvents = client.events().connect();
    if let Some(start) = start {
        connect = connect.resume(start);
    }
    if let Some(since) = args.since {
        connect = connect.since(since);
    }
    if let Some(session) = args.session {
        connect = connect.session(session);
    }
    let mut stop = Stop::new()?;
    let connected = tokio::select! {
        connected = connect => connected,
        end = stop.asked() => return Err(end),
    };
    let events = connected.map_err(|error| failed(error, cursor.as_ref()))?;
    // What happens from here on is not missed, whatever happens to this process.
    if let (Some(file), Some(cursor)) = (&mut cursor, events.cursor()) {
        file.write(&cursor)?;
    }
    let socket = client.base_url().socket();
    let ready_file = args.ready_file.map(|path| ReadyFile::write("--ready-file", path, socket)).transpose()?;
    ready(socket, output)?;
    let (lanes, remarks, dead_letters) = match forward {
        Some(Forward { lanes, remarks, dead_letters }) => (Some(lanes), Some(remarks), dead_letters),
        None => (None, None, None),
    };
    let acks = events.acks();
    let link = Link::of(&events, socket);
    let left = args.limit.unwrap_or(usize::MAX);
    let listening = Listening { events, link, acks, lanes, remarks, dead_letters, cursor, left, output };
    let ended = listening.run(&mut stop).await;
    drop(ready_file);
    ended
}

fn ready(socket: &str, output: &mut Output) -> Result<(), CliError> {
    if !output.is_whole_json() {
        output.remark(&format!("listening on {socket}"));
        return Ok(());
    }
    output.event(&StreamLine::Ready { socket })
}

struct Listening<'a> {
    events: EventStream,
    link: Link,
    acks: Acks,
    lanes: Option<Lanes<Ticket>>,
    remarks: Option<Remarks>,
    dead_letters: Option<DeadLetters>,
    cursor: Option<CursorFile>,
    /// How many events are still to be printed.
    left: usize,
    output: &'a mut Output,
}

impl Listening<'_> {
    async fn run(mut self, stop: &mut Stop) -> Result<(), CliError> {
        let ended = self.listen(stop).await;
        let finished = self.finish(stop).await;
        if ended.is_ok() {
            self.events.close().await;
        }
        self.output.first_of(ended, finished)
    }

    /// Until there is nothing left to do, or something fails.
    async fn listen(&mut self, stop: &mut Stop) -> Result<(), CliError> {
        loop {
            let is_idle = self.lanes.as_ref().is_none_or(Lanes::is_idle);
            if self.left == 0 && is_idle {
                return Ok(());
            }
            let may_take = self.left > 0 && !self.lanes.as_ref().is_some_and(Lanes::is_full);
            tokio::select! {
                biased;
                end = stop.asked() => return Err(end),
                () = due(self.cursor.as_ref()) => self.write_cursor()?,
                ended = ended(self.lanes.as_mut()) => self.dealt_with(ended)?,
                remark = told(self.remarks.as_mut()) => self.output.remark(&remark),
                remark = self.link.remark() => self.output.remark(&remark),
                item = self.events.next(), if may_take => match item {
                    Some(item) => {
                        let item = item.map_err(|error| failed(error, self.cursor.as_ref()))?;
                        self.take(item)?;
                    }
                    None => self.left = 0,
                },
            }
        }
    }

    /// Gives deliveries under way a moment, and keeps the place. A second signal takes the moment away.
    async fn finish(&mut self, stop: &mut Stop) -> Result<(), CliError> {
        let mut finished = Ok(());
        if let Some(lanes) = &mut self.lanes {
            lanes.stop();
        }
        let deadline = Instant::now() + GRACE;
        while let Some(lanes) = &mut self.lanes {
            let ended = tokio::select! {
                ended = lanes.next_until(deadline) => ended,
                _ = stop.asked() => None,
            };
            let Some(ended) = ended else { break };
            let dealt = self.dealt_with(ended);
            finished = self.output.first_of(finished, dealt);
        }
        let written = self.write_cursor();
        self.output.first_of(finished, written)
    }

    fn take(&mut self, item: StreamItem) -> Result<(), CliError> {
        let (ticket, repeat_possible) = (item.ticket(), item.repeat_possible);
        let (event, backfilled) = match item.content {
            StreamContent::Gap(gap) => {
                tell_gap(&gap, self.output)?;
                self.done(ticket);
                return Ok(());
            }
            StreamContent::Live(event) => (event, false),
            StreamContent::Backfilled(event) => (event, true),
            _ => return Ok(()),
        };
        self.output.event(&EventLine { event: &event, backfilled, repeat_possible })?;
        self.left -= 1;
        let delivery = match &self.lanes {
            Some(_) => Delivery::of_event(&event, now()?)?,
            None => None,
        };
        match (&mut self.lanes, delivery) {
            (Some(lanes), Some(delivery)) => lanes.push(delivery, ticket),
            _ => self.done(ticket),
        }
        Ok(())
    }

    /// A delivery ended: taken, or kept for later, or the end of the command.
    fn dealt_with(&mut self, ended: Ended<Ticket>) -> Result<(), CliError> {
        let Ended { delivery, tag, result } = ended;
        let Err(failed) = result else {
            self.done(tag);
            return Ok(());
        };
        if failed.is_given_up {
            return Ok(());
        }
        let target = self.lanes.as_ref().map(|lanes| lanes.target().to_string()).unwrap_or_default();
        let attempts = if failed.attempts == 1 { "1 attempt".into() } else { format!("{} attempts", failed.attempts) };
        let failure = format!("{} was not taken by {target} in {attempts}: {}", delivery.name(), failed.reason);
        let Some(dead_letters) = &mut self.dead_letters else {
            let error = CliError::new(failed.exit(), failure);
            return Err(
                error.with_hint("--dead-letter FILE keeps what fails, and goes on; --cursor FILE goes on from here")
            );
        };
        dead_letters.keep(&delivery, &failed)?;
        self.output.remark(&format!("warning: {failure}; it is in {}", dead_letters.path().display()));
        self.done(tag);
        Ok(())
    }

    fn done(&mut self, ticket: Ticket) {
        self.acks.ack(ticket);
        if let Some(cursor) = &mut self.cursor {
            cursor.touch();
        }
    }

    fn write_cursor(&mut self) -> Result<(), CliError> {
        match (&mut self.cursor, self.events.cursor()) {
            (Some(file), Some(cursor)) => file.write(&cursor),
            _ => Ok(()),
        }
    }
}

/// What ended the stream. It may be the cursor's fault.
fn failed(error: pocketping_sdk::Error, cursor: Option<&CursorFile>) -> CliError {
    let error = CliError::from(error);
    match cursor {
        Some(cursor) if error.exit() == Exit::Config => error.with_hint(cursor.hint()),
        _ => error,
    }
}

async fn due(cursor: Option<&CursorFile>) {
    match cursor {
        Some(cursor) => cursor.due().await,
        None => std::future::pending().await,
    }
}

async fn ended(lanes: Option<&mut Lanes<Ticket>>) -> Ended<Ticket> {
    match lanes {
        Some(lanes) => lanes.next().await,
        None => std::future::pending().await,
    }
}

async fn told(remarks: Option<&mut Remarks>) -> String {
    match remarks {
        Some(remarks) => remarks.next().await,
        None => std::future::pending().await,
    }
}

/// Says that something may be missing: among whole objects of JSON as a line of its own, else on stderr.
pub(super) fn tell_gap(gap: &Gap, output: &mut Output) -> Result<(), CliError> {
    if !output.is_whole_json() {
        output.remark(&format!("warning: something may be missing: {}", gap.detail));
        return Ok(());
    }
    output.event(&StreamLine::Gap {
        session: gap.session.as_ref().map(ToString::to_string),
        from: gap.from,
        to: gap.to,
        reason: gap.reason.as_str(),
        detail: &gap.detail,
    })
}

/// A line about the stream. It has a key `event` and none `type`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum StreamLine<'a> {
    /// The subscription stands.
    Ready { socket: &'a str },
    /// Something may be missing.
    Gap { session: Option<String>, from: Option<Timestamp>, to: Option<Timestamp>, reason: &'a str, detail: &'a str },
}

impl Render for StreamLine<'_> {
    const COLUMNS: &'static [&'static str] = &["event", "what"];

    fn cells(&self) -> Vec<String> {
        match self {
            Self::Ready { socket } => vec!["ready".to_owned(), (*socket).to_owned()],
            Self::Gap { session, detail, .. } => vec!["gap".to_owned(), cell(session.as_ref()), (*detail).to_owned()],
        }
    }

    /// It is no thing that has one.
    fn ids(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A line of an event: the event as it is, and what the stream knows of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventLine<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    backfilled: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeat_possible: bool,
}

impl Render for EventLine<'_> {
    const COLUMNS: &'static [&'static str] = Event::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.event.cells()
    }

    fn ids(&self) -> Vec<String> {
        self.event.ids()
    }
}
