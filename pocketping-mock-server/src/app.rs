//! `App`: the one place that takes the lock. It reads the clock once, runs an operation, and publishes what the
//! operation emitted before it unlocks, so that the order on the sockets is the order of the commits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketping_sdk::{DeliveryId, Event, Message, Session, SessionId, Timestamp, WebhookId};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::contract::Contract;
use crate::delivery::{Attempt, Delivery, DeliveryState, Job, Outbox, Tls};
use crate::faults::Faults;
use crate::http::RateLimits;
use crate::hub::{Hub, Subscription};
use crate::sources::{Clock, Ids, epoch};
use crate::store::{
    Access, Began, Kept, MessageQuery, Page, Rejection, Replays, Scope, SessionQuery, Store, Tenant, TenantId, Tx,
};

/// The server's state, shared by everything that answers.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) contract: Contract,
    pub(crate) limits: RateLimits,
    pub(crate) faults: Faults,
    /// Whether only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// Whether webhooks may lead to private addresses.
    pub(crate) private_webhooks: bool,
    /// How `https` webhooks are spoken to.
    pub(crate) tls: Tls,
    /// Something is to be delivered, or has been.
    pub(crate) outbox_changed: Notify,
    outbox_version: watch::Sender<u64>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

#[derive(Debug)]
struct State {
    store: Store,
    access: Access,
    replays: Replays,
    hub: Hub,
    outbox: Outbox,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct AppParts {
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) contract: Contract,
    pub(crate) access: Access,
    pub(crate) limits: RateLimits,
    pub(crate) is_loopback: bool,
    pub(crate) private_webhooks: bool,
    pub(crate) tls: Tls,
}

/// A write's place among the idempotency keys; given up when it is dropped before its answer was kept.
#[derive(Debug)]
pub(crate) struct Reservation {
    app: App,
    scope: Scope,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.app.lock().replays.give_up(&self.scope);
    }
}

