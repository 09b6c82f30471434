//! Typed ids. They are opaque strings: nothing may be read out of them and nothing is ordered by them.

macro_rules! id_type {
    ($( $(#[$meta:meta])* $name:ident; )+) => { $(
        $(#[$meta])*
        ///
        /// Opaque: no prefix or length is required, and an id written by any server round-trips.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the id's text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as it stands in JSON.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes the text out.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl $crate::types::wire::Presence for $name {}

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.clone())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }
    )+ };
}

id_type! {
    /// A session: one conversation with one visitor (`sess_…`).
    SessionId;
    /// A message in a session (`msg_…`).
    MessageId;
    /// A visitor of a website (`vis_…`).
    VisitorId;
    /// The project a session belongs to (`proj_…`).
    ProjectId;
    /// A registered webhook (`wh_…`).
    WebhookId;
    /// An event on the socket or in a webhook (`evt_…`).
    EventId;
    /// One webhook delivery, the same over its retries (`dlv_…`).
    DeliveryId;
    /// A file attached to a message.
    AttachmentId;
}
