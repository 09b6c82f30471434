//! The driver: makes links one after the other, does the readings the feed asks for, and hands on what it tells.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::backfill;
use super::feed::{Feed, Hole, OtherProject};
use super::item::{CloseReason, StreamState};
use super::link::{Incoming, Link, Opened, policy_or_key};
use super::pass::Found;
use super::queue::Queue;
use crate::RetryPolicy;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::Client;
use crate::types::{Session, SessionId};

/// A link that stood this long is healthy: the next failure is the first one.
const HEALTHY: Duration = Duration::from_secs(30);
/// How long a server that only kept silent may take to subscribe.
const SUBSCRIBED: Duration = Duration::from_secs(5);
/// How many sessions are read at once.
const READS: usize = 4;
/// How many frames may wait for readings before the link is read no further.
const MOST_HELD: usize = 10_000;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How links are made.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// For TCP, TLS, upgrade and authentication together.
    pub(super) timeout: Duration,
    pub(super) ping: Duration,
    pub(super) retry: RetryPolicy,
}

pub(super) struct Driver {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) feed: Feed,
    pub(super) scope: Option<SessionId>,
    pub(super) queue: Arc<Queue>,
    pub(super) state: watch::Sender<StreamState>,
    pub(super) stop: watch::Receiver<bool>,
    /// Links that failed in a row.
    failures: u32,
    /// Readings in a row that left something owed.
    owing: u32,
}

/// Why a link is not read any more.
enum Over {
    /// The link ended; another one may stand.
    Link { error: Error, heard: bool },
    /// The stream ended.
    Stream(Error),
    /// It is to stop.
    Stop,
}

impl Driver {
    pub(super) fn new(
        client: Client,
        settings: Settings,
        feed: Feed,
        scope: Option<SessionId>,
        queue: Arc<Queue>,
        state: watch::Sender<StreamState>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { client, settings, feed, scope, queue, state, stop, failures: 0, owing: 0 }
    }

    /// Makes one link, within its time.
    pub(super) async fn open(&self) -> Result<Opened> {
        let Settings { timeout: within, ping, .. } = self.settings;
        let opened = timeout(within, Link::open(&self.client, self.feed.last_event_id(), ping)).await;
        opened.unwrap_or_else(|_| {
            let message = format!("no subscription at {} within {within:?}", self.client.base_url().socket());
            Err(Error::new(ErrorKind::Timeout, Outcome::Unknown, message))
        })
    }

    /// Makes the first link. Where nothing says where the stream begins, it begins here: what REST shows once the subscription
    /// stands is known, and not told.
    pub(super) async fn begin(&mut self) -> Result<Opened> {
        let mut opened = self.open().await?;
        let has_beginning = self.feed.has_beginning();
        self.feed.linked(opened.fence);
        if !has_beginning {
            let mut baseline = std::pin::pin!(self.baseline());
            loop {
                // Frames wait: those of what is read meanwhile are known then. So does the end of the link.
                let may_read = opened.early.len() < MOST_HELD && opened.early.back().is_none_or(Result::is_ok);
                tokio::select! {
                    done = &mut baseline => break done?,
                    incoming = opened.link.next(), if may_read => opened.early.push_back(incoming),
                }
            }
        }
        self.state.send_replace(self.feed.state());
        Ok(opened)
    }

    async fn baseline(&mut self) -> Result<()> {
        let sessions = backfill::list(self.client.clone(), self.scope.clone(), None).await?;
        self.listed(Ok(sessions))?;
        let mut reads = FuturesUnordered::new();
        loop {
            while reads.len() < READS
                && let Some(wanted) = self.feed.next_read()
            {
                reads.push(backfill::session(self.client.clone(), wanted));
            }
            let Some((session, found)) = reads.next().await else { break };
            self.feed.read(&session, found?);
        }
        self.queue.push(self.feed.take())
    }

    /// Goes on from the first link until the stream is over.
    pub(super) async fn run(mut self, first: Opened) {
        let error = self.links(first).await;
        let reason = error.as_ref().map_or(CloseReason::Requested, |error| CloseReason::Failed(error.kind()));
        self.queue.end(error);
        self.state.send_replace(StreamState::Closed(reason));
    }

    async fn links(&mut self, first: Opened) -> Option<Error> {
        let mut opened = first;
        loop {
            let began = Instant::now();
            let over = self.serve(opened).await;
            self.feed.unlinked();
            if let Err(error) = self.queue.push(self.feed.take()) {
                return Some(error);
            }
            let cause = match over {
                Over::Stop => return None,
                Over::Stream(error) => return Some(error),
                Over::Link { error, heard } => self.meaning(error, heard).await,
            };
            if began.elapsed() >= HEALTHY {
                self.failures = 0;
            }
            opened = match self.reconnect(cause).await {
                Ok(opened) => opened,
                Err(over) => return over,
            };
            self.feed.linked(opened.fence);
        }
    }

    /// A close for reasons of policy on a link that told nothing may be the key's fault.
    async fn meaning(&self, error: Error, heard: bool) -> Error {
        if error.close_code() == Some(1008) && !heard { policy_or_key(self.client.clone(), error).await } else { error }
    }

    /// Makes the next link, however often that fails, unless it never can. `Err` is the end.
    async fn reconnect(&mut self, cause: Error) -> Result<Opened, Option<Error>> {
        self.state.send_replace(StreamState::Connecting);
        let mut error = cause;
        loop {
            if !is_passing(&error) || self.failures.saturating_add(1) >= self.settings.retry.max_attempts {
                return Err(Some(error));
            }
            self.failures += 1;
            let wait = self.settings.retry.wait(self.failures, error.retry_after(), rand::random());
            tracing::debug!(%error, ?wait, failures = self.failures, "the link is made anew");
            self.pause(Instant::now() + wait).await?;
            let mut stop = self.stop.clone();
            let opened = tokio::select! {
                opened = self.open() => opened,
                () = stopped(&mut stop) => return Err(None),
            };
            match opened {
                Ok(opened) => return Ok(opened),
                Err(failed) => error = failed,
            }
        }
    }

