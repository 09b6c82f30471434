//! The driver: makes links one after the other, does the readings the feed asks for, and hands on what it tells.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::backfill::{self, Patience};
use super::feed::{Feed, Hole, OtherProject};
use super::item::{CloseReason, StreamState};
use super::link::{Incoming, Link, Opened, policy_or_key};
use super::pass::Found;
use super::queue::Queue;
use crate::RetryPolicy;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::{Client, floor};
use crate::types::{Session, SessionId};

/// A link that stood this long is healthy: the next failure is the first one.
const HEALTHY: Duration = Duration::from_secs(30);
/// How long a server that only kept silent may take to subscribe.
const SUBSCRIBED: Duration = Duration::from_secs(5);
/// How long a server may ask a stream to stay away.
const LONGEST: Duration = Duration::from_secs(3600);
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
    /// Told when it is known where the stream begins.
    begun: Option<oneshot::Sender<()>>,
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
    ) -> (Self, oneshot::Receiver<()>) {
        let (begun, begins) = oneshot::channel();
        let begun = Some(begun);
        (Self { client, settings, feed, scope, queue, state, stop, begun, failures: 0, owing: 0 }, begins)
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

    /// Makes the first link. A server that has no room for it now is asked again, as often as for a call and within the time
    /// of one; whatever else fails would fail again.
    pub(super) async fn first(&self) -> Result<Opened> {
        let settings = &self.client.inner().settings;
        let until = Instant::now().checked_add(settings.deadline);
        let most = settings.retry.max_attempts.min(self.settings.retry.max_attempts);
        let mut attempt = 1;
        loop {
            let error = match self.open().await {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            let wait = settings.retry.wait(attempt, floor(&error), rand::random());
            let is_late = until.is_some_and(|until| Instant::now().checked_add(wait).is_none_or(|then| then >= until));
            if !has_no_room(&error) || attempt >= most || is_late {
                return Err(error);
            }
            tracing::debug!(%error, ?wait, attempt, "the first link is asked for again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Goes on from the first link until the stream is over.
    pub(super) async fn run(mut self, first: Opened) {
        // Whatever ends this task, a reader is not to wait for ever.
        let _last_words = LastWords { queue: Arc::clone(&self.queue), state: self.state.clone() };
        let error = self.links(first).await;
        let reason = error.as_ref().map_or(CloseReason::Requested, |error| CloseReason::Failed(error.kind()));
        self.queue.end(error);
        self.state.send_replace(StreamState::Closed(reason));
    }

    async fn links(&mut self, first: Opened) -> Option<Error> {
        let mut opened = first;
        self.feed.linked(opened.fence);
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
                Over::Link { error, heard } => {
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        meaning = self.meaning(error, heard) => meaning,
                        () = stopped(&mut stop) => return None,
                    }
                }
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
            let floor = error.retry_after().map(|wait| wait.min(LONGEST));
            let wait = self.settings.retry.wait(self.failures, floor, rand::random());
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
            // Where the stream begins is found out whatever becomes of the link, and before there is a reader.
            let is_beginning = self.feed.is_beginning();
            if !is_beginning && let Some(begun) = self.begun.take() {
                // Nobody waits any more when the stream was dropped.
                let _dropped = begun.send(());
            }
            let patience = if is_beginning { Patience::of(&self.client) } else { Patience::LONG };
            let has_room = self.queue.has_room(0);
            let may_ask = is_beginning || self.queue.has_room_to_read();
            if list.is_none() && self.feed.wants_list() {
                let since = self.feed.list_since();
                list = Some(Box::pin(backfill::list(self.client.clone(), self.scope.clone(), since, patience)));
            }
            while may_ask
                && reads.len() < READS
                && let Some(wanted) = self.feed.next_read()
            {
                reads.push(Box::pin(backfill::session(self.client.clone(), wanted, patience)));
            }
            if self.feed.is_owing() && owed.is_none() {
                self.owing = self.owing.saturating_add(1);
                owed = Some(Instant::now() + self.settings.retry.wait(self.owing, None, rand::random()));
            } else if self.feed.state() == StreamState::Live {
                self.owing = 0;
            }
            // While a reading runs, so much more is taken, so that a slow consumer does not cost the link.
            let may_read = if is_beginning {
                early.len() < MOST_HELD && early.back().is_none_or(Result::is_ok)
            } else if self.feed.is_filling() {
                self.feed.held() < MOST_HELD && self.queue.has_room(MOST_HELD)
            } else {
                has_room
            };
            let incoming = tokio::select! {
                () = stopped(&mut stop) => {
                    link.close().await;
                    return Over::Stop;
                }
                incoming = next(&mut early, &mut link, is_beginning), if may_read => incoming,
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
                        // A refused key will not change by asking again, and a stream that has not begun can say so.
                        Err(error) if is_beginning || error.is_unauthorized() => return Over::Stream(error),
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
                () = self.queue.moved.notified(), if !has_room || !may_ask => continue,
            };
            if is_beginning {
                // Frames wait: those of what is read meanwhile are known then. So does the end of the link.
                early.push_back(incoming);
                continue;
            }
            heard |= matches!(incoming, Ok(Incoming::Event(_)));
            if let Err(error) = self.heard(incoming) {
                return Over::Link { error, heard };
            }
        }
    }

    /// Takes what came over the link; an error is the end of the link.
    fn heard(&mut self, incoming: Result<Incoming>) -> Result<()> {
        match incoming {
            Ok(Incoming::Event(event)) => self.feed.frame(*event).map_err(|Hole| {
                let message = "the server's events are not numbered one by one: some are missing";
                Error::new(ErrorKind::Closed, Outcome::Unknown, message)
            }),
            // What broke on the way can be had again; what the server meant so cannot.
            Ok(Incoming::Unreadable { detail, is_broken }) => {
                tracing::warn!(detail, "the socket said something that is no event");
                if is_broken {
                    self.feed.hole();
                    return Err(Error::new(ErrorKind::Closed, Outcome::Unknown, detail));
                }
                self.feed.unreadable(&detail);
                Ok(())
            }
            Ok(Incoming::AuthOk(_) | Incoming::Pong) => Ok(()),
            Err(error) => {
                // The same frame would come again.
                if error.kind() == ErrorKind::TooLarge {
                    self.feed.hole();
                }
                Err(error)
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
            Err(error) if self.feed.is_beginning() || error.is_unauthorized() => Err(error),
            Err(error) if self.scope.is_some() && backfill::is_gone(&error) => Err(error),
            Err(error) => {
                self.feed.list_failed(&error.to_string());
                Ok(())
            }
        }
    }
}

/// Ends the stream when its task ends before it did: it panicked, or its runtime is gone.
struct LastWords {
    queue: Arc<Queue>,
    state: watch::Sender<StreamState>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let message = "the task of the event stream ended before the stream";
        self.queue.end(Some(Error::new(ErrorKind::Closed, Outcome::Unknown, message)));
        self.state.send_if_modified(|state| {
            let is_open = !matches!(state, StreamState::Closed(_));
            if is_open {
                *state = StreamState::Closed(CloseReason::Failed(ErrorKind::Closed));
            }
            is_open
        });
    }
}

/// Whether the server said that another link may stand later.
fn has_no_room(error: &Error) -> bool {
    matches!(error.status(), Some(429 | 503)) || matches!(error.close_code(), Some(1012 | 1013))
}

/// Whether another link may stand where this one did not.
fn is_passing(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Network | ErrorKind::Closed | ErrorKind::TooLarge => true,
        ErrorKind::Api => !error.is_unauthorized(),
        _ => false,
    }
}

/// What waits, and then what comes; or at once what comes, behind what waits.
async fn next(early: &mut VecDeque<Result<Incoming>>, link: &mut Link, is_behind: bool) -> Result<Incoming> {
    let waiting = if is_behind { None } else { early.pop_front() };
    match waiting {
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
