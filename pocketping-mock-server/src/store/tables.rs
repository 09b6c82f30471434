//! The tables: a tenant's sessions in commit order, their messages, the webhooks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pocketping_sdk::{Message, MessageId, ProjectId, Session, SessionId, Timestamp, VisitorId, Webhook};

use super::{MessageQuery, Rejection, SessionQuery, TenantId};
use crate::sources::Ids;

/// Everything the server holds, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tenants: HashMap<TenantId, Tenant>,
}

impl Store {
    /// The tenant's tables; they come into being when they are first asked for.
    pub(crate) fn tenant(&mut self, id: &TenantId, ids: &Ids) -> &mut Tenant {
        self.tenants.entry(Arc::clone(id)).or_insert_with(|| Tenant::new(ids.next("proj").into()))
    }
}

/// One tenant's tables.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(super) project: ProjectId,
    /// In commit order, and never removed: the position is the commit sequence.
    pub(super) sessions: Vec<Record>,
    pub(super) positions: HashMap<SessionId, usize>,
    pub(super) message_ids: HashSet<MessageId>,
    pub(super) visitor_ids: HashSet<VisitorId>,
    pub(super) webhooks: Vec<Webhook>,
    /// The time of the last commit: times never go back.
    pub(super) last_time: Option<Timestamp>,
}

/// A session and its messages, in commit order.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) session: Arc<Session>,
    pub(super) messages: Vec<Arc<Message>>,
}

/// A part of a list, and where the next one starts.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<Arc<T>>,
    pub(crate) next: Option<usize>,
}

impl Tenant {
    fn new(project: ProjectId) -> Self {
        Self {
            project,
            sessions: Vec::new(),
            positions: HashMap::new(),
            message_ids: HashSet::new(),
            visitor_ids: HashSet::new(),
            webhooks: Vec::new(),
            last_time: None,
        }
    }

    pub(super) fn record(&self, id: &SessionId) -> Result<&Record, Rejection> {
        self.positions.get(id).map(|position| &self.sessions[*position]).ok_or(Rejection::SessionNotFound)
    }

    pub(super) fn record_mut(&mut self, id: &SessionId) -> Result<&mut Record, Rejection> {
        self.positions.get(id).map(|position| &mut self.sessions[*position]).ok_or(Rejection::SessionNotFound)
    }

    pub(super) fn insert(&mut self, session: Session, messages: Vec<Arc<Message>>) {
        self.positions.insert(session.id.clone(), self.sessions.len());
        self.visitor_ids.extend(session.visitor_id.clone());
        self.sessions.push(Record { session: Arc::new(session), messages });
    }

    pub(crate) fn session(&self, id: &SessionId) -> Result<&Arc<Session>, Rejection> {
        self.record(id).map(|record| &record.session)
    }

    pub(crate) fn sessions_held(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn webhooks(&self) -> &[Webhook] {
        &self.webhooks
    }

    /// The sessions before position `end`, newest first: at most `query.limit` that the filter takes, looking at no
    /// more than `most_seen`, so that a long list need not be made under one lock.
    ///
    /// A position is a commit sequence, which never changes: paging skips and repeats nothing.
    pub(crate) fn sessions_before(&self, end: Option<usize>, query: &SessionQuery, most_seen: usize) -> Page<Session> {
        let end = end.unwrap_or(self.sessions.len()).min(self.sessions.len());
        let mut items = Vec::new();
        let mut seen = 0;
        for position in (0..end).rev() {
            if seen >= most_seen || items.len() == query.limit.unwrap_or(usize::MAX) {
                return Page { items, next: Some(position + 1) };
            }
            let record = &self.sessions[position];
            seen += 1 + if query.filter.text.is_some() { record.messages.len() } else { 0 };
            if query.filter.accepts_with(&record.session, &record.messages.iter().map(Arc::as_ref)) {
                items.push(Arc::clone(&record.session));
            }
        }
        Page { items, next: None }
    }

    /// The session's messages, oldest first.
    pub(crate) fn messages(&self, id: &SessionId, query: &MessageQuery) -> Result<Page<Message>, Rejection> {
        let messages = &self.record(id)?.messages;
        if query.cursor.is_some_and(|cursor| cursor > messages.len()) {
            return Err(MessageQuery::unknown_cursor());
        }
        let mut items = Vec::new();
        for (position, message) in messages.iter().enumerate().skip(query.cursor.unwrap_or(0)) {
            let changed = message.updated_at.or(message.created_at);
            if query.since.is_some_and(|since| changed.is_some_and(|at| at < since)) {
                continue;
            }
            if items.len() == query.limit.unwrap_or(usize::MAX) {
                return Ok(Page { items, next: Some(position) });
            }
            items.push(Arc::clone(message));
        }
        Ok(Page { items, next: None })
    }
}
