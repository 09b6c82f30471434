//! Live events over the socket, gap-free. `link` is the only file that names tungstenite. `feed` and what it is made of
//! (`pass`, `merge`, `history`, `teller`, `ledger`) are pure and decide everything; `driver` does what they ask for.

mod backfill;
mod cursor;
mod driver;
mod feed;
mod history;
mod item;
mod ledger;
mod link;
mod marks;
mod merge;
#[cfg(test)]
mod model;
mod pass;
mod protocol;
mod queue;
mod stamp;
mod stream;
mod teller;
mod wait;

pub use cursor::EventCursor;
pub use item::{CloseReason, Gap, GapReason, StreamContent, StreamItem, StreamState, Ticket};
pub use queue::BufferPolicy;
pub use stream::{Acks, ConnectEvents, EventStream, Events};
pub use wait::{After, WaitFor};