    /// Waits until a time, and until the consumer has made room.
    async fn pause(&self, until: Instant) -> Result<(), Option<Error>> {
        let mut stop = self.stop.clone();
        loop {
            let is_time = Instant::now() >= until;
            if is_time && self.queue.has_much_room() {
                return Ok(());
            }
            tokio::select! {
                () = sleep_until(until), if !is_time => {}
                () = self.queue.moved.notified(), if is_time => {}
                () = stopped(&mut stop) => return Err(None),
            }
        }
    }

    /// Serves one link.
    async fn serve(&mut self, opened: Opened) -> Over {
        let Opened { mut link, mut early, .. } = opened;
        let mut stop = self.stop.clone();
        let mut heard = false;
        let mut second = Box::pin(sleep_until(Instant::now() + SUBSCRIBED));
        let mut list: Option<BoxFuture<Result<Vec<Session>>>> = None;
        let mut reads: FuturesUnordered<BoxFuture<(SessionId, Result<Found>)>> = FuturesUnordered::new();
        let mut owed: Option<Instant> = None;
        loop {
            if let Err(error) = self.queue.push(self.feed.take()) {
                return Over::Stream(error);
            }
            self.state.send_if_modified(|state| std::mem::replace(state, self.feed.state()) != *state);
            let has_room = self.queue.has_room();
            if list.is_none() && self.feed.wants_list() {
                let since = self.feed.list_since();
                list = Some(Box::pin(backfill::list(self.client.clone(), self.scope.clone(), since)));
            }
            while has_room
                && reads.len() < READS
                && let Some(wanted) = self.feed.next_read()
            {
                reads.push(Box::pin(backfill::session(self.client.clone(), wanted)));
            }
            if self.feed.is_owing() && owed.is_none() {
                self.owing = self.owing.saturating_add(1);
                owed = Some(Instant::now() + self.settings.retry.wait(self.owing, None, rand::random()));
            } else if self.feed.state() == StreamState::Live {
                self.owing = 0;
            }
            // While a reading runs, frames are bounded by what may be held, so that a slow consumer does not cost the link.
            let may_read = if self.feed.is_filling() { self.feed.held() < MOST_HELD } else { has_room };
            let incoming = tokio::select! {
                () = stopped(&mut stop) => {
                    link.close().await;
                    return Over::Stop;
                }
                incoming = next(&mut early, &mut link), if may_read => incoming,
                listed = ready(&mut list), if list.is_some() => {
                    list = None;
                    if let Err(error) = self.listed(listed) {
                        return Over::Stream(error);
                    }
                    continue;
                }
                Some((session, found)) = reads.next() => {
                    match found {
                        Ok(found) => self.feed.read(&session, found),
                        Err(error) => self.feed.read_failed(&session, &error.to_string()),
                    }
                    continue;
                }
                () = &mut second, if self.feed.awaits_second() => {
                    self.feed.second();
                    continue;
                }
                () = sleep_until(owed.unwrap_or_else(Instant::now)), if owed.is_some() => {
                    owed = None;
                    self.feed.retry();
                    continue;
                }
                () = self.queue.moved.notified(), if !has_room => continue,
            };
            match incoming {
                Ok(Incoming::Event(event)) => {
                    heard = true;
                    if self.feed.frame(*event).is_err() {
                        let message = "the server's events are not numbered one by one: some are missing";
                        let error = Error::new(ErrorKind::Closed, Outcome::Unknown, message);
                        return Over::Link { error, heard };
                    }
                }
                // What broke on the way can be had again; what the server meant so cannot.
                Ok(Incoming::Unreadable { detail, is_broken }) => {
                    tracing::warn!(detail, "the socket said something that is no event");
                    if is_broken {
                        let Hole = self.feed.hole();
                        return Over::Link { error: Error::new(ErrorKind::Closed, Outcome::Unknown, detail), heard };
                    }
                    self.feed.unreadable(&detail);
                }
                Ok(Incoming::AuthOk(_) | Incoming::Pong) => {}
                Err(error) => return Over::Link { error, heard },
            }
        }
    }

    fn listed(&mut self, listed: Result<Vec<Session>>) -> Result<()> {
        match listed {
            Ok(sessions) => self
                .feed
                .listed(sessions)
                .map_err(|OtherProject| Error::config("the cursor is of another project than the API key")),
            // Neither will change by asking again.
            Err(error) if error.is_unauthorized() || (self.scope.is_some() && error.is_not_found()) => Err(error),
            Err(error) => {
                self.feed.list_failed(&error.to_string());
                Ok(())
            }
        }
    }
}

/// Whether another link may stand where this one did not.
fn is_passing(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Network | ErrorKind::Closed | ErrorKind::TooLarge => true,
        ErrorKind::Api => !error.is_unauthorized(),
        _ => false,
    }
}

async fn next(early: &mut VecDeque<Result<Incoming>>, link: &mut Link) -> Result<Incoming> {
    match early.pop_front() {
        Some(incoming) => incoming,
        None => link.next().await,
    }
}

async fn ready<T>(future: &mut Option<BoxFuture<T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Ends when the stream is to stop, or nobody is left to stop it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the stream was dropped.
    drop(stop.wait_for(|stop| *stop).await);
}
