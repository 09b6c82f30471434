//! `sessions`: list, get, close, identify, AI control.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::Method;

use super::{Messages, paging};
use crate::error::Result;
use crate::transport::{Call, Client, Run};
use crate::types::{
    Identify, ProjectId, Session, SessionFilter, SessionId, SessionList, SessionStatus, SetAi, Timestamp,
};

impl Client {
    /// The sessions of the key's tenant.
    pub fn sessions(&self) -> Sessions {
        Sessions { client: self.clone() }
    }

    /// One session. Nothing is sent until one of the handle's calls is awaited.
    pub fn session(&self, id: impl Into<SessionId>) -> SessionHandle {
        SessionHandle { client: self.clone(), id: id.into() }
    }
}

/// The sessions of the key's tenant; see [`Client::sessions`].
#[derive(Clone, Debug)]
pub struct Sessions {
    client: Client,
}

impl Sessions {
    /// Lists sessions, newest first: `GET /sessions`.
    ///
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use futures::TryStreamExt;
    /// use pocketping_sdk::SessionStatus;
    ///
    /// let all = client.sessions().list().await?;
    /// assert_eq!(all.sessions[0].id, "sess_abc123");
    ///
    /// let open: Vec<_> = client.sessions().list().status(SessionStatus::Active).stream().try_collect().await?;
    /// assert_eq!(open.len(), 1);
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(&self) -> ListSessions {
        let pages = Pages { client: self.client.clone(), filter: SessionFilter::default(), deadline: None };
        ListSessions { pages, limit: None, cursor: None }
    }
}

/// One session; see [`Client::session`].
#[derive(Clone, Debug)]
pub struct SessionHandle {
    client: Client,
    id: SessionId,
}

impl SessionHandle {
    /// The session's id.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    #[cfg(feature = "events")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The session's messages.
    pub fn messages(&self) -> Messages {
        Messages::new(&self.client, &self.id)
    }

    /// Reads the session: `GET /sessions/:sessionId`.
    ///
    /// # Errors
    /// Not found ([`Error::is_not_found`](crate::Error::is_not_found)) when there is no such session.
    pub fn get(&self) -> Call<Session> {
        Call::new(&self.client, Method::GET, "/sessions/:sessionId", &[self.id.as_str()]).under("session").repeatable()
    }

    /// Closes the session: `POST /sessions/:sessionId/close`. Closing a closed session changes nothing.
    ///
    /// # Errors
    /// Not found when there is no such session.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::SessionStatus;
    ///
    /// let session = client.session("sess_abc123").close().await?;
    /// assert_eq!(session.status, SessionStatus::Closed);
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) -> Call<Session> {
        self.set("/sessions/:sessionId/close")
    }

    /// Says who the visitor is: `POST /sessions/:sessionId/identify`. Given fields replace the stored ones;
    /// `metadata` is merged one level deep.
    ///
    /// # Errors
    /// Not found when there is no such session; invalid when no field is given or the e-mail address is none.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::Identify;
    ///
    /// let who = Identify::new().email("user@example.com").name("John Doe").metadata("plan", "pro");
    /// let session = client.session("sess_abc123").identify(who).await?;
    /// assert_eq!(session.identity.unwrap().name.as_deref(), Some("John Doe"));
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::needless_pass_by_value, reason = "a body is made for one call")]
    pub fn identify(&self, identity: Identify) -> Call<Session> {
        self.set("/sessions/:sessionId/identify").json(&identity)
    }

    /// Switches the AI on or off: `POST /sessions/:sessionId/ai`.
    ///
    /// # Errors
    /// Not found when there is no such session.
    pub fn set_ai(&self, enabled: bool) -> Call<Session> {
        self.set("/sessions/:sessionId/ai").json(&SetAi::new(enabled))
    }

    /// A write that sets a state: doing it twice is the same as doing it once, and its value is the session.
    fn set(&self, route: &'static str) -> Call<Session> {
        Call::new(&self.client, Method::POST, route, &[self.id.as_str()])
            .under("session")
            .repeatable()
            .or_get(self.get())
    }
}

