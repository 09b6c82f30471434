//! `EventCursor`: where a stream stands, to be stored and handed back after a restart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::marks::{Mark, What};
use crate::error::{Error, Result};
use crate::types::{EventId, MessageId, ProjectId, SessionId, Timestamp};

/// Where a stream of events stands: everything before it was acknowledged.
///
/// Take it from [`EventStream::cursor`](super::EventStream::cursor), store it as JSON (`to_string`, `parse` or serde), and
/// hand it back with [`ConnectEvents::resume`](super::ConnectEvents::resume). An empty one begins now.
///
/// It belongs to one server, its projects, and the session the stream was narrowed to, not to a key: it survives the key's
/// rotation, and is refused elsewhere. Its
/// size is that of the ids of the last seconds before it, and of sessions closed or owed; on servers whose sessions do not say
/// when they were created, of those that said nothing since, too.
///
/// ```
/// use pocketping_sdk::EventCursor;
///
/// let cursor = EventCursor::default();
/// assert_eq!(cursor.to_string().parse::<EventCursor>()?, cursor);
/// # Ok::<(), pocketping_sdk::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventCursor(Option<Stored>);

/// The JSON of a cursor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    server: String,
    /// The one session it is of; absent for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default)]
    projects: Vec<ProjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<Timestamp>,
    #[serde(default)]
    seen: Vec<StoredSeen>,
    #[serde(default)]
    closed: Vec<SessionId>,
    /// The sessions that do not say when they were created, and have no message yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    undated: Vec<SessionId>,
    /// The open ones of which a close may be told again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubted: Vec<SessionId>,
    #[serde(default)]
    owed: Vec<SessionId>,
    #[serde(default)]
    owes_all: bool,
    #[serde(default)]
    distrust: bool,
    #[serde(default)]
    settled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_event_id: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSeen {
    session: SessionId,
    /// The message's id; absent for the session itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<MessageId>,
    #[serde(default, skip_serializing_if = "is_false")]
    state: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_zero")]
    stamp: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

impl EventCursor {
    /// Whether it says nothing yet: a stream that resumes it begins now.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn of(ledger: &Ledger, server: &str, session: Option<&SessionId>) -> Self {
        if !ledger.is_warm() {
            return Self(None);
        }
        let seen = ledger.window().map(|(session, what, seen)| StoredSeen {
            session: session.clone(),
            message: match what {
                What::Message(id) | What::Edited(id) => Some(id.clone()),
                What::Created | What::State => None,
            },
            state: matches!(what, What::State | What::Edited(_)),
            time: seen.time,
            stamp: seen.stamp,
        });
        let position = ledger.position().cloned();
        Self(Some(Stored {
            version: VERSION,
            server: server.to_owned(),
            session: session.cloned(),
            projects: ledger.projects().iter().cloned().collect(),
            latest: ledger.latest(),
            seen: seen.collect(),
            closed: ledger.closed().cloned().collect(),
            undated: ledger.undated().iter().cloned().collect(),
            doubted: ledger.doubted().iter().cloned().collect(),
            owed: ledger.owed().iter().cloned().collect(),
            owes_all: ledger.owes_all(),
            distrust: ledger.is_distrustful(),
            settled: ledger.has_settled(),
            seq: position.as_ref().and_then(|position| position.seq),
            last_event_id: position.map(|position| position.id),
        }))
    }

    /// The ledger it stands for; an empty one when it is empty.
    pub(super) fn ledger(self, server: &str, session: Option<&SessionId>) -> Result<Ledger> {
        let Some(stored) = self.0 else { return Ok(Ledger::default()) };
        if stored.version != VERSION {
            let message = format!("the cursor has version {}; this library reads version {VERSION}", stored.version);
            return Err(Error::config(message));
        }
        if stored.server != server {
            let message = format!("the cursor is of {}, and the client talks to {server}", stored.server);
            return Err(Error::config(message));
        }
        if stored.session.as_ref() != session {
            // For other sessions it says nothing.
            let said = |id: Option<&SessionId>| id.map_or("all sessions".to_owned(), |id| format!("session {id}"));
            let (of, asked) = (said(stored.session.as_ref()), said(session));
            return Err(Error::config(format!("the cursor is of {of}, not of {asked}")));
        }
        let mut ledger = Ledger::settled(stored.settled);
        let mut marks = vec![Mark::Baseline(stored.latest)];
        // Without a place to go on from, a reading comes first, and nothing is complete before that.
        if stored.last_event_id.is_none() {
            marks.push(Mark::Began { with_list: true });
        }
        for seen in stored.seen {
            let what = match seen.message {
                Some(id) if seen.state => What::Edited(id),
                Some(id) => What::Message(id),
                None if seen.state => What::State,
                None => What::Created,
            };
            marks.push(Mark::Told { session: seen.session, what, time: seen.time, stamp: seen.stamp });
        }
        marks.extend(stored.closed.into_iter().map(|session| Mark::Closed { session, time: None }));
        let created = |session| Mark::Told { session, what: What::Created, time: None, stamp: 0 };
        marks.extend(stored.undated.into_iter().map(created));
        marks.extend(stored.doubted.into_iter().map(Mark::Doubted));
        marks.extend(stored.owed.into_iter().map(Mark::Owes));
        marks.extend(stored.projects.into_iter().map(Mark::Project));
        marks.extend(stored.owes_all.then_some(Mark::OwesAll));
        marks.extend(stored.distrust.then_some(Mark::Distrust));
        marks.extend(stored.last_event_id.map(|id| Mark::Heard { id: Some(id), seq: stored.seq, time: None }));
        for mark in &marks {
            ledger.apply(mark);
        }
        Ok(ledger)
    }
}

