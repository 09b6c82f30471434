//! What a visitor says that is more than a text: words with files, who the visitor is, the form before the chat.

use pocketping_sdk::{AttachmentId, Extra, MessageId};
use serde::Serialize;
use serde_json::Value;

/// A visitor's message, with what belongs to it.
///
/// ```
/// use pocketping_mock_server::visitor::Words;
///
/// let words = Words::new("Here it is").reply_to("msg_1").attachment("att_1");
/// # drop(words);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Words {
    pub(super) content: String,
    pub(super) reply_to: Option<MessageId>,
    pub(super) attachments: Vec<AttachmentId>,
}

impl Words {
    /// Says this; files alone need no words: `""`.
    pub fn new(content: impl Into<String>) -> Self {
        Self { content: content.into(), reply_to: None, attachments: Vec::new() }
    }

    /// Answers this message.
    pub fn reply_to(mut self, message: impl Into<MessageId>) -> Self {
        self.reply_to = Some(message.into());
        self
    }

    /// Carries this file, which was [uploaded](super::Chat::upload) before. May be said again.
    pub fn attachment(mut self, file: impl Into<AttachmentId>) -> Self {
        self.attachments.push(file.into());
        self
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { content: _, reply_to, attachments } = self;
        f.debug_struct("Words").field("reply_to", reply_to).field("attachments", attachments).finish_non_exhaustive()
    }
}

/// Who a visitor is, as the website knows it: an id, and whatever else.
///
/// ```
/// use pocketping_mock_server::visitor::Identity;
///
/// let identity = Identity::new("u1").email("a@b.c").with("plan", "pro");
/// assert_eq!(serde_json::to_string(&identity)?, r#"{"id":"u1","email":"a@b.c","plan":"pro"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[must_use]
pub struct Identity {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    more: Extra,
}

impl Identity {
    /// The website's own id for this person.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), email: None, name: None, more: Extra::new() }
    }

    /// The e-mail address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// The name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Anything else.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        // What has a field of its own must not stand there twice.
        match (key.as_str(), value) {
            ("id", Value::String(id)) => self.id = id,
            ("email", Value::String(email)) => self.email = Some(email),
            ("name", Value::String(name)) => self.name = Some(name),
            ("id" | "email" | "name", _) => {}
            (_, value) => drop(self.more.insert(key, value)),
        }
        self
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a visitor fills in before, or after, the first message.
///
/// ```
/// use pocketping_mock_server::visitor::PreChat;
///
/// let form = PreChat::new().email("a@b.c").phone("+33612345678", "FR");
/// assert_eq!(
///     serde_json::to_string(&form)?,
///     r#"{"email":"a@b.c","phone":"+33612345678","phoneCountry":"FR"}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct PreChat {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_country: Option<String>,
}

impl PreChat {
    /// A form that is empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The e-mail address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// The telephone number in international form, and the code of its country.
    pub fn phone(mut self, number: impl Into<String>, country: impl Into<String>) -> Self {
        self.phone = Some(number.into());
        self.phone_country = Some(country.into());
        self
    }
}

impl std::fmt::Debug for PreChat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreChat").finish_non_exhaustive()
    }
}
