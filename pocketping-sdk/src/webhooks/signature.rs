//! The signature: HMAC-SHA256 of the raw body, the scheme PocketPing's deployments use.

use std::fmt::Write;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a signature begins with.
pub(super) const PREFIX: &str = "sha256=";

/// Signs a body, as the value of the header `X-PocketPing-Signature`: for tests, and for servers.
///
/// ```
/// let signature = pocketping_sdk::webhooks::sign("s3cret", br#"{"data":{"online":true},"sentAt":"2026-11-22T07:13:45Z","type":"operator_status"}"#);
/// assert_eq!(signature, "sha256=4dbbec12776eb4eec1f422940c276b343a8a64e7774251858cc9f33f743b5ae1");
/// ```
pub fn sign(secret: impl AsRef<[u8]>, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex(&mac(secret.as_ref(), body)))
}

pub(super) fn mac(secret: &[u8], body: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(body);
    mac.finalize().into_bytes().into()
}

pub(super) fn is_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// The digest that stands for a body.
pub(super) fn digest(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Reads the 64 hexadecimal digits of a signature.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}
