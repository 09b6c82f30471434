//! `wait_for`: the first event of a session that is as it should be, in its history or to come.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::timeout;

use super::stream::EventStream;
use crate::api::SessionHandle;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::Client;
use crate::types::{Event, MessageId, SessionId, Timestamp};

impl SessionHandle {
    /// Waits for the first event of this session for which `is_it` is true, at most this long.
    ///
    /// The session's history counts: what happened just before the wait began is not missed. [`WaitFor::after`] says from
    /// where on it counts.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) when no such event came in time; not found when there is no such session; else what
    /// ended the stream.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use std::time::Duration;
    /// use pocketping_sdk::MessageKind;
    ///
    /// let session = client.session("sess_abc123");
    /// let from_operator = |event: &pocketping_sdk::Event| {
    ///     event.message().is_some_and(|message| message.kind == MessageKind::Operator)
    /// };
    /// let event = session.wait_for(from_operator, Duration::from_secs(5)).await?;
    /// assert_eq!(event.message().unwrap().content, "Hi! How can I help?");
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_for(&self, is_it: impl FnMut(&Event) -> bool + Send + 'static, deadline: Duration) -> WaitFor {
        let (client, session) = (self.client().clone(), self.id().clone());
        WaitFor { client, session, is_it: Box::new(is_it), deadline, after: After::Beginning }
    }
}

/// From where on events count.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum After {
    /// All of the session counts.
    Beginning,
    /// What came after this message counts.
    Message(MessageId),
    /// What happened at this time or later counts, by the server's clock.
    Time(Timestamp),
    /// Only what is still to come counts: what happens once the wait stands, which takes a few requests. Whoever acts and
    /// then waits is better served with a message or a time.
    Now,
}

impl From<MessageId> for After {
    fn from(id: MessageId) -> Self {
        Self::Message(id)
    }
}

impl From<&MessageId> for After {
    fn from(id: &MessageId) -> Self {
        Self::Message(id.clone())
    }
}

impl From<Timestamp> for After {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

/// A wait that was described and not yet begun. Await it; see [`SessionHandle::wait_for`].
#[must_use = "nothing is waited for until it is awaited"]
pub struct WaitFor {
    client: Client,
    session: SessionId,
    is_it: Box<dyn FnMut(&Event) -> bool + Send>,
    deadline: Duration,
    after: After,
}

impl WaitFor {
    /// From where on events count: after a message, from a time on, or from now on. Default: all of the session.
    ///
    /// A message the session does not have is never reached, and the wait runs into its deadline.
    pub fn after(mut self, after: impl Into<After>) -> Self {
        self.after = after.into();
        self
    }

    async fn wait(self) -> Result<Event> {
        let Self { client, session, mut is_it, deadline, after } = self;
        let connect = client.events().connect().session(&session);
        let connect = match &after {
            After::Beginning | After::Message(_) => connect.from_beginning(),
            After::Time(time) => connect.since(*time),
            After::Now => connect,
        };
        let mut reached = !matches!(after, After::Message(_));
        let found = async {
            let mut events: EventStream = connect.await?;
            while let Some(item) = events.next().await {
                let Some(event) = item?.into_event() else { continue };
                if reached && is_it(&event) {
                    return Ok(event);
                }
                reached |= matches!(&after, After::Message(id) if event.message().is_some_and(|it| it.id == *id));
            }
            Err(Error::new(ErrorKind::Closed, Outcome::Unknown, "the stream ended before the event came"))
        };
        timeout(deadline, found).await.unwrap_or_else(|_| {
            let message = format!("no such event of the session within {deadline:?}");
            Err(Error::new(ErrorKind::Timeout, Outcome::Unknown, message))
        })
    }
}

impl IntoFuture for WaitFor {
    type Output = Result<Event>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

impl fmt::Debug for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor")
            .field("session", &self.session)
            .field("after", &self.after)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
