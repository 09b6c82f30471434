//! What `doctor` looks at: the way to a server, what it proves to be, and which PocketPing answers there.

mod place;
mod probe;
mod report;
mod surface;
mod tls;
mod way;

pub(crate) use place::Place;
pub(crate) use probe::{Answer, Prober};
pub(crate) use report::{CHECKS, Report, Shown, Status};
pub(crate) use surface::{Surface, recognise};
pub(crate) use way::way;
