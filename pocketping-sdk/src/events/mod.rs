//! Live events over the socket. `link` is the only file that names tungstenite.

mod link;
mod protocol;
mod stream;

pub use stream::{ConnectEvents, EventStream, Events, StreamItem};
