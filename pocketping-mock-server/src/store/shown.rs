//! What a widget has not seen yet.
//!
//! A widget that polls asks for what changed `after` the latest time it knows, of whatever kind: that of a message it has
//! just written itself, or its own clock's when it noted that it had read or deleted one. Either may be later than
//! something an operator wrote and no poll has shown yet, which would then never be asked for. So the server remembers
//! when it last showed everything, and shows what others did since, whatever the widget says it knows. Widgets know what
//! they have by its id; showing it twice costs nothing.

use std::sync::Arc;

use pocketping_sdk::{Message, MessageKind, SessionId, Timestamp};

use super::tables::changed;
use super::{Rejection, Tenant};

/// How many messages a widget is shown that says nothing of those it knows.
const RECENT: usize = 200;

/// How far a session was shown to its visitor.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// When everything was last shown.
    at: Option<Timestamp>,
    /// Whether the visitor did something since: the times it knows may be later than what it has seen.
    acted: bool,
    /// Whether the visitor's widget has noted times of its own clock.
    has_own_times: bool,
}

impl Shown {
    /// The visitor did something whose time the server gives.
    pub(super) fn acted(&mut self) {
        self.acted = true;
    }

    /// The visitor did something whose time the widget notes by its own clock.
    pub(super) fn acted_by_own_clock(&mut self) {
        self.acted = true;
        self.has_own_times = true;
    }
}

impl Tenant {
    /// The last messages of a session, oldest first, for a widget that says nothing of those it knows.
    pub(crate) fn recent(&self, id: &SessionId) -> Result<Vec<Arc<Message>>, Rejection> {
        let messages = &self.record(id)?.messages;
        Ok(messages[messages.len().saturating_sub(RECENT)..].to_vec())
    }

    /// A session's messages that changed since `after`, a time or the id of a message, and whatever a widget that knows
    /// such times may have missed. Oldest first.
    pub(crate) fn news(&self, id: &SessionId, after: &str) -> Result<Vec<Arc<Message>>, Rejection> {
        let record = self.record(id)?;
        let messages = &record.messages;
        if let Ok(time) = after.parse() {
            let missed = missed_since(&record.aside.shown, messages, time);
            // The same millisecond counts: what was committed later in it would be lost.
            let is_new = |message: &&Arc<Message>| {
                changed(message).is_none_or(|at| at >= time)
                    || missed.is_some_and(|since| changed_by_others(message).is_some_and(|at| at >= since))
            };
            return Ok(messages.iter().filter(is_new).cloned().collect());
        }
        let Some(position) = messages.iter().position(|message| message.id == *after) else {
            // Whoever knows a message that is not here has seen none of these.
            return Ok(messages.clone());
        };
        let time = changed(&messages[position]);
        let is_new = |(at, message): &(usize, &Arc<Message>)| {
            *at > position || (*at < position && message.updated_at.is_some() && changed(message) >= time)
        };
        Ok(messages.iter().enumerate().filter(is_new).map(|(_, message)| Arc::clone(message)).collect())
    }

    /// Notes that all of a session was shown at this time.
    pub(crate) fn note_shown(&mut self, id: &SessionId, now: Timestamp) {
        // As the time of a commit: what is committed from now on is not older.
        let now = self.last_time.map_or(now, |last| last.max(now));
        if let Ok(record) = self.record_mut(id) {
            record.aside.shown.at = Some(now);
            record.aside.shown.acted = false;
        }
    }
}

/// Since when a widget that knows this time may have missed something; `None` when the time can be trusted.
fn missed_since(shown: &Shown, messages: &[Arc<Message>], time: Timestamp) -> Option<Timestamp> {
    let is_own = || shown.has_own_times && !messages.iter().any(|message| times(message).contains(&Some(time)));
    shown.at.filter(|_| shown.acted || is_own())
}

fn times(message: &Message) -> [Option<Timestamp>; 5] {
    [message.created_at, message.edited_at, message.deleted_at, message.delivered_at, message.read_at]
}

/// When somebody else made a message what it is: wrote it, or received what the visitor wrote.
fn changed_by_others(message: &Message) -> Option<Timestamp> {
    if message.kind == MessageKind::Visitor { message.delivered_at.max(message.read_at) } else { changed(message) }
}
