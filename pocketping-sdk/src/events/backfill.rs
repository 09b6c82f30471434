//! Reading what was missed, over REST. The one place where events know the calls of `api`.

use std::time::Duration;

use super::pass::{Found, Wanted};
use crate::api::ListMessages;
use crate::error::{Error, Result};
use crate::transport::Client;
use crate::types::{Message, Session, SessionId, Timestamp};

/// How long one reading may take, retries and the waits of pacing included: a rate limit is a reason to be slow, not to
/// give up.
const DEADLINE: Duration = Duration::from_secs(180);

/// The sessions that may have moved: all of them, those since a time where the server can tell, or the one that is asked
/// for.
pub(super) async fn list(client: Client, scope: Option<SessionId>, since: Option<Timestamp>) -> Result<Vec<Session>> {
    if let Some(id) = scope {
        return Ok(vec![client.session(id).get().deadline(DEADLINE).await?]);
    }
    let mut sessions = Vec::new();
    let mut cursor = None;
    loop {
        let mut list = client.sessions().list();
        if let Some(since) = since {
            list = list.since(since);
        }
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
        }
        let page = list.call().deadline(DEADLINE).await?;
        sessions.extend(page.sessions);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(sessions);
        }
    }
}

/// A session's messages, and the session itself when that is wanted.
pub(super) async fn session(client: Client, wanted: Wanted) -> (SessionId, Result<Found>) {
    let found = read(&client, &wanted).await;
    let found = match found {
        Err(error) if error.is_not_found() && error.api().is_some_and(|api| api.documented) => Ok(Found::Gone),
        found => found,
    };
    (wanted.session, found)
}

async fn read(client: &Client, wanted: &Wanted) -> Result<Found> {
    let handle = client.session(&wanted.session);
    let session = if wanted.with_session { Some(Box::new(handle.get().deadline(DEADLINE).await?)) } else { None };
    let mut list = handle.messages().list();
    if let Some(since) = wanted.since {
        list = list.since(since);
    }
    Ok(Found::Messages { session, messages: all(list).await? })
}

async fn all(list: ListMessages) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    let mut cursor = None;
    loop {
        let mut page = list.clone();
        if let Some(cursor) = cursor {
            page = page.cursor(cursor);
        }
        let page = page.call().deadline(DEADLINE).await?;
        messages.extend(page.messages);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(messages);
        }
    }
}