/// A list of sessions that was described and not yet read. Await it for one answer, or [`stream`](Self::stream) it.
///
/// The server filters when it can. One that cannot sends everything, and the filter is applied here; for
/// [`unanswered`](Self::unanswered) and [`search`](Self::search) the messages of sessions that do not decide by
/// themselves are read, of at most 200 sessions and within deadline and rate limit; the list says `truncated` when that was
/// not enough.
#[derive(Clone, Debug)]
#[must_use = "a list does nothing until it is awaited or streamed"]
pub struct ListSessions {
    pages: Pages,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// How many sessions' messages one awaited list reads at most when the server cannot filter.
const MOST_READS: usize = 200;
/// How many of them are read at once.
const READS_AT_ONCE: usize = 4;
/// The page size of streams.
const PAGE: usize = 100;

impl ListSessions {
    /// Only sessions of this status.
    pub fn status(mut self, status: impl Into<SessionStatus>) -> Self {
        self.pages.filter.status = Some(status.into());
        self
    }

    /// Only sessions of this project.
    pub fn project(mut self, id: impl Into<ProjectId>) -> Self {
        self.pages.filter.project_id = Some(id.into());
        self
    }

    /// Only sessions in which something happened at this time or later.
    pub fn since(mut self, time: Timestamp) -> Self {
        self.pages.filter.since = Some(time);
        self
    }

    /// Only sessions in which the visitor wrote last.
    pub fn unanswered(mut self) -> Self {
        self.pages.filter.unanswered = true;
        self
    }

    /// Only sessions with this text in the visitor's name or e-mail address, the page URL or a message, whatever its
    /// case.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.pages.filter.text = Some(text.into()).filter(|text| !text.is_empty());
        self
    }

    /// At most this many sessions: of one answer 1 to 1000, of a stream any number.
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
        self.pages.deadline = Some(deadline);
        self
    }

    /// The list as one [`Call`], for its knobs.
    pub fn call(self) -> Call<SessionList> {
        let call = self.pages.page(self.cursor.as_deref(), self.limit);
        call.require(paging::check_limit(self.limit)).refine(move |run, reply, mut list| {
            let Self { pages, limit, cursor } = self;
            Box::pin(async move {
                let extended = crate::transport::is_extended(&reply.headers);
                if paging::may_be_cut(
                    extended,
                    list.sessions.len(),
                    limit,
                    list.next_cursor.is_some() || cursor.is_some(),
                ) {
                    list = run.follow_up(pages.page(None, None)).await?;
                }
                if extended {
                    Ok(list)
                } else {
                    filter_here(&run, &pages.filter, limit.unwrap_or(usize::MAX), list).await
                }
            })
        })
    }

    /// All sessions of the list, page by page where the server can.
    ///
    /// Sessions that come into being meanwhile may be missed; none is skipped or repeated. On a server that cannot
    /// filter, messages are read as the stream is polled, without a bound.
    pub fn stream(self) -> impl Stream<Item = Result<Session>> + Send + Unpin + 'static {
        let most = self.limit.unwrap_or(usize::MAX);
        Box::pin(self.walk(Some(most.clamp(1, PAGE))).take(most))
    }

    /// As [`stream`](Self::stream), whole, with the pages the server makes by itself.
    #[cfg(feature = "events")]
    pub(crate) fn whole(self) -> impl Stream<Item = Result<Session>> + Send + 'static {
        self.walk(None)
    }

    fn walk(self, page: Option<usize>) -> impl Stream<Item = Result<Session>> + Send + 'static {
        let Self { pages, cursor, .. } = self;
        let Pages { client, filter, .. } = pages.clone();
        let fetch = move |cursor: Option<&str>, limit| pages.page(cursor, limit);
        paging::items(cursor, page, fetch, |sessions| newest_first(sessions)).try_filter_map(
            move |(extended, session)| {
                let (client, filter) = (client.clone(), filter.clone());
                async move {
                    let taken = extended || accepts(&client, &filter, &session).await?;
                    Ok(taken.then_some(session))
                }
            },
        )
    }
}

