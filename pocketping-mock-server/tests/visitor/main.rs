//! Visitors: what they send, literally; what they hear, on every transport; and what they say when it goes wrong.

#![allow(clippy::unwrap_used, reason = "tests")]

mod errors;
mod literal;
mod recorder;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod transports;
#[path = "../it/wire.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod wire;
