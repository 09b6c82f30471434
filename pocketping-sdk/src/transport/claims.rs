//! What is known of writes that look alike, so that two of them are never taken for one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::client::Client;

/// The claims of one client.
#[derive(Default)]
pub(crate) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Ids that are the result of one particular write. Bounded: the oldest are forgotten.
    taken: HashSet<String>,
    order: VecDeque<String>,
    /// How many writes of a kind are on their way, their result not yet known.
    pending: HashMap<String, usize>,
}

impl Claims {
    const MOST: usize = 10_000;

    /// Claims an id; `false` when it is already taken.
    pub(crate) fn claim(&self, id: &str) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.taken.insert(id.to_owned()) {
            return false;
        }
        state.order.push_back(id.to_owned());
        if state.order.len() > Self::MOST
            && let Some(oldest) = state.order.pop_front()
        {
            state.taken.remove(&oldest);
        }
        true
    }

    /// Whether a write of this kind is on its way whose result may be any message that looks like it.
    pub(crate) fn is_pending(&self, kind: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pending.contains_key(kind)
    }

    fn change(&self, kind: &str, by: impl FnOnce(usize) -> usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by(state.pending.remove(kind).unwrap_or(0));
        if count > 0 {
            state.pending.insert(kind.to_owned(), count);
        }
    }
}

/// A write that is on its way. It is no longer pending when this is dropped or its result is being looked for.
pub(crate) struct Pending {
    client: Client,
    kind: String,
    counts: bool,
}

impl Pending {
    pub(crate) fn new(client: &Client, kind: String) -> Self {
        client.inner().claims.change(&kind, |count| count + 1);
        Self { client: client.clone(), kind, counts: true }
    }

    /// The write has ended without a word; what became of it is looked for.
    pub(crate) fn ended(&mut self) {
        if std::mem::replace(&mut self.counts, false) {
            self.client.inner().claims.change(&self.kind, |count| count.saturating_sub(1));
        }
    }

    /// The write is made again.
    pub(crate) fn again(&mut self) {
        if !std::mem::replace(&mut self.counts, true) {
            self.client.inner().claims.change(&self.kind, |count| count + 1);
        }
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_claimed_once_and_old_claims_are_forgotten() {
        let claims = Claims::default();
        assert!(claims.claim("a") && !claims.claim("a") && claims.claim("b"));
        for n in 0..Claims::MOST {
            claims.claim(&n.to_string());
        }
        assert!(claims.claim("a"), "forgotten");
        assert_eq!(claims.0.lock().unwrap().order.len(), Claims::MOST);
    }

    #[test]
    fn a_write_is_pending_until_it_ends_however_it_ends() {
        let client = Client::new("http://localhost", "k").unwrap();
        let claims = &client.inner().claims;
        let mut one = Pending::new(&client, "x".into());
        let two = Pending::new(&client, "x".into());
        one.ended();
        one.ended();
        assert!(claims.is_pending("x") && !claims.is_pending("y"));
        drop(two);
        assert!(!claims.is_pending("x"));
        one.again();
        assert!(claims.is_pending("x"));
        drop(one);
        assert!(claims.0.lock().unwrap().pending.is_empty());
    }
}
