//! `EventStream`: the events of the key's tenant, as they happen.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;

use super::link::{Incoming, Link};
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
        Ok(EventStream { link: Some(link), early: early.into() })
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
/// Dropping it ends the link at once; [`close`](Self::close) says goodbye.
pub struct EventStream {
    link: Option<Link>,
    early: VecDeque<Result<Event>>,
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
        if let Some(event) = self.early.pop_front() {
            return Poll::Ready(Some(event.map(StreamItem::Live)));
        }
        let Some(link) = &mut self.link else { return Poll::Ready(None) };
        loop {
            let item = match std::task::ready!(link.poll(cx)) {
                Ok(Incoming::Frame(Ok(Frame::Event(event)))) => Ok(StreamItem::Live(*event)),
                Ok(Incoming::Frame(Ok(Frame::AuthOk)) | Incoming::Pong) => continue,
                Ok(Incoming::Frame(Ok(Frame::Refused(error)) | Err(error))) => Err(error),
                Err(error) => {
                    self.link = None;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            return Poll::Ready(Some(item));
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("open", &self.link.is_some()).finish_non_exhaustive()
    }
}
