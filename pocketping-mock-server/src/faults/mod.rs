//! Faults: what a test makes go wrong. Here it is only decided whose turn it is; `http/faulty.rs`, `ws/frames.rs`,
//! `widget/events.rs` and `delivery/worker.rs` carry it out.

mod acts;
mod barriers;
mod draw;
mod fault;
mod fields;
mod on;
pub(crate) mod places;
mod read;
mod server;
mod show;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::store::Rejection;
use crate::surface::Surface;
use acts::Act;
pub(crate) use acts::{HttpAct, Reply, RetryAfter, is_bodiless};
pub use acts::{HttpFault, Over, SocketFault, WebhookFault};
pub(crate) use barriers::{Barriers, pause};
pub use fault::{Fault, FaultError};
pub(crate) use on::CallFacts;
use on::{ToldFacts, event_of};

/// How many faults that are over are remembered.
const REMEMBERED: usize = 100;
/// How many faults may wait that came over HTTP.
const MOST_WAITING: usize = 1000;

/// The faults that wait, and the connections they end.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whether any fault waits: what there is to be looked at while none does.
    armed: AtomicBool,
    refused: AtomicBool,
    kept: Mutex<Kept>,
    pub(crate) barriers: Barriers,
    /// The parent of every connection's end.
    connections: Mutex<CancellationToken>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    faults: Vec<Injected>,
}

/// A fault that was injected, and what became of it.
#[derive(Debug)]
struct Injected {
    id: Arc<str>,
    fault: Fault,
    happened: u64,
}

impl Injected {
    fn to_json(&self) -> Value {
        let mut shown = self.fault.to_json();
        shown["id"] = json!(*self.id);
        shown["happened"] = json!(self.happened);
        shown["left"] = self.fault.times.map_or_else(|| json!("always"), |left| json!(left));
        shown
    }
}

