//! `Verifier`: whether a delivery is genuine, fresh and new, and if not, why.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::payload::{ParseError, Payload, parse};
use super::seen::Seen;
use super::signature::{PREFIX, digest, is_equal, mac, unhex};
use crate::types::Timestamp;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Verifies deliveries. Cheap to clone; clones share the memory of what was handled, which is of one webhook: take a
/// verifier of its own for each endpoint.
///
/// The signature covers the raw bytes of the body: verify before anything parses it. The time that must be fresh is the
/// one inside the signed body, so it cannot be forged.
#[derive(Clone)]
#[must_use]
pub struct Verifier {
    secrets: Vec<(Arc<str>, Arc<[u8]>)>,
    freshness: Option<Duration>,
    clock: Clock,
    seen: Arc<Seen>,
}

/// How long a delivery is fresh: as long as a server retries one.
const FRESH: Duration = Duration::from_secs(20 * 60);
/// How many deliveries are remembered.
const REMEMBERED: usize = 10_000;

impl Verifier {
    /// A verifier with one secret, labelled `default`. An empty secret verifies nothing.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            secrets: Vec::new(),
            freshness: Some(FRESH),
            clock: Arc::new(now),
            seen: Arc::new(Seen::new(REMEMBERED)),
        }
        .secret("default", secret)
    }

    /// Adds a secret: while one is rotated, deliveries come signed with the old and with the new one. The label tells
    /// which one it was.
    pub fn secret(mut self, label: impl Into<Arc<str>>, secret: impl AsRef<[u8]>) -> Self {
        self.secrets.push((label.into(), secret.as_ref().into()));
        self
    }

    /// How far the time in the body may be from now, in both directions. Default 20 minutes, as long as a
    /// server's retries take by themselves (756 s). A delivery can be older: when this receiver asked for a pause of more
    /// (`Retry-After`, up to an hour), or when earlier ones of its session held it up. Where that happens, set more.
    pub fn freshness(mut self, window: Duration) -> Self {
        self.freshness = Some(window);
        self
    }

    /// Takes deliveries of any age, as for a redelivery on request.
    pub fn allow_stale(mut self) -> Self {
        self.freshness = None;
        self
    }

    /// Takes the time from somewhere else than the system's clock.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// How many handled deliveries are remembered, to recognise repetitions. Default 10,000; 0 remembers none.
    pub fn remember(mut self, deliveries: usize) -> Self {
        self.seen = Arc::new(Seen::new(deliveries));
        self
    }

    /// Verifies a delivery: the header [`SIGNATURE`](super::SIGNATURE) and the raw body.
    ///
    /// # Errors
    /// See [`VerifyError`]: each says what to look for.
    pub fn verify(&self, signature: Option<&str>, body: &[u8]) -> Result<Verified, VerifyError> {
        let signature = signature.map(str::trim).filter(|text| !text.is_empty()).ok_or(VerifyError::MissingHeader)?;
        let digits = signature.strip_prefix(PREFIX).ok_or(VerifyError::BadPrefix)?;
        let given = unhex(digits).ok_or(VerifyError::BadHex)?;
        let Some(label) = self.key_of(&given, body) else {
            return Err(self.why_not(&given, body));
        };
        let payload = parse(body).map_err(VerifyError::NotAPayload)?;
        if let Some(window) = self.freshness {
            let now = (self.clock)();
            let time = payload.time().ok_or(VerifyError::NoTime)?;
            let apart = now.since(time).max(time.since(now));
            if apart > window {
                return Err(VerifyError::Stale { time, apart });
            }
        }
        let key = key(&payload, body);
        Ok(Verified { payload, label, is_repeat: self.seen.contains(&key), key, seen: Arc::clone(&self.seen) })
    }

    /// As [`verify`](Self::verify), with the request's headers.
    ///
    /// # Errors
    /// As [`verify`](Self::verify). A signature header that is not ASCII, or there twice, is one with a bad prefix.
    #[cfg(feature = "http")]
    pub fn verify_request(&self, headers: &http::HeaderMap, body: &[u8]) -> Result<Verified, VerifyError> {
        let mut values = headers.get_all(super::SIGNATURE).iter();
        let signature = values.next().map(|value| value.to_str()).transpose().map_err(|_| VerifyError::BadPrefix)?;
        if values.next().is_some() {
            return Err(VerifyError::BadPrefix);
        }
        self.verify(signature, body)
    }

    /// The label of the secret the signature was made with. All secrets are tried, in constant time each.
    fn key_of(&self, given: &[u8; 32], body: &[u8]) -> Option<Arc<str>> {
        let mut found = None;
        for (label, secret) in &self.secrets {
            // An empty secret is a variable that was not set, and would let anyone in.
            if !secret.is_empty() && is_equal(&mac(secret, body), given) {
                found = Some(Arc::clone(label));
            }
        }
        found
    }

    /// The usual mistake is to verify what a framework made of the body. Two spellings of the same JSON give it away.
    fn why_not(&self, given: &[u8; 32], body: &[u8]) -> VerifyError {
        let Ok(text) = std::str::from_utf8(body) else { return VerifyError::WrongKey };
        let [compact, spaced] = respelled(text);
        if [compact, spaced].iter().any(|body| self.key_of(given, body.as_bytes()).is_some()) {
            return VerifyError::Reserialised;
        }
        VerifyError::WrongKey
    }
}

