//! `SessionWalk`: a long list of sessions, read in parts, so that others are served between two of them.

use std::sync::Arc;

use pocketping_sdk::Session;

use crate::app::App;
use crate::store::{SessionQuery, TenantId};

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
    /// The next part, which may be empty; `None` when the walk is over.
    pub(crate) fn next_part(&mut self) -> Option<Vec<Arc<Session>>> {
        if self.is_over {
            return None;
        }
        let page = self.app.read(&self.tenant, |tables| tables.sessions_before(self.before, &self.query, LIST_AT_ONCE));
        self.before = page.next;
        self.is_over = page.next.is_none();
        if self.ahead.is_some() {
            if !page.items.is_empty() {
                self.next = self.ahead;
                self.is_over = true;
            }
            return Some(Vec::new());
        }
        if let Some(limit) = &mut self.query.limit {
            *limit -= page.items.len();
            if *limit == 0 {
                self.ahead = page.next;
                *limit = 1;
            }
        }
        Some(page.items)
    }
}
