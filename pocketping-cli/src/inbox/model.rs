//! What the inbox knows and what a key does to it: pure, without a terminal and without a server.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use pocketping_sdk::{Message, Session, SessionId, SessionStatus};

use super::conversation::{Conversation, waits_after};
use super::draft::Draft;
use super::outgoing::Outgoing;
use super::scroll::Scroll;

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
    /// A line break in the answer: Alt-Enter or Ctrl-J.
    NewLine,
    /// Ctrl-W.
    EraseWord,
    /// Ctrl-U: the answer is empty again.
    Clear,
    /// Ctrl-C.
    Interrupt,
}

/// Where keys go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Focus {
    #[default]
    List,
    Answer,
}

/// What is to be done because of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Close(SessionId),
    Ai(SessionId, bool),
    Quit,
    Interrupt,
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Those nobody answered first, then by what happened last; closed ones below.
    sessions: Vec<Session>,
    pub(super) selected: Option<SessionId>,
    conversations: HashMap<SessionId, Conversation>,
    /// One for each session: what was typed for one is never sent to another.
    drafts: HashMap<SessionId, Draft>,
    pub(super) outgoing: Outgoing,
    pub(super) focus: Focus,
    pub(super) scroll: Scroll,
    /// What became of the last thing that was asked for; it stays until the next one.
    pub(super) outcome: String,
    /// What the last key means.
    hint: String,
    /// What is wrong with the link, while it is.
    pub(super) link: Option<String>,
    /// Whether there are more sessions than are shown.
    pub(super) is_cut: bool,
    /// A session that is closed when the key comes once more.
    closing: Option<SessionId>,
    /// Whether it is over once everything is sent.
    pub(super) is_leaving: bool,
    /// The conversation that is being read: one at a time, whatever keys are held down.
    reading: Option<SessionId>,
    /// Sessions to be looked at, one after the other: the last look tells the last of it.
    looks: VecDeque<SessionId>,
    looking: Option<SessionId>,
}

impl Inbox {
    pub(super) fn new(sessions: Vec<Session>, is_cut: bool) -> Self {
        let mut inbox = Self { sessions, is_cut, ..Self::default() };
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

    /// The chosen session's conversation, if it was asked for.
    pub(super) fn conversation(&self) -> Option<&Conversation> {
        self.conversations.get(self.selected.as_ref()?)
    }

    /// What is being typed for the chosen session.
    pub(super) fn draft(&self) -> Option<&Draft> {
        self.drafts.get(self.selected.as_ref()?)
    }

    /// What a person should know now, the most pressing first.
    pub(super) fn status(&self) -> String {
        let said = [&self.hint, &self.outcome].into_iter().chain(&self.link).map(String::as_str);
        said.filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" | ")
    }

    fn sort(&mut self) {
        self.sessions.sort_by_key(|session| {
            let is_waiting = session.unanswered == Some(true) && !is_closed(session);
            (is_closed(session), !is_waiting, Reverse(session.last_activity.or(session.created_at)))
        });
    }

