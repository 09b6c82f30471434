//! `Announced`: what happened and is not yet queued for each webhook: who made it happen does not wait for that.

use std::sync::Arc;

use bytes::Bytes;
use pocketping_sdk::{DeliveryId, Event, SessionId, Timestamp, Webhook, WebhookPayload};
use serde_json::Value;

use super::outbox::{Form, Job};
use crate::contract::Contract;
use crate::deployed::{self, EventsWebhook};
use crate::store::TenantId;

/// The id under which deliveries of the events webhook are known.
pub(crate) const EVENTS_WEBHOOK: &str = "events";

/// What happened, and who is to be told.
#[derive(Debug)]
pub(crate) enum Announced {
    /// An event, for the webhooks there were, of which each asked for some kinds.
    Event { contract: Contract, tenant: TenantId, event: Box<Event>, at: Timestamp, webhooks: Arc<Vec<Webhook>> },
    /// An event in the form of the deployments. It has no id yet.
    Deployed(Box<Job>),
}

impl Announced {
    pub(crate) fn deployed(
        webhook: &EventsWebhook,
        tenant: &TenantId,
        (kind, data): (&str, &Value),
        session_id: Option<SessionId>,
        at: Timestamp,
    ) -> Self {
        Self::Deployed(Box::new(Job {
            id: DeliveryId::new(""),
            tenant: Arc::clone(tenant),
            webhook_id: EVENTS_WEBHOOK.into(),
            url: webhook.url.as_str().into(),
            secret: webhook.secret.as_deref().map(Into::into),
            event: kind.into(),
            form: Form::Deployed,
            session_id,
            body: deployed::body(kind, data, at).into(),
        }))
    }

    /// Hands `push` a job for each delivery, which `new_id` names.
    pub(super) fn jobs(self, mut new_id: impl FnMut() -> DeliveryId, mut push: impl FnMut(Job)) {
        let (contract, tenant, event, at, webhooks) = match self {
            Self::Deployed(job) => return push(Job { id: new_id(), ..*job }),
            Self::Event { contract, tenant, event, at, webhooks } => (contract, tenant, event, at, webhooks),
        };
        let kind = event.kind();
        let mut body = None;
        for webhook in webhooks.iter().filter(|webhook| webhook.events.contains(&kind)) {
            let Some(webhook_id) = &webhook.id else { continue };
            // One body for all of them; each signs it with its own key, and not under the lock.
            let body = body.get_or_insert_with(|| payload(contract, &event, at));
            push(Job {
                id: new_id(),
                tenant: Arc::clone(&tenant),
                webhook_id: webhook_id.clone(),
                url: webhook.url.as_str().into(),
                secret: webhook.secret.as_deref().filter(|_| contract.is_extended()).map(Into::into),
                event: kind.clone(),
                form: Form::Documented,
                session_id: event.session_id().map(Into::into),
                body: body.clone(),
            });
        }
    }
}

/// The body of an event's deliveries. The event is as the contract shows it; the strict message is thinner still.
fn payload(contract: Contract, event: &Event, at: Timestamp) -> Bytes {
    let mut payload = WebhookPayload::of_event(event, at);
    if !contract.is_extended()
        && let Some(message) = &mut payload.data.message
    {
        // contract gap: the reference prints a webhook's message with these three fields.
        message.session_id = None;
        message.created_at = None;
    }
    serde_json::to_vec(&payload).unwrap_or_else(|error| unreachable!("a wire type is always JSON: {error}")).into()
}
