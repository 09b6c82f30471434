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
                let what = if is_down { "is down; trying again" } else { "is back" };
                return format!("the link to {} {what}", self.socket);
            }
        }
    }
}
