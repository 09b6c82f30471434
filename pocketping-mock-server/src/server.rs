//! `MockServer`: a server on a thread of its own.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pocketping_sdk::{DeliveryId, Event, Message, Session, SessionId};
use tokio::sync::watch;

use crate::app::App;
use crate::builder::MockServerBuilder;
use crate::delivery::{self, Delivery};
use crate::doors::Doors;
use crate::endpoints::messages::visitor_says;
#[cfg(feature = "memory")]
use crate::memory::MemoryTransport;
use crate::responder;
use crate::sources::Clock;
use crate::store::{ApiKey, MessageQuery, Rejection, SessionQuery, TenantId, Tx, Visit, VisitorSignal};

/// How long a server that was dropped, and is not waited for, waits for its connections.
const SHORT_GRACE: Duration = Duration::from_millis(50);

/// An in-memory PocketPing bridge server, listening on a port of this machine.
///
/// It runs on a thread of its own, so it works in blocking and in async tests alike, and it answers as soon as it is
/// made. [`shutdown`](Self::shutdown) ends it and everything it serves; dropping it does the same in the background and
/// in a hurry.
///
/// ```
/// use pocketping_mock_server::{MockServer, Visit};
///
/// let server = MockServer::start();
/// let session = server.visitor_opens_session(Visit::new().page_url("https://example.com/pricing"));
/// server.visitor_says(&session.id, "Hello, I have a question");
/// assert_eq!(server.messages(&session.id).len(), 1);
/// println!("{} takes the key {}", server.url(), server.api_key());
/// ```
#[must_use = "the server stops when it is dropped"]
pub struct MockServer {
    app: App,
    reach: Reach,
    keys: Vec<ApiKey>,
    patient: Arc<AtomicBool>,
    done: watch::Receiver<()>,
    thread: Option<thread::JoinHandle<()>>,
}

/// How clients reach a server.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) url: String,
    /// None when it listens on no port.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) ca_pem: Option<String>,
    #[cfg(feature = "memory")]
    pub(crate) dial: crate::memory::Dial,
}

impl MockServer {
    /// Starts a server on a free port of 127.0.0.1, with the key `test_key`, the extended contract, a frozen clock and
    /// sequential ids.
    ///
    /// # Panics
    /// When this machine gives no port or no thread; [`MockServerBuilder::start`] gives an error instead.
    pub fn start() -> Self {
        Self::builder().start().unwrap_or_else(|error| panic!("the mock server cannot start: {error}"))
    }

    /// Everything that can be configured.
    pub fn builder() -> MockServerBuilder {
        MockServerBuilder::default()
    }

    pub(crate) fn launch(app: App, keys: Vec<ApiKey>, doors: Doors, reach: Reach) -> io::Result<Self> {
        let patient = Arc::new(AtomicBool::new(true));
        let (running, done) = watch::channel(());
        let (thread_app, thread_patient) = (app.clone(), Arc::clone(&patient));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // It ends by itself once `stop` is cancelled, and `done` says when; who blocks joins it.
        let thread =
            thread::Builder::new().name("pocketping-mock".to_owned()).stack_size(1 << 20).spawn(move || {
                runtime.block_on(async {
                    thread_app.tasks.spawn(delivery::run(thread_app.clone()));
                    thread_app.tasks.spawn(responder::run(thread_app.clone()));
                    doors.accept(&thread_app).await;
                    thread_app.tasks.close();
                    let grace = if thread_patient.load(Ordering::Relaxed) { thread_app.grace } else { SHORT_GRACE };
                    if tokio::time::timeout(grace, thread_app.tasks.wait()).await.is_err() {
                        tracing::debug!(left = thread_app.tasks.len(), "connections are cut");
                    }
                });
                runtime.shutdown_background();
                drop(running);
            })?;
        Ok(Self { app, reach, keys, patient, done, thread: Some(thread) })
    }

    /// What it serves, for tests that call it without a connection.
    #[cfg(test)]
    pub(crate) fn service(&self) -> crate::http::Front {
        crate::router::router(self.app.clone())
    }

    /// The base URL, such as `http://127.0.0.1:41234`; `http://localhost` for one that is [`in_memory`] and listens nowhere.
    ///
    /// [`in_memory`]: MockServerBuilder::in_memory
    pub fn url(&self) -> &str {
        &self.reach.url
    }

    /// The certificate of the authority that a server over TLS is known by, as PEM; none over plain HTTP.
    pub fn ca_pem(&self) -> Option<&str> {
        self.reach.ca_pem.as_deref()
    }

