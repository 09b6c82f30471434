//! Webhook delivery: what a commit emitted is queued under its lock and sent afterwards, so that no request waits for it.

mod announced;
mod outbox;
mod post;
mod worker;

pub use outbox::{Attempt, Delivery, DeliveryState};

pub(crate) use announced::{Announced, EVENTS_WEBHOOK};
pub(crate) use outbox::{Form, Job, Outbox};
pub(crate) use post::refuses_host;
pub(crate) use worker::run;
