//! What a person was told of the messages of a session, so that nothing is told twice.

use std::collections::HashMap;

use pocketping_sdk::{Message, MessageId, Timestamp};

/// What was told of each message. A receipt changes nothing of that.
#[derive(Debug, Default)]
pub(crate) struct Told(HashMap<MessageId, Version>);

/// What a message says, and since when.
#[derive(Debug)]
struct Version {
    since: (Option<Timestamp>, Option<Timestamp>),
    content: String,
}

impl Told {
    /// Whether anything was told of this message.
    pub(crate) fn knows(&self, id: &MessageId) -> bool {
        self.0.contains_key(id)
    }

    /// Whether a message is new, or says something else than before; from now on it was told.
    pub(crate) fn is_news(&mut self, message: &Message) -> bool {
        let new = Version { since: (message.deleted_at, message.edited_at), content: message.content.clone() };
        match self.0.get_mut(&message.id) {
            // What was read may be ahead of the stream.
            Some(told) if new.since < told.since => false,
            // Two edits may have the same time.
            Some(told) if new.since == told.since && new.content == told.content => false,
            Some(told) => {
                *told = new;
                true
            }
            None => self.0.insert(message.id.clone(), new).is_none(),
        }
    }
}
