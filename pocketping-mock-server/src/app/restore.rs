//! Tenants that are put back to what they were.

use std::sync::Arc;

use super::{App, State};
use crate::store::{ApiKey, Rejection, Snapshots, TenantId, given_name};

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
        let State { store, snapshots, replays, hub, widgets, outbox, timers, .. } = &mut *state;
        let tables = match name {
            Some(name) => snapshots.get(tenant, name)?,
            None => snapshots.beginning(tenant, store.tenant(tenant, &self.0.ids)),
        };
        store.replace(tenant, tables, &self.0.ids);
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

    /// The names of the tenants there are; of those that unseen keys opened only that there are some.
    pub(crate) fn tenants(&self) -> Vec<String> {
        let names = self.lock().store.tenants();
        names.iter().filter_map(|tenant| given_name(tenant)).map(str::to_owned).collect()
    }

    /// A tenant by the name that was given to it.
    pub(crate) fn tenant_named(&self, name: &str) -> Result<TenantId, Rejection> {
        let names = self.lock().store.tenants();
        let found = names.into_iter().find(|tenant| given_name(tenant) == Some(name));
        found.ok_or_else(|| Rejection::field("tenant", format_args!("{name:?} is none that there is")))
    }

    /// Takes one key more.
    pub(crate) fn allow_key(&self, key: ApiKey) -> Result<(), String> {
        self.lock().access.allow(key)
    }

    /// Takes a key no more. Sockets that it opened stay.
    pub(crate) fn revoke_key(&self, key: &str) -> Result<(), String> {
        self.lock().access.revoke(key)
    }
}
