//! Receiving webhooks: the documented payload and what PocketPing's deployments really send, their signatures, and a
//! memory of what was already handled.
//!
//! Knows the wire types and nothing of the client: a receiver needs neither tokio nor TLS.
//!
//! ```
//! use pocketping_sdk::webhooks::{self, Verifier};
//!
//! // The framework gives the body's raw bytes and the header `X-PocketPing-Signature`.
//! let body = br#"{"type":"operator_status","data":{"online":true},"sentAt":"2024-01-15T10:30:00Z"}"#;
//! let signature = webhooks::sign("whsec_xxx", body);
//!
//! let verifier = Verifier::new("whsec_xxx").clock(|| "2024-01-15T10:31:00Z".parse().unwrap());
//! let verified = verifier.verify(Some(&signature), body)?;
//! if !verified.is_repeat() {
//!     assert_eq!(verified.payload().name(), "operator_status");
//!     verified.done(); // only now is a repetition one
//! }
//! # Ok::<(), pocketping_sdk::webhooks::VerifyError>(())
//! ```

#[cfg(feature = "axum")]
mod extract;
mod payload;
mod seen;
mod signature;
mod verifier;

pub use payload::{DeployedEvent, DeployedPayload, ParseError, Payload, SdkEvent, SdkPayload, parse};
pub use signature::sign;
pub use verifier::{Verified, Verifier, VerifyError};

/// The header with the signature: `sha256=` and the HMAC-SHA256 of the raw body in lower-case hexadecimal.
pub const SIGNATURE: &str = "x-pocketping-signature";
/// The header with the event's name. It is not signed; the body says the same.
pub const EVENT: &str = "x-pocketping-event";
/// The header with the delivery's id, the same over its retries (extended). It is not signed.
pub const DELIVERY: &str = "x-pocketping-delivery";
/// The header with the number of the attempt, from 1 (extended). It is not signed.
pub const ATTEMPT: &str = "x-pocketping-attempt";
