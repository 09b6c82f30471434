//! What is known of a conversation: what was read of it, and what came since.

use pocketping_sdk::{Message, MessageKind};

/// The messages of a session, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    state: State,
}

/// How much of it is known.
#[derive(Debug, Default)]
enum State {
    /// It is being read; what came meanwhile is known.
    #[default]
    Reading,
    Whole,
    Failed(String),
}

impl Conversation {
    /// As far as they are known.
    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn is_being_read(&self) -> bool {
        matches!(self.state, State::Reading)
    }

    /// Why it could not be read.
    pub(super) fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Failed(why) => Some(why),
            State::Reading | State::Whole => None,
        }
    }

    /// All of it was read; what came meanwhile is newer.
    pub(super) fn read(&mut self, messages: Vec<Message>) {
        let since = std::mem::replace(&mut self.messages, messages);
        for message in since {
            self.put(message);
        }
        self.state = State::Whole;
    }

    pub(super) fn failed(&mut self, why: String) {
        self.state = State::Failed(why);
    }

    /// A message as it is now.
    pub(super) fn put(&mut self, message: Message) {
        match self.messages.iter_mut().find(|known| known.id == message.id) {
            Some(known) => *known = message,
            None => self.messages.push(message),
        }
    }

    /// Whether its visitor waits for an answer, if it is known.
    pub(super) fn is_unanswered(&self) -> Option<bool> {
        let is_whole = matches!(self.state, State::Whole);
        is_whole.then(|| self.messages.iter().rev().find_map(|message| waits_after(&message.kind)).unwrap_or(false))
    }
}

/// Whether a visitor waits after a message of this kind; nothing when it says nothing of that.
pub(super) fn waits_after(kind: &MessageKind) -> Option<bool> {
    match kind {
        MessageKind::Visitor => Some(true),
        MessageKind::Operator | MessageKind::Ai => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str, kind: &str, content: &str) -> Message {
        serde_json::from_value(json!({"id": id, "content": content, "type": kind})).unwrap()
    }

    fn shown(conversation: &Conversation) -> Vec<(&str, &str)> {
        let messages = conversation.messages().iter();
        messages.map(|message| (message.id.as_str(), message.content.as_str())).collect()
    }

    #[test]
    fn what_came_while_it_was_read_is_neither_lost_nor_old() {
        let mut conversation = Conversation::default();
        conversation.put(message("m2", "visitor", "edited"));
        conversation.put(message("m3", "visitor", "new"));
        assert_eq!(conversation.is_unanswered(), None, "nobody knows yet");
        conversation.read(vec![message("m1", "operator", "first"), message("m2", "visitor", "second")]);
        assert_eq!(shown(&conversation), [("m1", "first"), ("m2", "edited"), ("m3", "new")]);
        assert_eq!(conversation.is_unanswered(), Some(true));
        conversation.put(message("m4", "ai", "answer"));
        conversation.put(message("m5", "system", "a note"));
        assert_eq!(conversation.is_unanswered(), Some(false));
    }

    #[test]
    fn what_came_is_shown_even_when_the_rest_cannot_be_read() {
        let mut conversation = Conversation::default();
        conversation.put(message("m1", "visitor", "new"));
        conversation.failed("the server is away".to_owned());
        assert_eq!((conversation.failure(), conversation.is_being_read()), (Some("the server is away"), false));
        assert_eq!(shown(&conversation), [("m1", "new")]);
        assert_eq!(conversation.is_unanswered(), None);
    }
}
