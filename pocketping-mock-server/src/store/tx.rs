//! `Tx`: the only way to change the tables. Check, then change: there is no rollback.

use std::sync::Arc;

use pocketping_sdk::{
    EventKind, Message, ProjectId, Session, SessionId, SessionStatus, Timestamp, VisitorId, Webhook, WebhookId,
};

use super::change::{Change, Update};
use super::{Held, Project, Rejection, Row, Tenant, Visit, rules};
use crate::sources::Ids;

/// A change to one tenant's tables, at one time. What it emits is published when it succeeds.
#[derive(Debug)]
pub(crate) struct Tx<'a> {
    pub(super) tenant: &'a mut Tenant,
    pub(super) ids: &'a Ids,
    pub(super) now: Timestamp,
    pub(super) changes: Vec<Change>,
}

impl<'a> Tx<'a> {
    /// Begins a change.
    pub(crate) fn begin(tenant: &'a mut Tenant, ids: &'a Ids, clock: Timestamp) -> Self {
        let now = tenant.time(clock);
        Self { tenant, ids, now, changes: Vec::new() }
    }

    /// Ends a change that succeeded: its time, and what it tells.
    pub(crate) fn commit(self) -> (Timestamp, Vec<Change>) {
        self.tenant.last_time = Some(self.now);
        (self.now, self.changes)
    }

    /// The time of this change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn ids(&self) -> &Ids {
        self.ids
    }

    /// The tables as they are.
    pub(crate) fn tables(&self) -> &Tenant {
        self.tenant
    }

    pub(crate) fn session(&self, id: &SessionId) -> Result<&Held<Session>, Rejection> {
        self.tenant.session(id)
    }

    /// Changes a session. Whatever emits an event of a session is its last activity.
    pub(crate) fn change_session(
        &mut self,
        id: &SessionId,
        change: impl FnOnce(&mut Session, Timestamp),
    ) -> Result<Held<Session>, Rejection> {
        let now = self.now;
        let shared = self.tenant.session_mut(id)?;
        let session = Arc::make_mut(shared);
        change(session, now);
        session.last_activity = Some(now);
        Ok(Arc::clone(shared))
    }

    /// Changes a session and says so (`session.updated`).
    pub(crate) fn update_session(
        &mut self,
        id: &SessionId,
        update: Update,
        change: impl FnOnce(&mut Session, Timestamp),
    ) -> Result<Held<Session>, Rejection> {
        let session = self.change_session(id, change)?;
        self.changes.push(Change::Updated(Arc::clone(&session), update));
        Ok(session)
    }

    /// Opens a session for a visitor (`session.created`).
    pub(crate) fn open_session(&mut self, visit: Visit) -> Result<Session, Rejection> {
        rules::metadata(&visit.metadata)?;
        let mut session = Session::new(self.unused("sess", |tenant, id| tenant.positions.contains_key(id)));
        session.visitor_id = Some(visit.visitor_id.unwrap_or_else(|| self.new_visitor_id()));
        session.project_id = Some(visit.project_id.unwrap_or_else(|| self.tenant.project().id.clone()));
        session.status = SessionStatus::Active;
        session.created_at = Some(self.now);
        session.last_activity = Some(self.now);
        session.metadata = visit.metadata;
        session.identity = visit.identity;
        session.ai_enabled = Some(true);
        session.unanswered = Some(false);
        session.visitor_online = visit.is_online;
        self.tenant.insert(session.clone(), Vec::new());
        self.changes.push(Change::Opened(Arc::new(Row::new(session.clone()))));
        Ok(session)
    }

    /// Opens a closed session again, because its visitor wrote.
    pub(crate) fn reopen_session(&mut self, id: &SessionId) -> Result<(), Rejection> {
        self.update_session(id, Update::Reopened, |session, _| {
            session.status = SessionStatus::Active;
            session.closed_at = None;
        })?;
        Ok(())
    }

    /// Registers a webhook, or replaces the events (and the secret, when one is given) of the one with this URL. The
    /// secret is told when it is new.
    pub(crate) fn put_webhook(&mut self, url: &str, events: Vec<EventKind>, secret: Option<String>) -> Webhook {
        let events = deduplicated(events);
        if let Some(webhook) = Arc::make_mut(&mut self.tenant.webhooks).iter_mut().find(|webhook| webhook.url == url) {
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
        Arc::make_mut(&mut self.tenant.webhooks).push(webhook.clone());
        webhook
    }

    /// Takes a webhook away.
    pub(crate) fn remove_webhook(&mut self, id: &WebhookId) -> Result<(), Rejection> {
        let position = self.tenant.webhooks.iter().position(|webhook| webhook.id.as_ref() == Some(id));
        let position = position.ok_or_else(|| Rejection::WebhookNotFound(id.clone()))?;
        Arc::make_mut(&mut self.tenant.webhooks).remove(position);
        Ok(())
    }

    /// The id of a visitor who was never here.
    pub(crate) fn new_visitor_id(&self) -> VisitorId {
        self.unused("vis", |tenant, id| tenant.visitors.contains_key(id)).into()
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
        self.tenant.insert(session, messages.into_iter().map(|message| Arc::new(Row::new(message))).collect());
    }

    /// Replaces the projects by those that a seed names, if it names any.
    pub(super) fn set_projects(&mut self, projects: Vec<Project>) {
        if !projects.is_empty() {
            self.tenant.projects = projects;
        }
    }

    /// Changes a project.
    pub(crate) fn project_mut(&mut self, id: &ProjectId) -> Result<&mut Project, Rejection> {
        self.tenant.projects.iter_mut().find(|project| project.id == *id).ok_or(Rejection::ProjectNotFound)
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
