#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod app;
#[cfg(feature = "cli")]
pub mod args;
mod builder;
mod connection;
mod contract;
mod control;
mod delivery;
mod deployed;
mod doors;
mod durations;
mod endpoints;
mod faults;
mod http;
mod http_client;
mod hub;
pub mod journal;
mod json;
mod limits;
mod management;
#[cfg(feature = "memory")]
mod memory;
mod metrics;
mod names;
mod openapi;
mod operations;
mod operator;
mod packed;
mod page;
mod responder;
mod restore;
mod router;
mod scenario;
mod secret;
mod serve;
mod server;
#[cfg(feature = "tls")]
mod server_tls;
#[cfg(not(feature = "tls"))]
#[path = "no_server_tls.rs"]
mod server_tls;
mod sources;
mod start_error;
mod store;
mod subscribers;
mod surface;
mod versions;
#[cfg(feature = "visitor")]
pub mod visitor;
mod walk;
mod widget;
mod widgets;
mod ws;

pub use builder::MockServerBuilder;
pub use contract::Contract;
pub use delivery::{Attempt, Delivery, DeliveryState};
pub use faults::{Fault, FaultError, HttpFault, Over, SocketFault, WebhookFault};
pub use journal::Journal;
pub use limits::Limits;
#[cfg(feature = "memory")]
pub use memory::MemoryTransport;
pub use operator::Operator;
pub use responder::{Responder, RulesError};
pub use scenario::{Played, Scenario, ScenarioError};
pub use server::MockServer;
#[cfg(feature = "tls")]
pub use server_tls::TlsIdentity;
pub use sources::Clock;
pub use start_error::StartError;
pub use store::{ApiKey, Seed, SeedError, Visit, VisitorSignal};
pub use surface::Surface;

/// The guides, whose Rust is run as everything else.
#[cfg(doctest)]
#[doc = include_str!("../docs/testing.md")]
struct Guides;
