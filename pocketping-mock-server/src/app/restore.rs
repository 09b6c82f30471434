//! Tenants that are put back to what they were.

use std::sync::Arc;

use super::{App, State};
use crate::store::{ApiKey, Rejection, Seed, Snapshots, TenantId, Tx, given_name};

impl App {
    /// Keeps a tenant's tables under a name.
    pub(crate) fn snapshot(&self, tenant: &TenantId, name: &str) -> Result<(), Rejection> {
        let mut state = self.lock();
        let State { store, snapshots, .. } = &mut *state;
        snapshots.keep(tenant, name, store.tenant(tenant, &self.0.ids))
    }

    /// Names, or forgets, what is kept.
    pub(crate) fn snapshots<T>(&self, look: impl FnOnce(&mut Snapshots) -> T) -> T {
        look(&mut self.lock().snapshots)
    }

    /// Keeps what a tenant has at the moment as what a reset puts back.
    pub(crate) fn begin_tenant(&self, tenant: &TenantId) {
        let mut state = self.lock();
        let State { store, snapshots, .. } = &mut *state;
        snapshots.begin(Arc::clone(tenant), store.tenant(tenant, &self.0.ids));
    }

    /// Puts a tenant back to a snapshot, or else to what it began with. A new epoch begins: its sockets are closed, and what
    /// was under way for it is over.
    pub(crate) fn restore(&self, tenant: &TenantId, name: Option<&str>) -> Result<(), Rejection> {
        let mut state = self.lock();
        self.outbox(&mut state);
        let State { store, snapshots, replays, hub, widgets, outbox, timers, .. } = &mut *state;
        let tables = match name {
            Some(name) => snapshots.get(tenant, name)?,
            None => snapshots.beginning(tenant, store.tenant(tenant, &self.0.ids)),
        };
        store.replace(tenant, tables, &self.0.ids, self.0.clock.now());
        replays.restart(tenant);
        hub.restart(tenant);
        widgets.restart(tenant);
        outbox.restart(tenant);
        timers.restart(tenant);
        self.stir(&mut state);
        drop(state);
        self.outbox_moved();
        Ok(())
    }

    /// Puts a seed in the place of all that a tenant has; a reset puts it back from now on. On an error nothing has changed.
    pub(crate) fn plant(&self, tenant: &TenantId, seed: Seed) -> Result<(), Rejection> {
        let mut state = self.lock();
        let mut tables = state.store.tenant(tenant, &self.0.ids).emptied();
        let mut tx = Tx::begin(&mut tables, &self.0.ids, self.0.clock.now());
        seed.apply(&mut tx, self.0.contract).map_err(|error| Rejection::Invalid(error.to_string()))?;
        tx.commit();
        state.snapshots.begin(Arc::clone(tenant), &tables);
        drop(state);
        self.restore(tenant, None)
    }

    /// The tenants that were given names, in the order of those.
    fn named_tenants(&self) -> Vec<TenantId> {
        let state = self.lock();
        let mut tenants = state.store.tenants();
        tenants.extend(state.access.tenants().cloned());
        drop(state);
        tenants.retain(|tenant| given_name(tenant).is_some());
        tenants.sort();
        tenants.dedup();
        tenants
    }

    /// The names of the tenants.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.named_tenants().iter().map(ToString::to_string).collect()
    }

    /// The keys, masked, that opened a tenant unnamed.
    pub(crate) fn unseen_keys(&self) -> Vec<String> {
        self.lock().access.unseen_keys()
    }

    /// A tenant by the name that was given to it.
    pub(crate) fn tenant_named(&self, name: &str) -> Result<TenantId, Rejection> {
        let found = self.named_tenants().into_iter().find(|tenant| **tenant == *name);
        found.ok_or_else(|| Rejection::field("tenant", format_args!("{name:?} is none that there is")))
    }

    /// Takes one key more.
    pub(crate) fn allow_key(&self, key: ApiKey) -> Result<(), String> {
        self.journal.mask([key.key.clone()]);
        self.lock().access.allow(key)
    }

    /// Takes a key no more. Sockets that it opened stay.
    pub(crate) fn revoke_key(&self, key: &str) -> Result<(), String> {
        self.lock().access.revoke(key)
    }
}
