//! `Tx`: the only way to change the tables. Check, then change: there is no rollback.

use std::sync::Arc;

use pocketping_sdk::{
    EventData, EventKind, Message, MessageKind, Metadata, Session, SessionId, SessionStatus, Timestamp, VisitorId,
    Webhook, WebhookId,
};
use serde_json::Value;

use super::{Rejection, Tenant, rules};
use crate::sources::Ids;

/// A change to one tenant's tables, at one time. What it emits is published when it succeeds.
#[derive(Debug)]
pub(crate) struct Tx<'a> {
    tenant: &'a mut Tenant,
    ids: &'a Ids,
    now: Timestamp,
    events: Vec<EventData>,
}

/// How a visitor comes to the website.
///
/// ```
/// use pocketping_mock_server::{MockServer, Visit};
///
/// let server = MockServer::start();
/// let session = server.visitor_opens_session(Visit::new().page_url("https://example.com/pricing"));
/// assert_eq!(session.metadata.page_url.as_deref(), Some("https://example.com/pricing"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Visit {
    visitor_id: Option<VisitorId>,
    metadata: Metadata,
}

impl Visit {
    /// A new visitor on no page in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Comes back as a visitor who was here before.
    pub fn visitor(mut self, id: impl Into<VisitorId>) -> Self {
        self.visitor_id = Some(id.into());
        self
    }

    /// The page the visitor is on.
    pub fn page_url(mut self, url: impl Into<String>) -> Self {
        self.metadata.page_url = Some(url.into());
        self
    }

    /// The visitor's browser.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.metadata.user_agent = Some(user_agent.into());
        self
    }

    /// Anything else about the visit, as a field of the session's `metadata`.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.extra.insert(key.into(), value.into());
        self
    }
}

impl<'a> Tx<'a> {
    /// Begins a change. Times never go back, whatever the clock does.
    pub(crate) fn begin(tenant: &'a mut Tenant, ids: &'a Ids, clock: Timestamp) -> Self {
        let now = tenant.last_time.map_or(clock, |last| last.max(clock));
        Self { tenant, ids, now, events: Vec::new() }
    }

    /// Ends a change that succeeded: its time, and what it emits.
    pub(crate) fn commit(self) -> (Timestamp, Vec<EventData>) {
        self.tenant.last_time = Some(self.now);
        (self.now, self.events)
    }

    pub(crate) fn session(&self, id: &SessionId) -> Result<&Arc<Session>, Rejection> {
        self.tenant.session(id)
    }

    /// Changes a session. Whatever emits an event of a session is its last activity.
    pub(crate) fn change_session(
        &mut self,
        id: &SessionId,
        change: impl FnOnce(&mut Session, Timestamp),
    ) -> Result<Arc<Session>, Rejection> {
        let now = self.now;
        let record = self.tenant.record_mut(id)?;
        let session = Arc::make_mut(&mut record.session);
        change(session, now);
        session.last_activity = Some(now);
        Ok(Arc::clone(&record.session))
    }

    /// Changes a session and says so (`session.updated`).
    pub(crate) fn update_session(
        &mut self,
        id: &SessionId,
        change: impl FnOnce(&mut Session, Timestamp),
    ) -> Result<Arc<Session>, Rejection> {
        let session = self.change_session(id, change)?;
        self.events.push(EventData::SessionUpdated(Box::new((*session).clone())));
        Ok(session)
    }

    /// Opens a session for a visitor (`session.created`).
    pub(crate) fn open_session(&mut self, visit: Visit) -> Result<Session, Rejection> {
        rules::metadata(&visit.metadata)?;
        let mut session = Session::new(self.unused("sess", |tenant, id| tenant.positions.contains_key(id)));
        session.visitor_id = Some(
            visit.visitor_id.unwrap_or_else(|| self.unused("vis", |tenant, id| tenant.visitor_ids.contains(id)).into()),
        );
        session.project_id = Some(self.tenant.project.clone());
        session.status = SessionStatus::Active;
        session.created_at = Some(self.now);
        session.last_activity = Some(self.now);
        session.metadata = visit.metadata;
        session.ai_enabled = Some(true);
        session.unanswered = Some(false);
        self.tenant.insert(session.clone(), Vec::new());
        self.events.push(EventData::SessionCreated(Box::new(session.clone())));
        Ok(session)
    }

