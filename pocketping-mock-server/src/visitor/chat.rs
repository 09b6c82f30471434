//! `Chat`: a widget that is connected, and its calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pocketping_sdk::{Message, MessageId, SessionId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::answers::{Changed, Connected, MessageList, Presence, Rated, Removed, Sent, VersionStanding};
use super::bodies::{self, Of};
use super::conversation::Conversation;
use super::error::Result;
use super::http::{Answer, Http};
use super::stream::{Frames, Line, Transport};
use super::{Identity, PreChat, Words};
use crate::names;
use crate::sources::Clock;

const VISITOR: &str = "visitor";

/// A widget that is connected: everything that a visitor can do with it.
///
/// It is made by [`Visitor::connect`](super::Visitor::connect). A clone is the same widget. Every call fails when the
/// server cannot be reached, refuses, or answers what no widget could read.
///
/// ```
/// use pocketping_mock_server::MockServer;
/// use pocketping_mock_server::visitor::{Identity, Words};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = MockServer::start();
/// let chat = server.visitor().connect().await?;
/// let sent = chat.say("Hello").await?;
/// chat.edit(&sent.id, "Hello!").await?;
/// let file = chat.upload("a.txt", "text/plain", "abc").await?;
/// let again = chat.say_with(Words::new("").attachment(&file.id).reply_to(&sent.id)).await?;
/// assert!(chat.delete(&sent.id).await?);
/// chat.identify(Identity::new("u1").email("user@example.com")).await?;
/// chat.rate(5, Some("great")).await?;
///
/// let messages = chat.messages().await?;
/// assert!(messages[0].deleted_at.is_some());
/// assert_eq!((&messages[1].id, messages[1].attachments.as_ref().map(Vec::len)), (&again.id, Some(1)));
/// chat.leave().await?;
/// assert_eq!(server.sessions()[0].visitor_online, Some(false));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Chat(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) http: Http,
    pub(super) clock: Clock,
    pub(super) connected: Connected,
    standing: VersionStanding,
    since: Timestamp,
    pub(super) transport: Option<Transport>,
    pub(super) poll_every: Duration,
    pub(super) conversation: Conversation,
    /// The stream there is, as far as the chat has to do with it.
    pub(super) line: watch::Sender<Line>,
}

#[expect(clippy::missing_errors_doc, reason = "the type says when its calls fail")]
impl Chat {
    pub(super) fn new(
        http: Http,
        clock: Clock,
        connected: Connected,
        standing: VersionStanding,
        (transport, poll_every): (Option<Transport>, Duration),
    ) -> Self {
        let conversation = Conversation::new(&connected.messages);
        let since = clock.now();
        let line = watch::Sender::default();
        Self(Arc::new(Inner { http, clock, connected, standing, since, transport, poll_every, conversation, line }))
    }

    /// What the server answered to `POST /connect`.
    pub fn connected(&self) -> &Connected {
        &self.0.connected
    }

    /// The visitor's session.
    pub fn session_id(&self) -> &SessionId {
        &self.0.connected.session_id
    }

    /// What the server thinks of the widget's version.
    pub fn version_standing(&self) -> &VersionStanding {
        &self.0.standing
    }

    /// The conversation as the widget would show it by now: as it was when it connected, and what a
    /// [stream](Self::stream) has told since. Deleted messages stay, without their text.
    pub fn conversation(&self) -> Vec<Message> {
        self.0.conversation.messages()
    }

    /// Says something: `POST /message`.
    pub async fn say(&self, text: impl Into<String>) -> Result<Sent> {
        self.say_with(Words::new(text)).await
    }

    /// Says something with files, or in answer to something: `POST /message`.
    pub async fn say_with(&self, words: Words) -> Result<Sent> {
        let body = bodies::Message {
            content: &words.content,
            sender: VISITOR,
            attachment_ids: &words.attachments,
            reply_to: words.reply_to.as_ref(),
        };
        self.post(&["message"], body).await?.read()
    }

    /// Gives an own message another text: `PATCH /message/{id}`. What is told of it is as a rule its id, text and time.
    pub async fn edit(&self, id: impl Into<MessageId>, text: impl AsRef<str>) -> Result<Message> {
        let id = id.into();
        let url = self.0.http.url(&["message", id.as_str()]);
        let answer = self.0.http.call(Method::PATCH, url, self.body(bodies::Edit { content: text.as_ref() })).await?;
        answer.read().map(|changed: Changed| changed.message)
    }

    /// Deletes an own message: `DELETE /message/{id}`. Gives what the server says of it, `true` as a rule.
    pub async fn delete(&self, id: impl Into<MessageId>) -> Result<bool> {
        let id = id.into();
        let url = self.0.http.url_with(&["message", id.as_str()], &[self.session()]);
        let answer = self.0.http.call(Method::DELETE, url, Bytes::new()).await?;
        answer.read().map(|removed: Removed| removed.deleted)
    }

    /// Rates the conversation with 1 to 5, and perhaps a comment: `POST /csat`. A blank comment is none.
    pub async fn rate(&self, score: i64, comment: Option<&str>) -> Result<Rated> {
        let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
        self.post(&["csat"], bodies::Rating { score, comment }).await?.read()
    }

