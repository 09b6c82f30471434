//! The endpoints, one file per noun. Each method is one expression: method, documented path, ids, body.

mod confirm;
mod messages;
mod paging;
mod sessions;
mod webhooks;

pub use messages::{ListMessages, Messages};
pub use sessions::{ListSessions, SessionHandle, Sessions};
pub use webhooks::Webhooks;
