//! What a widget has not seen yet.
//!
//! A widget that polls asks for what changed `after` the latest time it knows, of whatever kind: that of a message it has
//! just written itself, or its own clock's, when it shows a message that is still on its way or marks one as read. Either
//! may be later than something an operator wrote and no answer has shown, which would then never be asked for. Only a
//! time that the visitor cannot have but by reading proves that everything before it was shown; until a poll names one,
//! what others did since the last such proof is shown again. Widgets know what they have by its id: showing it twice costs
//! nothing.

use std::sync::Arc;

use pocketping_sdk::{Message, MessageKind, SessionId, Timestamp};

use super::tables::changed;
use super::{Held, Rejection, Tenant};

/// How many messages a widget is shown that says nothing of those it knows.
const RECENT: usize = 200;

/// How a poll's `after` is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// As the latest of all times that a widget knows.
    OfWidget,
    /// As what it says.
    Plain,
}

impl Tenant {
    /// The last messages of a session, oldest first, for a widget that says nothing of those it knows.
    pub(crate) fn recent(&self, id: &SessionId) -> Result<Vec<Held<Message>>, Rejection> {
        let messages = &self.record(id)?.messages;
        Ok(messages[messages.len().saturating_sub(RECENT)..].to_vec())
    }

    /// A session's messages that changed since `after`, a time or the id of a message; for a widget also what its time
    /// may have passed over. Oldest first.
    pub(crate) fn news(&self, id: &SessionId, after: &str, how: After) -> Result<Vec<Held<Message>>, Rejection> {
        let record = self.record(id)?;
        let messages = &record.messages;
        if let Ok(time) = after.parse() {
            let unproved = how == After::OfWidget && !is_proof(messages, time);
            let proved = record.aside.proved;
            let may_be_missed = |message: &Message| {
                unproved && changed_by_others(message).is_some_and(|at| proved.is_none_or(|proved| at >= proved))
            };
            // The same millisecond counts: what was committed later in it would be lost.
            let is_new =
                |message: &&Held<Message>| changed(message).is_none_or(|at| at >= time) || may_be_missed(message);
            return Ok(messages.iter().filter(is_new).cloned().collect());
        }
        let Some(position) = messages.iter().position(|message| message.id == *after) else {
            // Whoever knows a message that is not here has seen none of these.
            return Ok(messages.clone());
        };
        let time = changed(&messages[position]);
        let is_new = |(at, message): &(usize, &Held<Message>)| {
            *at > position || (*at < position && message.updated_at.is_some() && changed(message) >= time)
        };
        Ok(messages.iter().enumerate().filter(is_new).map(|(_, message)| Arc::clone(message)).collect())
    }

    /// Takes a time that a poll knows as a proof, if it is one.
    pub(super) fn note_known(&mut self, id: &SessionId, after: &str) -> Result<(), Rejection> {
        let record = self.record_mut(id)?;
        if let Ok(time) = after.parse()
            && is_proof(&record.messages, time)
        {
            record.aside.proved = record.aside.proved.max(Some(time));
        }
        Ok(())
    }

    /// Whoever connects is shown the last messages, and asks for nothing before it has them.
    pub(super) fn note_connected(&mut self, id: &SessionId, now: Timestamp) -> Result<(), Rejection> {
        let proved = &mut self.record_mut(id)?.aside.proved;
        *proved = (*proved).max(Some(now));
        Ok(())
    }
}

/// Whether the visitor can have this time only by reading: it is that of something others did, or the server's of
/// something the visitor was told nothing about when doing it.
fn is_proof(messages: &[Held<Message>], time: Timestamp) -> bool {
    let is_own = |message: &Held<Message>| {
        message.kind == MessageKind::Visitor && [message.created_at, message.edited_at].contains(&Some(time))
    };
    // What happened at the same time as something the visitor did need not have been shown.
    !messages.iter().any(is_own)
        && messages.iter().any(|message| {
            let others = [message.deleted_at, message.delivered_at, message.read_at];
            let authors = [message.created_at, message.edited_at];
            let told = if message.kind == MessageKind::Visitor { &[][..] } else { &authors };
            others.iter().chain(told).any(|known| *known == Some(time))
        })
}

/// When somebody else made a message what it is: wrote it, or received what the visitor wrote.
fn changed_by_others(message: &Message) -> Option<Timestamp> {
    if message.kind == MessageKind::Visitor { message.delivered_at.max(message.read_at) } else { changed(message) }
}
