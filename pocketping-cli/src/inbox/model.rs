//! What the inbox knows and what a key does to it: pure, without a terminal and without a server.

use std::cmp::Reverse;
use std::collections::HashMap;

use pocketping_sdk::{Message, MessageKind, Session, SessionId, SessionStatus};

use super::draft::Draft;

/// A key, as the inbox understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Left,
    Right,
    Home,
    End,
    Enter,
    /// Between the list and the answer.
    Tab,
    Escape,
    Backspace,
    Delete,
    /// Ctrl-U: the line is empty again.
    Clear,
    /// Ctrl-C.
    Interrupt,
}

/// Where keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    List,
    Answer,
}

/// What is to be done because of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The conversation is to be read.
    Read(SessionId),
    Send(SessionId, String),
    Close(SessionId),
    Ai(SessionId, bool),
    Quit,
    Interrupt,
}

/// What there is.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Those nobody answered first, then by what happened last.
    sessions: Vec<Session>,
    pub(super) selected: Option<SessionId>,
    conversations: HashMap<SessionId, Vec<Message>>,
    /// One for each session: what was typed for one is never sent to another.
    drafts: HashMap<SessionId, Draft>,
    pub(super) focus: Focus,
    /// How many lines the conversation is scrolled up.
    pub(super) scrolled: usize,
    /// The last thing that a person should know.
    pub(super) status: String,
    /// Whether there are more sessions than are shown.
    pub(super) is_cut: bool,
    /// A session that is closed when the key comes once more.
    closing: Option<SessionId>,
}

impl Inbox {
    pub(super) fn new(sessions: Vec<Session>, is_cut: bool) -> Self {
        let mut inbox = Self {
            sessions,
            selected: None,
            conversations: HashMap::new(),
            drafts: HashMap::new(),
            focus: Focus::List,
            scrolled: 0,
            status: String::new(),
            is_cut,
            closing: None,
        };
        inbox.sort();
        inbox.selected = inbox.sessions.first().map(|session| session.id.clone());
        inbox
    }

    pub(super) fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// Where the chosen session stands in the list.
    pub(super) fn position(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.sessions.iter().position(|session| session.id == *selected)
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.sessions.get(self.position()?)
    }

    /// The chosen session's messages, if they were read.
    pub(super) fn messages(&self) -> Option<&[Message]> {
        self.conversations.get(self.selected.as_ref()?).map(Vec::as_slice)
    }

    /// What is being typed for the chosen session.
    pub(super) fn draft(&self) -> Option<&Draft> {
        self.drafts.get(self.selected.as_ref()?)
    }

    fn sort(&mut self) {
        self.sessions.sort_by_key(|session| {
            (session.unanswered != Some(true), Reverse(session.last_activity.or(session.created_at)))
        });
    }

    /// A session as it is now.
    pub(super) fn saw(&mut self, session: Session) {
        match self.sessions.iter_mut().find(|known| known.id == session.id) {
            Some(known) => *known = session,
            None => self.sessions.push(session),
        }
        self.sort();
        if self.selected.is_none() {
            self.selected = self.sessions.first().map(|session| session.id.clone());
        }
    }

    /// All of a conversation.
    pub(super) fn read(&mut self, id: SessionId, messages: Vec<Message>) {
        self.conversations.insert(id, messages);
    }

