//! When a request is tried again, and after which wait.

use std::time::Duration;

use crate::error::{Error, Outcome};
use crate::retry_after::LONGEST;
use crate::types::ErrorCode;

/// How failed requests are tried again.
///
/// Waits are drawn between zero and a bound that doubles from `base` up to `cap` (full jitter); `Retry-After` is a
/// floor under them. Whatever the policy says, a request is only repeated when that cannot do its work twice, and
/// never past the call's deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a request is sent at most, the first time included; a message that may have arrived, and more than one time is
    /// allowed, once more, where only its idempotency key can tell. Default 4.
    pub max_attempts: u32,
    /// The bound of the first wait. Default 200 ms.
    pub base: Duration,
    /// The largest bound. Default 30 s.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 4, base: Duration::from_millis(200), cap: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// Sends every request once.
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets how often a request is sent at most; at least once.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the bound of the first wait and the largest bound.
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self
    }

    /// The bound of the wait after the `failures`th failure in a row, from 1.
    fn bound(&self, failures: u32) -> Duration {
        self.base.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(self.cap).min(LONGEST)
    }

    /// The wait after the `failures`th failure in a row; `random` is drawn from 0 to 1.
    pub(crate) fn wait(&self, failures: u32, floor: Option<Duration>, random: f64) -> Duration {
        self.bound(failures).mul_f64(random.clamp(0.0, 1.0)).max(floor.unwrap_or_default())
    }
}

/// Whether doing a request twice is the same as doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, and writes that set a state.
    Freely,
    /// Everything else: only when nothing was done, or when the server recognises the repetition.
    WhenSafe,
}

impl Repeat {
    /// Whether the request may be sent again after this failure. `recognised` says that the server knows idempotency
    /// keys and the request carries one.
    pub(super) fn allows(self, error: &Error, recognised: bool) -> bool {
        if !error.is_retryable() {
            return false;
        }
        // The first of two requests with one key is still running: asking again later gives its answer.
        if error.code() == Some(&ErrorCode::IdempotencyInProgress) {
            return recognised;
        }
        self == Self::Freely || recognised || error.outcome() == Outcome::NotSent || error.status() == Some(429)
    }
}

/// The wait a failure asks for: `Retry-After`, or a second when the server turned the request away and named none.
pub(crate) fn floor(error: &Error) -> Option<Duration> {
    let turned_away = error.status() == Some(429) || error.code() == Some(&ErrorCode::IdempotencyInProgress);
    error.retry_after().or_else(|| turned_away.then_some(Duration::from_secs(1)))
}

/// What is known of a whole call's effect after its last attempt failed: an attempt that may have arrived is not
/// undone by a later one, whatever became of that. Somebody on the way may have answered it, or it may have overtaken
/// the earlier one.
pub(super) fn overall(earlier: Option<Outcome>, error: Error) -> Error {
    if earlier == Some(Outcome::Unknown) { error.with_outcome(Outcome::Unknown) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ApiError, ErrorKind};

    #[test]
    fn waits_double_up_to_the_cap_and_retry_after_is_a_floor() {
        let policy = RetryPolicy::default().backoff(Duration::from_millis(100), Duration::from_secs(1));
        let bounds: Vec<_> = (1..=6).map(|n| policy.wait(n, None, 1.0).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(policy.wait(40, None, 1.0), Duration::from_secs(1), "no overflow");
        assert_eq!(policy.wait(3, None, 0.0), Duration::ZERO, "full jitter reaches zero");
        assert_eq!(policy.wait(1, Some(Duration::from_secs(5)), 1.0), Duration::from_secs(5));
        let endless = RetryPolicy::default().backoff(Duration::MAX, Duration::MAX);
        assert_eq!(endless.wait(2, None, 1.0), LONGEST);
    }

    proptest::proptest! {
        #[test]
        fn a_wait_is_between_its_floor_and_its_bound_whatever_is_asked_for(
            base in 0..100_000u64, cap in 0..1_000_000u64, failures in 1..100u32,
            floor in proptest::option::of(0..10_000_000u64), random in -0.5..1.5f64,
        ) {
            let millis = Duration::from_millis;
            let policy = RetryPolicy::default().backoff(millis(base), millis(cap));
            // The same with numbers that cannot overflow.
            let bound = (0..failures - 1).fold(u128::from(base), |bound, _| (bound * 2).min(u128::from(cap) + 1));
            let bound = bound.min(u128::from(cap));
            let floor = floor.map(millis);
            let wait = policy.wait(failures, floor, random);
            proptest::prop_assert!(wait >= floor.unwrap_or_default());
            proptest::prop_assert!(wait.as_millis() <= bound.max(floor.unwrap_or_default().as_millis()));
            proptest::prop_assert!(wait <= policy.wait(failures, floor, 1.0));
        }
    }

    #[test]
    fn a_write_is_repeated_only_when_nothing_was_done() {
        let api = |status| Error::refused("x", ApiError::new(status, b""));
        let lost = |outcome| Error::new(ErrorKind::Network, outcome, "x");
        for (error, freely, when_safe) in [
            (Error::new(ErrorKind::Connect, Outcome::NotSent, "x"), true, true),
            (api(429), true, true),
            (lost(Outcome::Unknown), true, false),
            (Error::new(ErrorKind::Timeout, Outcome::Unknown, "x"), true, false),
            (api(500), true, false),
            (api(502), true, false),
            (api(503), true, false),
            (api(504), true, false),
            (api(400), false, false),
            (api(401), false, false),
            (api(404), false, false),
            (api(409), false, false),
            (Error::new(ErrorKind::Decode, Outcome::Unknown, "x"), false, false),
        ] {
            assert_eq!(Repeat::Freely.allows(&error, false), freely, "{error}");
            assert_eq!(Repeat::WhenSafe.allows(&error, false), when_safe, "{error}");
            assert_eq!(Repeat::WhenSafe.allows(&error, true), freely, "with a key the server knows: {error}");
        }
        let running = Error::refused("x", ApiError::new(409, br#"{"code":"IDEMPOTENCY_IN_PROGRESS"}"#));
        assert!(Repeat::WhenSafe.allows(&running, true) && !Repeat::WhenSafe.allows(&running, false));
        assert_eq!(running.outcome(), Outcome::Unknown, "the first one may still be applied");
        for says_nothing in [301, 302, 303, 304, 307, 308, 408] {
            assert_eq!(api(says_nothing).outcome(), Outcome::Unknown, "{says_nothing}");
        }
        assert_eq!(floor(&running), Some(Duration::from_secs(1)));
    }

    #[test]
    fn an_attempt_that_may_have_arrived_is_not_forgotten() {
        let refused = || Error::new(ErrorKind::Connect, Outcome::NotSent, "x");
        assert_eq!(overall(None, refused()).outcome(), Outcome::NotSent);
        assert_eq!(overall(Some(Outcome::Unknown), refused()).outcome(), Outcome::Unknown);
        for refused in [400, 401, 403, 404, 405, 409, 413, 422, 429] {
            let refused = || Error::refused("x", ApiError::new(refused, b""));
            assert_eq!(overall(None, refused()).outcome(), Outcome::Rejected, "{}", refused());
            assert_eq!(overall(Some(Outcome::Unknown), refused()).outcome(), Outcome::Unknown, "{}", refused());
        }
    }
}
