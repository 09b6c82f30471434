//! The terminal's settings: kept, and put back whatever happens.

use std::io::{self, IsTerminal};

/// The terminal as it was. It is so again when this is gone.
#[cfg(unix)]
pub(crate) struct Terminal(rustix::termios::Termios);

#[cfg(unix)]
impl Terminal {
    pub(crate) fn keep() -> Option<Self> {
        rustix::termios::tcgetattr(io::stdin()).ok().map(Self)
    }

    /// Shows nothing of what is typed from now on.
    pub(crate) fn hide_typing(&self) {
        let mut settings = self.0.clone();
        settings.local_modes.remove(rustix::termios::LocalModes::ECHO);
        set(&settings);
    }
}

impl Terminal {
    /// Whether a person types and looks there.
    pub(crate) fn is_there() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Whether it is one on which the cursor can be moved.
    pub(crate) fn is_smart() -> bool {
        const DUMB: [&str; 3] = ["dumb", "cons25", "emacs"];
        Self::is_there() && !std::env::var("TERM").is_ok_and(|kind| DUMB.contains(&kind.as_str()))
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        set(&self.0);
    }
}

/// When the terminal is gone there is nothing to set.
#[cfg(unix)]
fn set(settings: &rustix::termios::Termios) {
    let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Drain, settings);
}

#[cfg(not(unix))]
pub(crate) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    pub(crate) fn keep() -> Option<Self> {
        None
    }

    pub(crate) fn hide_typing(&self) {}
}
