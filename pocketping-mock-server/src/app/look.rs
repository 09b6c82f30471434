//! What is new since somebody looked, all of one moment.

use std::sync::Arc;

use pocketping_sdk::{Event, Message, ProjectId, Session, SessionId};

use super::{App, State, decode};
use crate::store::{Held, TenantId};

/// How many events are told at once.
const EVENTS: usize = 100;

/// Up to where somebody has seen a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Of which start of the server, and of the tenant.
    pub(crate) epoch: String,
    pub(crate) revision: u64,
    pub(crate) event: u64,
}

/// A session's messages, and its revision.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) session: SessionId,
    pub(crate) revision: u64,
    pub(crate) messages: Vec<Held<Message>>,
}

/// What is new, and what is small enough to be told every time.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) seen: Seen,
    /// Whether it is all there is, and nothing of what was seen before.
    pub(crate) is_whole: bool,
    /// The sessions that are not what they were, oldest first, each with its last message.
    pub(crate) sessions: Vec<(Held<Session>, Option<Held<Message>>)>,
    /// The new events, oldest first.
    pub(crate) events: Vec<Event>,
    pub(crate) conversation: Option<Conversation>,
    pub(crate) projects: Vec<ProjectId>,
    pub(crate) snapshots: Vec<String>,
    pub(crate) operator_online: bool,
}

impl App {
    /// Looks at what a tenant has that was not seen; of one session at its messages, too, unless it is at that revision.
    pub(crate) fn look(&self, tenant: &TenantId, seen: &Seen, chosen: Option<(&SessionId, u64)>) -> Look {
        let mut state = self.lock();
        let State { store, hub, snapshots, .. } = &mut *state;
        let tables = store.tenant(tenant, &self.0.ids);
        let epoch = hub.epoch(tenant).to_owned();
        let is_whole = epoch != seen.epoch;
        let (revision, event) = if is_whole { (0, 0) } else { (seen.revision, seen.event) };
        let (event, events) = hub.after(tenant, event, EVENTS);
        let last = |messages: &[Held<Message>]| messages.iter().rev().find(|said| said.deleted_at.is_none()).cloned();
        let changed = tables.changed_since(revision);
        let sessions = changed.map(|(session, _, messages)| (Arc::clone(session), last(messages))).collect();
        let conversation = chosen.and_then(|(id, known)| {
            let known = if is_whole { 0 } else { known };
            let (session, revision, messages) = tables.changed_since(known).find(|(session, ..)| session.id == *id)?;
            Some(Conversation { session: session.id.clone(), revision, messages: messages.to_vec() })
        });
        let mut look = Look {
            seen: Seen { epoch, revision: tables.revision(), event },
            is_whole,
            sessions,
            events: Vec::new(),
            conversation,
            projects: tables.projects().iter().map(|project| project.id.clone()).collect(),
            snapshots: snapshots.names(tenant),
            operator_online: tables.operator_online(),
        };
        drop(state);
        look.events = events.iter().map(|frame| decode(frame)).collect();
        look
    }
}
