//! What is done in a conversation: write, edit, delete, receive, close, rate.

use std::sync::Arc;

use pocketping_sdk::{
    Csat, Identity, Message, MessageId, MessageKind, Metadata, Session, SessionId, SessionStatus, Timestamp,
};

use super::change::{Change, Receipt, Update};
use super::tables::{ScreenshotRequest, VisitorSignal};
use super::uploads::Upload;
use super::{Rejection, Tx};

/// How many signals of a session are kept.
const SIGNALS: usize = 1000;

/// What a message says, and who says it.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) kind: MessageKind,
    pub(crate) content: String,
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
            MessageKind::Visitor => session.unanswered = Some(true),
            MessageKind::System => {}
            _ => session.unanswered = Some(false),
        })?;
        let said = Arc::new(message.clone());
        self.tenant.message_ids.insert(message.id.clone());
        self.tenant.record_mut(id)?.messages.push(Arc::clone(&said));
        self.changes.push(Change::Said(said, session));
        Ok(message)
    }

    /// A session's message.
    pub(crate) fn message(&self, session: &SessionId, id: &MessageId) -> Result<&Arc<Message>, Rejection> {
        let messages = &self.tenant.record(session)?.messages;
        messages.iter().rev().find(|message| message.id == *id).ok_or_else(|| Rejection::MessageNotFound(id.clone()))
    }

    /// Notes that the visitor wrote or edited something: its time may be later than what the visitor has seen.
    pub(crate) fn visitor_acted(&mut self, id: &SessionId) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.shown.acted();
        Ok(())
    }

    /// The same of what the visitor's widget notes with a time of its own clock.
    pub(crate) fn visitor_acted_by_own_clock(&mut self, id: &SessionId) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.shown.acted_by_own_clock();
        Ok(())
    }

    /// Notes that all of a session is shown to its visitor.
    pub(crate) fn note_shown(&mut self, id: &SessionId) {
        self.tenant.note_shown(id, self.now);
    }

    fn change_message(
        &mut self,
        session: &SessionId,
        id: &MessageId,
        change: impl FnOnce(&mut Message, Timestamp),
    ) -> Result<Arc<Message>, Rejection> {
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
    ) -> Result<Arc<Message>, Rejection> {
        let changed = self.change_message(session, id, |message, now| {
            message.content = content;
            message.edited_at = Some(now);
        })?;
        self.changes.push(Change::Edited(Arc::clone(&changed)));
        Ok(changed)
    }

    /// Empties a message (`message.updated`); its files are gone, too. Whose it is, is the caller's check.
    pub(crate) fn delete_message(&mut self, session: &SessionId, id: &MessageId) -> Result<Arc<Message>, Rejection> {
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
        let unanswered = pocketping_sdk::is_unanswered(messages.iter().map(Arc::as_ref));
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
        let is_news = |message: &Message| {
            let known = if receipt == Receipt::Read { message.read_at } else { message.delivered_at };
            whose(&message.kind) && message.deleted_at.is_none() && known.is_none()
        };
        let messages = &self.tenant.record(session)?.messages;
        let news: Vec<MessageId> = messages
            .iter()
            .filter(|message| ids.contains(&message.id) && is_news(message))
            .map(|message| message.id.clone())
            .collect();
        if news.is_empty() {
            return Ok(0);
        }
        let mut changed = Vec::with_capacity(news.len());
        for id in &news {
            changed.push(self.change_message(session, id, |message, now| {
                // What was read was delivered.
                message.delivered_at.get_or_insert(now);
                if receipt == Receipt::Read {
                    message.read_at = Some(now);
                }
            })?);
        }
        self.changes.push(Change::Received(session.clone(), changed, receipt));
        Ok(news.len())
    }

    /// Closes a session (`message.created` for the system's word on it, then `session.closed`), and asks the visitor for a
    /// rating where the project does.
    pub(crate) fn close_session(&mut self, id: &SessionId) -> Result<Arc<Session>, Rejection> {
        let words = Words { kind: MessageKind::System, content: "Session closed".to_owned() };
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
    ) -> Result<Arc<Session>, Rejection> {
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
    pub(crate) fn announce_upload(&mut self, upload: Upload) {
        self.tenant.uploads.forget_expired(self.now);
        self.tenant.uploads.announce(upload);
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
        let signals = &mut self.tenant.record_mut(id)?.aside.signals;
        signals.push_back(signal);
        if signals.len() > SIGNALS {
            signals.pop_front();
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
    pub(crate) fn screenshot_request(&self, id: &SessionId, request: &str) -> Result<&ScreenshotRequest, Rejection> {
        let out = &self.tenant.record(id)?.aside.screenshots_out;
        let found = out.iter().find(|out| out.id == request);
        found.ok_or_else(|| Rejection::field("requestId", "is no screenshot that was asked for, or has come already"))
    }

    /// A screenshot has come: its request is over.
    pub(crate) fn end_screenshot_request(&mut self, id: &SessionId, request: &str) -> Result<(), Rejection> {
        self.tenant.record_mut(id)?.aside.screenshots_out.retain(|out| out.id != request);
        Ok(())
    }
}
