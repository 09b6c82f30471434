//! The server's data and rules. Pure and synchronous: the time and the ids come in as values, nothing here knows HTTP.

mod access;
mod query;
mod rejection;
mod replays;
pub(crate) mod rules;
mod seed;
mod tables;
mod tx;

pub use access::ApiKey;
pub use seed::{Seed, SeedError};
pub use tx::Visit;

pub(crate) use access::{Access, TenantId};
pub(crate) use query::{MessageQuery, SessionQuery};
pub(crate) use rejection::Rejection;
pub(crate) use replays::{Began, Kept, Replays, Scope};
pub(crate) use tables::{Page, Store, Tenant};
pub(crate) use tx::Tx;
