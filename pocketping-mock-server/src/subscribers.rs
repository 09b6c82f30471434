//! Those who hear of something at once: a bounded queue each. Who falls behind is closed, never skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why and when a subscription ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    token: CancellationToken,
    code: Arc<AtomicU16>,
}

impl End {
    fn new() -> Self {
        Self { token: CancellationToken::new(), code: Arc::new(AtomicU16::new(1000)) }
    }

    fn with(&self, code: u16) {
        self.code.store(code, Ordering::Relaxed);
        self.token.cancel();
    }

    /// Waits for the end and gives the close code.
    pub(crate) async fn reached(&self) -> u16 {
        self.token.cancelled().await;
        self.code.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<Bytes>,
    end: End,
}

/// The subscribers of one thing.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(Vec<Subscriber>);

impl Subscribers {
    /// Adds one, for whom so many frames may wait.
    pub(crate) fn add(&mut self, queue: usize) -> (mpsc::Receiver<Bytes>, End) {
        let (queue, frames) = mpsc::channel(queue);
        let end = End::new();
        self.0.retain(|subscriber| !subscriber.queue.is_closed());
        self.0.push(Subscriber { queue, end: end.clone() });
        (frames, end)
    }

    /// Hands a frame to all of them; gives how many took it.
    pub(crate) fn send(&mut self, frame: &Bytes) -> usize {
        self.0.retain(|subscriber| match subscriber.queue.try_send(frame.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                subscriber.end.with(1013);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
        self.0.len()
    }

    /// Ends all of them with this code.
    pub(crate) fn close(&mut self, code: u16) {
        for subscriber in self.0.drain(..) {
            subscriber.end.with(code);
        }
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|subscriber| subscriber.queue.is_closed())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
