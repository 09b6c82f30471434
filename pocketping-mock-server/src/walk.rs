//! `SessionWalk`: a long list of sessions, read in parts, so that others are served between two of them.

use std::sync::Arc;

use pocketping_sdk::Session;

use crate::app::App;
use crate::store::{Held, SessionQuery, Tenant, TenantId};

/// How many sessions (and messages, when those are searched) a list looks at under one lock: a long list never holds up
/// a write for long.
const LIST_AT_ONCE: usize = 512;

impl App {
    /// Walks over sessions, newest first, in parts: whoever serves others lets them in between.
    pub(crate) fn walk_sessions(&self, tenant: &TenantId, query: SessionQuery) -> SessionWalk {
        let before = query.cursor;
        SessionWalk {
            app: self.clone(),
            tenant: Arc::clone(tenant),
            query,
            before,
            is_over: false,
            ahead: None,
            next: None,
        }
    }
}

/// A walk over a list of sessions, newest first, that takes the lock for one part at a time.
#[derive(Debug)]
pub(crate) struct SessionWalk {
    app: App,
    tenant: TenantId,
    query: SessionQuery,
    before: Option<usize>,
    is_over: bool,
    /// The position the next page would start before: the page is full, and whether there is one more match, so that
    /// no cursor leads nowhere, is still being looked for.
    ahead: Option<usize>,
    /// Where the next page starts, once the walk is over.
    pub(crate) next: Option<usize>,
}

impl SessionWalk {
    /// Whether there is no other part.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next part, which may be empty; `None` when the walk is over.
    pub(crate) fn next_part(&mut self) -> Option<Vec<Held<Session>>> {
        self.next_part_as(|_, session| Arc::clone(session))
    }

    /// As [`next_part`](Self::next_part): what `take` takes of each session, under the same lock.
    pub(crate) fn next_part_as<T>(&mut self, mut take: impl FnMut(&Tenant, &Held<Session>) -> T) -> Option<Vec<T>> {
        if self.is_over {
            return None;
        }
        let is_full = self.ahead.is_some();
        let (taken, found, next) = self.app.read(&self.tenant, |tables| {
            let page = tables.sessions_before(self.before, &self.query, LIST_AT_ONCE);
            let found = page.items.len();
            let items = if is_full { Vec::new() } else { page.items };
            (items.iter().map(|session| take(tables, session)).collect(), found, page.next)
        });
        self.before = next;
        self.is_over = next.is_none();
        if is_full {
            if found > 0 {
                self.next = self.ahead;
                self.is_over = true;
            }
            return Some(taken);
        }
        if let Some(limit) = &mut self.query.limit {
            *limit -= found;
            if *limit == 0 {
                self.ahead = next;
                *limit = 1;
            }
        }
        Some(taken)
    }
}
