//! The server's data and rules. Pure and synchronous: the time and the ids come in as values, nothing here knows HTTP.

mod access;
pub(crate) mod change;
mod conversation;
mod projects;
mod query;
mod rejection;
mod replays;
mod row;
pub(crate) mod rules;
mod seed;
mod shown;
mod snapshots;
mod tables;
mod tx;
pub(crate) mod uploads;
mod visit;

pub use access::ApiKey;
pub use seed::{Seed, SeedError};
pub use tables::VisitorSignal;
pub use visit::Visit;

pub(crate) use access::{Access, TenantId, given_name};
pub(crate) use conversation::Words;
pub(crate) use projects::{Project, Settings, WidgetConfig};
pub(crate) use query::{MessageQuery, SessionQuery};
pub(crate) use rejection::Rejection;
pub(crate) use replays::{Began, Kept, Replays, Scope};
pub(crate) use row::{Held, Row};
pub(crate) use shown::After;
pub(crate) use snapshots::Snapshots;
pub(crate) use tables::{Page, ScreenshotRequest, Store, Tenant};
pub(crate) use tx::Tx;
