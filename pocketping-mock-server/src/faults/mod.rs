//! Faults: what a test makes go wrong. Here it is only decided whose turn it is; `http/faulty.rs` and `ws/frames.rs`
//! carry it out.

mod fault;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use fault::Act;
pub use fault::{Fault, HttpFault, SocketFault};

/// The faults that wait, and the connections they end.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whether any fault waits: what there is to be looked at while none does.
    armed: AtomicBool,
    refused: AtomicBool,
    waiting: Mutex<Vec<Fault>>,
    /// The parent of every connection's end.
    connections: Mutex<CancellationToken>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, fault: Fault) {
        let mut waiting = self.lock();
        waiting.push(fault);
        self.tidy(&mut waiting);
    }

    pub(crate) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.clear();
        self.tidy(&mut waiting);
    }

    /// How many chances are not used yet.
    pub(crate) fn left(&self) -> usize {
        self.lock().iter().map(|fault| fault.times as usize).sum()
    }

    fn tidy(&self, waiting: &mut Vec<Fault>) {
        waiting.retain(|fault| fault.times > 0);
        self.armed.store(!waiting.is_empty(), Ordering::Relaxed);
    }

    /// Uses a chance of the first fault that is due, of those that are picked.
    fn take<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let mut waiting = self.lock();
        let mut taken = None;
        for fault in waiting.iter_mut() {
            let Some(picked) = pick(fault) else { continue };
            if fault.after > 0 {
                fault.after -= 1;
            } else if taken.is_none() {
                fault.times -= 1;
                taken = Some(picked);
            }
        }
        self.tidy(&mut waiting);
        taken
    }

    /// What happens to this call.
    pub(crate) fn on_call(&self, method: &str, path: &str) -> Option<HttpFault> {
        self.take(|fault| match fault.act {
            Act::Http(act) if fault.is_for(method, path) => Some(act),
            _ => None,
        })
    }

    /// What happens to an event frame.
    pub(crate) fn on_event(&self) -> Option<SocketFault> {
        self.take(|fault| match fault.act {
            Act::Http(_) | Act::Socket(SocketFault::RefuseAuth(_) | SocketFault::RefuseUpgrade { .. }) => None,
            Act::Socket(act) => Some(act),
        })
    }

    /// The close code an auth frame is refused with.
    pub(crate) fn on_auth(&self) -> Option<u16> {
        self.take(|fault| match fault.act {
            Act::Socket(SocketFault::RefuseAuth(code)) => Some(code),
            _ => None,
        })
    }

    /// The status an upgrade is refused with, and the seconds to wait.
    pub(crate) fn on_upgrade(&self) -> Option<(u16, Option<u32>)> {
        self.take(|fault| match fault.act {
            Act::Socket(SocketFault::RefuseUpgrade { status, retry_after }) => Some((status, retry_after)),
            _ => None,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "/sessions/:sessionId/messages";

    #[test]
    fn a_fault_lets_some_by_then_happens_so_often() {
        let faults = Faults::default();
        faults.inject(Fault::http(HttpFault::CutBefore).route("POST", LINE).after(1).times(2));
        let call = |path| faults.on_call("POST", path).is_some();
        assert!(!call("/sessions/1/messages"));
        assert!(!call("/webhooks"), "another route is no chance");
        assert!(call("/sessions/1/messages") && call("/v1/sessions/2/messages") && !call("/sessions/1/messages"));
        assert_eq!(faults.left(), 0);
    }

    #[test]
    fn of_several_that_are_due_the_first_goes_first_and_all_of_them_count() {
        let faults = Faults::default();
        for (code, after) in [(1, 1), (2, 1), (3, 3)] {
            faults.inject(Fault::socket(SocketFault::Close(code)).after(after));
        }
        let happened: Vec<_> = (0..5).map(|_| faults.on_event()).collect();
        let close = |code| Some(SocketFault::Close(code));
        assert_eq!(happened, [None, close(1), close(2), close(3), None]);
    }

    #[test]
    fn each_kind_has_chances_of_its_own() {
        let faults = Faults::default();
        faults.inject(Fault::socket(SocketFault::RefuseAuth(4401)));
        faults.inject(Fault::socket(SocketFault::RefuseUpgrade { status: 503, retry_after: Some(1) }));
        faults.inject(Fault::http(HttpFault::CutInBody));
        faults.inject(Fault::socket(SocketFault::Skip).times(0));
        assert_eq!((faults.left(), faults.on_event()), (3, None));
        assert_eq!((faults.on_auth(), faults.on_auth()), (Some(4401), None));
        assert_eq!((faults.on_upgrade(), faults.on_upgrade()), (Some((503, Some(1))), None));
        assert_eq!(faults.on_call("GET", "/sessions"), Some(HttpFault::CutInBody));
        faults.inject(Fault::socket(SocketFault::Cut).times(9));
        faults.clear();
        assert_eq!((faults.left(), faults.on_event()), (0, None));
    }
}
