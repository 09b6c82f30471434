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
mod durations;
mod endpoints;
mod faults;
mod http;
mod http_client;
mod hub;
mod json;
mod limits;
mod management;
mod metrics;
mod names;
mod openapi;
mod operations;
mod operator;
mod responder;
mod restore;
mod router;
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
pub use faults::{Fault, HttpFault, SocketFault};
pub use limits::Limits;
pub use operator::Operator;
pub use responder::{Responder, RulesError};
pub use server::MockServer;
#[cfg(feature = "tls")]
pub use server_tls::TlsIdentity;
pub use sources::Clock;
pub use start_error::StartError;
pub use store::{ApiKey, Seed, SeedError, Visit, VisitorSignal};