impl FromStr for EventCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::config("this is no event cursor").with_source(error))
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EventCursor");
        if let Some(stored) = &self.0 {
            shown.field("server", &stored.server).field("latest", &stored.latest);
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_what_the_ledger_knew() {
        let json = r#"{"version":1,"server":"http://a","projects":["p"],"latest":"2024-01-15T10:30:00Z",
            "seen":[{"session":"s","message":"m","time":"2024-01-15T10:30:00Z"},{"session":"s","state":true,"stamp":7}],
            "closed":["c"],"undated":["u"],"doubted":["d"],"owed":["o"],"owesAll":false,"distrust":false,"settled":true}"#;
        let cursor: EventCursor = json.parse().unwrap();
        let ledger = cursor.clone().ledger("http://a", None).unwrap();
        assert!(ledger.is_warm() && ledger.is_closed(&"c".into()) && ledger.owes_anything());
        assert_eq!(ledger.latest().unwrap().to_string(), "2024-01-15T10:30:00Z");
        assert!(ledger.seen(&"s".into(), &What::Message("m".into())).is_some());
        assert_eq!(ledger.seen(&"s".into(), &What::State).unwrap().stamp, 7);
        assert!(ledger.seen(&"u".into(), &What::Created).is_some() && ledger.is_doubted(&"d".into()));
        assert_eq!(EventCursor::of(&ledger, "http://a", None), cursor);
    }

    #[test]
    fn a_cursor_of_elsewhere_or_of_another_version_is_refused() {
        let of = |json: &str| json.parse::<EventCursor>().unwrap().ledger("http://a", None).unwrap_err().to_string();
        let elsewhere = of(r#"{"version":1,"server":"http://b"}"#);
        assert_eq!(elsewhere, "the cursor is of http://b, and the client talks to http://a");
        let scoped = of(r#"{"version":1,"server":"http://a","session":"s"}"#);
        assert_eq!(scoped, "the cursor is of session s, not of all sessions");
        assert!(of(r#"{"version":2,"server":"http://a"}"#).contains("version 2"));
        assert!("{".parse::<EventCursor>().unwrap_err().to_string().contains("no event cursor"));
        assert!(EventCursor::default().is_empty() && "null".parse::<EventCursor>().unwrap().is_empty());
    }
}
