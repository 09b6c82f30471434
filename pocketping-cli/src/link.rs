//! What a person is told of a stream's link: that it broke, and that it stands again.

use futures::StreamExt;
use futures::stream::BoxStream;
use pocketping_sdk::{EventStream, StreamState};

/// A stream's link, watched from the first one on.
pub(crate) struct Link {
    states: BoxStream<'static, StreamState>,
    socket: String,
    is_down: bool,
}

impl Link {
    pub(crate) fn of(events: &EventStream, socket: &str) -> Self {
        Self { states: events.states().boxed(), socket: socket.to_owned(), is_down: false }
    }

    /// The next remark: one when the link breaks, however often it then fails to be made, and one when it is back.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn remark(&mut self) -> String {
        let is_wrong = self.changed().await;
        is_wrong.unwrap_or_else(|| format!("the link to {} is back", self.socket))
    }

    /// The next time the link breaks, or is back: what is wrong now.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn changed(&mut self) -> Option<String> {
        loop {
            let is_down = match self.states.next().await {
                Some(StreamState::Connecting) => true,
                // Whoever reads the stream is told why.
                Some(StreamState::Closed(_)) => continue,
                Some(_) => false,
                None => return std::future::pending().await,
            };
            if is_down != self.is_down {
                self.is_down = is_down;
                return is_down.then(|| format!("the link to {} is down; trying again", self.socket));
            }
        }
    }
}
