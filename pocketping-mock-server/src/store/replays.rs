//! Idempotency keys: the answers of writes that came with one, to be given again.
//!
//! contract gap: the reference has no such keys; strict answers know nothing of them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use pocketping_sdk::Timestamp;

use super::{Rejection, TenantId};

/// What a key is good for: tenant, method and path, and the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) tenant: TenantId,
    pub(crate) request: String,
    pub(crate) key: String,
}

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    /// The request's body, as a hash.
    fingerprint: u64,
    kept: Option<Kept>,
}

/// What a request with a key finds.
#[derive(Debug, PartialEq)]
pub(crate) enum Began {
    /// It is the first one; its place is taken until it is kept or given up.
    First,
    /// It came before.
    Again(Kept),
}

/// The answers that are kept: for a day, and at most 100,000.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    entries: HashMap<Scope, Entry>,
    /// Kept answers, oldest first.
    order: VecDeque<(Timestamp, Scope)>,
}

impl Replays {
    const FOR: Duration = Duration::from_secs(24 * 3600);
    const MOST: usize = 100_000;

    /// Takes the place of a request, or finds the one that came before.
    pub(crate) fn begin(&mut self, scope: &Scope, fingerprint: u64, now: Timestamp) -> Result<Began, Rejection> {
        self.forget(now);
        match self.entries.get(scope) {
            Some(entry) if entry.fingerprint != fingerprint => Err(Rejection::KeyReused),
            Some(Entry { kept: Some(kept), .. }) => Ok(Began::Again(kept.clone())),
            Some(_) => Err(Rejection::InProgress),
            None => {
                self.entries.insert(scope.clone(), Entry { fingerprint, kept: None });
                Ok(Began::First)
            }
        }
    }

    /// Keeps the answer of a request that began, under the same lock as its commit.
    pub(crate) fn keep(&mut self, scope: &Scope, kept: Kept, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(scope) {
            entry.kept = Some(kept);
            self.order.push_back((now, scope.clone()));
        }
        while self.order.len() > Self::MOST {
            self.drop_oldest();
        }
    }

    /// Frees the place of a request that ended without an answer worth keeping.
    pub(crate) fn give_up(&mut self, scope: &Scope) {
        if self.entries.get(scope).is_some_and(|entry| entry.kept.is_none()) {
            self.entries.remove(scope);
        }
    }

    /// Forgets what a tenant was answered; requests that are still running find no place to keep their answer.
    pub(crate) fn restart(&mut self, tenant: &TenantId) {
        self.order.retain(|(_, scope)| scope.tenant != *tenant);
        self.entries.retain(|scope, _| scope.tenant != *tenant);
    }

    fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) >= Self::FOR) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, scope)) = self.order.pop_front() {
            self.entries.remove(&scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(key: &str) -> Scope {
        Scope { tenant: "t".into(), request: "POST /x".into(), key: key.into() }
    }

    fn kept(body: &str) -> Kept {
        Kept { status: 201, body: body.into() }
    }

    #[test]
    fn a_key_gives_its_first_answer_again() {
        let now: Timestamp = "2024-01-15T10:30:00Z".parse().unwrap();
        let mut replays = Replays::default();
        assert_eq!(replays.begin(&scope("a"), 1, now), Ok(Began::First));
        assert_eq!(replays.begin(&scope("a"), 1, now), Err(Rejection::InProgress));
        replays.keep(&scope("a"), kept("one"), now);
        assert_eq!(replays.begin(&scope("a"), 1, now), Ok(Began::Again(kept("one"))));
        assert_eq!(replays.begin(&scope("a"), 2, now), Err(Rejection::KeyReused));
        assert_eq!(replays.begin(&scope("b"), 2, now), Ok(Began::First), "another key");
    }

    #[test]
    fn a_request_that_dies_frees_its_place_and_a_kept_answer_stays() {
        let now: Timestamp = "2024-01-15T10:30:00Z".parse().unwrap();
        let mut replays = Replays::default();
        replays.begin(&scope("a"), 1, now).unwrap();
        replays.give_up(&scope("a"));
        assert_eq!(replays.begin(&scope("a"), 2, now), Ok(Began::First));
        replays.keep(&scope("a"), kept("one"), now);
        replays.give_up(&scope("a"));
        assert_eq!(replays.begin(&scope("a"), 2, now), Ok(Began::Again(kept("one"))));
    }

    #[test]
    fn answers_are_forgotten_after_a_day() {
        let now: Timestamp = "2024-01-15T10:30:00Z".parse().unwrap();
        let mut replays = Replays::default();
        replays.begin(&scope("a"), 1, now).unwrap();
        replays.keep(&scope("a"), kept("one"), now);
        let almost = now.saturating_add(Replays::FOR.saturating_sub(Duration::from_millis(1)));
        assert_eq!(replays.begin(&scope("a"), 1, almost), Ok(Began::Again(kept("one"))));
        assert_eq!(replays.begin(&scope("a"), 1, now.saturating_add(Replays::FOR)), Ok(Began::First));
    }
}
