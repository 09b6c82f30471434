//! The conversation as a widget shows it, and what is news in it: servers tell many things more than once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pocketping_sdk::{Message, MessageId, Timestamp};
use serde_json::Value;

use super::Frame;

/// The messages a widget shows, in the order in which it saw them first.
#[derive(Debug)]
pub(super) struct Conversation(Mutex<Vec<Message>>);

/// Where servers say how far a message is.
const STATUS: &str = "status";

impl Conversation {
    pub(super) fn new(messages: &[Message]) -> Self {
        let conversation = Self(Mutex::default());
        let mut shown = conversation.lock();
        for message in messages {
            see(&mut shown, message);
        }
        drop(shown);
        conversation
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.lock().clone()
    }

    /// The time of the last change that was seen.
    pub(super) fn last_change(&self) -> Option<Timestamp> {
        let times = |message: &Message| {
            [message.created_at, message.edited_at, message.deleted_at, message.delivered_at, message.read_at]
        };
        self.lock().iter().flat_map(times).flatten().max()
    }

    /// Shows what a frame tells; `false` when all of it is shown already. What tells of no message is always news, and
    /// so is what tells of one that is not known here.
    pub(super) fn take(&self, frame: &Frame) -> bool {
        let mut shown = self.lock();
        match frame {
            Frame::Message(message) => see(&mut shown, message),
            Frame::Edited(edited) => change(&mut shown, &edited.message_id, |message| {
                message.content.clone_from(&edited.content);
                message.edited_at = message.edited_at.max(edited.edited_at);
            }),
            Frame::Deleted(deleted) => {
                let is_news = change(&mut shown, &deleted.message_id, |message| {
                    message.deleted_at = message.deleted_at.max(deleted.deleted_at);
                    message.content.clear();
                });
                // Without a time nothing tells whether it was gone before.
                is_news || deleted.deleted_at.is_none()
            }
            Frame::Read(read) => {
                let receive = |message: &mut Message| {
                    message.delivered_at = message.delivered_at.max(read.delivered_at);
                    message.read_at = message.read_at.max(read.read_at);
                    advance(message, &read.status);
                };
                // All of them, whatever the first one says.
                read.message_ids
                    .iter()
                    .fold(read.message_ids.is_empty(), |is_news, id| change(&mut shown, id, receive) || is_news)
            }
            _ => true,
        }
    }
}

/// Adds a message, or changes it to what it is now; `false` when there is nothing new in it.
fn see(shown: &mut Vec<Message>, seen: &Message) -> bool {
    if shown.iter().any(|message| message.id == seen.id) {
        return change(shown, &seen.id, |message| merge(message, seen));
    }
    let mut message = seen.clone();
    blank_if_deleted(&mut message);
    shown.push(message);
    true
}

/// Changes a message; `false` when that made no difference.
fn change(shown: &mut [Message], id: &MessageId, change: impl FnOnce(&mut Message)) -> bool {
    let Some(message) = shown.iter_mut().rev().find(|message| message.id == *id) else { return true };
    let before = message.clone();
    change(message);
    blank_if_deleted(message);
    is_news(&before, message)
}

/// What is given replaces what is shown, and what is not given stays. Some servers tell old states of a message beside
/// the last one: those change nothing.
fn merge(shown: &mut Message, seen: &Message) {
    // An empty text is none, save where there are only files: and there it was empty before.
    if !seen.content.is_empty() && seen.edited_at >= shown.edited_at {
        shown.content.clone_from(&seen.content);
    }
    for (shown, seen) in [
        (&mut shown.edited_at, seen.edited_at),
        (&mut shown.deleted_at, seen.deleted_at),
        (&mut shown.delivered_at, seen.delivered_at),
        (&mut shown.read_at, seen.read_at),
    ] {
        *shown = seen.max(*shown);
    }
    if seen.reply_to.is_some() {
        shown.reply_to.clone_from(&seen.reply_to);
    }
    if seen.attachments.is_some() {
        shown.attachments.clone_from(&seen.attachments);
    }
    if let Some(status) = seen.extra.get(STATUS).and_then(Value::as_str) {
        advance(shown, status);
    }
}

