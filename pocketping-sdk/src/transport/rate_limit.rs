//! Client-side pacing: staying under a plan's limit instead of running into it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

/// How the client paces its requests.
///
/// Any 60 seconds hold fewer requests than the limit: a tenth of it may go at once, and nine tenths come back every
/// minute. Waiting requests go in the order they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pacing {
    /// On the hosted service at the free plan's limit until the server names another; elsewhere off.
    #[default]
    Auto,
    /// No pacing.
    Off,
    /// At most this many requests a minute.
    PerMinute(u32),
}

impl Pacing {
    /// The hosted free plan: 100 requests a minute.
    pub const FREE: Self = Self::PerMinute(100);
    /// The hosted pro plan: 1000 requests a minute.
    pub const PRO: Self = Self::PerMinute(1000);
    /// The hosted team plan: 10000 requests a minute.
    pub const TEAM: Self = Self::PerMinute(10_000);

    /// The pacing of a plan by its name: `free`, `pro`, `team` or `self-hosted`; or of a limit, such as `60/min`.
    pub fn of_plan(name: &str) -> Option<Self> {
        match name {
            "free" => Some(Self::FREE),
            "pro" => Some(Self::PRO),
            "team" => Some(Self::TEAM),
            "self-hosted" => Some(Self::Off),
            other => other.strip_suffix("/min")?.parse().ok().filter(|limit| *limit > 0).map(Self::PerMinute),
        }
    }
}

/// What an answer said about the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// `RateLimit-Limit`: requests a minute.
    pub limit: u32,
    /// `RateLimit-Remaining`.
    pub remaining: Option<u32>,
    /// `RateLimit-Reset`: until the whole quota is there again.
    pub reset: Option<Duration>,
}

impl RateLimit {
    /// Reads the `RateLimit-*` headers (or their `X-RateLimit-*` ancestors).
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let number = |names: [&'static str; 2]| -> Option<u32> {
            let value = names.into_iter().find_map(|name| headers.get(HeaderName::from_static(name)))?;
            // `100, 100;w=60` names the limit first.
            value.to_str().ok()?.split([',', ';']).next()?.trim().parse().ok()
        };
        Some(Self {
            limit: number(["ratelimit-limit", "x-ratelimit-limit"])?,
            remaining: number(["ratelimit-remaining", "x-ratelimit-remaining"]),
            reset: number(["ratelimit-reset", "x-ratelimit-reset"]).map(|seconds| Duration::from_secs(seconds.into())),
        })
    }
}

/// A token bucket. Taking a token may leave a debt; the debt is the wait, so waiters keep their order. Times are since some
/// beginning, which is the caller's matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) limit: u32,
    pub(super) tokens: f64,
    pub(super) at: Duration,
}

impl Bucket {
    pub(super) fn new(limit: u32, now: Duration) -> Self {
        let mut bucket = Self { limit, tokens: 0.0, at: now };
        bucket.tokens = bucket.burst();
        bucket
    }

    /// A burst b and a refill r a minute let b + r through in the worst minute, so b + r is kept at or under the limit.
    fn burst(&self) -> f64 {
        (f64::from(self.limit) / 10.0).floor().max(1.0)
    }

    fn per_second(&self) -> f64 {
        let limit = f64::from(self.limit.max(1));
        if limit > 1.0 { (limit - self.burst()).min(limit * 0.9).max(0.5) / 60.0 } else { 1.0 / 61.0 }
    }

    /// Takes a token and tells how long to wait for it; takes none when that is longer than `most`.
    pub(super) fn take(&mut self, now: Duration, most: Duration) -> Result<Duration, Duration> {
        let refill = now.saturating_sub(self.at).as_secs_f64() * self.per_second();
        self.tokens = (self.tokens + refill).min(self.burst());
        self.at = now;
        let wait = Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second()).max(0.0));
        if wait > most {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(wait)
    }

    /// Goes by another limit from now on. What was already spent stays spent.
    pub(super) fn set_limit(&mut self, limit: u32) {
        let debt = self.burst() - self.tokens;
        self.limit = limit;
        self.tokens = self.burst() - debt;
    }
}

/// The pacing of one client.
#[derive(Debug)]
pub(super) struct Pacer {
    beginning: Instant,
    bucket: Mutex<Option<Bucket>>,
    adopts: bool,
    /// The bucket of all processes, which goes before that of this one.
    #[cfg(feature = "shared-pacing")]
    shared: Option<super::shared_bucket::SharedBucket>,
}

impl Pacer {
    pub(super) fn new(pacing: Pacing, is_saas: bool) -> Self {
        let limit = match pacing {
            Pacing::PerMinute(limit) => Some(limit),
            Pacing::Auto if is_saas => Some(100),
            Pacing::Auto | Pacing::Off => None,
        };
        Self {
            beginning: Instant::now(),
            adopts: pacing == Pacing::Auto && is_saas,
            bucket: Mutex::new(limit.map(|limit| Bucket::new(limit, Duration::ZERO))),
            #[cfg(feature = "shared-pacing")]
            shared: None,
        }
    }

