//! That the terminal has another size.

use std::io;

/// The changes of the size, from its making on. crossterm tells of them, too, but of none that comes in the same moment as a
/// key; and a terminal that became smaller and larger again has lost what it showed.
#[derive(Debug)]
pub(crate) struct Resizes {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Resizes {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { signal: signal(SignalKind::window_change())? })
    }

    /// Waits for the next one; several at once count as one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        // None comes only after the runtime's end.
        self.signal.recv().await;
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Where there are no signals, crossterm's own events have to do.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}
