//! `EventStream`: the events of the key's tenant, each once and in order, over as many links as it takes.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::cursor::EventCursor;
use super::driver::{Driver, Settings};
use super::feed::Feed;
use super::item::{StreamItem, StreamState, Ticket};
use super::ledger::Ledger;
use super::queue::{BufferPolicy, Queue};
use crate::RetryPolicy;
use crate::error::Result;
use crate::transport::Client;
use crate::types::{SessionId, Timestamp};

impl Client {
    /// The events of the key's tenant.
    pub fn events(&self) -> Events {
        Events { client: self.clone() }
    }
}

/// The events of the key's tenant; see [`Client::events`].
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
}

impl Events {
    /// Connects to the socket (`/ws`), sends the API key, and waits until the subscription stands and it is known what was
    /// there before: whatever happens after that comes out of the stream, once and in the order of its session, over as
    /// many links as it takes.
    ///
    /// The first link must stand, and the sessions that moved just before must be readable; later links are made again and
    /// again ([`ConnectEvents::reconnect`]). A server that has no room for the first one yet (429, 503, or closed with 1012 or
    /// 1013) is asked again, as often as for a call and within the client's deadline. The link has the time of [`ConnectEvents::timeout`], and each answer of what is
    /// read then the client's own deadline; how many there are depends on what moved. Dropping the future ends all of it.
    ///
    /// # Errors
    /// Unauthorized ([`Error::is_unauthorized`](crate::Error::is_unauthorized)) when the key is refused; a configuration error when there is no
    /// socket at the address, or the cursor is of another server; else what kept the link from standing.
    ///
    /// # Panics
    /// When it is awaited outside a tokio runtime.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::{NewMessage, StreamContent};
    ///
    /// let mut events = client.events().connect().await?;
    /// client.session("sess_abc123").messages().send(NewMessage::operator("Hello!")).await?;
    ///
    /// match events.next().await.expect("the stream goes on")?.content {
    ///     StreamContent::Live(event) => assert_eq!(event.message().unwrap().content, "Hello!"),
    ///     StreamContent::Backfilled(event) => println!("happened while there was no link: {:?}", event.kind()),
    ///     StreamContent::Gap(gap) => println!("something may be missing: {}", gap.detail),
    ///     _ => {}
    /// }
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(&self) -> ConnectEvents {
        ConnectEvents {
            client: self.client.clone(),
            settings: Settings {
                timeout: Duration::from_secs(15),
                ping: Duration::from_secs(20),
                retry: RetryPolicy::default()
                    .max_attempts(u32::MAX)
                    .backoff(Duration::from_millis(500), Duration::from_secs(30)),
            },
            start: Start::Now,
            scope: None,
            buffer: (1024, BufferPolicy::Wait),
        }
    }
}

#[derive(Clone, Debug)]
enum Start {
    Now,
    Since(Timestamp),
    Beginning,
    Cursor(Box<EventCursor>),
}

/// A connection that was described and not yet made. Await it.
///
/// [`since`](Self::since), [`from_beginning`](Self::from_beginning) and [`resume`](Self::resume) say where it begins; of
/// several the last one counts. Default: now.
#[derive(Clone, Debug)]
#[must_use = "nothing is connected until it is awaited"]
pub struct ConnectEvents {
    client: Client,
    settings: Settings,
    start: Start,
    scope: Option<SessionId>,
    buffer: (usize, BufferPolicy),
}