impl IntoFuture for ListSessions {
    type Output = Result<SessionList>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}

impl paging::Page for SessionList {
    type Item = Session;

    fn split(self) -> (Vec<Session>, Option<String>) {
        (self.sessions, self.next_cursor)
    }
}

/// What each page of a list is asked with.
#[derive(Clone, Debug)]
struct Pages {
    client: Client,
    filter: SessionFilter,
    deadline: Option<Duration>,
}

impl Pages {
    fn page(&self, cursor: Option<&str>, limit: Option<usize>) -> Call<SessionList> {
        let mut call = Call::new(&self.client, Method::GET, "/sessions", &[]).list().repeatable();
        for (name, value) in self.filter.query() {
            call = call.query(name, value);
        }
        if let Some(limit) = limit {
            call = call.query("limit", limit.to_string());
        }
        if let Some(cursor) = cursor {
            call = call.query("cursor", cursor);
        }
        match self.deadline {
            Some(deadline) => call.deadline(deadline),
            None => call,
        }
    }
}

/// contract gap: the reference names no order, so a list of a server without the extended contract is put into ours.
fn newest_first(sessions: &mut [Session]) {
    sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
}

/// Whether the session is taken, reading its messages when it does not say. A session that is gone is not.
async fn accepts(client: &Client, filter: &SessionFilter, session: &Session) -> Result<bool> {
    if let Some(decided) = filter.accepts(session) {
        return Ok(decided);
    }
    let messages = client.session(&session.id).messages().list().call();
    taken_with(filter, session, messages.await)
}

fn taken_with(filter: &SessionFilter, session: &Session, messages: Result<crate::MessageList>) -> Result<bool> {
    match messages {
        Ok(list) => Ok(filter.accepts_with(session, &list.messages.iter())),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Applies the filter to a whole list, with a bounded number of reads and as far as deadline and rate limit go; what was
/// not looked at is left out and the list says so.
async fn filter_here(run: &Run, filter: &SessionFilter, limit: usize, mut list: SessionList) -> Result<SessionList> {
    newest_first(&mut list.sessions);
    if !filter.unanswered && filter.text.is_none() {
        list.sessions.retain(|session| filter.accepts(session) == Some(true));
        list.sessions.truncate(limit);
        return Ok(list);
    }
    let mut reads = 0;
    let sessions = std::mem::take(&mut list.sessions);
    let looked_at = sessions.into_iter().map_while(|session| {
        let accepted = filter.accepts(&session);
        reads += usize::from(accepted.is_none());
        list.truncated |= reads > MOST_READS;
        (!list.truncated).then_some((session, accepted))
    });
    let looked_at: Vec<_> = looked_at.collect();
    let mut verdicts = stream::iter(looked_at)
        .map(|(session, accepted)| async move {
            let taken = if let Some(taken) = accepted {
                Ok(taken)
            } else {
                let messages = run.client().session(&session.id).messages().list().call();
                taken_with(filter, &session, run.follow_up(messages).await)
            };
            (session, taken)
        })
        .buffered(READS_AT_ONCE);
    let mut stopped = false;
    while list.sessions.len() < limit {
        match verdicts.next().await {
            Some((session, Ok(true))) => list.sessions.push(session),
            Some((_, Ok(false))) => {}
            Some((_, Err(error))) if error.is_rate_limited() || error.is_timeout() => {
                stopped = true;
                break;
            }
            Some((_, Err(error))) => return Err(error),
            None => break,
        }
    }
    drop(verdicts);
    list.truncated = stopped || (list.truncated && list.sessions.len() < limit);
    Ok(list)
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}
