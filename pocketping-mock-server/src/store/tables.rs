//! The tables: a tenant's sessions in commit order, their messages, the webhooks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use pocketping_sdk::{AttachmentId, Message, MessageId, ProjectId, Session, SessionId, Timestamp, VisitorId, Webhook};
use serde_json::Value;

use super::uploads::Uploads;
use super::{Held, MessageQuery, Project, Rejection, Row, SessionQuery, TenantId};
use crate::sources::Ids;

/// Everything the server holds, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tenants: HashMap<TenantId, Tenant>,
}

impl Store {
    /// The tenant's tables; they come into being when they are first asked for.
    pub(crate) fn tenant(&mut self, id: &TenantId, ids: &Ids) -> &mut Tenant {
        if !self.tenants.contains_key(id) {
            let project = loop {
                let project = ProjectId::from(ids.next("proj"));
                if self.tenant_of_project(&project).is_none() {
                    break project;
                }
            };
            self.tenants.insert(Arc::clone(id), Tenant::new(project));
        }
        self.tenants.entry(Arc::clone(id)).or_insert_with(|| unreachable!("it was put there"))
    }

    /// Puts other tables in the place of a tenant's. Times go on from where they were, but for one that lay ahead of the clock:
    /// it was of what is gone now.
    pub(crate) fn replace(&mut self, id: &TenantId, mut tables: Tenant, ids: &Ids, clock: Timestamp) {
        let current = self.tenant(id, ids);
        let last = current.last_time.map(|last| last.min(clock));
        tables.last_time = tables.last_time.max(last);
        *current = tables;
    }

    /// How many sessions and messages there are.
    pub(crate) fn held(&self) -> (usize, usize) {
        let conversations = self.tenants.values().flat_map(Tenant::conversations);
        conversations.fold((0, 0), |(sessions, messages), (_, said)| (sessions + 1, messages + said.len()))
    }

    /// The tenants there are, in the order of their names.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<_> = self.tenants.keys().cloned().collect();
        tenants.sort();
        tenants
    }

    /// Whose project this is.
    pub(crate) fn tenant_of_project(&self, id: &ProjectId) -> Option<&TenantId> {
        self.tenants.iter().find(|(_, tenant)| tenant.project_by_id(id).is_ok()).map(|(id, _)| id)
    }
}

/// One tenant's tables.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    /// The first one is that of everything which names none.
    pub(super) projects: Vec<Project>,
    /// In commit order, and never removed: the position is the commit sequence.
    pub(super) sessions: Vec<Record>,
    pub(super) positions: HashMap<SessionId, usize>,
    pub(super) message_ids: HashSet<MessageId>,
    /// The positions of each visitor's sessions.
    pub(super) visitors: HashMap<VisitorId, Vec<usize>>,
    pub(super) uploads: Uploads,
    /// Whether an operator is there.
    pub(super) operator_online: bool,
    pub(super) webhooks: Arc<Vec<Webhook>>,
    /// The time of the last commit: times never go back.
    pub(super) last_time: Option<Timestamp>,
    /// How often a session or its messages became what they are.
    revision: u64,
}

/// A session and its messages, in commit order.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) session: Held<Session>,
    pub(super) messages: Vec<Held<Message>>,
    pub(super) aside: Aside,
    /// The tables' revision when it last changed, or one of its messages did.
    revision: u64,
}

/// What belongs to a session and stands in none of the contract's objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    /// Since when a rating is asked for; none when it was given.
    pub(super) rating_asked: Option<Timestamp>,
    /// Screenshots that are asked for, and not handed out yet.
    pub(super) screenshots: VecDeque<ScreenshotRequest>,
    /// Those that were handed out, and have not come yet.
    pub(super) screenshots_out: Vec<ScreenshotRequest>,
    /// Up to when the visitor is known to have been shown everything.
    pub(super) proved: Option<Timestamp>,
    /// The version that the visitor's widget said it has.
    pub(super) widget_version: Option<String>,
    /// What the visitor's page told besides messages, oldest first.
    pub(super) signals: VecDeque<VisitorSignal>,
    /// How long they are as JSON.
    pub(super) signal_bytes: usize,
}

