//! The rate limit: so many requests in any sliding minute per key, on the server's clock.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pocketping_sdk::Timestamp;

use crate::store::Rejection;

const WINDOW: Duration = Duration::from_secs(60);

/// The limit and what each key has used of it.
#[derive(Debug)]
pub(crate) struct RateLimits {
    limit: Option<u32>,
    used: Mutex<HashMap<String, VecDeque<Timestamp>>>,
}

/// What a key has left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u32,
    pub(crate) remaining: usize,
    /// Seconds to the full quota.
    pub(crate) reset: u64,
}

impl RateLimits {
    /// `None` is no limit, as on self-hosted servers.
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, used: Mutex::default() }
    }

    /// Counts a request; `None` when there is no limit. A refused request is not counted.
    pub(crate) fn count(&self, key: &str, now: Timestamp) -> Result<Option<Left>, (Rejection, Left)> {
        let Some(limit) = self.limit else { return Ok(None) };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let times = used.entry(key.to_owned()).or_default();
        while times.front().is_some_and(|time| now.since(*time) >= WINDOW) {
            times.pop_front();
        }
        let refused = times.len() >= limit as usize;
        if !refused {
            times.push_back(now);
        }
        let until_free = |time: Option<&Timestamp>| {
            let wait = time.map_or(Duration::ZERO, |time| time.saturating_add(WINDOW).since(now));
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        };
        let left = Left { limit, remaining: limit as usize - times.len(), reset: until_free(times.back()) };
        if refused {
            let retry_after = until_free(times.front()).max(1);
            return Err((Rejection::RateLimited { limit, retry_after }, left));
        }
        Ok(Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sliding_minute_holds_at_most_the_limit() {
        let start: Timestamp = "2024-01-15T10:30:00Z".parse().unwrap();
        let at = |seconds| start.saturating_add(Duration::from_secs(seconds));
        let limits = RateLimits::new(Some(2));
        assert_eq!(limits.count("k", at(0)).unwrap().unwrap().remaining, 1);
        assert_eq!(limits.count("k", at(50)).unwrap().unwrap(), Left { limit: 2, remaining: 0, reset: 60 });
        let (rejection, left) = limits.count("k", at(55)).unwrap_err();
        assert_eq!(rejection, Rejection::RateLimited { limit: 2, retry_after: 5 });
        assert_eq!(left, Left { limit: 2, remaining: 0, reset: 55 });
        assert!(limits.count("other", at(55)).is_ok(), "per key");
        assert!(limits.count("k", at(60)).is_ok(), "the first one left the window");
        assert!(limits.count("k", at(60)).is_err());
        assert!(RateLimits::new(None).count("k", at(0)).unwrap().is_none());
    }
}
