//! What the delivery worker asks and tells, under the lock.

use pocketping_sdk::{DeliveryId, WebhookId};
use tokio::sync::watch;

use super::{App, State};
use crate::delivery::{Attempt, Delivery, DeliveryState, EVENTS_WEBHOOK, Form, Job, Outbox};
use crate::sources::Busy;
use crate::store::TenantId;

impl App {
    /// The outbox, with all that was announced in its queues.
    pub(super) fn outbox<'a>(&self, state: &'a mut State) -> &'a mut Outbox {
        state.outbox.spread(|| DeliveryId::from(self.0.ids.next("dlv")));
        &mut state.outbox
    }

    /// Takes what may be delivered now.
    pub(crate) fn take_deliveries(&self) -> Vec<Job> {
        self.outbox(&mut self.lock()).take()
    }

    /// Notes an attempt of a delivery.
    pub(crate) fn delivery_attempted(&self, id: &DeliveryId, attempt: Attempt) {
        self.lock().outbox.attempted(id, attempt);
        self.outbox_moved();
    }

    /// Ends a delivery.
    pub(crate) fn delivery_ended(&self, job: &Job, end: DeliveryState) {
        let mut state = self.lock();
        state.outbox.ended(job, end);
        self.stir(&mut state);
        drop(state);
        self.outbox_moved();
    }

    /// Whether a delivery is still wanted.
    pub(crate) fn delivers(&self, id: &DeliveryId) -> bool {
        self.outbox(&mut self.lock()).is_wanted(id)
    }

    /// Drops what waits for a webhook that is gone.
    pub(crate) fn forget_deliveries(&self, webhook: &WebhookId) {
        self.outbox(&mut self.lock()).forget(webhook);
        self.outbox_moved();
    }

    /// Delivers once more what has ended; `false` when it has not, or its webhook is gone.
    pub(crate) fn redeliver(&self, tenant: &TenantId, id: &DeliveryId) -> bool {
        let mut state = self.lock();
        self.outbox(&mut state);
        let State { store, outbox, .. } = &mut *state;
        let webhooks = store.tenant(tenant, &self.0.ids).webhooks();
        let webhook_id = outbox.delivery(id).map(|delivery| delivery.webhook_id.clone());
        let registered = webhooks.iter().find(|known| webhook_id.is_some() && known.id == webhook_id);
        let queued = match (registered, &self.0.events_webhook) {
            (Some(webhook), _) => outbox.again(id, Form::Documented, &webhook.url, webhook.secret.as_deref()),
            (None, Some(events)) if webhook_id.as_ref().is_some_and(|id| id.as_str() == EVENTS_WEBHOOK) => {
                outbox.again(id, Form::Deployed, &events.url, events.secret.as_deref())
            }
            _ => false,
        };
        self.stir(&mut state);
        drop(state);
        self.outbox_moved();
        queued
    }

    /// What was delivered and what is to be, oldest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.outbox(&mut self.lock()).deliveries()
    }

    /// Changes whenever a delivery does.
    pub(crate) fn outbox_version(&self) -> watch::Receiver<u64> {
        self.0.outbox_version.subscribe()
    }

    /// What holds up the time until somebody has looked at the outbox.
    pub(crate) fn outbox_noticed(&self) -> Option<Busy> {
        self.lock().unnoticed.take()
    }
}