    /// Says who the visitor is: `POST /identify`.
    pub async fn identify(&self, identity: Identity) -> Result<()> {
        self.post(&["identify"], bodies::Identify { identity: &identity }).await?.acknowledged()
    }

    /// Fills in the form before the chat: `POST /prechat`.
    pub async fn pre_chat(&self, form: PreChat) -> Result<()> {
        self.post(&["prechat"], form).await?.acknowledged()
    }

    /// Has read these messages: `POST /read`.
    pub async fn mark_read<I: IntoIterator<Item: Into<MessageId>>>(&self, ids: I) -> Result<()> {
        let ids: Vec<MessageId> = ids.into_iter().map(Into::into).collect();
        self.post(&["read"], bodies::Read { message_ids: &ids, status: "read" }).await?.acknowledged()
    }

    /// Types: `POST /typing`. A widget says `true` with every key, and never `false`.
    pub async fn typing(&self, is_typing: bool) -> Result<()> {
        self.post(&["typing"], bodies::Typing { sender: VISITOR, is_typing }).await?.acknowledged()
    }

    /// The messages as the server holds them: `GET /messages`, without a time.
    pub async fn messages(&self) -> Result<Vec<Message>> {
        self.messages_after(None).await
    }

    pub(super) async fn messages_after(&self, after: Option<Timestamp>) -> Result<Vec<Message>> {
        let after = after.map(cursor);
        let mut query = vec![self.session()];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let answer = self.0.http.call(Method::GET, self.0.http.url_with(&["messages"], &query), Bytes::new()).await?;
        answer.read().map(|list: MessageList| list.messages)
    }

    /// Who is there: `GET /presence`.
    pub async fn presence(&self) -> Result<Presence> {
        self.0.http.call(Method::GET, self.0.http.url(&["presence"]), Bytes::new()).await?.read()
    }

    /// The page came to the front, or went behind others: the beacon `POST /visibility`.
    pub async fn set_visible(&self, is_visible: bool) -> Result<()> {
        let state = if is_visible { "visible" } else { "hidden" };
        let body = bodies::Visibility { state, timestamp: self.0.clock.now().as_millis() };
        self.0.http.beacon(self.0.http.url(&["visibility"]), self.body(body)).await
    }

    /// Tells of a custom event on the page. It goes over the WebSocket of the chat's [stream](Self::stream) and no other
    /// way, as the widget has it; this ends when it is written there.
    ///
    /// ```
    /// use pocketping_mock_server::MockServer;
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = MockServer::start();
    /// let chat = server.visitor().connect().await?;
    /// let error = chat.trigger("clicked_cta", json!({"x": 1})).await.unwrap_err();
    /// assert_eq!(error.to_string(), "custom events go over a WebSocket, and this chat has none open");
    ///
    /// let stream = chat.stream().await?;
    /// chat.trigger("clicked_cta", json!({"x": 1})).await?;
    /// # drop(stream);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such stream, or its link broke.
    pub async fn trigger(&self, name: impl AsRef<str>, data: Value) -> Result<()> {
        let timestamp = names::time(self.0.clock.now());
        let event = bodies::Event { name: name.as_ref(), data, timestamp };
        self.transmit(bodies::json(&bodies::Frame { kind: "event", data: event })).await
    }

    /// Listens. What happens from now on is told, each message once for every change of it: what
    /// [`connected`](Self::connected) and earlier streams have told is not told again.
    ///
    /// A chat has one stream, as a page has one link: a new one ends the one before.
    ///
    /// # Errors
    /// When the way that was [asked for](super::Visitor::transport) is not served; otherwise, when none is: the error is
    /// that of polling.
    pub async fn stream(&self) -> Result<Frames> {
        Frames::open(self).await
    }

    /// Leaves the page: the beacon `POST /disconnect`. The stream ends.
    pub async fn leave(self) -> Result<()> {
        let duration = self.0.clock.now().since(self.0.since).as_secs();
        let body = self.body(bodies::Goodbye { duration, reason: "page_unload" });
        let left = self.0.http.beacon(self.0.http.url(&["disconnect"]), body).await;
        self.0.line.send_replace(Line::default()).end();
        left
    }

    pub(super) async fn post<T: Serialize>(&self, path: &[&str], body: T) -> Result<Answer> {
        self.0.http.call(Method::POST, self.0.http.url(path), self.body(body)).await
    }

    /// A body about the session.
    fn body<T: Serialize>(&self, rest: T) -> Bytes {
        bodies::json(&Of { session_id: self.session_id(), rest })
    }

    /// The session, as a query says it.
    pub(super) fn session(&self) -> (&'static str, &str) {
        ("sessionId", self.session_id().as_str())
    }
}

/// A time as the widget asks for what is after it: browsers know no more than milliseconds.
pub(super) fn cursor(time: Timestamp) -> String {
    names::time(Timestamp::from_millis(time.as_millis()).unwrap_or(time))
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat")
            .field("endpoint", &self.0.http.endpoint.as_str())
            .field("session_id", self.session_id())
            .finish_non_exhaustive()
    }
}
