//! Snapshots: a tenant's tables as they were, by name, to be put back.

use std::collections::{BTreeMap, HashMap};

use super::{Rejection, Tenant, TenantId};

/// How many snapshots a tenant may have.
const MOST: usize = 100;
/// The longest name of one, in characters.
const MOST_NAME: usize = 100;

/// All tenants' snapshots, and what each tenant began with.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    named: HashMap<TenantId, BTreeMap<String, Tenant>>,
    /// Of tenants that began with something.
    beginnings: HashMap<TenantId, Tenant>,
}

impl Snapshots {
    /// Keeps what a tenant begins with, for a reset.
    pub(crate) fn begin(&mut self, id: TenantId, tables: &Tenant) {
        self.beginnings.insert(id, tables.clone());
    }

    /// What a tenant began with.
    pub(crate) fn beginning(&self, id: &TenantId, tables: &Tenant) -> Tenant {
        self.beginnings.get(id).cloned().unwrap_or_else(|| tables.emptied())
    }

    /// Keeps the tables under a name; what had this name is replaced.
    pub(crate) fn keep(&mut self, id: &TenantId, name: &str, tables: &Tenant) -> Result<(), Rejection> {
        if name.is_empty() || name.chars().count() > MOST_NAME || name.contains(char::is_control) {
            let what = format_args!("must have 1 to {MOST_NAME} characters, and no control characters");
            return Err(Rejection::field("name", what));
        }
        let named = self.named.entry(id.clone()).or_default();
        if named.len() >= MOST && !named.contains_key(name) {
            return Err(Rejection::Conflict(format!("there are {MOST} snapshots already; delete one first")));
        }
        named.insert(name.to_owned(), tables.clone());
        Ok(())
    }

    /// The tables of this name.
    pub(crate) fn get(&self, id: &TenantId, name: &str) -> Result<Tenant, Rejection> {
        let found = self.named.get(id).and_then(|named| named.get(name));
        found.cloned().ok_or_else(|| Rejection::NoSuchSnapshot(name.to_owned()))
    }

    /// Forgets the tables of this name.
    pub(crate) fn remove(&mut self, id: &TenantId, name: &str) -> Result<(), Rejection> {
        let removed = self.named.get_mut(id).and_then(|named| named.remove(name));
        removed.map(drop).ok_or_else(|| Rejection::NoSuchSnapshot(name.to_owned()))
    }

    /// The names, in order.
    pub(crate) fn names(&self, id: &TenantId) -> Vec<String> {
        self.named.get(id).map_or_else(Vec::new, |named| named.keys().cloned().collect())
    }
}
