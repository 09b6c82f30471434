//! The journal: what came to the server and what it sent, bounded, masked, to be asked and exported.
//!
//! Entries are kept as they were and masked when they are shown: what is recorded costs a copy of pointers, and what is
//! asked for pays for its masks.

mod entry;
mod handle;
mod har;
mod log;
mod masks;
mod named;
mod query;
mod shown;
mod wanted;

pub use entry::{Attempt, Body, Direction, Entry, Event, Frame, FrameKind, Kind, Refusal, Request};
pub use handle::Journal;
pub use log::Dropped;
pub use query::{NotInTime, Query};

pub(crate) use log::{Capture, Log, Tape};
pub(crate) use shown::json as entry_json;
pub(crate) use wanted::Wanted;