/// A message's status moves on, and never back.
fn advance(message: &mut Message, status: &str) {
    const ORDER: [&str; 4] = ["sending", "sent", "delivered", "read"];
    let place = |status: &str| ORDER.iter().position(|known| *known == status);
    let now = message.extra.get(STATUS).and_then(Value::as_str).unwrap_or_default();
    if !status.is_empty() && (place(status).is_none() || place(status) >= place(now)) {
        message.extra.insert(STATUS.to_owned(), status.into());
    }
}

/// A widget shows nothing of what is deleted, whatever the server still tells of it.
fn blank_if_deleted(message: &mut Message) {
    if message.deleted_at.is_some() {
        message.content.clear();
    }
}

/// Whether a visitor could see the difference. Addresses of files do not count: some are signed anew whenever they are
/// told.
fn is_news(before: &Message, now: &Message) -> bool {
    let files =
        |message: &Message| -> Vec<_> { message.attachments.iter().flatten().map(|file| file.id.clone()).collect() };
    let status = |message: &Message| message.extra.get(STATUS).and_then(Value::as_str).map(str::to_owned);
    before.content != now.content
        || before.edited_at != now.edited_at
        || before.deleted_at != now.deleted_at
        || before.delivered_at != now.delivered_at
        || before.read_at != now.read_at
        || before.reply_to.as_ref().and_then(|reply| reply.id()) != now.reply_to.as_ref().and_then(|reply| reply.id())
        || status(before) != status(now)
        || files(before) != files(now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(kind: &str, data: &Value) -> Frame {
        Frame::read(&json!({"type": kind, "data": data}).to_string()).unwrap()
    }

    fn shown(conversation: &Conversation) -> Vec<(String, String)> {
        conversation.messages().into_iter().map(|message| (message.id.into_string(), message.content)).collect()
    }

    #[test]
    fn a_message_is_news_once_for_every_change_of_it() {
        let conversation = Conversation::new(&[Message::new("known")]);
        let first = json!({"id": "m", "content": "a", "sender": "operator", "timestamp": "2024-01-15T10:30:00Z",
                           "status": "sent", "attachments": [{"id": "f", "url": "https://x/?signed=1"}]});
        let with = |more: Value| {
            let mut message = first.clone();
            message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            frame("message", &message)
        };
        for (frame, is_news) in [
            (frame("message", &json!({"id": "known"})), false),
            (with(json!({})), true),
            (with(json!({})), false),
            (with(json!({"attachments": [{"id": "f", "url": "https://x/?signed=2"}]})), false),
            (with(json!({"content": "b", "editedAt": "2024-01-15T10:31:00Z"})), true),
            (
                frame("message_edited", &json!({"messageId": "m", "content": "b", "editedAt": "2024-01-15T10:31:00Z"})),
                false,
            ),
            // The state before, told beside the last one.
            (with(json!({})), false),
            (frame("read", &json!({"messageIds": ["m"], "status": "read", "readAt": "2024-01-15T10:32:00Z"})), true),
            (with(json!({"content": "b", "status": "read", "readAt": "2024-01-15T10:32:00Z"})), false),
            (frame("read", &json!({"messageIds": ["m", "elsewhere"], "status": "read"})), true),
            (frame("message_deleted", &json!({"messageId": "m", "deletedAt": "2024-01-15T10:33:00Z"})), true),
            (with(json!({"content": "b", "deletedAt": "2024-01-15T10:33:00Z"})), false),
            (frame("message_deleted", &json!({"messageId": "elsewhere"})), true),
            (frame("typing", &json!({"isTyping": true})), true),
            (frame("typing", &json!({"isTyping": true})), true),
        ] {
            assert_eq!(conversation.take(&frame), is_news, "{frame:?}");
        }
        assert_eq!(shown(&conversation), [("known".into(), String::new()), ("m".into(), String::new())]);
        assert_eq!(conversation.last_change().unwrap().to_string(), "2024-01-15T10:33:00Z");
    }

    #[test]
    fn a_message_told_twice_in_one_list_is_shown_once_and_as_it_is_last() {
        let message = |more: Value| -> Message {
            let mut message = json!({"id": "m", "content": "a"});
            message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(message).unwrap()
        };
        let list = [message(json!({})), message(json!({"content": "b", "editedAt": "2024-01-15T10:30:00Z"}))];
        let conversation = Conversation::new(&list);
        assert_eq!(shown(&conversation), [("m".into(), "b".into())]);
        for told in list {
            assert!(!conversation.take(&Frame::Message(Box::new(told))));
        }
    }
}
