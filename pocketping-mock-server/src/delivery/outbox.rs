//! The outbox: what is to be delivered, in which order, and what became of it. Pure and synchronous.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use pocketping_sdk::{DeliveryId, EventKind, SessionId, Timestamp, WebhookId};

use super::announced::Announced;
use crate::store::TenantId;

/// How many deliveries of one webhook are under way at once.
const AT_ONCE: usize = 8;
/// How many deliveries may wait for one webhook.
const WAITING: usize = 1000;
/// How many deliveries are remembered after they ended.
const REMEMBERED: usize = 10_000;

/// A delivery, and what became of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id, the same over its attempts.
    pub id: DeliveryId,
    /// The webhook's id.
    pub webhook_id: WebhookId,
    /// Where it goes.
    pub url: String,
    /// What it tells of.
    pub event: EventKind,
    /// The session it tells of.
    pub session_id: Option<SessionId>,
    /// Its body, as it is sent.
    pub body: Bytes,
    /// Where it stands.
    pub state: DeliveryState,
    /// Its attempts so far.
    pub attempts: Vec<Attempt>,
    pub(crate) tenant: TenantId,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its turn, or for its next attempt.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// The last attempt failed.
    Failed,
    /// Its webhook's queue was full; it was never tried.
    Overflowed,
}

impl DeliveryState {
    /// Its name, as the control surface writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Overflowed => "overflowed",
        }
    }
}

/// One attempt of a delivery.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// When it ended, on the server's clock.
    pub at: Timestamp,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl Attempt {
    pub(super) fn new(at: Timestamp, status: Option<u16>, error: Option<String>) -> Self {
        Self { at, status, error }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What the worker needs for a delivery.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(super) id: DeliveryId,
    /// Whose event it is.
    pub(super) tenant: TenantId,
    pub(super) webhook_id: WebhookId,
    pub(super) url: Arc<str>,
    /// The signature's key; strict deliveries are not signed.
    pub(super) secret: Option<Arc<str>>,
    pub(super) event: EventKind,
    pub(super) form: Form,
    pub(super) session_id: Option<SessionId>,
    pub(super) body: Bytes,
}

/// Which form of webhook a delivery has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// That of the contract.
    Documented,
    /// That of PocketPing's deployments.
    Deployed,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// The sessions with a delivery under way: the next one of theirs waits, which keeps their order.
    busy: HashSet<Option<SessionId>>,
}

/// What is to be delivered, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    announced: VecDeque<Announced>,
    queues: HashMap<WebhookId, Queue>,
    deliveries: HashMap<DeliveryId, Delivery>,
    /// The webhooks that were deleted while deliveries of theirs were under way.
    gone: HashSet<WebhookId>,
    order: VecDeque<DeliveryId>,
}

impl Outbox {
    /// Takes note of what happened, in a time that does not grow with the webhooks that are told of it.
    pub(crate) fn announce(&mut self, announced: Announced) {
        self.announced.push_back(announced);
    }

    /// Whether so much was announced that whoever announces must queue it.
    pub(crate) fn is_behind(&self) -> bool {
        self.announced.len() >= WAITING
    }

    /// Queues what was announced, in its order. `new_id` names each delivery.
    pub(crate) fn spread(&mut self, mut new_id: impl FnMut() -> DeliveryId) {
        while let Some(announced) = self.announced.pop_front() {
            announced.jobs(&mut new_id, |job| self.push(job));
        }
    }

