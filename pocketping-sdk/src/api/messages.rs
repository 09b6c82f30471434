//! `messages`: list and send.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use http::Method;

use super::{confirm, paging};
use crate::error::Result;
use crate::transport::{Call, Client};
use crate::types::{Message, MessageList, NewMessage, SessionId, Timestamp};

/// The messages of one session; see [`SessionHandle::messages`](crate::SessionHandle::messages).
#[derive(Clone, Debug)]
pub struct Messages {
    client: Client,
    session: SessionId,
}

impl Messages {
    pub(super) fn new(client: &Client, session: &SessionId) -> Self {
        Self { client: client.clone(), session: session.clone() }
    }

    /// Lists messages, oldest first: `GET /sessions/:sessionId/messages`.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// let list = client.session("sess_abc123").messages().list().await?;
    /// assert_eq!(list.messages[1].content, "Hi! How can I help?");
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(&self) -> ListMessages {
        ListMessages { messages: self.clone(), since: None, limit: None, cursor: None, deadline: None }
    }

    /// Sends a message: `POST /sessions/:sessionId/messages`.
    ///
    /// It is sent again only when that cannot make it appear twice: nothing was sent, the server said 429, or it
    /// recognises the call's idempotency key. When what became of it is unknown (a timeout, a reset, a gateway's error),
    /// the session's messages are read, and read again until the time to [`settle`](Call::settle) or the call's deadline
    /// is over: a message of the same type and text, at most 5 s older than the first attempt by the server's clock and
    /// not the result of another call of this client, is it ([`Response::is_confirmed`](crate::Response::is_confirmed)).
    /// Only when it has not appeared by then, and the server itself said that it failed (a whole documented 500), is it
    /// sent again, with the same idempotency key.
    ///
    /// Two equal texts sent on purpose stay two. What another program sends in the same seconds, with the same type and
    /// text, cannot be told from this message where the server has no idempotency keys.
    ///
    /// # Errors
    /// Not found when there is no such session; invalid when the text is blank or longer than 4000 characters, or
    /// the session is closed. With the outcome [`Unknown`](crate::Outcome::Unknown) the message may still appear: look at
    /// the session before you send it again.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the message sent.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::NewMessage;
    ///
    /// let session = client.session("sess_abc123");
    /// let sent = session.messages().send(NewMessage::operator("Thanks for reaching out!")).await?;
    /// assert_eq!(sent.content, "Thanks for reaching out!");
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, message: NewMessage) -> Call<Message> {
        let this = self.clone();
        Call::new(&self.client, Method::POST, "/sessions/:sessionId/messages", &[self.session.as_str()])
            .under("message")
            .json(&message)
            .drive(confirm::likeness(&this, &message), move |run, attempt| {
                Box::pin(confirm::send(run, attempt, this, message))
            })
    }

    /// The session these messages are of.
    pub(super) fn session(&self) -> &SessionId {
        &self.session
    }
}

impl Call<Message> {
    /// How long the message is looked for when sending it failed without a word. Default 5 s; zero looks once.
    pub fn settle(self, settle: Duration) -> Self {
        self.set_settle(settle)
    }

    /// Sends the message again when it has not appeared after the time to settle, even if nobody said that it failed:
    /// for callers who would rather say something twice than not at all.
    pub fn resend_after_settle(self) -> Self {
        self.set_resend()
    }
}

/// A list of messages that was described and not yet read. Await it for one answer, or [`stream`](Self::stream) it.
#[derive(Clone, Debug)]
#[must_use = "a list does nothing until it is awaited or streamed"]
pub struct ListMessages {
    messages: Messages,
    since: Option<Timestamp>,
    limit: Option<usize>,
    cursor: Option<String>,
    deadline: Option<Duration>,
}

/// The page size of streams.
const PAGE: usize = 500;

impl ListMessages {
    /// Only messages that changed, or came into being, at this time or later.
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// At most this many messages: of one answer 1 to 1000, of a stream any number.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Goes on where the list with this `next_cursor` ended.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// How long each answer may take, retries and waits included. Default: the client's
    /// ([`ClientBuilder::deadline`](crate::ClientBuilder::deadline)).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The list as one [`Call`], for its knobs.
    pub fn call(self) -> Call<MessageList> {
        let limit = self.limit;
        let page = self.page(self.cursor.as_deref(), limit);
        page.require(paging::check_limit(limit)).refine(move |run, reply, mut list| {
            Box::pin(async move {
                if crate::transport::is_extended(&reply.headers) {
                    return Ok(list);
                }
                if paging::may_be_cut(
                    false,
                    list.messages.len(),
                    limit,
                    list.next_cursor.is_some() || self.cursor.is_some(),
                ) {
                    list = run.follow_up(self.page(None, None)).await?;
                }
                self.arrange(&mut list.messages);
                list.messages.truncate(limit.unwrap_or(usize::MAX));
                Ok(list)
            })
        })
    }

    /// All messages of the list, page by page where the server can.
    pub fn stream(self) -> impl Stream<Item = Result<Message>> + Send + Unpin + 'static {
        let most = self.limit.unwrap_or(usize::MAX);
        Box::pin(self.walk(Some(most.clamp(1, PAGE))).take(most))
    }

    /// As [`stream`](Self::stream), whole, with the pages the server makes by itself.
    #[cfg(feature = "events")]
    pub(crate) fn whole(self) -> impl Stream<Item = Result<Message>> + Send + 'static {
        self.walk(None)
    }

    fn walk(self, page: Option<usize>) -> impl Stream<Item = Result<Message>> + Send + 'static {
        let here = self.clone();
        let cursor = self.cursor.clone();
        let fetch = move |cursor: Option<&str>, limit| self.page(cursor, limit);
        paging::items(cursor, page, fetch, move |messages| here.arrange(messages)).map_ok(|(_, message)| message)
    }

    fn page(&self, cursor: Option<&str>, limit: Option<usize>) -> Call<MessageList> {
        let Messages { client, session } = &self.messages;
        let mut call = Call::new(client, Method::GET, "/sessions/:sessionId/messages", &[session.as_str()]);
        call = call.list().repeatable();
        for (name, value) in [
            ("since", self.since.map(|since| since.to_string())),
            ("limit", limit.map(|limit| limit.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ] {
            if let Some(value) = value {
                call = call.query(name, value);
            }
        }
        match self.deadline {
            Some(deadline) => call.deadline(deadline),
            None => call,
        }
    }

    /// Does what the server could not: the order, which the reference leaves open, and `since`.
    fn arrange(&self, messages: &mut Vec<Message>) {
        messages.sort_by_key(|message| message.created_at);
        messages.retain(|message| self.since.is_none_or(|since| changed(message).is_none_or(|at| at >= since)));
    }
}

impl paging::Page for MessageList {
    type Item = Message;

    fn split(self) -> (Vec<Message>, Option<String>) {
        (self.messages, self.next_cursor)
    }
}

impl IntoFuture for ListMessages {
    type Output = Result<MessageList>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}

/// When a message last changed.
fn changed(message: &Message) -> Option<Timestamp> {
    message.updated_at.or(message.created_at)
}
