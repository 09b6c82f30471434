//! A sign of life on a terminal, for what takes longer than a second. It is gone before anything is printed.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// When the first sign is given, and how often it changes.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a sign stands on the terminal; there is one terminal.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);
/// Whether something was printed: whoever prints as it goes needs no other sign.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Takes the sign away for good.
pub(crate) fn end() {
    IS_OVER.store(true, Ordering::Relaxed);
    if IS_SHOWN.swap(false, Ordering::Relaxed) {
        sign("");
    }
}

/// Runs something, with a sign of life while it prints nothing.
pub(crate) async fn with_progress<T>(work: impl Future<Output = T>) -> T {
    let is_wanted = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    if !is_wanted {
        return work.await;
    }
    let mut work = pin!(work);
    let begin = Instant::now();
    let mut pauses = interval_at(begin + PAUSE, PAUSE);
    pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut work => break result,
            _ = pauses.tick(), if !IS_OVER.load(Ordering::Relaxed) => {
                IS_SHOWN.store(true, Ordering::Relaxed);
                sign(&format!("… {} s", begin.elapsed().as_secs()));
            }
        }
    };
    end();
    result
}

/// Writes in place of what stood on the line.
fn sign(text: &str) {
    let mut stderr = io::stderr();
    // When stderr is gone nobody is left to tell.
    drop(write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush()));
}
