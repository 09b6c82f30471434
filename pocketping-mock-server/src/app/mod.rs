//! `App`: the one place that takes the lock. It reads the clock once, runs an operation, and publishes what the
//! operation emitted before it unlocks, so that the order on the sockets is the order of the commits.

mod deliveries;
mod held;
mod look;
mod restore;
mod widgets;

pub(crate) use look::{Look, Seen};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pocketping_sdk::{Event, Message, SessionId, Timestamp};
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::contract::Contract;
use crate::delivery::{Announced, Outbox};
use crate::deployed::{self, EventsWebhook};
use crate::faults::places::Here;
use crate::faults::{Fault, FaultError, Faults};
use crate::http::RateLimits;
use crate::http_client::Tls;
use crate::hub::{Hub, Subscription};
use crate::journal::{self, Body, Kind, Log};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::responder::{Due, Responder, Timers};
use crate::secret::Secret;
use crate::sources::{Busy, Clock, Ids, epoch};
use crate::store::change::Change;
use crate::store::{
    Access, Began, Kept, MessageQuery, Page, Rejection, Replays, Scope, Snapshots, Store, Tenant, TenantId, Tx,
};
use crate::versions::Versions;
use crate::widgets::Widgets;

/// How many requests a minute a key has with the management API, where requests are counted.
const MANAGEMENT_RATE: u32 = 600;

/// The server's state, shared by everything that answers.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) contract: Contract,
    pub(crate) rate_limits: RateLimits,
    /// The same for the management API, which has a limit of its own.
    pub(crate) management_limits: RateLimits,
    pub(crate) faults: Faults,
    /// What happened, counted.
    pub(crate) metrics: Metrics,
    /// Whether only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// What whoever controls the server must send, where that is asked for.
    pub(crate) control_token: Option<Secret>,
    /// Where it listens, as this machine can reach it.
    pub(crate) own_url: Url,
    /// Where others reach it, when that was said.
    pub(crate) public_url: Option<Url>,
    /// Whether webhooks may lead to private addresses.
    pub(crate) private_webhooks: bool,
    /// How `https` webhooks are spoken to.
    pub(crate) tls: Tls,
    /// How much of everything is taken.
    pub(crate) limits: Limits,
    /// What came and what was sent.
    pub(crate) journal: Arc<Log>,
    /// Where events go in the form of the deployments.
    events_webhook: Option<EventsWebhook>,
    /// What widgets are told of their version.
    pub(crate) versions: Versions,
    /// The scripted AI, where there is one.
    pub(crate) responder: Option<Responder>,
    pub(crate) ai_timers_changed: Notify,
    /// The tenant of what comes without a key and names no project.
    pub(crate) first_tenant: TenantId,
    /// Something is to be delivered, or has been.
    pub(crate) outbox_changed: Notify,
    outbox_version: watch::Sender<u64>,
    pub(crate) stop: CancellationToken,
    /// How long a server that stops waits for its connections.
    pub(crate) grace: Duration,
    pub(crate) tasks: TaskTracker,
}