/// How many sessions (and messages, when those are searched) a list looks at under one lock: a long list never holds up
/// a write for long.
const LIST_AT_ONCE: usize = 512;

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                store: Store::default(),
                access: parts.access,
                replays: Replays::default(),
                hub: Hub::new(parts.contract, epoch()),
                outbox: Outbox::default(),
            }),
            clock: parts.clock,
            ids: parts.ids,
            contract: parts.contract,
            limits: parts.limits,
            faults: Faults::default(),
            is_loopback: parts.is_loopback,
            private_webhooks: parts.private_webhooks,
            tls: parts.tls,
            outbox_changed: Notify::new(),
            outbox_version: watch::Sender::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant a key opens.
    pub(crate) fn tenant_of(&self, key: &str) -> Result<TenantId, Rejection> {
        self.lock().access.tenant_of(key)
    }

    /// Looks at a tenant's tables. What is taken out is serialised after the lock.
    pub(crate) fn read<T>(&self, tenant: &TenantId, look: impl FnOnce(&Tenant) -> T) -> T {
        look(self.lock().store.tenant(tenant, &self.0.ids))
    }

    /// Changes a tenant's tables and publishes what that emits. On a rejection nothing has changed.
    pub(crate) fn write<T>(
        &self,
        tenant: &TenantId,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        self.write_kept(tenant, change, |value| value, |_| None)
    }

    /// As [`write`](Self::write); the answer made of the value is kept under the same lock when `kept` gives it a place.
    pub(crate) fn write_kept<T, A>(
        &self,
        tenant: &TenantId,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>,
        answer: impl FnOnce(T) -> A,
        kept: impl FnOnce(&A) -> Option<(Scope, Kept)>,
    ) -> Result<A, Rejection> {
        let mut state = self.lock();
        let State { store, replays, hub, outbox, .. } = &mut *state;
        let now = self.0.clock.now();
        let mut tx = Tx::begin(store.tenant(tenant, &self.0.ids), &self.0.ids, now);
        let value = change(&mut tx)?;
        let (at, events) = tx.commit();
        let answer = answer(value);
        if let Some((scope, kept)) = kept(&answer) {
            replays.keep(&scope, kept, now);
        }
        let published = hub.publish(tenant, at, events);
        let webhooks = store.tenant(tenant, &self.0.ids).webhooks();
        for event in published.iter().filter(|_| !webhooks.is_empty()) {
            outbox.queue(self.0.contract, event, at, webhooks, || self.0.ids.next("dlv").into());
        }
        drop(state);
        if !published.is_empty() {
            self.outbox_moved();
        }
        Ok(answer)
    }

    /// Takes the place of a write with an idempotency key, or finds the answer it had before.
    pub(crate) fn begin(&self, scope: Scope, fingerprint: u64) -> Result<Result<Reservation, Kept>, Rejection> {
        let now = self.0.clock.now();
        let began = self.lock().replays.begin(&scope, fingerprint, now)?;
        Ok(match began {
            Began::First => Ok(Reservation { app: self.clone(), scope }),
            Began::Again(kept) => Err(kept),
        })
    }

    /// Adds a subscriber to a tenant's events.
    pub(crate) fn subscribe(&self, tenant: &TenantId, last_event_id: Option<&str>) -> Subscription {
        self.lock().hub.subscribe(tenant, last_event_id)
    }

    /// A tenant's last events in commit order, as the contract shows them.
    pub(crate) fn events(&self, tenant: &TenantId) -> Vec<Event> {
        let frames = self.lock().hub.kept(tenant);
        frames.iter().map(|frame| decode(frame)).collect()
    }

    /// Walks over sessions, newest first, in parts: whoever serves others lets them in between.
    pub(crate) fn walk_sessions(&self, tenant: &TenantId, query: SessionQuery) -> SessionWalk {
        let before = query.cursor;
        SessionWalk {
            app: self.clone(),
            tenant: Arc::clone(tenant),
            query,
            before,
            is_over: false,
            ahead: None,
            next: None,
        }
    }

    /// A part of a session's messages.
    pub(crate) fn list_messages(
        &self,
        tenant: &TenantId,
        id: &SessionId,
        query: &MessageQuery,
    ) -> Result<Page<Message>, Rejection> {
        self.read(tenant, |tables| tables.messages(id, query))
    }

    /// Takes what may be delivered now.
    pub(crate) fn take_deliveries(&self) -> Vec<Job> {
        self.lock().outbox.take()
    }

    /// Notes an attempt of a delivery.
    pub(crate) fn delivery_attempted(&self, id: &DeliveryId, attempt: Attempt) {
        self.lock().outbox.attempted(id, attempt);
        self.outbox_moved();
    }

    /// Ends a delivery.
    pub(crate) fn delivery_ended(&self, job: &Job, state: DeliveryState) {
        self.lock().outbox.ended(job, state);
        self.outbox_moved();
    }

    /// Drops what waits for a webhook that is gone.
    pub(crate) fn forget_deliveries(&self, webhook: &WebhookId) {
        self.lock().outbox.forget(webhook);
        self.outbox_moved();
    }

    /// Delivers once more what has ended; `false` when it has not, or its webhook is gone.
    pub(crate) fn redeliver(&self, tenant: &TenantId, id: &DeliveryId) -> bool {
        let mut state = self.lock();
        let State { store, outbox, .. } = &mut *state;
        let webhooks = store.tenant(tenant, &self.0.ids).webhooks();
        let webhook = outbox.delivery(id).map(|delivery| &delivery.webhook_id);
        let webhook = webhooks.iter().find(|known| webhook.is_some() && known.id.as_ref() == webhook);
        let queued = webhook.is_some_and(|webhook| outbox.again(id, webhook));
        drop(state);
        self.outbox_moved();
        queued
    }

    /// What was delivered and what is to be, oldest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.lock().outbox.deliveries()
    }

    /// Changes whenever a delivery does.
    pub(crate) fn outbox_version(&self) -> watch::Receiver<u64> {
        self.0.outbox_version.subscribe()
    }

    fn outbox_moved(&self) {
        self.0.outbox_changed.notify_one();
        self.0.outbox_version.send_modify(|version| *version += 1);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// A walk over a list of sessions, newest first, that takes the lock for one part at a time.
#[derive(Debug)]
pub(crate) struct SessionWalk {
    app: App,
    tenant: TenantId,
    query: SessionQuery,
    before: Option<usize>,
    is_over: bool,
    /// The position the next page would start before: the page is full, and whether there is one more match, so that
    /// no cursor leads nowhere, is still being looked for.
    ahead: Option<usize>,
    /// Where the next page starts, once the walk is over.
    pub(crate) next: Option<usize>,
}

impl SessionWalk {
    /// The next part, which may be empty; `None` when the walk is over.
    pub(crate) fn next_part(&mut self) -> Option<Vec<Arc<Session>>> {
        if self.is_over {
            return None;
        }
        let page = self.app.read(&self.tenant, |tables| tables.sessions_before(self.before, &self.query, LIST_AT_ONCE));
        self.before = page.next;
        self.is_over = page.next.is_none();
        if self.ahead.is_some() {
            if !page.items.is_empty() {
                self.next = self.ahead;
                self.is_over = true;
            }
            return Some(Vec::new());
        }
        if let Some(limit) = &mut self.query.limit {
            *limit -= page.items.len();
            if *limit == 0 {
                self.ahead = page.next;
                *limit = 1;
            }
        }
        Some(page.items)
    }
}

fn decode(frame: &[u8]) -> Event {
    // The hub made it of an event.
    serde_json::from_slice(frame).unwrap_or_else(|error| unreachable!("a frame is always an event: {error}"))
}

impl Reservation {
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
