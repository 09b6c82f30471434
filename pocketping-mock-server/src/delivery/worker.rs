//! The worker: takes what may be sent, tries it, and tries it again on the server's clock.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use pocketping_sdk::webhooks;

use super::outbox::{Attempt, DeliveryState, Form, Job};
use super::post::{Way, post};
use crate::app::App;
use crate::faults::{Met, WebhookFault};
use crate::journal::{self, Body, Kind};
use crate::sources::Busy;

/// The waits between attempts.
const RETRIES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];
/// The longest wait a receiver can ask for.
const MOST_WAIT: Duration = Duration::from_secs(3600);

/// Delivers until the server stops.
pub(crate) async fn run(app: App) {
    loop {
        // What is taken is to be tried before the time goes on.
        let noticed = app.outbox_noticed();
        for job in app.take_deliveries() {
            let app_of_job = app.clone();
            let busy = app.clock.busy();
            app.tasks.spawn(async move { deliver(&app_of_job, &job, busy).await });
        }
        drop(noticed);
        tokio::select! {
            () = app.outbox_changed.notified() => {}
            () = app.stop.cancelled() => return,
        }
    }
}

async fn deliver(app: &App, job: &Job, busy: Busy) {
    let (state, busy) = attempts(app, job, busy).await;
    app.delivery_ended(job, state);
    // The session's next one is noticed by then.
    drop(busy);
}

/// Tries a delivery until it is taken, or tried often enough, or the server stops.
async fn attempts(app: &App, job: &Job, mut busy: Busy) -> (DeliveryState, Option<Busy>) {
    for attempt in 0..=RETRIES.len() {
        let (made, headers, asked) = try_once(app, job, attempt + 1).await;
        let is_success = made.is_success();
        tracing::debug!(delivery = %job.id, attempt = attempt + 1, status = made.status, error = made.error, "tried");
        // The next attempt is due from now on: whoever sees this one can advance the clock to it.
        let asked = asked.unwrap_or_default().min(MOST_WAIT);
        let due = RETRIES.get(attempt).filter(|_| !is_success).map(|wait| app.clock.sleep((*wait).max(asked)));
        enter(app, job, attempt + 1, headers, &made);
        app.delivery_attempted(&job.id, made);
        // Its webhook may be gone.
        let Some(due) = due.filter(|_| app.delivers(&job.id)) else {
            let state = if is_success { DeliveryState::Delivered } else { DeliveryState::Failed };
            return (state, Some(busy));
        };
        drop(busy);
        busy = tokio::select! {
            fired = due => fired,
            () = app.stop.cancelled() => return (DeliveryState::Pending, None),
        };
        if !app.delivers(&job.id) {
            // Its tenant is not what it was, or its webhook is gone.
            return (DeliveryState::Failed, Some(busy));
        }
    }
    (DeliveryState::Failed, Some(busy))
}

async fn try_once(app: &App, job: &Job, attempt: usize) -> (Attempt, HeaderMap, Option<Duration>) {
    let headers = match job.form {
        Form::Documented if !app.contract.is_extended() => HeaderMap::new(),
        Form::Documented => headers(job, Some(attempt)),
        // Deployments neither name nor count their deliveries.
        Form::Deployed => headers(job, None),
    };
    let way = Way { private: app.private_webhooks, tls: &app.tls };
    let met = app.faults.on_delivery(&job.event.to_string(), &job.body);
    if let Some(Met { id, act: WebhookFault::Lost }) = &met {
        let lost = format!("lost: a fault that was asked for ({id})");
        return (Attempt::new(app.now(), None, Some(lost)), headers, None);
    }
    let sent = async {
        let answer = post(&job.url, headers.clone(), job.body.clone(), way).await;
        if matches!(&met, Some(Met { act: WebhookFault::SentTwice, .. })) {
            drop(post(&job.url, headers.clone(), job.body.clone(), way).await);
        }
        answer
    };
    let answer = tokio::select! {
        answer = sent => answer,
        // What is under way when the server stops has its grace to end.
        () = crate::serve::after_grace(app) => Err("the server stopped".to_owned()),
    };
    match answer {
        Ok((status, wait)) => (Attempt::new(app.now(), Some(status), None), headers, wait),
        Err(error) => (Attempt::new(app.now(), None, Some(error)), headers, None),
    }
}

/// Enters an attempt into the journal.
fn enter(app: &App, job: &Job, attempt: usize, headers: HeaderMap, made: &Attempt) {
    let entered = journal::Attempt {
        delivery_id: job.id.clone(),
        webhook_id: job.webhook_id.clone(),
        url: job.url.to_string(),
        event: job.event.clone(),
        session_id: job.session_id.clone(),
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        headers,
        body: Body::new(&job.body),
        status: made.status,
        error: made.error.clone(),
    };
    app.journal.enter(made.at, Some(Arc::clone(&job.tenant)), Kind::Attempt(entered));
}

/// The headers of a delivery, which is named where its attempts are counted.
fn headers(job: &Job, attempt: Option<usize>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signature = job.secret.as_ref().map(|secret| webhooks::sign(secret.as_bytes(), &job.body));
    for (name, value) in [
        (webhooks::EVENT, Some(job.event.to_string())),
        (webhooks::DELIVERY, attempt.map(|_| job.id.to_string())),
        (webhooks::ATTEMPT, attempt.map(|attempt| attempt.to_string())),
        (webhooks::SIGNATURE, signature),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}
