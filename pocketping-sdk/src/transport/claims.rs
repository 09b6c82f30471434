//! What is known of writes that look alike, so that two of them are never taken for one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::client::Client;

/// The claims of one client.
#[derive(Default)]
pub(crate) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Ids that are the result of one particular write. Bounded: the oldest are forgotten.
    taken: HashSet<String>,
    order: VecDeque<String>,
    /// Writes of a likeness that are on their way, and those whose result is being looked for.
    likenesses: HashMap<String, Count>,
    /// Writes that were done, or may be, and whose id nobody has learned. Bounded likewise.
    unnamed: VecDeque<(String, Instant)>,
}

#[derive(Default)]
struct Count {
    pending: usize,
    searched: usize,
}

impl Claims {
    const MOST: usize = 10_000;

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims an id; `false` when it is already taken.
    pub(crate) fn claim(&self, id: String) -> bool {
        let mut state = self.state();
        if !state.taken.insert(id.clone()) {
            return false;
        }
        state.order.push_back(id);
        if state.order.len() > Self::MOST
            && let Some(oldest) = state.order.pop_front()
        {
            state.taken.remove(&oldest);
        }
        true
    }

    /// Whether another write of this likeness is on its way, or was done since then without its id being learned: any
    /// message that looks like it may be that one's.
    pub(crate) fn is_ambiguous(&self, likeness: &str, since: Instant) -> bool {
        let state = self.state();
        state.likenesses.get(likeness).is_some_and(|count| count.pending > 0)
            || state.unnamed.iter().any(|(known, at)| known == likeness && *at >= since)
    }

    /// Whether the results of several writes of this likeness are being looked for.
    pub(crate) fn is_contested(&self, likeness: &str) -> bool {
        self.state().likenesses.get(likeness).is_some_and(|count| count.searched > 1)
    }

    fn count(&self, likeness: &str, change: impl FnOnce(&mut Count)) {
        let mut state = self.state();
        let count = state.likenesses.entry(likeness.to_owned()).or_default();
        change(count);
        if count.pending + count.searched == 0 {
            state.likenesses.remove(likeness);
        }
    }

    fn unnamed(&self, likeness: &str) {
        let mut state = self.state();
        state.unnamed.push_back((likeness.to_owned(), Instant::now()));
        if state.unnamed.len() > Self::MOST {
            state.unnamed.pop_front();
        }
    }
}

/// A write that is on its way. One that is dropped before its result is known may have been done, or may yet be.
pub(crate) struct Pending {
    client: Client,
    likeness: String,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    OnItsWay,
    Searched,
    Over,
}

impl Pending {
    pub(crate) fn new(client: &Client, likeness: String) -> Self {
        client.inner().claims.count(&likeness, |count| count.pending += 1);
        Self { client: client.clone(), likeness, stage: Stage::OnItsWay }
    }

    fn to(&mut self, stage: Stage) {
        let from = std::mem::replace(&mut self.stage, stage);
        self.client.inner().claims.count(&self.likeness, |count| {
            match from {
                Stage::OnItsWay => count.pending = count.pending.saturating_sub(1),
                Stage::Searched => count.searched = count.searched.saturating_sub(1),
                Stage::Over => {}
            }
            match stage {
                Stage::OnItsWay => count.pending += 1,
                Stage::Searched => count.searched += 1,
                Stage::Over => {}
            }
        });
    }

    /// The write has ended without a word; what became of it is looked for.
    pub(crate) fn searched(&mut self) {
        self.to(Stage::Searched);
    }

    /// The write is made again.
    pub(crate) fn again(&mut self) {
        self.to(Stage::OnItsWay);
    }

    /// Its result is known and claimed, or there is none.
    pub(crate) fn known(mut self) {
        self.to(Stage::Over);
    }

    pub(crate) fn likeness(&self) -> &str {
        &self.likeness
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.stage != Stage::Over {
            self.to(Stage::Over);
            self.client.inner().claims.unnamed(&self.likeness);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_claimed_once_and_old_claims_are_forgotten() {
        let claims = Claims::default();
        assert!(claims.claim("a".into()) && !claims.claim("a".into()) && claims.claim("b".into()));
        for n in 0..Claims::MOST {
            claims.claim(n.to_string());
        }
        assert!(claims.claim("a".into()), "forgotten");
        assert_eq!(claims.state().order.len(), Claims::MOST);
    }

    #[test]
    fn a_write_is_in_the_way_of_its_like_until_its_result_is_known() {
        let client = Client::new("http://localhost", "k").unwrap();
        let claims = &client.inner().claims;
        let start = Instant::now();
        let mut one = Pending::new(&client, "x".into());
        let mut two = Pending::new(&client, "x".into());
        assert!(claims.is_ambiguous("x", start) && !claims.is_ambiguous("y", start));
        one.searched();
        assert!(!claims.is_contested("x"));
        two.searched();
        assert!(claims.is_contested("x") && !claims.is_ambiguous("x", start));
        one.again();
        assert!(claims.is_ambiguous("x", start));
        one.known();
        two.known();
        assert!(claims.state().likenesses.is_empty() && !claims.is_ambiguous("x", start));
        drop(Pending::new(&client, "x".into()));
        assert!(claims.is_ambiguous("x", start), "it may have been done");
        assert!(
            !claims.is_ambiguous("x", Instant::now() + std::time::Duration::from_secs(1)),
            "but not later than that"
        );
    }
}