    /// A message that came or changed. Whether its session is known.
    pub(super) fn said(&mut self, message: &Message) -> bool {
        let Some(id) = &message.session_id else { return true };
        if let Some(messages) = self.conversations.get_mut(id) {
            match messages.iter_mut().find(|known| known.id == message.id) {
                Some(known) => *known = message.clone(),
                None => messages.push(message.clone()),
            }
        }
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == *id) else { return false };
        session.last_activity = session.last_activity.max(message.created_at);
        match message.kind {
            MessageKind::Visitor => session.unanswered = Some(true),
            MessageKind::Operator | MessageKind::Ai => session.unanswered = Some(false),
            _ => {}
        }
        self.sort();
        true
    }

    /// Everything that was read may be old.
    pub(super) fn forget(&mut self) {
        self.conversations.clear();
    }

    /// A text was sent, and its draft may go, if it is still the same.
    pub(super) fn sent(&mut self, id: &SessionId, text: &str) {
        if self.drafts.get(id).is_some_and(|draft| draft.text() == text) {
            self.drafts.remove(id);
        }
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: Key) -> Option<Effect> {
        let closing = self.closing.take();
        match (key, self.focus) {
            (Key::Interrupt, _) => Some(Effect::Interrupt),
            (Key::PageUp, _) => {
                self.scrolled = self.scrolled.saturating_add(10);
                None
            }
            (Key::PageDown, _) => {
                self.scrolled = self.scrolled.saturating_sub(10);
                None
            }
            (key, Focus::List) => self.press_in_list(key, closing.as_ref()),
            (key, Focus::Answer) => self.press_in_answer(key),
        }
    }

    fn press_in_list(&mut self, key: Key, closing: Option<&SessionId>) -> Option<Effect> {
        match key {
            Key::Up | Key::Char('k') => self.select(-1),
            Key::Down | Key::Char('j') => self.select(1),
            Key::Home => self.select(isize::MIN),
            Key::End => self.select(isize::MAX),
            Key::Enter | Key::Tab | Key::Right => {
                if self.selected.is_some() {
                    self.focus = Focus::Answer;
                }
                None
            }
            Key::Char('q') => Some(Effect::Quit),
            Key::Char('a') => {
                let session = self.session()?;
                Some(Effect::Ai(session.id.clone(), session.ai_enabled == Some(false)))
            }
            Key::Char('c') => {
                let id = self.selected.clone()?;
                if closing == Some(&id) {
                    return Some(Effect::Close(id));
                }
                self.status = format!("c once more closes {id}");
                self.closing = Some(id);
                None
            }
            _ => None,
        }
    }

    fn press_in_answer(&mut self, key: Key) -> Option<Effect> {
        let id = self.selected.clone()?;
        if matches!(key, Key::Tab | Key::Escape) {
            self.focus = Focus::List;
            return None;
        }
        let draft = self.drafts.entry(id.clone()).or_default();
        match key {
            Key::Char(c) => draft.insert(c),
            Key::Backspace => draft.erase(),
            Key::Delete => draft.delete(),
            Key::Left => draft.left(),
            Key::Right => draft.right(),
            Key::Home => draft.home(),
            Key::End => draft.end(),
            Key::Clear => draft.clear(),
            Key::Enter if draft.text().trim().is_empty() => "there is nothing to send".clone_into(&mut self.status),
            // It stays until the server has it.
            Key::Enter => {
                let text = draft.text().to_owned();
                self.scrolled = 0;
                return Some(Effect::Send(id, text));
            }
            _ => {}
        }
        None
    }

    fn select(&mut self, by: isize) -> Option<Effect> {
        let last = self.sessions.len().checked_sub(1)?;
        let now = self.position().unwrap_or(0);
        let then = now.saturating_add_signed(by).min(last);
        let id = self.sessions[then].id.clone();
        self.scrolled = 0;
        self.selected = Some(id.clone());
        (!self.conversations.contains_key(&id)).then_some(Effect::Read(id))
    }
}