/// A screenshot that somebody asks the visitor's browser for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScreenshotRequest {
    pub(crate) id: String,
    pub(crate) requested_by: Option<String>,
    /// Whether the visitor's conversation does not show it.
    pub(crate) silent: bool,
    /// The file it is to be, once it was announced.
    pub(crate) file: Option<AttachmentId>,
}

/// What a visitor's page told besides messages: a custom event, or an element that was picked in the inspector.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VisitorSignal {
    /// `event` or `inspector_select`.
    pub kind: String,
    /// What it carried, as it came.
    pub data: Value,
    /// When it came.
    pub at: Timestamp,
}

/// A part of a list, and where the next one starts.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<Held<T>>,
    pub(crate) next: Option<usize>,
}

impl Tenant {
    /// Tables as they are when a tenant comes into being, with the project it has.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.project().id.clone())
    }

    fn new(project: ProjectId) -> Self {
        Self {
            projects: vec![Project::new(project)],
            sessions: Vec::new(),
            positions: HashMap::new(),
            message_ids: HashSet::new(),
            visitors: HashMap::new(),
            uploads: Uploads::default(),
            operator_online: false,
            webhooks: Arc::default(),
            last_time: None,
            revision: 0,
        }
    }

    pub(super) fn record(&self, id: &SessionId) -> Result<&Record, Rejection> {
        self.positions.get(id).map(|position| &self.sessions[*position]).ok_or(Rejection::SessionNotFound)
    }

    pub(super) fn record_mut(&mut self, id: &SessionId) -> Result<&mut Record, Rejection> {
        self.positions.get(id).map(|position| &mut self.sessions[*position]).ok_or(Rejection::SessionNotFound)
    }

    pub(super) fn insert(&mut self, session: Session, messages: Vec<Held<Message>>) {
        let position = self.sessions.len();
        self.positions.insert(session.id.clone(), position);
        if let Some(visitor) = &session.visitor_id {
            self.visitors.entry(visitor.clone()).or_default().push(position);
        }
        self.revision += 1;
        let revision = self.revision;
        self.sessions.push(Record {
            session: Arc::new(Row::new(session)),
            messages,
            aside: Aside::default(),
            revision,
        });
    }

    /// The session, to be changed for all to see.
    pub(super) fn session_mut(&mut self, id: &SessionId) -> Result<&mut Held<Session>, Rejection> {
        self.revision += 1;
        let revision = self.revision;
        let record = self.record_mut(id)?;
        record.revision = revision;
        Ok(&mut record.session)
    }

    /// Counts on with every session that changes, itself or its messages.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The sessions that have changed since that revision, oldest first, each with its own and its messages.
    pub(crate) fn changed_since(&self, revision: u64) -> impl Iterator<Item = (&Held<Session>, u64, &[Held<Message>])> {
        let changed = self.sessions.iter().filter(move |record| record.revision > revision);
        changed.map(|record| (&record.session, record.revision, record.messages.as_slice()))
    }

    pub(crate) fn session(&self, id: &SessionId) -> Result<&Held<Session>, Rejection> {
        self.record(id).map(|record| &record.session)
    }

    /// Whether a visitor of this id was here.
    pub(crate) fn knows(&self, visitor: &VisitorId) -> bool {
        self.visitors.contains_key(visitor)
    }

    /// A visitor's session in a project: the one with this id, else the one that was last active.
    pub(crate) fn session_of(
        &self,
        project: &ProjectId,
        id: Option<&SessionId>,
        visitor: &VisitorId,
    ) -> Option<&Held<Session>> {
        let is_here = |session: &&Held<Session>| session.project_id.as_ref() == Some(project);
        let named = id.and_then(|id| self.session(id).ok()).filter(is_here);
        named.or_else(|| {
            let positions = self.visitors.get(visitor)?;
            let theirs = positions.iter().map(|position| &self.sessions[*position].session).filter(is_here);
            theirs.max_by_key(|session| session.last_activity)
        })
    }

    /// A session that a widget of this project may reach.
    pub(crate) fn session_in(&self, project: &ProjectId, id: &SessionId) -> Result<&Held<Session>, Rejection> {
        let session = self.session(id)?;
        if session.project_id.as_ref() == Some(project) { Ok(session) } else { Err(Rejection::SessionNotFound) }
    }

    /// The project of everything that names none.
    pub(crate) fn project(&self) -> &Project {
        &self.projects[0]
    }

    pub(crate) fn projects(&self) -> &[Project] {
        &self.projects
    }

    pub(crate) fn project_by_id(&self, id: &ProjectId) -> Result<&Project, Rejection> {
        self.projects.iter().find(|project| project.id == *id).ok_or(Rejection::ProjectNotFound)
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    pub(crate) fn operator_online(&self) -> bool {
        self.operator_online
    }

    /// Since when the visitor is asked for a rating.
    pub(crate) fn rating_asked(&self, id: &SessionId) -> Option<Timestamp> {
        self.record(id).ok()?.aside.rating_asked
    }

    /// Whether a screenshot is asked for and not handed out yet.
    pub(crate) fn asks_for_screenshots(&self, id: &SessionId) -> bool {
        self.record(id).is_ok_and(|record| !record.aside.screenshots.is_empty())
    }

    /// The version of the widget that last connected.
    pub(crate) fn widget_version(&self, id: &SessionId) -> Option<&str> {
        self.record(id).ok()?.aside.widget_version.as_deref()
    }

    /// Hands out the screenshots that are asked for: each once.
    pub(crate) fn hand_out_screenshots(&mut self, id: &SessionId) -> Vec<ScreenshotRequest> {
        let Ok(record) = self.record_mut(id) else { return Vec::new() };
        let out: Vec<_> = record.aside.screenshots.drain(..).collect();
        record.aside.screenshots_out.extend(out.iter().cloned());
        out
    }

    /// Notes that a screenshot was asked for where the visitor's browser heard it.
    pub(crate) fn hand_out_screenshot(&mut self, id: &SessionId, request: &str) {
        let Ok(record) = self.record_mut(id) else { return };
        if let Some(position) = record.aside.screenshots.iter().position(|asked| asked.id == request) {
            record.aside.screenshots_out.extend(record.aside.screenshots.remove(position));
        }
    }

    /// What the visitor's page told besides messages.
    pub(crate) fn signals(&self, id: &SessionId) -> Vec<VisitorSignal> {
        self.record(id).map_or_else(|_| Vec::new(), |record| record.aside.signals.iter().cloned().collect())
    }

    /// All of a session's messages, oldest first.
    pub(crate) fn conversation(&self, id: &SessionId) -> Result<&[Held<Message>], Rejection> {
        self.record(id).map(|record| record.messages.as_slice())
    }

    /// What time it is here, where times never go back, whatever the clock does.
    pub(crate) fn time(&self, clock: Timestamp) -> Timestamp {
        self.last_time.map_or(clock, |last| last.max(clock))
    }

    /// All sessions, oldest first, each with its messages.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = (&Held<Session>, &[Held<Message>])> {
        self.sessions.iter().map(|record| (&record.session, record.messages.as_slice()))
    }

    pub(crate) fn sessions_held(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn webhooks(&self) -> &Arc<Vec<Webhook>> {
        &self.webhooks
    }

    /// The sessions before position `end`, newest first: at most `query.limit` that the filter takes, looking at no
    /// more than `most_seen`, so that a long list need not be made under one lock.
    ///
    /// A position is a commit sequence, which never changes: paging skips and repeats nothing.
    pub(crate) fn sessions_before(&self, end: Option<usize>, query: &SessionQuery, most_seen: usize) -> Page<Session> {
        let end = end.unwrap_or(self.sessions.len()).min(self.sessions.len());
        let reads_messages = query.reads_messages || query.filter.text.is_some();
        let mut items = Vec::with_capacity(end.min(most_seen).min(query.limit.unwrap_or(usize::MAX)));
        let mut seen = 0;
        for position in (0..end).rev() {
            if seen >= most_seen || items.len() == query.limit.unwrap_or(usize::MAX) {
                return Page { items, next: Some(position + 1) };
            }
            let record = &self.sessions[position];
            seen += 1 + if reads_messages { record.messages.len() } else { 0 };
            if query.filter.accepts_with(&record.session, &record.messages.iter().map(|message| &***message)) {
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
            if query.since.is_some_and(|since| changed(message).is_some_and(|at| at < since)) {
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

/// When a message became what it is.
pub(super) fn changed(message: &Message) -> Option<Timestamp> {
    message.updated_at.or(message.created_at)
}
