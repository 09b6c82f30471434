//! What there is in all tenants together, counted.

use super::App;
use crate::metrics::Held;

impl App {
    /// Counts what the tables hold.
    pub(crate) fn held(&self) -> Held {
        let mut state = self.lock();
        let (sessions, messages) = state.store.held();
        Held { sessions, messages, deliveries: self.outbox(&mut state).counted() }
    }
}