    fn known(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == *id)
    }

    /// A session as it is now. What a strict server does not tell stays as it was worked out.
    pub(super) fn saw(&mut self, mut session: Session) {
        match self.known(&session.id) {
            Some(known) => {
                session.unanswered = session.unanswered.or(known.unanswered);
                session.ai_enabled = session.ai_enabled.or(known.ai_enabled);
                *known = session;
            }
            None => self.sessions.push(session),
        }
        self.sort();
        if self.selected.is_none() {
            self.selected = self.sessions.first().map(|session| session.id.clone());
        }
    }

    /// The AI was switched; a strict server tells it nowhere.
    pub(super) fn switched(&mut self, mut session: Session, on: bool) {
        session.ai_enabled.get_or_insert(on);
        self.saw(session);
    }

    /// The conversation that is to be read now, if none is.
    pub(super) fn next_to_read(&mut self) -> Option<SessionId> {
        let id = self.selected.clone().filter(|id| self.reading.is_none() && !self.conversations.contains_key(id))?;
        self.conversations.insert(id.clone(), Conversation::default());
        self.reading = Some(id.clone());
        Some(id)
    }

    /// All of a conversation, or why it cannot be read.
    pub(super) fn read(&mut self, id: &SessionId, messages: Result<Vec<Message>, String>) {
        self.reading = None;
        // It may have been forgotten meanwhile, and is read again then.
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        match messages {
            Ok(messages) => conversation.read(messages),
            Err(why) => conversation.failed(why),
        }
        let is_unanswered = conversation.is_unanswered();
        if let Some(session) = self.known(id) {
            session.unanswered = session.unanswered.or(is_unanswered);
            self.sort();
        }
    }

    /// Everything that was read may be old.
    pub(super) fn forget(&mut self) {
        self.conversations.clear();
    }

    /// A session is to be looked at.
    pub(super) fn look(&mut self, id: SessionId) {
        if !self.looks.contains(&id) {
            self.looks.push_back(id);
        }
    }

    /// The session that is to be looked at now, if none is.
    pub(super) fn next_to_look(&mut self) -> Option<SessionId> {
        if self.looking.is_none() {
            self.looking = Some(self.looks.pop_front()?);
            return self.looking.clone();
        }
        None
    }

    /// The look is over.
    pub(super) fn looked(&mut self) {
        self.looking = None;
    }

    /// A message that came, or changed.
    pub(super) fn said(&mut self, message: Message, is_new: bool) {
        let Some(id) = message.session_id.clone() else { return };
        let (time, waits) = (message.created_at, waits_after(&message.kind).filter(|_| is_new));
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.put(message);
        }
        // What is being looked at may have been read before this.
        let is_old = self.looking.as_ref() == Some(&id);
        match self.known(&id) {
            Some(session) => {
                session.last_activity = session.last_activity.max(time);
                session.unanswered = waits.or(session.unanswered);
                self.sort();
                if is_old {
                    self.look(id);
                }
            }
            None => self.look(id),
        }
    }

    /// A text was sent.
    pub(super) fn sent(&mut self, id: &SessionId, mut message: Message) {
        self.outgoing.sent(id);
        message.session_id.get_or_insert_with(|| id.clone());
        self.said(message, true);
    }

    /// A text was not sent, or nobody knows: it and those behind it are drafts again.
    pub(super) fn not_sent(&mut self, id: &SessionId, may_be_sent: bool) {
        let texts = self.outgoing.take_back(id);
        if !texts.is_empty() {
            self.drafts.entry(id.clone()).or_default().put_before(&texts.join("\n"), may_be_sent);
        }
        self.is_leaving = false;
    }

    /// What was typed and not sent, and whether it may have been sent.
    pub(super) fn undone(&self) -> impl Iterator<Item = (&SessionId, &str, bool)> {
        let drafts = self.drafts.iter().filter(|(_, draft)| !draft.text().trim().is_empty());
        self.outgoing.undone().chain(drafts.map(|(id, draft)| (id, draft.text(), draft.may_be_sent())))
    }

    /// Takes a text that was pasted. Only the answer takes one: elsewhere its letters would be commands.
    pub(super) fn paste(&mut self, text: &str) {
        self.hint.clear();
        match (self.focus, self.selected.clone()) {
            (Focus::Answer, Some(id)) => {
                let text = text.replace("\r\n", "\n").replace('\r', "\n");
                self.drafts.entry(id).or_default().insert_all(&text);
            }
            _ => "press Enter first, then paste the answer".clone_into(&mut self.hint),
        }
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: Key) -> Option<Effect> {
        let closing = self.closing.take();
        // Whoever goes on does not leave.
        let was_leaving = std::mem::take(&mut self.is_leaving);
        self.hint.clear();
        match (key, self.focus) {
            (Key::Interrupt, _) => Some(Effect::Interrupt),
            (Key::PageUp, _) => {
                self.scroll.up();
                None
            }
            (Key::PageDown, _) => {
                self.scroll.down();
                None
            }
            (key, Focus::List) => self.press_in_list(key, closing.as_ref(), was_leaving),
            (key, Focus::Answer) => {
                self.press_in_answer(key);
                None
            }
        }
    }

    fn press_in_list(&mut self, key: Key, closing: Option<&SessionId>, was_leaving: bool) -> Option<Effect> {
        match key {
            Key::Up | Key::Char('k') => self.select(-1),
            Key::Down | Key::Char('j') => self.select(1),
            Key::Home => self.select(isize::MIN),
            Key::End => self.select(isize::MAX),
            Key::Enter | Key::Tab | Key::Right => {
                if let Some(id) = &self.selected {
                    self.focus = Focus::Answer;
                    // Once more, if it could not be read.
                    if self.conversations.get(id).is_some_and(|known| known.failure().is_some()) {
                        self.conversations.remove(id);
                    }
                }
            }
            Key::Escape => self.outcome.clear(),
            Key::Char('q') if self.outgoing.is_empty() || was_leaving => return Some(Effect::Quit),
            Key::Char('q') => {
                self.is_leaving = true;
                "it ends when everything is sent; q once more ends it now".clone_into(&mut self.hint);
            }
            Key::Char('a') => {
                let session = self.session()?;
                return Some(Effect::Ai(session.id.clone(), session.ai_enabled == Some(false)));
            }
            Key::Char('c') => {
                let id = self.selected.clone()?;
                if closing == Some(&id) {
                    return Some(Effect::Close(id));
                }
                self.hint = format!("c once more closes {id}");
                self.closing = Some(id);
            }
            _ => {}
        }
        None
    }

    fn press_in_answer(&mut self, key: Key) {
        let Some(id) = self.selected.clone() else { return };
        if matches!(key, Key::Tab | Key::Escape) {
            self.focus = Focus::List;
            return;
        }
        let draft = self.drafts.entry(id.clone()).or_default();
        match key {
            Key::Char(c) => draft.insert(c),
            Key::NewLine => draft.insert('\n'),
            Key::Backspace => draft.erase(),
            Key::EraseWord => draft.erase_word(),
            Key::Delete => draft.delete(),
            Key::Left => draft.left(),
            Key::Right => draft.right(),
            Key::Home => draft.home(),
            Key::End => draft.end(),
            Key::Clear => draft.clear(),
            Key::Enter if draft.text().trim().is_empty() => "there is nothing to send".clone_into(&mut self.hint),
            Key::Enter => {
                let text = draft.take();
                self.outgoing.push(id, text);
                self.outcome.clear();
                self.scroll.end();
            }
            _ => {}
        }
    }

    fn select(&mut self, by: isize) {
        let Some(last) = self.sessions.len().checked_sub(1) else { return };
        let now = self.position().unwrap_or(0);
        let then = now.saturating_add_signed(by).min(last);
        self.selected = Some(self.sessions[then].id.clone());
        self.scroll.end();
    }
}

/// Whether a session is closed.
pub(super) fn is_closed(session: &Session) -> bool {
    session.status == SessionStatus::Closed
}

#[cfg(test)]
mod tests;
