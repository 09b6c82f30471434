//! Barriers: calls that are held until a test lets them go, and how many they are.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Waits this long, in real time: what a fault holds up is I/O.
pub(crate) async fn pause(time: Duration) {
    drop(tokio::time::timeout(time, pending::<()>()).await);
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    /// Those that wait, by their tickets, and where.
    waiting: BTreeMap<u64, Arc<str>>,
}

impl Held {
    fn count(&self, barrier: &str) -> usize {
        self.waiting.values().filter(|name| &***name == barrier).count()
    }
}

/// Who is held where.
#[derive(Debug, Default)]
pub(crate) struct Barriers(watch::Sender<Held>);

/// A place at a barrier; given up when it is dropped.
#[derive(Debug)]
struct Place {
    held: watch::Sender<Held>,
    ticket: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.held.send_if_modified(|held| held.waiting.remove(&self.ticket).is_some());
    }
}

impl Barriers {
    /// Waits until the barrier is released. Whoever stops waiting is not held any more.
    pub(crate) async fn hold(&self, barrier: &Arc<str>) {
        let mut seen = self.0.subscribe();
        let mut ticket = 0;
        self.0.send_modify(|held| {
            ticket = held.next;
            held.next += 1;
            held.waiting.insert(ticket, Arc::clone(barrier));
        });
        let place = Place { held: self.0.clone(), ticket };
        // The sender lives as long as its place.
        drop(seen.wait_for(|held| !held.waiting.contains_key(&ticket)).await);
        drop(place);
    }

    /// Lets go whoever is held there now, and gives how many they are.
    pub(crate) fn release(&self, barrier: &str) -> usize {
        let mut released = 0;
        self.0.send_if_modified(|held| {
            let before = held.waiting.len();
            held.waiting.retain(|_, name| &**name != barrier);
            released = before - held.waiting.len();
            released > 0
        });
        released
    }

    /// How many are held where.
    pub(crate) fn counts(&self) -> BTreeMap<Arc<str>, usize> {
        let mut counts = BTreeMap::new();
        for name in self.0.borrow().waiting.values() {
            *counts.entry(Arc::clone(name)).or_default() += 1;
        }
        counts
    }

    /// Waits until so many are held there.
    pub(crate) async fn held(&self, barrier: &str, count: usize) {
        drop(self.0.subscribe().wait_for(|held| held.count(barrier) >= count).await);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_release_lets_go_who_is_held_there_and_nobody_else() {
        let barriers = Barriers::default();
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        let mut first = Box::pin(barriers.hold(&a));
        let mut other = Box::pin(barriers.hold(&b));
        let mut gone = Box::pin(barriers.hold(&a));
        for held in [&mut first, &mut other, &mut gone] {
            assert!(held.now_or_never().is_none());
        }
        assert!(barriers.held("a", 2).now_or_never().is_some() && barriers.held("a", 3).now_or_never().is_none());
        drop(gone);
        assert_eq!(barriers.counts(), BTreeMap::from([(Arc::clone(&a), 1), (Arc::clone(&b), 1)]));
        assert_eq!((barriers.release("a"), barriers.release("a"), barriers.release("c")), (1, 0, 0));
        assert!((&mut first).now_or_never().is_some() && (&mut other).now_or_never().is_none());
        let mut later = Box::pin(barriers.hold(&a));
        assert!((&mut later).now_or_never().is_none(), "a release is not for who comes later");
    }
}