    fn push(&mut self, job: Job) {
        // After a reset another one may have the id.
        self.gone.remove(&job.webhook_id);
        let queue = self.queues.entry(job.webhook_id.clone()).or_default();
        let is_full = queue.waiting.len() >= WAITING;
        let delivery = Delivery {
            id: job.id.clone(),
            webhook_id: job.webhook_id.clone(),
            url: job.url.to_string(),
            event: job.event.clone(),
            session_id: job.session_id.clone(),
            body: job.body.clone(),
            tenant: Arc::clone(&job.tenant),
            state: if is_full { DeliveryState::Overflowed } else { DeliveryState::Pending },
            attempts: Vec::new(),
        };
        if !is_full {
            queue.waiting.push_back(job);
        }
        self.order.push_back(delivery.id.clone());
        self.deliveries.insert(delivery.id.clone(), delivery);
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.deliveries.remove(&oldest);
            }
        }
    }

    /// Takes what may be sent now: per webhook at most so many at once, per session one after the other.
    pub(crate) fn take(&mut self) -> Vec<Job> {
        let mut taken = Vec::new();
        for queue in self.queues.values_mut() {
            let mut held = HashSet::new();
            let mut position = 0;
            while position < queue.waiting.len() && queue.busy.len() < AT_ONCE {
                let session = &queue.waiting[position].session_id;
                if queue.busy.contains(session) || held.contains(session) {
                    held.insert(session.clone());
                    position += 1;
                } else if let Some(job) = queue.waiting.remove(position) {
                    queue.busy.insert(job.session_id.clone());
                    taken.push(job);
                }
            }
        }
        taken
    }

    /// Notes an attempt.
    pub(crate) fn attempted(&mut self, id: &DeliveryId, attempt: Attempt) {
        if let Some(delivery) = self.deliveries.get_mut(id) {
            delivery.attempts.push(attempt);
        }
    }

    /// Ends a delivery; its session's next one may go.
    pub(crate) fn ended(&mut self, job: &Job, state: DeliveryState) {
        if let Some(delivery) = self.deliveries.get_mut(&job.id) {
            delivery.state = state;
        }
        if let Some(queue) = self.queues.get_mut(&job.webhook_id) {
            queue.busy.remove(&job.session_id);
            if queue.busy.is_empty() && queue.waiting.is_empty() {
                self.queues.remove(&job.webhook_id);
                self.gone.remove(&job.webhook_id);
            }
        }
    }

    /// Gives up what is due to a webhook that is gone: what waits, and what was tried and would be tried again. What is under
    /// way may still be taken.
    pub(crate) fn forget(&mut self, webhook: &WebhookId) {
        let Some(queue) = self.queues.get_mut(webhook) else { return };
        self.gone.insert(webhook.clone());
        let waiting = std::mem::take(&mut queue.waiting);
        let waiting: HashSet<_> = waiting.into_iter().map(|job| job.id).collect();
        for delivery in self.deliveries.values_mut().filter(|delivery| delivery.webhook_id == *webhook) {
            let is_due = !delivery.attempts.is_empty() || waiting.contains(&delivery.id);
            if is_due && delivery.state == DeliveryState::Pending {
                delivery.state = DeliveryState::Failed;
            }
        }
    }

    /// Forgets a tenant's deliveries; what is under way at the moment is not tried again.
    pub(crate) fn restart(&mut self, tenant: &TenantId) {
        for queue in self.queues.values_mut() {
            queue.waiting.retain(|job| job.tenant != *tenant);
        }
        self.deliveries.retain(|_, delivery| delivery.tenant != *tenant);
        self.order.retain(|id| self.deliveries.contains_key(id));
    }

    /// Whether a delivery is still wanted: neither its tenant nor its webhook is gone.
    pub(crate) fn is_wanted(&self, id: &DeliveryId) -> bool {
        let delivery = self.deliveries.get(id).filter(|delivery| delivery.state == DeliveryState::Pending);
        delivery.is_some_and(|delivery| !self.gone.contains(&delivery.webhook_id))
    }

    /// Queues an ended delivery once more, with the same id and body.
    pub(crate) fn again(&mut self, id: &DeliveryId, form: Form, url: &str, secret: Option<&str>) -> bool {
        let Some(delivery) = self.deliveries.get_mut(id).filter(|delivery| delivery.state != DeliveryState::Pending)
        else {
            return false;
        };
        delivery.state = DeliveryState::Pending;
        let job = Job {
            id: id.clone(),
            tenant: Arc::clone(&delivery.tenant),
            webhook_id: delivery.webhook_id.clone(),
            url: url.into(),
            secret: secret.map(Into::into),
            event: delivery.event.clone(),
            form,
            session_id: delivery.session_id.clone(),
            body: delivery.body.clone(),
        };
        self.queues.entry(job.webhook_id.clone()).or_default().waiting.push_back(job);
        true
    }

    /// All deliveries that are remembered, oldest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.order.iter().filter_map(|id| self.deliveries.get(id)).cloned().collect()
    }

    /// How many deliveries there are in each state.
    pub(crate) fn counted(&self) -> [(&'static str, usize); 4] {
        use DeliveryState::{Delivered, Failed, Overflowed, Pending};
        [Pending, Delivered, Failed, Overflowed].map(|state| {
            let count = self.deliveries.values().filter(|delivery| delivery.state == state).count();
            (state.as_str(), count)
        })
    }

    pub(crate) fn delivery(&self, id: &DeliveryId) -> Option<&Delivery> {
        self.deliveries.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u32, session: &str) -> Job {
        Job {
            id: format!("dlv_{n}").into(),
            tenant: "t".into(),
            webhook_id: "wh_1".into(),
            url: "http://a".into(),
            secret: None,
            event: EventKind::MessageCreated,
            form: Form::Documented,
            session_id: Some(session.into()),
            body: Bytes::new(),
        }
    }

    fn ids(jobs: &[Job]) -> Vec<&str> {
        jobs.iter().map(|job| job.id.as_str()).collect()
    }

    #[test]
    fn a_session_keeps_its_order_and_others_go_ahead() {
        let mut outbox = Outbox::default();
        for (n, session) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            outbox.push(job(n, session));
        }
        let first = outbox.take();
        assert_eq!(ids(&first), ["dlv_1", "dlv_3"]);
        assert!(outbox.take().is_empty());
        outbox.ended(&first[0], DeliveryState::Delivered);
        assert_eq!(ids(&outbox.take()), ["dlv_2"]);
    }

    #[test]
    fn at_most_eight_are_under_way_and_a_full_queue_is_visible() {
        let mut outbox = Outbox::default();
        for n in 0..u32::try_from(WAITING).unwrap() + 3 {
            outbox.push(job(n, &n.to_string()));
        }
        assert_eq!(outbox.take().len(), AT_ONCE);
        let overflowed = outbox.deliveries().iter().filter(|it| it.state == DeliveryState::Overflowed).count();
        assert_eq!(overflowed, 3);
    }
}
