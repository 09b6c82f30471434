//! What was already handled, as far back as memory goes.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// A bounded set of what was handled; the oldest is forgotten.
#[derive(Debug)]
pub(super) struct Seen {
    most: usize,
    state: Mutex<(HashSet<String>, VecDeque<String>)>,
}

impl Seen {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.contains(key)
    }

    pub(super) fn insert(&self, key: String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *state;
        if self.most == 0 || !known.insert(key.clone()) {
            return;
        }
        order.push_back(key);
        if order.len() > self.most
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }
}