/// Whether a session is closed.
pub(super) fn is_closed(session: &Session) -> bool {
    session.status == SessionStatus::Closed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(id: &str, last: &str, unanswered: bool) -> Session {
        let time = format!("2024-01-15T{last}:00Z");
        serde_json::from_value(json!({"id": id, "lastActivity": time, "unanswered": unanswered})).unwrap()
    }

    fn message(id: &str, session: &str, kind: &str) -> Message {
        let message =
            json!({"id": id, "sessionId": session, "content": "x", "type": kind, "createdAt": "2024-01-15T12:00:00Z"});
        serde_json::from_value(message).unwrap()
    }

    fn inbox() -> Inbox {
        Inbox::new(vec![session("a", "10:00", false), session("b", "09:00", true), session("c", "11:00", false)], false)
    }

    fn ids(inbox: &Inbox) -> Vec<&str> {
        inbox.sessions().iter().map(|session| session.id.as_str()).collect()
    }

    fn type_in(inbox: &mut Inbox, text: &str) {
        for c in text.chars() {
            assert_eq!(inbox.press(Key::Char(c)), None);
        }
    }

    #[test]
    fn those_nobody_answered_are_first_and_the_choice_stays() {
        let mut inbox = inbox();
        assert_eq!(ids(&inbox), ["b", "c", "a"]);
        assert_eq!(inbox.press(Key::Down), Some(Effect::Read("c".into())));
        assert!(inbox.said(&message("m1", "a", "visitor")) && inbox.said(&message("m2", "b", "operator")));
        assert_eq!(ids(&inbox), ["a", "b", "c"]);
        assert_eq!(inbox.selected, Some("c".into()), "wherever it stands now");
        assert!(!inbox.said(&message("m3", "new", "visitor")), "it is to be read");
    }

    #[test]
    fn a_draft_is_its_session_s_and_stays_until_it_was_sent() {
        let mut inbox = inbox();
        inbox.press(Key::Enter);
        type_in(&mut inbox, "for b");
        inbox.press(Key::Escape);
        inbox.press(Key::Down);
        assert!(inbox.draft().is_none());
        inbox.press(Key::Tab);
        type_in(&mut inbox, "for c");
        assert_eq!(inbox.press(Key::Enter), Some(Effect::Send("c".into(), "for c".to_owned())));
        assert_eq!(inbox.draft().unwrap().text(), "for c", "the server may refuse it");
        type_in(&mut inbox, "!");
        inbox.sent(&"c".into(), "for c");
        assert_eq!(inbox.draft().unwrap().text(), "for c!", "it was typed on");
        inbox.sent(&"c".into(), "for c!");
        assert!(inbox.draft().is_none());
        inbox.press(Key::Escape);
        inbox.press(Key::Up);
        assert_eq!(inbox.draft().unwrap().text(), "for b");
    }

    #[test]
    fn a_message_is_shown_once_and_as_it_is_now() {
        let mut inbox = inbox();
        inbox.read("b".into(), vec![message("m1", "b", "visitor")]);
        inbox.said(&message("m1", "b", "visitor"));
        inbox.said(&message("m2", "b", "operator"));
        let shown: Vec<_> = inbox.messages().unwrap().iter().map(|message| message.id.as_str()).collect();
        assert_eq!(shown, ["m1", "m2"]);
    }

    #[test]
    fn closing_takes_two_keys_and_letters_in_the_answer_are_letters() {
        let mut inbox = inbox();
        assert_eq!(inbox.press(Key::Char('c')), None);
        assert_eq!(inbox.press(Key::Down), Some(Effect::Read("c".into())));
        assert_eq!(inbox.press(Key::Char('c')), None, "another session");
        assert_eq!(inbox.press(Key::Char('c')), Some(Effect::Close("c".into())));
        assert_eq!(inbox.press(Key::Char('a')), Some(Effect::Ai("c".into(), false)));
        inbox.press(Key::Enter);
        type_in(&mut inbox, "qac");
        assert_eq!(inbox.press(Key::Interrupt), Some(Effect::Interrupt));
    }

    #[test]
    fn nothing_there_is_no_reason_to_fail() {
        let mut inbox = Inbox::new(Vec::new(), false);
        for key in [Key::Up, Key::Down, Key::End, Key::Enter, Key::Char('a'), Key::Char('c'), Key::PageUp, Key::Tab] {
            assert_eq!(inbox.press(key), None);
        }
        inbox.saw(session("a", "10:00", false));
        assert_eq!(inbox.selected, Some("a".into()));
    }
}
