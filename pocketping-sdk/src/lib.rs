#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[macro_use]
pub mod types;
pub mod stats;
pub mod webhooks;

#[cfg(feature = "client")]
mod api;
#[cfg(feature = "client")]
mod error;
#[cfg(feature = "events")]
mod events;
#[doc(hidden)]
pub mod json;
#[cfg(feature = "http")]
#[doc(hidden)]
pub mod retry_after;
#[cfg(feature = "client")]
mod transport;

pub use types::*;

#[cfg(feature = "client")]
pub use api::{ListMessages, ListSessions, Messages, SessionHandle, Sessions, Webhooks};
#[cfg(feature = "client")]
pub use error::{ApiError, Error, ErrorKind, Outcome, Result};
#[cfg(feature = "events")]
pub use events::{
    Acks, After, BufferPolicy, CloseReason, ConnectEvents, EventCursor, EventStream, Events, Gap, GapReason,
    StreamContent, StreamItem, StreamState, Ticket, WaitFor,
};
#[cfg(feature = "client")]
pub use transport::{
    ApiKey, BaseUrl, Body, ByteStream, Call, Client, ClientBuilder, Pacing, RateLimit, RawResponse, Response,
    RetryPolicy, Transport, TransportError, TransportFailure, Upgrade,
};

/// The examples of the workspace's README, run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct WorkspaceReadme;

/// The `http` crate this library's signatures use.
#[cfg(feature = "http")]
pub use http;