    /// The address it listens on.
    ///
    /// # Panics
    /// When it is [`in_memory`](MockServerBuilder::in_memory) and listens nowhere.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.reach.address.unwrap_or_else(|| panic!("a server in memory listens on no address"))
    }

    /// What carries an SDK client's requests and socket to this server without a network, however it listens.
    #[cfg(feature = "memory")]
    pub fn transport(&self) -> MemoryTransport {
        MemoryTransport::new(self.reach.dial.clone())
    }

    /// The first API key it takes.
    pub fn api_key(&self) -> &str {
        &self.keys[0].key
    }

    /// Its clock, to be advanced.
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// Moves the clock forward timer by timer, and waits before each for what the one before has done: a delivery that is
    /// tried again, an answer of the AI. So a schedule of hours plays in the time its work takes.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = pocketping_mock_server::MockServer::start();
    /// server.advance(std::time::Duration::from_secs(2 * 3600)).await;
    /// assert_eq!(server.clock().now().to_string(), "2024-01-15T12:30:00Z");
    /// # });
    /// ```
    pub async fn advance(&self, duration: Duration) {
        tokio::select! {
            () = self.app.clock.advance_in_order(duration) => {}
            () = self.app.stop.cancelled() => {}
        }
    }

    /// A visitor comes to the website and opens a session, in the first key's tenant (`session.created`).
    ///
    /// # Panics
    /// When the visit's metadata has more than 32 KiB as JSON.
    #[track_caller]
    pub fn visitor_opens_session(&self, visit: Visit) -> Session {
        self.write(|tx| tx.open_session(visit))
            .unwrap_or_else(|rejection| panic!("the visitor cannot open this session: {rejection}"))
    }

    /// The session's visitor writes (`message.created`); a closed session opens again.
    ///
    /// # Panics
    /// When there is no such session, or the text is blank or longer than 4000 characters.
    #[track_caller]
    pub fn visitor_says(&self, id: &SessionId, text: impl Into<String>) -> Message {
        let text = text.into();
        self.write(|tx| visitor_says(tx, id, text))
            .unwrap_or_else(|rejection| panic!("the visitor of {id} cannot say this: {rejection}"))
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.keys[0].tenant
    }

    /// Changes the first key's tables.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>) -> Result<T, Rejection> {
        self.app.write(&self.keys[0].tenant, change)
    }

    /// What the visitor's page told besides messages, oldest first: the last thousand custom events and picked elements
    /// of a session; none when there is no such session.
    pub fn visitor_signals(&self, id: &SessionId) -> Vec<VisitorSignal> {
        self.app.read(&self.keys[0].tenant, |tables| tables.signals(id))
    }

    /// The first key's sessions as the server holds them, newest first.
    pub fn sessions(&self) -> Vec<Session> {
        let mut walk = self.app.walk_sessions(&self.keys[0].tenant, SessionQuery::default());
        let mut sessions = Vec::new();
        while let Some(part) = walk.next_part() {
            sessions.extend(part.iter().map(|session| (***session).clone()));
        }
        sessions
    }

    /// A session's messages as the server holds them, oldest first; none when there is no such session.
    pub fn messages(&self, id: &SessionId) -> Vec<Message> {
        let page = self.app.list_messages(&self.keys[0].tenant, id, &MessageQuery::default());
        page.map_or_else(|_| Vec::new(), |page| page.items.iter().map(|message| (***message).clone()).collect())
    }

    /// The first key's events in commit order, as the contract shows them: what a socket that missed nothing was sent.
    /// The last 10,000 are kept.
    pub fn events(&self) -> Vec<Event> {
        self.app.events(&self.keys[0].tenant)
    }

    /// The webhook deliveries so far, oldest first; the last 10,000 are remembered.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.app.deliveries()
    }

    /// Waits until the deliveries are as they should be, however long that takes, and gives them: a test puts
    /// `tokio::time::timeout` around it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = pocketping_mock_server::MockServer::start();
    /// let none = server.deliveries_until(|deliveries| deliveries.is_empty()).await;
    /// assert!(none.is_empty());
    /// # });
    /// ```
    pub async fn deliveries_until(&self, are: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let mut version = self.app.outbox_version();
        loop {
            version.borrow_and_update();
            let deliveries = self.deliveries();
            if are(&deliveries) {
                return deliveries;
            }
            if version.changed().await.is_err() {
                return deliveries;
            }
        }
    }

    /// Delivers once more, with the same id and body, what was delivered or has failed. `false` when there is no such
    /// delivery, it has not ended, or its webhook is gone.
    pub fn redeliver(&self, id: &DeliveryId) -> bool {
        self.app.redeliver(&self.keys[0].tenant, id)
    }

    /// Stops listening, says goodbye on every socket, lets running requests finish, and waits until all of it is done:
    /// half a second at most, or [`stop_within`](MockServerBuilder::stop_within), after which the rest is cut.
    pub async fn shutdown(mut self) {
        self.app.stop.cancel();
        // An error is what is waited for: the thread has dropped its end.
        while self.done.changed().await.is_ok() {}
    }

    /// As [`shutdown`](Self::shutdown), where nothing is async: a plain `#[test]`. It blocks its thread; a test that only wants
    /// the server to go away drops it.
    ///
    /// ```
    /// use std::net::TcpStream;
    /// use pocketping_mock_server::MockServer;
    ///
    /// let server = MockServer::start();
    /// let address = server.address();
    /// assert!(TcpStream::connect(address).is_ok());
    /// server.shutdown_blocking();
    /// assert!(TcpStream::connect(address).is_err());
    /// ```
    pub fn shutdown_blocking(mut self) {
        self.app.stop.cancel();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the server's thread had panicked");
        }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        if !self.app.stop.is_cancelled() {
            self.patient.store(false, Ordering::Relaxed);
            self.app.stop.cancel();
        }
    }
}

impl fmt::Debug for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServer").field("url", &self.reach.url).field("keys", &self.keys).finish_non_exhaustive()
    }
}
