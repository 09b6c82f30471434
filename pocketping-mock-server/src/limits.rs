//! `Limits`: how much of everything is taken.

/// How much the server takes of everything: what is larger is refused, and a reader that is slower is closed.
///
/// ```
/// use pocketping_mock_server::{Limits, MockServer};
///
/// let mut limits = Limits::default();
/// limits.upload = 1 << 20;
/// let server = MockServer::builder().limits(limits).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest JSON body, in bytes. Default: 1 MiB.
    pub body: usize,
    /// The largest frame of a socket, in bytes. Default: 1 MiB.
    pub frame: usize,
    /// The largest file that a visitor may upload, in bytes. Default: 10 MiB.
    pub upload: u64,
    /// How much all uploads of a tenant may take together, in bytes. Default: 256 MiB.
    pub upload_memory: u64,
    /// How many frames may wait for one reader of a socket or stream. Default: 1024.
    pub queue: usize,
    /// How many entries the journal keeps; 0 turns it off. Default: 10,000.
    pub journal_entries: usize,
    /// How much the journal's entries may take together, in bytes; 0 turns it off. Default: 16 MiB.
    pub journal_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            frame: 1 << 20,
            upload: 10 << 20,
            upload_memory: 256 << 20,
            queue: 1024,
            journal_entries: 10_000,
            journal_bytes: 16 << 20,
        }
    }
}
