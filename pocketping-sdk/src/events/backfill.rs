//! Reading what was missed, over REST. The one place where events know the calls of `api`.

use std::time::Duration;

use futures::TryStreamExt;

use super::pass::{Found, Wanted};
use crate::error::{Error, Result};
use crate::transport::Client;
use crate::types::{Session, SessionId, Timestamp};

/// How long one answer may take, retries and the waits of pacing included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Duration);

impl Patience {
    /// While a person waits for the stream to begin: as long as for any other call.
    pub(super) fn of(client: &Client) -> Self {
        Self(client.inner().settings.deadline)
    }

    /// Later: a rate limit is a reason to be slow, not to give up.
    pub(super) const LONG: Self = Self(Duration::from_secs(180));
}

/// The sessions that may have moved: all of them, those since a time where the server can tell, or the one that is asked
/// for.
pub(super) async fn list(
    client: Client,
    scope: Option<SessionId>,
    since: Option<Timestamp>,
    Patience(deadline): Patience,
) -> Result<Vec<Session>> {
    if let Some(id) = scope {
        return Ok(vec![client.session(id).get().deadline(deadline).await?]);
    }
    let mut list = client.sessions().list().deadline(deadline);
    if let Some(since) = since {
        list = list.since(since);
    }
    list.whole().try_collect().await
}

/// A session's messages, and the session itself when that is wanted.
pub(super) async fn session(client: Client, wanted: Wanted, patience: Patience) -> (SessionId, Result<Found>) {
    let found = match read(&client, &wanted, patience).await {
        Err(error) if is_gone(&error) => Ok(Found::Gone),
        found => found,
    };
    (wanted.session, found)
}

/// Whether PocketPing itself says that a session is not there: a gateway's word says nothing.
pub(super) fn is_gone(error: &Error) -> bool {
    error.is_not_found() && error.api().is_some_and(|api| api.documented)
}

async fn read(client: &Client, wanted: &Wanted, Patience(deadline): Patience) -> Result<Found> {
    let handle = client.session(&wanted.session);
    let session = if wanted.with_session { Some(Box::new(handle.get().deadline(deadline).await?)) } else { None };
    let mut list = handle.messages().list().deadline(deadline);
    if let Some(since) = wanted.since {
        list = list.since(since);
    }
    Ok(Found::Messages { session, messages: list.whole().try_collect().await? })
}
