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

/// What to do about a server that is not reached.
pub(crate) const NO_WAY: &str =
    "check POCKETPING_API_URL, and that the server runs; `pocketping mock` starts a local one";
