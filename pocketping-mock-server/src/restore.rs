//! What a test does to the server's state as a whole: keep it, put it back, begin anew.

use crate::server::MockServer;

impl MockServer {
    /// Keeps the first key's state under a name; what had this name is replaced.
    ///
    /// ```
    /// use pocketping_mock_server::{MockServer, Visit};
    ///
    /// let server = MockServer::start();
    /// let session = server.visitor_opens_session(Visit::new());
    /// server.snapshot("before");
    /// server.visitor_says(&session.id, "Hello");
    /// server.restore("before");
    /// assert!(server.messages(&session.id).is_empty());
    /// ```
    ///
    /// # Panics
    /// When the name is empty, longer than 100 characters or holds a control character, or there are 100 already.
    #[track_caller]
    pub fn snapshot(&self, name: &str) {
        let kept = self.app().snapshot(self.tenant(), name);
        kept.unwrap_or_else(|rejection| panic!("the state cannot be kept: {rejection}"));
    }

    /// Puts the first key's state back to what it was. Its sockets are closed with 1012, events are numbered anew, what was
    /// under way (retries, an answer of the AI) is over; ids and times go on.
    ///
    /// # Panics
    /// When there is no snapshot of this name.
    #[track_caller]
    pub fn restore(&self, name: &str) {
        let restored = self.app().restore(self.tenant(), Some(name));
        restored.unwrap_or_else(|rejection| panic!("the state cannot be restored: {rejection}"));
    }

    /// Puts the first key's state back to what the server began with, as [`restore`](Self::restore) does.
    pub fn reset(&self) {
        let restored = self.app().restore(self.tenant(), None);
        restored.unwrap_or_else(|rejection| unreachable!("what a server began with is there: {rejection}"));
    }
}