/// A fault that happens now.
#[derive(Clone, Debug)]
pub(crate) struct Met<T> {
    /// The fault's id.
    pub(crate) id: Arc<str>,
    pub(crate) act: T,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, fault: Fault) {
        self.add(&mut self.lock(), fault);
    }

    /// As [`inject`](Self::inject), and shows it; refused when too many wait.
    pub(crate) fn try_inject(&self, fault: Fault) -> Result<Value, Rejection> {
        let mut kept = self.lock();
        if kept.faults.iter().filter(|injected| !injected.fault.is_over()).count() >= MOST_WAITING {
            return Err(Rejection::Full("too many faults wait; take some of them back".to_owned()));
        }
        self.add(&mut kept, fault);
        Ok(kept.faults.last().map(Injected::to_json).unwrap_or_default())
    }

    fn add(&self, kept: &mut Kept, fault: Fault) {
        kept.next += 1;
        let id = format!("fault_{}", kept.next).into();
        kept.faults.push(Injected { id, fault: fault.settled(), happened: 0 });
        self.tidy(kept);
    }

    /// Takes all of them back; gives how many there were.
    pub(crate) fn clear(&self) -> usize {
        let mut kept = self.lock();
        let count = kept.faults.len();
        kept.faults.clear();
        self.tidy(&mut kept);
        count
    }

    /// Takes one back; `false` when there is none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut kept = self.lock();
        let before = kept.faults.len();
        kept.faults.retain(|injected| &*injected.id != id);
        let removed = kept.faults.len() < before;
        self.tidy(&mut kept);
        removed
    }

    /// All of them, and those of the last that are over.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.lock().faults.iter().map(Injected::to_json).collect()
    }

    /// How many chances are not used yet. What happens always counts once.
    pub(crate) fn left(&self) -> usize {
        self.lock().faults.iter().map(|injected| injected.fault.times.map_or(1, |times| times as usize)).sum()
    }

    /// The barriers there are, and how many are held at each.
    pub(crate) fn barriers(&self) -> BTreeMap<Arc<str>, usize> {
        let mut counts = self.barriers.counts();
        for barrier in self.lock().faults.iter().filter_map(|injected| injected.fault.barrier()) {
            counts.entry(Arc::clone(barrier)).or_default();
        }
        counts
    }

    fn tidy(&self, kept: &mut Kept) {
        let mut over = kept.faults.iter().filter(|injected| injected.fault.is_over()).count();
        self.armed.store(kept.faults.len() > over, Ordering::Relaxed);
        kept.faults.retain(|injected| {
            let is_old = over > REMEMBERED && injected.fault.is_over();
            over -= usize::from(is_old);
            !is_old
        });
    }

    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    /// Uses a chance of the first fault that is due, of those that are picked.
    fn take<T>(&self, is_picked: impl Fn(&Fault) -> bool, act: impl Fn(&mut Act) -> Option<T>) -> Option<Met<T>> {
        if !self.is_armed() {
            return None;
        }
        let mut kept = self.lock();
        let mut taken = None;
        for injected in &mut kept.faults {
            if injected.fault.is_over() || !is_picked(&injected.fault) {
                continue;
            }
            if injected.fault.is_due()
                && taken.is_none()
                && let Some(act) = act(&mut injected.fault.act)
            {
                injected.fault.happens();
                injected.happened += 1;
                taken = Some(Met { id: Arc::clone(&injected.id), act });
            }
        }
        self.tidy(&mut kept);
        taken
    }

    /// Whether it matters what calls of this surface have in their bodies.
    pub(crate) fn reads_bodies(&self, surface: Surface) -> bool {
        self.is_armed()
            && self.lock().faults.iter().any(|Injected { fault, .. }| {
                fault.of_surface() == surface && fault.act.is_for_calls() && fault.on.body.is_some() && !fault.is_over()
            })
    }

    /// What happens to this call.
    pub(crate) fn on_call(&self, call: &CallFacts<'_>) -> Option<Met<HttpAct>> {
        self.take(|fault| fault.is_for_call(call), Act::happens_to_call)
    }

    /// What happens to an event frame.
    pub(crate) fn on_frame(&self, surface: Surface, over: Over, frame: &Bytes) -> Option<Met<SocketFault>> {
        if !self.is_armed() {
            return None;
        }
        let event = event_of(frame);
        let told = ToldFacts { surface, over: Some(over), event: &event, body: frame };
        self.take(
            |fault| match &fault.act {
                Act::Socket(SocketFault::RefuseAuth(_) | SocketFault::RefuseUpgrade { .. }) => false,
                Act::Socket(act) => fault.is_for_told(&told) && (over == Over::WebSocket || act.is_for_streams()),
                _ => false,
            },
            socket_fault,
        )
    }

    /// The close code an auth frame is refused with.
    pub(crate) fn on_auth(&self) -> Option<Met<u16>> {
        self.take(
            |fault| matches!(fault.act, Act::Socket(SocketFault::RefuseAuth(_))),
            |act| if let Act::Socket(SocketFault::RefuseAuth(code)) = act { Some(*code) } else { None },
        )
    }

    /// The status an upgrade is refused with, and the seconds to wait.
    pub(crate) fn on_upgrade(&self, surface: Surface) -> Option<Met<(u16, Option<u32>)>> {
        self.take(
            |fault| {
                let is_it = matches!(fault.act, Act::Socket(SocketFault::RefuseUpgrade { .. }));
                is_it && fault.of_surface() == surface
            },
            |act| match act {
                Act::Socket(SocketFault::RefuseUpgrade { status, retry_after }) => Some((*status, *retry_after)),
                _ => None,
            },
        )
    }

    /// What happens to an attempt of a delivery.
    pub(crate) fn on_delivery(&self, event: &str, body: &[u8]) -> Option<Met<WebhookFault>> {
        let told = ToldFacts { surface: Surface::Webhook, over: None, event, body };
        self.take(
            |fault| fault.is_for_told(&told),
            |act| if let Act::Webhook(fault) = act { Some(*fault) } else { None },
        )
    }

    pub(crate) fn refuse_connections(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    pub(crate) fn refuses_connections(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// The end of a new connection.
    pub(crate) fn new_end(&self) -> CancellationToken {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).child_token()
    }

    pub(crate) fn cut_connections(&self) {
        let mut parent = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = std::mem::take(&mut *parent);
        drop(parent);
        connections.cancel();
    }
}

fn socket_fault(act: &mut Act) -> Option<SocketFault> {
    if let Act::Socket(fault) = act { Some(*fault) } else { None }
}

#[cfg(test)]
mod tests;
