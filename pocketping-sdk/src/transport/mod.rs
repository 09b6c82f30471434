//! How requests travel: the client, its configuration, and [`Call`], the one request type.
//!
//! `network` is the only file that names reqwest, `tls` the only one that names rustls. Nothing here knows an endpoint.

mod answer;
mod api_key;
mod base_url;
mod builder;
mod call;
mod claims;
mod client;
mod network;
mod plan;
mod rate_limit;
mod refusal;
mod response;
mod retry;
mod run;
mod seam;
#[cfg(feature = "shared-pacing")]
mod shared_bucket;
mod tls;

pub use api_key::ApiKey;
pub use base_url::BaseUrl;
pub use builder::ClientBuilder;
pub use call::Call;
pub use client::Client;
pub use rate_limit::{Pacing, RateLimit};
pub use response::{RawResponse, Response};
pub use retry::RetryPolicy;
pub(crate) use retry::floor;
pub use seam::{Body, ByteStream, Transport, TransportError, TransportFailure, Upgrade};

pub(crate) use answer::Decoded;
pub(crate) use call::Attempt;
pub(crate) use claims::Pending;
#[cfg(feature = "events")]
pub(crate) use refusal::{redirect, refusal, refused_redirect};
pub(crate) use response::{Reply, is_extended};
pub(crate) use run::Run;
