//! Who a visitor is.

use serde_json::Value;

use super::Extra;

wire! {
    /// What is known of a visitor: the body of [`identify`](crate::SessionHandle::identify), and a session's `identity`.
    ///
    /// As a request at least one field must be set; given fields replace the stored ones, `metadata` is merged one level
    /// deep.
    ///
    /// ```
    /// use pocketping_sdk::Identify;
    ///
    /// let body = Identify::new().email("user@example.com").name("John Doe").metadata("plan", "pro");
    /// assert_eq!(
    ///     serde_json::to_value(&body)?,
    ///     serde_json::json!({"email": "user@example.com", "name": "John Doe", "metadata": {"plan": "pro"}}),
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Default)]
    pub struct Identity {
        ;
        /// JSON `email`.
        [private] email: Option<String> = "email",
        /// JSON `name`.
        [private] name: Option<String> = "name",
        /// JSON `customerId`: your own id for this person.
        [private] customer_id: Option<String> = "customerId",
        /// JSON `metadata`: anything else worth knowing.
        [private] metadata: Option<Extra> = "metadata",
    }
}

/// The body of `POST /sessions/:sessionId/identify`; the same object a session carries as its `identity`.
pub type Identify = Identity;

impl Identity {
    /// Sets the e-mail address.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets your own id for this person.
    #[must_use]
    pub fn customer_id(mut self, id: impl Into<String>) -> Self {
        self.customer_id = Some(id.into());
        self
    }

    /// Adds one entry to `metadata`.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.get_or_insert_default().insert(key.into(), value.into());
        self
    }
}

impl super::wire::Lenient for Identity {
    fn read(value: &serde_json::Value) -> Option<Self> {
        super::wire::by_text(value)
    }
}