    /// Shares the bucket with the processes that name the same directory, host and key.
    #[cfg(feature = "shared-pacing")]
    pub(super) fn shared(
        mut self,
        directory: &std::path::Path,
        host: &str,
        key: &super::ApiKey,
    ) -> crate::error::Result<Self> {
        if self.bucket.get_mut().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.shared = Some(super::shared_bucket::SharedBucket::open(directory, host, key)?);
        }
        Ok(self)
    }

    /// Reserves the next request and tells how long to wait for it, or how long it would have been when that is longer
    /// than `most`.
    pub(super) fn reserve(&self, most: Duration) -> Result<Duration, Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = bucket.as_mut() else { return Ok(Duration::ZERO) };
        #[cfg(feature = "shared-pacing")]
        if let Some(shared) = &self.shared {
            // A limit that was set counts; one that the server named to any of them does for all.
            let limit = (!self.adopts).then_some(bucket.limit);
            if let Ok((reserved, limit)) = shared.take(limit, bucket.limit, most) {
                if limit != bucket.limit {
                    bucket.set_limit(limit);
                }
                return reserved;
            }
        }
        bucket.take(self.beginning.elapsed(), most)
    }

    /// Takes over the limit the server names.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        if !self.adopts {
            return;
        }
        let Some(seen) = RateLimit::from_headers(headers) else { return };
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = bucket.as_mut().filter(|bucket| bucket.limit != seen.limit) {
            bucket.set_limit(seen.limit);
            #[cfg(feature = "shared-pacing")]
            if let Some(shared) = &self.shared {
                shared.set_limit(seen.limit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sixty_seconds_hold_more_than_the_limit() {
        for limit in [1, 2, 5, 10, 100, 1000, 10_000] {
            let start = Duration::ZERO;
            let mut bucket = Bucket::new(limit, start);
            let mut sent = Vec::new();
            let mut now = start;
            // As greedy as possible, after an idle hour.
            now += Duration::from_secs(3600);
            for _ in 0..limit * 3 {
                now += bucket.take(now, Duration::MAX).unwrap();
                sent.push(now);
            }
            // The request this many places later must fall into another minute.
            for pair in sent.windows(limit as usize + 1) {
                let apart = pair[limit as usize].checked_sub(pair[0]).unwrap();
                assert!(apart >= Duration::from_secs(60), "{apart:?} between {limit} requests at a limit of {limit}");
            }
        }
    }

    #[test]
    fn waiters_keep_their_order_and_a_long_wait_takes_nothing() {
        let now = Duration::from_secs(5);
        let mut bucket = Bucket::new(100, now);
        let waits: Vec<_> = (0..12).map(|_| bucket.take(now, Duration::MAX).unwrap()).collect();
        assert!(waits[..10].iter().all(Duration::is_zero));
        assert!(waits[10] > Duration::ZERO && waits[11] > waits[10]);
        let before = bucket.tokens;
        assert!(bucket.take(now, Duration::from_millis(1)).is_err());
        assert!((bucket.tokens - before).abs() < 1e-9);
    }

    #[test]
    fn the_hosted_service_starts_free_and_the_server_may_name_another_limit() {
        let pacer = Pacer::new(Pacing::Auto, true);
        let limit = |pacer: &Pacer| pacer.bucket.lock().unwrap().as_ref().map(|bucket| bucket.limit);
        assert_eq!(limit(&pacer), Some(100));
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-limit", "1000".parse().unwrap());
        pacer.learn(&headers);
        assert_eq!(limit(&pacer), Some(1000));
        let fixed = Pacer::new(Pacing::FREE, true);
        fixed.learn(&headers);
        assert_eq!(limit(&fixed), Some(100), "an explicit limit stays");
        assert_eq!(limit(&Pacer::new(Pacing::Auto, false)), None);
    }

    #[cfg(feature = "shared-pacing")]
    #[test]
    fn a_plan_that_became_smaller_counts_for_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let key = crate::ApiKey::new("sk_secret").unwrap();
        let process = || Pacer::new(Pacing::Auto, true).shared(folder.path(), "host", &key).unwrap();
        let learn = |pacer: &Pacer, limit: &'static str| {
            pacer.learn(&HeaderMap::from_iter([(
                HeaderName::from_static("ratelimit-limit"),
                http::HeaderValue::from_static(limit),
            )]));
        };
        let at_once = |pacer: &Pacer| (0..200).take_while(|_| pacer.reserve(Duration::ZERO).is_ok()).count();
        let first = process();
        first.reserve(Duration::ZERO).unwrap();
        learn(&first, "1000");
        // One that begins at the free plan's limit, as the server now says it is.
        let second = process();
        second.reserve(Duration::ZERO).unwrap();
        learn(&second, "100");
        assert_eq!(at_once(&process()), 8, "a burst of 10, less two");
    }

    #[test]
    fn limit_headers_are_read_in_both_spellings() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", "100, 100;w=60".parse().unwrap());
        headers.insert("x-ratelimit-reset", "7".parse().unwrap());
        let seen = RateLimit::from_headers(&headers).unwrap();
        assert_eq!((seen.limit, seen.remaining, seen.reset), (100, None, Some(Duration::from_secs(7))));
        assert_eq!(RateLimit::from_headers(&HeaderMap::new()), None);
    }
}
