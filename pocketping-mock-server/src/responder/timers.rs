//! Which sessions the AI is to answer, and when. Pure but for the clock it is given; driven under the store's lock.

use std::collections::HashMap;
use std::sync::Arc;

use pocketping_sdk::{MessageKind, Session, SessionId, SessionStatus};
use tokio_util::sync::CancellationToken;

use super::Responder;
use crate::sources::{Clock, Sleep};
use crate::store::TenantId;
use crate::store::change::{Change, Update};

/// A session that is answered when its time has come, unless somebody else does before.
pub(crate) struct Due {
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) sleep: Sleep,
    pub(super) cancelled: CancellationToken,
    number: u64,
}

/// The timers that run, one per session at most.
#[derive(Default)]
pub(crate) struct Timers {
    running: HashMap<(TenantId, SessionId), (u64, CancellationToken)>,
    /// Those that nobody waits for yet.
    new: Vec<Due>,
    started: u64,
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Timers {
    /// Starts a timer, or ends one, by what happened. The time counts from here, whoever waits for it later.
    pub(crate) fn note(&mut self, responder: &Responder, clock: &Clock, tenant: &TenantId, change: &Change) {
        match change {
            Change::Said(message, session) => match message.kind {
                MessageKind::Visitor => self.start(responder, clock, tenant, session),
                MessageKind::System => {}
                _ => self.cancel(tenant, &session.id),
            },
            Change::Closed(session) => self.cancel(tenant, &session.id),
            Change::AiDeclined(session) => self.cancel(tenant, session),
            // An answer was taken back.
            Change::Deleted(_, session) if session.unanswered == Some(true) => {
                self.start(responder, clock, tenant, session);
            }
            // The visitor took back all that was to be answered: what is said next is a first message.
            Change::Deleted(_, session) if session.unanswered == Some(false) => self.cancel(tenant, &session.id),
            Change::Updated(session, Update::Ai) if session.ai_enabled == Some(false) => {
                self.cancel(tenant, &session.id);
            }
            Change::Updated(session, Update::Ai) if session.unanswered == Some(true) => {
                self.start(responder, clock, tenant, session);
            }
            _ => {}
        }
    }

    fn start(&mut self, responder: &Responder, clock: &Clock, tenant: &TenantId, session: &Session) {
        let key = (Arc::clone(tenant), session.id.clone());
        if !may_answer(session) || self.running.contains_key(&key) {
            return;
        }
        self.started += 1;
        let cancelled = CancellationToken::new();
        self.running.insert(key, (self.started, cancelled.clone()));
        self.new.push(Due {
            tenant: Arc::clone(tenant),
            session: session.id.clone(),
            sleep: clock.sleep(responder.delay()),
            cancelled,
            number: self.started,
        });
    }

    fn cancel(&mut self, tenant: &TenantId, session: &SessionId) {
        if let Some((_, cancelled)) = self.running.remove(&(Arc::clone(tenant), session.clone())) {
            cancelled.cancel();
        }
    }

    /// Ends all timers of a tenant.
    pub(crate) fn restart(&mut self, tenant: &TenantId) {
        self.running.retain(|(of, _), (_, cancelled)| {
            let stays = of != tenant;
            if !stays {
                cancelled.cancel();
            }
            stays
        });
    }

    /// Takes the timers that nobody waits for yet.
    pub(crate) fn take(&mut self) -> Vec<Due> {
        std::mem::take(&mut self.new)
    }

    /// A timer is over, whether it was answered or not; a later one of the same session runs on.
    pub(crate) fn end(&mut self, tenant: &TenantId, session: &SessionId, number: u64) {
        let key = (Arc::clone(tenant), session.clone());
        if self.running.get(&key).is_some_and(|(running, _)| *running == number) {
            self.running.remove(&key);
        }
    }
}

impl Due {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// Whether the AI may speak in a session as it is.
pub(super) fn may_answer(session: &Session) -> bool {
    session.ai_enabled != Some(false) && session.status != SessionStatus::Closed && session.unanswered == Some(true)
}