#[derive(Debug)]
struct State {
    store: Store,
    access: Access,
    replays: Replays,
    hub: Hub,
    widgets: Widgets,
    outbox: Outbox,
    timers: Timers,
    snapshots: Snapshots,
    /// There may be something to deliver that nobody has looked at.
    unnoticed: Option<Busy>,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct AppParts {
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) contract: Contract,
    pub(crate) access: Access,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) is_loopback: bool,
    pub(crate) control_token: Option<Secret>,
    pub(crate) own_url: Url,
    pub(crate) public_url: Option<Url>,
    pub(crate) private_webhooks: bool,
    pub(crate) tls: Tls,
    pub(crate) limits: Limits,
    pub(crate) events_webhook: Option<EventsWebhook>,
    pub(crate) versions: Versions,
    pub(crate) responder: Option<Responder>,
    pub(crate) grace: Duration,
    /// The tenant of what comes without a key and names no project.
    pub(crate) first_tenant: TenantId,
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

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        let of_webhook = parts.events_webhook.as_ref().and_then(|webhook| webhook.secret.clone());
        let token = parts.control_token.as_ref().map(|token| token.as_str().to_owned());
        let secrets = parts.access.keys().chain(token).chain(of_webhook).collect();
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                store: Store::default(),
                access: parts.access,
                replays: Replays::default(),
                hub: Hub::new(parts.contract, epoch(), parts.limits.queue),
                widgets: Widgets::new(parts.limits.queue),
                outbox: Outbox::default(),
                timers: Timers::default(),
                snapshots: Snapshots::default(),
                unnoticed: None,
            }),
            journal: Arc::new(Log::new(&parts.limits, parts.clock.clone(), secrets)),
            clock: parts.clock,
            ids: parts.ids,
            contract: parts.contract,
            rate_limits: RateLimits::new(parts.rate_limit),
            management_limits: RateLimits::new(parts.rate_limit.map(|_| MANAGEMENT_RATE)),
            faults: Faults::default(),
            metrics: Metrics::default(),
            is_loopback: parts.is_loopback,
            control_token: parts.control_token,
            own_url: parts.own_url,
            public_url: parts.public_url,
            private_webhooks: parts.private_webhooks,
            tls: parts.tls,
            limits: parts.limits,
            events_webhook: parts.events_webhook,
            versions: parts.versions,
            responder: parts.responder,
            ai_timers_changed: Notify::new(),
            first_tenant: parts.first_tenant,
            outbox_changed: Notify::new(),
            outbox_version: watch::Sender::new(0),
            stop: CancellationToken::new(),
            grace: parts.grace,
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

    /// Lets this go wrong, unless it never can; gives it as it is shown.
    pub(crate) fn try_inject(&self, fault: Fault) -> Result<Value, Rejection> {
        let fault = fault.settled();
        self.check(&fault).map_err(|error| Rejection::Invalid(error.to_string()))?;
        self.faults.try_inject(fault)
    }

    /// Lets this go wrong, and warns when it never can.
    pub(crate) fn inject(&self, fault: Fault) {
        let fault = fault.settled();
        if let Err(error) = self.check(&fault) {
            tracing::warn!(%error, "a fault can never happen");
        }
        self.faults.inject(fault);
    }

    fn check(&self, fault: &Fault) -> Result<(), FaultError> {
        let here = Here { contract: self.contract, is_deployed: self.events_webhook.is_some() };
        fault.check(here, |key| self.lock().access.takes(key))
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
        let State { store, replays, .. } = &mut *state;
        let now = self.0.clock.now();
        let mut tx = Tx::begin(store.tenant(tenant, &self.0.ids), &self.0.ids, now);
        let value = change(&mut tx)?;
        let (at, changes) = tx.commit();
        let answer = answer(value);
        if let Some((scope, kept)) = kept(&answer) {
            replays.keep(&scope, kept, now);
        }
        self.committed(state, tenant, at, &changes);
        Ok(answer)
    }

    /// Tells what a commit changed, and lets go of the lock.
    fn committed(&self, mut state: MutexGuard<'_, State>, tenant: &TenantId, at: Timestamp, changes: &[Change]) {
        self.publish(&mut state, tenant, at, changes);
        if state.outbox.is_behind() {
            self.outbox(&mut state);
        }
        if !changes.is_empty() {
            self.stir(&mut state);
        }
        drop(state);
        if !changes.is_empty() {
            self.outbox_moved();
            self.0.ai_timers_changed.notify_one();
        }
    }

    /// Tells what a commit changed on every surface, in the order of the commits.
    fn publish(&self, state: &mut State, tenant: &TenantId, at: Timestamp, changes: &[Change]) {
        let State { store, hub, widgets, outbox, timers, .. } = state;
        let tables = store.tenant(tenant, &self.0.ids);
        for change in changes {
            let published = hub.publish(tenant, at, change.events());
            self.0.metrics.published(published.len());
            for (event, frame) in published {
                self.journal_event(tenant, at, &event, &frame);
                if !tables.webhooks().is_empty() {
                    let (tenant, webhooks) = (Arc::clone(tenant), Arc::clone(tables.webhooks()));
                    let (contract, event) = (self.0.contract, Box::new(event));
                    outbox.announce(Announced::Event { contract, tenant, event, at, webhooks });
                }
            }
            if let Some(webhook) = &self.0.events_webhook
                && let Some((kind, data)) = deployed::event(change, tables)
            {
                let session = change.session_id().cloned();
                outbox.announce(Announced::deployed(webhook, tenant, (kind, &data), session, at));
            }
            let told = widgets.publish(tenant, change);
            if let Change::ScreenshotAsked(session, request) = change
                && told > 0
            {
                // A request that was pushed must not be handed out once more.
                tables.hand_out_screenshot(session, &request.id);
            }
            if let Some(responder) = &self.0.responder {
                timers.note(responder, &self.0.clock, tenant, change);
            }
        }
    }

    fn journal_event(&self, tenant: &TenantId, at: Timestamp, event: &Event, frame: &Bytes) {
        if self.0.journal.is_on() {
            let session_id = event.session_id().map(Into::into);
            let event = journal::Event { kind: event.kind(), session_id, text: Body::new(frame) };
            self.0.journal.enter(at, Some(Arc::clone(tenant)), Kind::Event(event));
        }
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
        self.last_events(tenant, usize::MAX)
    }

    /// So many of them, the last ones.
    pub(crate) fn last_events(&self, tenant: &TenantId, limit: usize) -> Vec<Event> {
        let frames = self.lock().hub.kept(tenant);
        frames.iter().skip(frames.len().saturating_sub(limit)).map(|frame| decode(frame)).collect()
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

    /// Takes the timers of the AI that nobody waits for yet.
    pub(crate) fn take_ai_timers(&self) -> Vec<Due> {
        self.lock().timers.take()
    }

    /// Ends a timer of the AI.
    pub(crate) fn ai_timer_ended(&self, tenant: &TenantId, session: &SessionId, number: u64) {
        self.lock().timers.end(tenant, session, number);
    }

    /// The time does not go on before the outbox was looked at.
    fn stir(&self, state: &mut State) {
        state.unnoticed.get_or_insert_with(|| self.0.clock.busy());
    }

    fn outbox_moved(&self) {
        self.0.outbox_changed.notify_one();
        self.0.outbox_version.send_modify(|version| *version += 1);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

fn decode(frame: &[u8]) -> Event {
    // The hub made it of an event.
    serde_json::from_str(&String::from_utf8_lossy(frame))
        .unwrap_or_else(|error| unreachable!("a frame is always an event: {error}"))
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