fn now() -> Timestamp {
    // The system's clock is inside the years that can be written, or nothing is fresh.
    Timestamp::try_from(SystemTime::now())
        .unwrap_or_else(|_| SystemTime::UNIX_EPOCH.try_into().unwrap_or_else(|_| unreachable!("1970 can be written")))
}

/// What tells a delivery from others: the event's id when the body has one, else the body. (The delivery id is in a
/// header, which is not signed.)
fn key(payload: &Payload, body: &[u8]) -> String {
    let id = match payload {
        Payload::Documented(payload) => payload.id.as_ref().filter(|id| !id.as_str().is_empty()),
        _ => None,
    };
    id.map_or_else(|| digest(body), ToString::to_string)
}

/// The same JSON without white space between tokens, and with a space after each comma and colon.
fn respelled(json: &str) -> [String; 2] {
    let (mut compact, mut spaced) = (String::with_capacity(json.len()), String::with_capacity(json.len()));
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if !in_string && c.is_ascii_whitespace() {
            continue;
        }
        compact.push(c);
        spaced.push(c);
        if !in_string && matches!(c, ',' | ':') {
            spaced.push(' ');
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    [compact, spaced]
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.secrets.iter().map(|(label, _)| label).collect();
        f.debug_struct("Verifier").field("secrets", &labels).field("freshness", &self.freshness).finish_non_exhaustive()
    }
}

/// A delivery that is genuine and fresh. Whether it is new, [`is_repeat`](Self::is_repeat) says.
#[derive(Clone)]
#[must_use = "call `done` when it was handled, so that a repetition is recognised"]
pub struct Verified {
    payload: Payload,
    label: Arc<str>,
    is_repeat: bool,
    key: String,
    seen: Arc<Seen>,
}

impl Verified {
    /// What was delivered.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The label of the secret it was signed with.
    pub fn secret(&self) -> &str {
        &self.label
    }

    /// Whether a delivery of the same event was handled before: answer 2xx and do nothing.
    pub fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    /// Remembers that it was handled. A handler that failed does not say so, and the server's retry is not a repetition.
    pub fn done(self) {
        self.seen.insert(self.key);
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("payload", &self.payload)
            .field("secret", &self.label)
            .field("is_repeat", &self.is_repeat)
            .finish_non_exhaustive()
    }
}

/// Why a delivery was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no signature: an unsigned server, or a proxy that drops the header.
    MissingHeader,
    /// The signature does not begin with `sha256=`.
    BadPrefix,
    /// What follows `sha256=` is not 64 hexadecimal digits.
    BadHex,
    /// No secret gives this signature: another secret, or another body.
    WrongKey,
    /// The signature is good for the same JSON spelled otherwise: the body was parsed and written again before it got
    /// here. Verify the raw bytes.
    Reserialised,
    /// The signature is good, and the body is no webhook payload.
    NotAPayload(ParseError),
    /// The signature is good, and the body has no time to judge its freshness by.
    NoTime,
    /// The signature is good, and too old or from the future: a replay, a late retry, or a wrong clock.
    Stale {
        /// The time in the body.
        time: Timestamp,
        /// How far it is from now.
        apart: Duration,
    },
}

impl VerifyError {
    /// Whether the sender could not prove who it is; the rest is a genuine delivery that is not taken.
    pub fn is_forgery(&self) -> bool {
        matches!(self, Self::MissingHeader | Self::BadPrefix | Self::BadHex | Self::WrongKey | Self::Reserialised)
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHeader => f.write_str("the header X-PocketPing-Signature is missing"),
            Self::BadPrefix => f.write_str("the signature does not begin with sha256="),
            Self::BadHex => f.write_str("the signature is not 64 hexadecimal digits"),
            Self::WrongKey => f.write_str("the signature fits none of the secrets: another secret, or another body"),
            Self::Reserialised => {
                f.write_str("the body was parsed and written again before it was verified; verify its raw bytes")
            }
            Self::NotAPayload(error) => write!(f, "the signature is good, but {error}"),
            Self::NoTime => f.write_str("the signature is good, but the body has no time"),
            Self::Stale { time, apart } => {
                write!(f, "the signature is good, but its time {time} is {} s from now", apart.as_secs())
            }
        }
    }
}

impl std::error::Error for VerifyError {}
