//! The SDK from the outside: against the documented JSON, a recorder, scripted peers, and the reference server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod beginnings;
mod buffers;
mod events;
mod fixtures;
mod links;
mod lists;
mod memory;
mod peers;
mod privacy;
mod promises;
mod requests;
mod retries;
mod scripted;
mod sends;
mod tls;
mod together;
mod webhooks;
mod witness;
