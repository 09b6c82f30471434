//! `EventStream`: the events of the key's tenant, as they happen.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;

use super::link::{Incoming, Link, policy_or_key};
use super::protocol::Frame;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::Client;
use crate::types::Event;

impl Client {
    /// The live events of the key's tenant.
    pub fn events(&self) -> Events {
        Events { client: self.clone() }
    }
}

/// The live events of the key's tenant; see [`Client::events`].
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
}

impl Events {
    /// Connects to the socket (`/ws`), sends the API key, and waits until the subscription stands: whatever happens
    /// after that comes out of the stream.
    ///
    /// # Errors
    /// Unauthorized ([`Error::is_unauthorized`]) when the key is refused; a configuration error when there is no
    /// socket at the address; else what kept the link from standing.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::{EventKind, NewMessage};
    ///
    /// let mut events = client.events().connect().await?;
    /// client.session("sess_abc123").messages().send(NewMessage::operator("Hello!")).await?;
    ///
    /// let item = events.next().await.expect("the stream goes on")?;
    /// assert_eq!(item.event().kind(), EventKind::MessageCreated);
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(&self) -> ConnectEvents {
        ConnectEvents { client: self.client.clone(), timeout: Duration::from_secs(15) }
    }
}

/// A connection that was described and not yet made. Await it.
#[derive(Clone, Debug)]
#[must_use = "nothing is connected until it is awaited"]
pub struct ConnectEvents {
    client: Client,
    timeout: Duration,
}

impl ConnectEvents {
    /// How long it may take until the subscription stands: TCP, TLS, upgrade and authentication together. Default
    /// 15 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn connect(self) -> Result<EventStream> {
        let opened = tokio::time::timeout(self.timeout, Link::open(&self.client)).await;
        let (link, early) = opened.unwrap_or_else(|_| {
            let message = format!("no subscription at {} within {:?}", self.client.base_url().socket(), self.timeout);
            Err(Error::new(ErrorKind::Timeout, Outcome::Unknown, message))
        })?;
        Ok(EventStream { client: self.client, link: Some(link), early: early.into(), ending: None, heard: false })
    }
}

impl IntoFuture for ConnectEvents {
    type Output = Result<EventStream>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// The events of one link, in the order they were committed.
///
/// A frame that cannot be read is an item that is an error, and the stream goes on. When the link ends, the last item
/// is an error saying why ([`ErrorKind::Closed`], or [`ErrorKind::Unauthorized`]).
///
/// Keep polling it: pings are answered and sent while it is polled, and a server ends a link that is silent for half a
/// minute or so. Dropping it ends the link at once; [`close`](Self::close) says goodbye.
pub struct EventStream {
    client: Client,
    link: Option<Link>,
    early: VecDeque<Result<Event>>,
    /// The last item, while it is still being found out.
    ending: Option<Pin<Box<dyn Future<Output = Error> + Send>>>,
    /// Whether an event came on this link.
    heard: bool,
}

/// What comes out of an [`EventStream`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamItem {
    /// Something happened just now.
    Live(Event),
}

impl StreamItem {
    /// The event.
    pub fn event(&self) -> &Event {
        match self {
            Self::Live(event) => event,
        }
    }

    /// Takes the event out.
    pub fn into_event(self) -> Event {
        match self {
            Self::Live(event) => event,
        }
    }
}

impl EventStream {
    /// The next item; `None` after the link ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<StreamItem>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Says goodbye to the server and waits for its answer, two seconds at most.
    pub async fn close(mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }
}

impl Stream for EventStream {
    type Item = Result<StreamItem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(event) = this.early.pop_front() {
            this.heard |= event.is_ok();
            return Poll::Ready(Some(event.map(StreamItem::Live)));
        }
        loop {
            if let Some(ending) = &mut this.ending {
                let error = std::task::ready!(ending.as_mut().poll(cx));
                this.ending = None;
                return Poll::Ready(Some(Err(error)));
            }
            let Some(link) = &mut this.link else { return Poll::Ready(None) };
            match std::task::ready!(link.poll(cx)) {
                Ok(Incoming::Frame(Ok(Frame::Event(event)))) => {
                    this.heard = true;
                    return Poll::Ready(Some(Ok(StreamItem::Live(*event))));
                }
                Ok(Incoming::Frame(Err(error))) => return Poll::Ready(Some(Err(error))),
                Ok(Incoming::Frame(Ok(Frame::AuthOk)) | Incoming::Pong) => {}
                // A close follows a refusal and says the same.
                Ok(Incoming::Frame(Ok(Frame::Refused(error)))) | Err(error) => {
                    this.link = None;
                    this.ending = Some(if error.close_code() == Some(1008) && !this.heard {
                        Box::pin(policy_or_key(this.client.clone(), error))
                    } else {
                        Box::pin(std::future::ready(error))
                    });
                }
            }
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("open", &self.link.is_some()).finish_non_exhaustive()
    }
}