    /// Adds a message (`message.created`). Whether the session is open is the caller's check.
    pub(crate) fn add_message(
        &mut self,
        id: &SessionId,
        kind: MessageKind,
        content: String,
    ) -> Result<Message, Rejection> {
        self.tenant.record(id)?;
        let mut message = Message::new(self.unused("msg", |tenant, id| tenant.message_ids.contains(id)));
        message.session_id = Some(id.clone());
        message.content = content;
        message.created_at = Some(self.now);
        self.change_session(id, |session, _| match kind {
            MessageKind::Visitor => session.unanswered = Some(true),
            MessageKind::System => {}
            _ => session.unanswered = Some(false),
        })?;
        message.kind = kind;
        self.tenant.message_ids.insert(message.id.clone());
        self.tenant.record_mut(id)?.messages.push(Arc::new(message.clone()));
        self.events.push(EventData::MessageCreated(Box::new(message.clone())));
        Ok(message)
    }

    /// Opens a closed session again, because its visitor wrote.
    pub(crate) fn reopen_session(&mut self, id: &SessionId) -> Result<(), Rejection> {
        self.update_session(id, |session, _| {
            session.status = SessionStatus::Active;
            session.closed_at = None;
        })?;
        Ok(())
    }

    /// Closes a session (`message.created` for the system's word on it, then `session.closed`).
    pub(crate) fn close_session(&mut self, id: &SessionId) -> Result<Arc<Session>, Rejection> {
        self.add_message(id, MessageKind::System, "Session closed".to_owned())?;
        let session = self.change_session(id, |session, now| {
            session.status = SessionStatus::Closed;
            session.closed_at = Some(now);
        })?;
        self.events.push(EventData::SessionClosed(id.clone()));
        Ok(session)
    }

    /// Registers a webhook, or replaces the events (and the secret, when one is given) of the one with this URL. The
    /// secret is told when it is new.
    pub(crate) fn put_webhook(&mut self, url: &str, events: Vec<EventKind>, secret: Option<String>) -> Webhook {
        let events = deduplicated(events);
        if let Some(webhook) = self.tenant.webhooks.iter_mut().find(|webhook| webhook.url == url) {
            webhook.events = events;
            let mut told = webhook.clone();
            told.secret.clone_from(&secret);
            webhook.secret = secret.or(webhook.secret.take());
            return told;
        }
        let mut webhook = Webhook::new(url, events);
        webhook.id = Some(self.ids.next("wh").into());
        webhook.created_at = Some(self.now);
        webhook.secret = secret.or_else(|| Some(self.ids.secret("whsec")));
        self.tenant.webhooks.push(webhook.clone());
        webhook
    }

    /// Takes a webhook away.
    pub(crate) fn remove_webhook(&mut self, id: &WebhookId) -> Result<(), Rejection> {
        let position = self.tenant.webhooks.iter().position(|webhook| webhook.id.as_ref() == Some(id));
        let position = position.ok_or_else(|| Rejection::WebhookNotFound(id.clone()))?;
        self.tenant.webhooks.remove(position);
        Ok(())
    }

    /// A new id nobody has: a seed may have taken the next one.
    pub(super) fn unused(&self, prefix: &'static str, is_taken: impl Fn(&Tenant, &str) -> bool) -> String {
        loop {
            let id = self.ids.next(prefix);
            if !is_taken(self.tenant, &id) {
                return id;
            }
        }
    }

    /// Puts seeded sessions and webhooks into empty tables; nothing is emitted.
    pub(super) fn insert(&mut self, session: Session, messages: Vec<Message>) {
        for time in [session.last_activity, session.created_at, session.closed_at]
            .into_iter()
            .chain(messages.iter().map(|message| message.created_at))
        {
            self.now = time.map_or(self.now, |time| time.max(self.now));
        }
        self.tenant.message_ids.extend(messages.iter().map(|message| message.id.clone()));
        self.tenant.insert(session, messages.into_iter().map(Arc::new).collect());
    }

    pub(super) fn project(&self) -> &pocketping_sdk::ProjectId {
        &self.tenant.project
    }

    pub(super) fn time(&self) -> Timestamp {
        self.now
    }
}

fn deduplicated(events: Vec<EventKind>) -> Vec<EventKind> {
    let mut kept = Vec::with_capacity(events.len());
    for event in events {
        if !kept.contains(&event) {
            kept.push(event);
        }
    }
    kept
}
