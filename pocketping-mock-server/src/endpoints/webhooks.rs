//! `webhooks`: create, list, delete.

use axum::extract::State;
use axum::routing::{delete, get, post};
use http::StatusCode;
use pocketping_sdk::{NewWebhook, WebhookId};

use crate::app::App;
use crate::contract::Contract;
use crate::delivery::refuses_host;
use crate::http::{Answer, Body, Caller, PathId, Routes, list as list_answer};
use crate::store::{Rejection, rules};

pub(super) fn routes(contract: Contract) -> Routes {
    if contract.is_extended() {
        Routes::new().route("/webhooks", get(list).post(create)).route("/webhooks/{webhookId}", delete(remove))
    } else {
        // contract gap: the reference only creates webhooks.
        Routes::new().route("/webhooks", post(create))
    }
}

async fn create(State(app): State<App>, caller: Caller, Body(wanted): Body<NewWebhook>) -> Result<Answer, Rejection> {
    // contract gap: signatures are an addition, so the strict contract takes no secret.
    let secret = wanted.secret.filter(|_| app.contract.is_extended());
    rules::webhook(&wanted.url, &wanted.events, secret.as_deref(), app.contract)?;
    if !app.private_webhooks && refuses_host(&wanted.url) {
        // contract gap: a server that others can reach must not be made to call what only it can reach.
        let what = "is a private address; start the server with --allow-private-webhooks to allow it";
        return Err(Rejection::field("url", what));
    }
    Answer::of_write(&app, &caller, StatusCode::CREATED, |tx| Ok(tx.put_webhook(&wanted.url, wanted.events, secret)))
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Answer, Rejection> {
    let webhooks = app.read(&caller.tenant, |tables| tables.webhooks().to_vec());
    let mut answer = list_answer(app.contract, "webhooks");
    for mut webhook in webhooks {
        // The secret is told once, in the answer that created it.
        webhook.secret = None;
        answer.push(&webhook);
    }
    Ok(answer.finish(None))
}

async fn remove(State(app): State<App>, caller: Caller, id: PathId<WebhookId>) -> Result<StatusCode, Rejection> {
    app.write(&caller.tenant, |tx| tx.remove_webhook(&id.0))?;
    app.forget_deliveries(&id.0);
    Ok(StatusCode::NO_CONTENT)
}
