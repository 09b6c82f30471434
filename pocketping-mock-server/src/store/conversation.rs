//! What is done in a conversation: write, edit, delete, receive, close, rate.

use std::collections::HashSet;
use std::sync::Arc;

use pocketping_sdk::{
    Csat, Identity, Message, MessageId, MessageKind, Metadata, Session, SessionId, SessionStatus, Timestamp,
};

use super::change::{Change, Receipt, Update};
use super::tables::{ScreenshotRequest, VisitorSignal};
use super::uploads::Upload;
use super::{Held, Rejection, Row, Tx};

/// How many signals of a session are kept, and how many bytes of them, as JSON.
const SIGNALS: usize = 1000;
const SIGNAL_BYTES: usize = 1 << 20;

/// What a message says, who says it, and whether that wants an answer.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    kind: MessageKind,
    content: String,
    wants_answer: bool,
}

impl Words {
    /// A visitor's want an answer.
    pub(crate) fn new(kind: MessageKind, content: String) -> Self {
        Self { wants_answer: kind == MessageKind::Visitor, kind, content }
    }

    /// What a visitor only sends because it was asked for.
    pub(crate) fn asked_for(mut self) -> Self {
        self.wants_answer = false;
        self
    }
}

impl Tx<'_> {
    /// Adds a message (`message.created`), after `fill` gave it what is besides its words. Whether the session is open is
    /// the caller's check.
    pub(crate) fn add_message(
        &mut self,
        id: &SessionId,
        words: Words,
        fill: impl FnOnce(&mut Message),
    ) -> Result<Message, Rejection> {
        self.tenant.record(id)?;
        let mut message = Message::new(self.unused("msg", |tenant, id| tenant.message_ids.contains(id)));
        message.session_id = Some(id.clone());
        message.content = words.content;
        message.created_at = Some(self.now);
        message.kind = words.kind;
        fill(&mut message);
        let kind = message.kind.clone();
        let session = self.change_session(id, |session, _| match kind {
            MessageKind::Visitor if words.wants_answer => session.unanswered = Some(true),
            MessageKind::Visitor | MessageKind::System => {}
            _ => session.unanswered = Some(false),
        })?;
        let said = Arc::new(Row::new(message.clone()));
        self.tenant.message_ids.insert(message.id.clone());
        self.tenant.record_mut(id)?.messages.push(Arc::clone(&said));
        self.changes.push(Change::Said(said, session));
        Ok(message)
    }

    /// A session's message.
    pub(crate) fn message(&self, session: &SessionId, id: &MessageId) -> Result<&Held<Message>, Rejection> {
        let messages = &self.tenant.record(session)?.messages;
        messages.iter().rev().find(|message| message.id == *id).ok_or_else(|| Rejection::MessageNotFound(id.clone()))
    }

    /// The visitor is here, whatever was said before: browsers say goodbye too early (`session.updated` when that is news).
    pub(crate) fn visitor_is_here(&mut self, id: &SessionId) -> Result<(), Rejection> {
        if self.tenant.session(id)?.visitor_online == Some(false) {
            self.update_session(id, Update::Returned, |session, _| session.visitor_online = Some(true))?;
        }
        Ok(())
    }

    /// Takes what a poll says it knows as a proof of what was shown.
    pub(crate) fn note_known(&mut self, id: &SessionId, after: &str) -> Result<(), Rejection> {
        self.tenant.note_known(id, after)
    }

    /// Notes that a connecting visitor is shown the last messages.
    pub(crate) fn note_connected(&mut self, id: &SessionId) -> Result<(), Rejection> {
        self.tenant.note_connected(id, self.now)
    }

    fn change_message(
        &mut self,
        session: &SessionId,
        id: &MessageId,
        change: impl FnOnce(&mut Message, Timestamp),
    ) -> Result<Held<Message>, Rejection> {
        let now = self.now;
        let messages = &mut self.tenant.record_mut(session)?.messages;
        let message = messages.iter_mut().rev().find(|message| message.id == *id);
        let message = message.ok_or_else(|| Rejection::MessageNotFound(id.clone()))?;
        let changed = Arc::make_mut(message);
        change(changed, now);
        changed.updated_at = Some(now);
        let changed = Arc::clone(message);
        self.change_session(session, |_, _| {})?;
        Ok(changed)
    }

    /// Gives a message another text (`message.updated`). Whose it is, is the caller's check.
    pub(crate) fn edit_message(
        &mut self,
        session: &SessionId,
        id: &MessageId,
        content: String,
    ) -> Result<Held<Message>, Rejection> {
        let changed = self.change_message(session, id, |message, now| {
            message.content = content;
            message.edited_at = Some(now);
        })?;
        self.changes.push(Change::Edited(Arc::clone(&changed)));
        Ok(changed)
    }

    /// Empties a message (`message.updated`); its files are gone, too. Whose it is, is the caller's check.
    pub(crate) fn delete_message(&mut self, session: &SessionId, id: &MessageId) -> Result<Held<Message>, Rejection> {
        let mut files = Vec::new();
        let changed = self.change_message(session, id, |message, now| {
            message.content.clear();
            files.extend(message.attachments.take().into_iter().flatten().map(|file| file.id));
            message.deleted_at = Some(now);
        })?;
        for file in files {
            self.tenant.uploads.remove(&file);
        }
        let messages = &self.tenant.record(session)?.messages;
        let unanswered = pocketping_sdk::is_unanswered(messages.iter().map(|message| &***message));
        let session = self.change_session(session, |session, _| session.unanswered = Some(unanswered))?;
        self.changes.push(Change::Deleted(Arc::clone(&changed), session));
        Ok(changed)
    }

    /// Notes that messages were delivered or read (`message.updated` for each), as far as that is news. Which of them
    /// `whose` takes can be received. Gives how many it was news of.
    pub(crate) fn receive_messages(
        &mut self,
        session: &SessionId,
        ids: &[MessageId],
        receipt: Receipt,
        whose: impl Fn(&MessageKind) -> bool,
    ) -> Result<usize, Rejection> {
        let now = self.now;
        let ids: HashSet<&MessageId> = ids.iter().collect();
        let is_news = |message: &Message| {
            let known = if receipt == Receipt::Read { message.read_at } else { message.delivered_at };
            ids.contains(&message.id) && whose(&message.kind) && message.deleted_at.is_none() && known.is_none()
        };
        let messages = &mut self.tenant.record_mut(session)?.messages;
        let changed: Vec<_> = messages
            .iter_mut()
            .filter(|message| is_news(message))
            .map(|message| {
                let changed = Arc::make_mut(message);
                // What was read was delivered.
                changed.delivered_at.get_or_insert(now);
                if receipt == Receipt::Read {
                    changed.read_at = Some(now);
                }
                changed.updated_at = Some(now);
                Arc::clone(message)
            })
            .collect();
        let count = changed.len();
        if count > 0 {
            self.change_session(session, |_, _| {})?;
            self.changes.push(Change::Received(session.clone(), changed, receipt));
        }
        Ok(count)
    }

    /// Closes a session (`message.created` for the system's word on it, then `session.closed`), and asks the visitor for a
    /// rating where the project does.
    pub(crate) fn close_session(&mut self, id: &SessionId) -> Result<Held<Session>, Rejection> {
        let words = Words::new(MessageKind::System, "Session closed".to_owned());
        self.add_message(id, words, |_| {})?;
        let session = self.change_session(id, |session, now| {
            session.status = SessionStatus::Closed;
            session.closed_at = Some(now);
        })?;
        self.changes.push(Change::Closed(Arc::clone(&session)));
        let project = session.project_id.as_ref().and_then(|id| self.tenant.project_by_id(id).ok());
        if project.is_some_and(|project| project.settings.asks_for_rating()) {
            self.ask_for_rating(id)?;
        }
        Ok(session)
    }

    /// Asks the visitor for a rating, unless one was given. Gives whether it was asked.
    pub(crate) fn ask_for_rating(&mut self, id: &SessionId) -> Result<bool, Rejection> {
        let record = self.tenant.record_mut(id)?;
        if record.session.csat.is_some() {
            return Ok(false);
        }
        let asked = *record.aside.rating_asked.get_or_insert(self.now);
        self.changes.push(Change::RatingAsked(id.clone(), asked));
        Ok(true)
    }

    /// Keeps a rating (`session.updated`); the first one counts. Gives whether it is the first.
    pub(crate) fn rate_session(
        &mut self,
        id: &SessionId,
        score: i64,
        comment: Option<String>,
    ) -> Result<bool, Rejection> {
        if self.tenant.session(id)?.csat.is_some() {
            return Ok(false);
        }
        self.tenant.record_mut(id)?.aside.rating_asked = None;
        self.update_session(id, Update::Rated, |session, now| {
            let mut csat = Csat::new();
            csat.score = Some(score);
            csat.comment = comment;
            csat.at = Some(now);
            session.csat = Some(csat);
        })?;
        Ok(true)
    }

    /// A visitor comes back (`session.updated`).
    pub(crate) fn return_visitor(
        &mut self,
        id: &SessionId,
        metadata: Metadata,
        identity: Option<Identity>,
    ) -> Result<Held<Session>, Rejection> {
        self.update_session(id, Update::Returned, |session, _| {
            session.metadata = metadata;
            session.identity = identity;
            session.visitor_online = Some(true);
        })
    }

    /// Keeps which version the visitor's widget said it has.
    pub(crate) fn set_widget_version(&mut self, id: &SessionId, version: Option<String>) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.widget_version = version;
        Ok(())
    }

    /// A file that a visitor announces.
    pub(crate) fn announce_upload(&mut self, upload: Upload) -> Result<(), Rejection> {
        self.tenant.uploads.forget_expired(self.now);
        self.tenant.uploads.announce(upload)
    }

    /// The uploads, to be changed.
    pub(crate) fn uploads_mut(&mut self) -> &mut super::uploads::Uploads {
        &mut self.tenant.uploads
    }

    /// Says whether an operator is there.
    pub(crate) fn set_operator_online(&mut self, online: bool) {
        if std::mem::replace(&mut self.tenant.operator_online, online) != online {
            self.changes.push(Change::OperatorOnline(online));
        }
    }

    /// Tells what leaves no trace in the tables.
    pub(crate) fn tell(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Keeps what a visitor's page told besides messages.
    pub(crate) fn add_signal(&mut self, id: &SessionId, signal: VisitorSignal) -> Result<(), Rejection> {
        let bytes = |signal: &VisitorSignal| signal.data.to_string().len();
        let aside = &mut self.tenant.record_mut(id)?.aside;
        aside.signal_bytes += bytes(&signal);
        aside.signals.push_back(signal);
        while aside.signals.len() > SIGNALS || aside.signal_bytes > SIGNAL_BYTES {
            let Some(oldest) = aside.signals.pop_front() else { break };
            aside.signal_bytes -= bytes(&oldest);
        }
        Ok(())
    }

    /// Asks the visitor's browser for a screenshot.
    pub(crate) fn request_screenshot(&mut self, id: &SessionId, request: ScreenshotRequest) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.screenshots.push_back(request.clone());
        self.changes.push(Change::ScreenshotAsked(id.clone(), request));
        Ok(())
    }

    /// Hands out the screenshots that are asked for: each once.
    pub(crate) fn take_screenshot_requests(&mut self, id: &SessionId) -> Result<Vec<ScreenshotRequest>, Rejection> {
        self.tenant.record(id)?;
        Ok(self.tenant.hand_out_screenshots(id))
    }

    /// A screenshot that was handed out and has not come yet, by its request.
    pub(crate) fn screenshot_request(
        &mut self,
        id: &SessionId,
        request: &str,
    ) -> Result<&mut ScreenshotRequest, Rejection> {
        let out = &mut self.tenant.record_mut(id)?.aside.screenshots_out;
        let found = out.iter_mut().find(|out| out.id == request);
        found.ok_or_else(|| Rejection::field("requestId", "is no screenshot that was asked for, or has come already"))
    }

    /// A screenshot has come: its request is over.
    pub(crate) fn end_screenshot_request(&mut self, id: &SessionId, request: &str) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.screenshots_out.retain(|out| out.id != request);
        Ok(())
    }
}