impl ConnectEvents {
    /// How long it may take until a subscription stands: TCP, TLS, upgrade and authentication together. Default 15 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How links are made again: the waits between, and after how many failures in a row the stream ends with the last
    /// one (`max_attempts`; [`RetryPolicy::none`] makes one link only). A link that stood for half a minute ends the row.
    /// Default: without end, waits of up to half a second, doubling to half a minute, with full jitter. What could not be
    /// read is read again after the same waits.
    pub fn reconnect(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// How often a ping is sent, from a millisecond to a day; a link on which nothing comes until the next one is due is
    /// given up. Default 20 s.
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.settings.ping = interval.clamp(Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
        self
    }

    /// How many items wait for the reader, and what happens when there are more. Default 1024, and to wait.
    ///
    /// Readings of what was missed hand over a whole session at once, four at a time, and may exceed it by that. While they
    /// run, up to 10,000 frames are taken besides; up to 100,000 ids are remembered to know what was told.
    pub fn buffer(mut self, items: usize, policy: BufferPolicy) -> Self {
        self.buffer = (items, policy);
        self
    }

    /// Only the events of this session.
    pub fn session(mut self, id: impl Into<SessionId>) -> Self {
        self.scope = Some(id.into());
        self
    }

    /// Begins with what happened at this time or later, by the server's clock, as far as REST shows it.
    pub fn since(mut self, time: Timestamp) -> Self {
        self.start = Start::Since(time);
        self
    }

    /// Begins with the first session and message there are.
    pub fn from_beginning(mut self) -> Self {
        self.start = Start::Beginning;
        self
    }

    /// Goes on where the cursor stands, and keeps a new one ([`EventStream::cursor`]): items are to be acknowledged
    /// ([`EventStream::ack`]), and what was not comes again when the cursor is resumed. An empty cursor begins now: keep the
    /// stream's own as soon as it is connected, or the next one knows nothing of what came before the first acknowledgement.
    ///
    /// When 10,000 items wait to be acknowledged, the stream waits too, and says so once in the log.
    ///
    /// Where the server does not know the cursor's last event any more, what was missed is read from REST.
    pub fn resume(mut self, cursor: EventCursor) -> Self {
        self.start = Start::Cursor(Box::new(cursor));
        self
    }

    async fn connect(self) -> Result<EventStream> {
        let server = self.client.base_url().rest().to_owned();
        let is_durable = matches!(self.start, Start::Cursor(_));
        let ledger = match self.start {
            Start::Now => Ledger::default(),
            Start::Since(time) => Ledger::since(time),
            Start::Beginning => Ledger::beginning(),
            Start::Cursor(cursor) => cursor.ledger(&server, self.scope.as_ref())?,
        };
        let (capacity, policy) = self.buffer;
        let queue = Arc::new(Queue::new(capacity, policy, is_durable.then(|| ledger.clone())));
        let (state, states) = watch::channel(StreamState::Connecting);
        let (stop, stopped) = watch::channel(false);
        let feed = Feed::new(ledger, self.scope.clone());
        let scope = self.scope.clone();
        let (driver, begins) =
            Driver::new(self.client, self.settings, feed, self.scope, Arc::clone(&queue), state, stopped);
        let first = driver.first().await?;
        let mut events = EventStream { task: tokio::spawn(driver.run(first)), queue, states, stop, server, scope };
        match begins.await {
            Ok(()) => Ok(events),
            // It ended before that, and its last item says why.
            Err(_) => match events.next().await {
                Some(Err(error)) => Err(error),
                _ => Ok(events),
            },
        }
    }
}

impl IntoFuture for ConnectEvents {
    type Output = Result<EventStream>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// The events of a tenant, each once and in the order of its session, over as many links as it takes.
///
/// A link that ends is made again; what happened meanwhile comes by resuming where the server can, and is read from REST
/// where it cannot. What cannot be shown to be complete comes as a [`Gap`](super::Gap). The last item is an error when
/// the stream cannot go on: the key is refused, there is no socket, the buffer is full
/// ([`BufferPolicy::Fail`]), or links failed too often.
///
/// It runs on a task of its own: pings are answered whether it is polled or not, as long as the buffer has room. A healthy
/// link makes no request but those that were missing when it began. Dropping the stream ends everything at once; [`close`](Self::close) says goodbye.
pub struct EventStream {
    queue: Arc<Queue>,
    states: watch::Receiver<StreamState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    server: String,
    scope: Option<SessionId>,
}

impl EventStream {
    /// The next item; `None` after the stream ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<StreamItem>> {
        std::future::poll_fn(|cx| self.queue.poll_next(cx)).await
    }

    /// Says that an item was dealt with, a gap as well. Items may be acknowledged in any order; the [`cursor`](Self::cursor) stands
    /// before the first one that was not. Without [`resume`](ConnectEvents::resume) there is nothing to acknowledge.
    ///
    /// After 10,000 items without acknowledgement the stream waits for one.
    pub fn ack(&self, item: &StreamItem) {
        self.queue.ack(item.ticket());
    }

    /// As [`ack`](Self::ack), from elsewhere: for items that are dealt with on other tasks.
    pub fn acks(&self) -> Acks {
        Acks { queue: Arc::clone(&self.queue) }
    }

    /// Where the stream stands: behind the last item before which everything was acknowledged. `None` when it was not
    /// begun with [`resume`](ConnectEvents::resume).
    pub fn cursor(&self) -> Option<EventCursor> {
        self.queue.acknowledged(|ledger| EventCursor::of(ledger, &self.server, self.scope.as_ref()))
    }

    /// How the stream is doing.
    pub fn state(&self) -> StreamState {
        *self.states.borrow()
    }

    /// How the stream is doing now, and every time that changes; states that follow each other faster than they are read
    /// are skipped.
    pub fn states(&self) -> impl Stream<Item = StreamState> + Send + Unpin + 'static {
        let states = self.states.clone();
        let states = futures::stream::unfold((states, true), async |(mut states, is_first)| {
            if !is_first {
                // Closed was the last one.
                states.changed().await.ok()?;
            }
            let state = *states.borrow_and_update();
            Some((state, (states, false)))
        });
        // Who selects over it and the items asks again after its end.
        Box::pin(states).fuse()
    }

    /// Ends the link: says goodbye to the server, and waits for its answer, two seconds at most. What is in the buffer is
    /// still given by [`next`](Self::next), and then `None`.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        // An error says that the driver is gone.
        drop(self.states.clone().wait_for(|state| matches!(state, StreamState::Closed(_))).await);
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Acknowledges items of a stream from elsewhere; see [`EventStream::acks`].
#[derive(Clone, Debug)]
pub struct Acks {
    queue: Arc<Queue>,
}

impl Acks {
    /// Says that the item with this ticket was dealt with.
    pub fn ack(&self, ticket: Ticket) {
        self.queue.ack(ticket);
    }
}

impl Stream for EventStream {
    type Item = Result<StreamItem>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.poll_next(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("state", &self.state()).finish_non_exhaustive()
    }
}
