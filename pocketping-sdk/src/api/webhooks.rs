//! `webhooks`: create, list, delete.

use http::Method;

use crate::transport::{Call, Client};
use crate::types::{NewWebhook, Webhook, WebhookId, WebhookList};

impl Client {
    /// The webhooks of the key's tenant.
    pub fn webhooks(&self) -> Webhooks {
        Webhooks { client: self.clone() }
    }
}

/// The webhooks of the key's tenant; see [`Client::webhooks`].
#[derive(Clone, Debug)]
pub struct Webhooks {
    client: Client,
}

impl Webhooks {
    /// Registers a webhook: `POST /webhooks`. The same URL again replaces its events and keeps its id.
    ///
    /// A server without the extended contract only acknowledges; what was asked for comes back then, without id and
    /// secret.
    ///
    /// # Errors
    /// Invalid when the URL is not absolute `http` or `https`, no event is named, or one is unknown.
    ///
    /// # Examples
    /// ```
    /// # let server = pocketping_mock_server::MockServer::start();
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::{EventKind, NewWebhook};
    ///
    /// let wanted = NewWebhook::new("https://yoursite.com/webhook", [EventKind::MessageCreated]);
    /// let webhook = client.webhooks().create(wanted).await?;
    /// assert!(webhook.secret.is_some());
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn create(&self, webhook: NewWebhook) -> Call<Webhook> {
        Call::new(&self.client, Method::POST, "/webhooks", &[])
            .under("webhook")
            .repeatable()
            .json(&webhook)
            .or_else(move |_| Box::pin(async move { Ok(Webhook::new(webhook.url, webhook.events)) }))
    }

    /// Lists webhooks: `GET /webhooks` (extended; elsewhere not found).
    pub fn list(&self) -> Call<WebhookList> {
        Call::new(&self.client, Method::GET, "/webhooks", &[]).list().repeatable()
    }

    /// Deletes a webhook: `DELETE /webhooks/:webhookId` (extended; elsewhere not found).
    ///
    /// # Errors
    /// Not found when there is no such webhook. Where a repetition found none, this call may have deleted it: the outcome is
    /// [`Unknown`](crate::Outcome::Unknown).
    pub fn delete(&self, id: impl Into<WebhookId>) -> Call<()> {
        let id = id.into();
        Call::<Webhook>::new(&self.client, Method::DELETE, "/webhooks/:webhookId", &[id.as_str()])
            .under("webhook")
            .repeatable()
            .ack_only()
    }
}
