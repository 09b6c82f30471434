//! `sessions watch`: the sessions as they change: a table that is drawn anew on a terminal, else a line a change.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use clap::Args;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryStreamExt};
use pocketping_sdk::{Client, EventStream, Session, SessionFilter, SessionId, StreamContent};
use tokio::time::{MissedTickBehavior, interval};

use super::FilterArgs;
use crate::commands::ListLimit;
use crate::commands::listen::tell_gap;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::link::Link;
use crate::output::Output;
use crate::resizes::Resizes;
use crate::stop::Stop;

/// How many sessions are read at once.
const READS_AT_ONCE: usize = 4;
/// How often the table says anew how long ago it was.
const TICK: Duration = Duration::from_secs(10);

// Which sessions.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    limit: ListLimit,
}

pub(super) async fn run(args: WatchArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let client = context.client()?;
    let mut stop = Stop::new()?;
    tokio::select! {
        biased;
        end = stop.asked() => Err(end),
        ended = watch(&args, &client, output) => ended,
    }
}

async fn watch(args: &WatchArgs, client: &Client, output: &mut Output) -> Result<(), CliError> {
    // The stream stands before the list is read: nothing happens unseen between the two.
    let events = client.events().connect().await?;
    let sessions: Vec<Session> = args.filter.list(client).stream().take(args.limit.most()).try_collect().await?;
    let mut view = View { is_table: output.has_live_tables(), most: args.limit.most(), known: HashMap::new() };
    // A pipe gets them as the list has them.
    if !view.is_table {
        sessions.iter().try_for_each(|session| output.event(session))?;
    }
    view.known.extend(sessions.into_iter().map(|session| (session.id.clone(), session)));
    view.draw(output)?;
    let reads = Reads { client, filter: args.filter.filter(), due: VecDeque::new(), running: HashSet::new() };
    follow(events, reads, view, output).await
}

async fn follow(
    mut events: EventStream,
    mut reads: Reads<'_>,
    mut view: View,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut link = Link::of(&events, reads.client.base_url().socket());
    let mut under_way = FuturesUnordered::new();
    let mut resizes = Resizes::new().map_err(|error| CliError::unexpected("signals cannot be listened for", error))?;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while let Some(read) = reads.next() {
            under_way.push(read);
        }
        tokio::select! {
            biased;
            remark = link.remark() => output.remark(&remark),
            Some((id, read)) = under_way.next() => {
                reads.running.remove(&id);
                match read.map_err(CliError::from) {
                    Ok(seen) => view.show(id, seen, output)?,
                    Err(error) if error.exit() == Exit::Auth => return Err(error),
                    Err(error) => output.remark(&format!("warning: a change of {id} is not shown: {error}")),
                }
            }
            item = events.next() => {
                let Some(item) = item else { return Ok(()) };
                match item?.content {
                    StreamContent::Live(event) | StreamContent::Backfilled(event) => {
                        if let Some(id) = event.session_id() {
                            reads.want(id.into());
                        }
                    }
                    StreamContent::Gap(gap) => tell_gap(&gap, output)?,
                    _ => {}
                }
            }
            () = resizes.next(), if view.is_table => {
                output.wipe()?;
                view.draw(output)?;
            }
            _ = tick.tick(), if view.is_table => view.draw(output)?,
        }
    }
}

/// A session as it is now, and whether it is one of those that are asked for; nothing of one that is gone.
type Seen = Option<(Session, bool)>;

/// The sessions that changed and are to be read. One that changes while it is read is read once more.
struct Reads<'a> {
    client: &'a Client,
    filter: SessionFilter,
    due: VecDeque<SessionId>,
    running: HashSet<SessionId>,
}

impl Reads<'_> {
    fn want(&mut self, id: SessionId) {
        if !self.due.contains(&id) {
            self.due.push_back(id);
        }
    }

    /// The next read, if one may begin.
    fn next(&mut self) -> Option<BoxFuture<'static, (SessionId, pocketping_sdk::Result<Seen>)>> {
        if self.running.len() >= READS_AT_ONCE {
            return None;
        }
        let n = self.due.iter().position(|id| !self.running.contains(id))?;
        let id = self.due.remove(n)?;
        self.running.insert(id.clone());
        let (client, filter) = (self.client.clone(), self.filter.clone());
        Some(async move { (id.clone(), look(&client, &filter, &id).await) }.boxed())
    }
}

async fn look(client: &Client, filter: &SessionFilter, id: &SessionId) -> pocketping_sdk::Result<Seen> {
    let handle = client.session(id);
    let seen = async {
        let session = handle.get().await?;
        let is_asked_for = if let Some(decided) = filter.accepts(&session) {
            decided
        } else {
            let messages: Vec<_> = handle.messages().list().stream().try_collect().await?;
            filter.accepts_with(&session, &messages.iter())
        };
        Ok(Some((session, is_asked_for)))
    };
    match seen.await {
        Err(error) if pocketping_sdk::Error::is_not_found(&error) => Ok(None),
        seen => seen,
    }
}

/// What is shown.
struct View {
    is_table: bool,
    /// How many rows the table has.
    most: usize,
    known: HashMap<SessionId, Session>,
}

impl View {
    /// Shows a change. One that is asked for no more is told once, and leaves the table.
    fn show(&mut self, id: SessionId, seen: Seen, output: &mut Output) -> Result<(), CliError> {
        let (session, is_asked_for) = match seen {
            Some((session, is_asked_for)) => (Some(session), is_asked_for),
            None => (None, false),
        };
        let before = if is_asked_for { self.known.get(&id).cloned() } else { self.known.remove(&id) };
        // One that leaves may look as before: a server need not say what is unanswered.
        let is_news = if is_asked_for { session != before } else { before.is_some() };
        if let Some(session) = session {
            if is_news && !self.is_table {
                output.event(&session)?;
            }
            if is_asked_for {
                self.known.insert(id, session);
            }
        }
        self.draw(output)
    }

    /// Draws the table anew; what something happened in last is at the top.
    fn draw(&self, output: &mut Output) -> Result<(), CliError> {
        if !self.is_table {
            return Ok(());
        }
        let mut rows: Vec<&Session> = self.known.values().collect();
        rows.sort_by(|one, other| {
            let key = |session: &Session| Reverse((session.last_activity, session.created_at));
            key(one).cmp(&key(other)).then_with(|| one.id.as_str().cmp(other.id.as_str()))
        });
        rows.truncate(self.most);
        output.redraw(&rows)
    }
}
