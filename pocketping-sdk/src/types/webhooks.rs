//! Webhooks: their registration, and the payload they deliver.

use super::{Event, EventData, EventId, EventKind, Message, Session, SessionId, Timestamp, WebhookId};

wire! {
    /// A registered webhook.
    pub struct Webhook {
        /// JSON `url`: where events are posted to.
        url: String = "url",
        /// JSON `events`: which events are posted.
        events: Vec<EventKind> = "events",
        ;
        /// JSON `id` (extended).
        id: Option<WebhookId> = "id",
        /// JSON `secret` (extended), only in the answer that created it: the key of the deliveries' signatures.
        [private] secret: Option<String> = "secret",
        /// JSON `createdAt` (extended).
        created_at: Option<Timestamp> = "createdAt" lenient,
    }
}

wire! {
    /// The answer of `GET /webhooks` (extended).
    pub struct WebhookList {
        /// JSON `webhooks`.
        webhooks: Vec<Webhook> = "webhooks",
        ;
    }
}

wire! {
    /// The body of `POST /webhooks`.
    ///
    /// ```
    /// use pocketping_sdk::{EventKind, NewWebhook};
    ///
    /// let body = NewWebhook::new("https://yoursite.com/webhook", [EventKind::MessageCreated]);
    /// assert_eq!(
    ///     serde_json::to_value(&body)?,
    ///     serde_json::json!({"url": "https://yoursite.com/webhook", "events": ["message.created"]}),
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct NewWebhook {
        /// JSON `url`: absolute, `http` or `https`.
        url: String = "url",
        /// JSON `events`: at least one.
        events: Vec<EventKind> = "events",
        ;
        /// JSON `secret` (extended), 8 to 255 characters; the server makes one when it is missing.
        [private] secret: Option<String> = "secret",
    }
}

impl NewWebhook {
    /// Sets the key of the deliveries' signatures.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }
}

wire! {
    /// What a webhook delivers: `{"event", "timestamp", "data"}`.
    pub struct WebhookPayload {
        /// JSON `event`: what happened.
        event: EventKind = "event",
        ;
        /// JSON `timestamp`: when it happened.
        timestamp: Option<Timestamp> = "timestamp",
        /// JSON `data`.
        data: WebhookData = "data",
        /// JSON `id` (extended): the event's id, as on the socket.
        id: Option<EventId> = "id",
    }
}

impl WebhookPayload {
    /// What a webhook delivers of an event of the socket, with this `timestamp`: whole objects, and the event's id where
    /// it has one.
    ///
    /// ```
    /// use pocketping_sdk::{Event, WebhookPayload};
    ///
    /// let event: Event = serde_json::from_str(r#"{"type":"session.closed","sessionId":"sess_abc123"}"#)?;
    /// let payload = WebhookPayload::of_event(&event, "2024-01-15T10:30:00Z".parse().unwrap());
    /// assert_eq!(
    ///     serde_json::to_string(&payload)?,
    ///     r#"{"event":"session.closed","timestamp":"2024-01-15T10:30:00Z","data":{"sessionId":"sess_abc123"}}"#,
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn of_event(event: &Event, timestamp: Timestamp) -> Self {
        let mut payload = Self::new(event.kind());
        payload.id.clone_from(&event.id);
        payload.timestamp = Some(timestamp);
        payload.data.session_id = event.session_id().map(Into::into);
        payload.data.message = event.message().cloned();
        payload.data.session = event.session().cloned();
        if let EventData::Other { fields, .. } = &event.data {
            payload.data.extra.clone_from(fields);
            payload.data.extra.remove("sessionId");
        }
        payload
    }
}

wire! {
    /// The `data` of a [`WebhookPayload`]; which fields are there depends on the event.
    #[derive(Default)]
    pub struct WebhookData {
        ;
        /// JSON `sessionId`.
        session_id: Option<SessionId> = "sessionId",
        /// JSON `message`, of the `message.…` events.
        message: Option<Message> = "message",
        /// JSON `session`, of `session.created` and `session.updated`.
        session: Option<Session> = "session",
    }
}

impl super::wire::Presence for WebhookData {}
