//! Deliveries under way: per session one after the other, sessions side by side, each tried until it is taken or was tried
//! often enough.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::delivery::Delivery;
use super::target::Target;

/// How many deliveries may wait; whoever brings more has to wait, too.
const MOST_WAITING: usize = 4096;
/// The first wait before a retry; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait the doubling leads to.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What became of a delivery.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    pub(crate) delivery: Delivery,
    /// What it was pushed with.
    pub(crate) tag: T,
    pub(crate) result: Result<Taken, Failed>,
}

/// It was answered with 2xx.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) status: u16,
    pub(crate) attempts: u32,
}

/// It was not, often enough.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// The last answer, if there was one.
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    pub(crate) attempts: u32,
    /// Whether it was given up before its attempts were used up, because the command ends.
    pub(crate) is_given_up: bool,
}

type Running<T> = Pin<Box<dyn Future<Output = Ended<T>>>>;

/// Deliveries that wait and that are under way.
pub(crate) struct Lanes<T> {
    sender: Rc<Sender>,
    /// The sessions with a delivery under way, and what waits behind it.
    busy: HashMap<Option<String>, VecDeque<(Delivery, T)>>,
    running: FuturesUnordered<Running<T>>,
    /// How many there are, waiting or under way.
    count: usize,
    stop: watch::Sender<bool>,
}

/// What a person is told of deliveries under way.
#[derive(Debug)]
pub(crate) struct Remarks(UnboundedReceiver<String>);

impl Remarks {
    /// The next one; pending while there is none.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> String {
        match self.0.recv().await {
            Some(remark) => remark,
            None => pending().await,
        }
    }
}

/// What all deliveries share.
struct Sender {
    target: Target,
    retries: u32,
    /// One for each request that may be under way. Between its attempts a delivery holds none.
    slots: Semaphore,
    remarks: UnboundedSender<String>,
}

impl<T: 'static> Lanes<T> {
    pub(crate) fn new(target: Target, retries: u32, concurrency: usize) -> (Self, Remarks) {
        let (remarks, told) = unbounded_channel();
        let lanes = Self {
            sender: Rc::new(Sender { target, retries, slots: Semaphore::new(concurrency), remarks }),
            busy: HashMap::new(),
            running: FuturesUnordered::new(),
            count: 0,
            stop: watch::Sender::new(false),
        };
        (lanes, Remarks(told))
    }

    pub(crate) fn target(&self) -> &Target {
        &self.sender.target
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count >= MOST_WAITING
    }

    /// Adds a delivery behind those of its session.
    pub(crate) fn push(&mut self, delivery: Delivery, tag: T) {
        self.count += 1;
        if let Some(waiting) = self.busy.get_mut(&delivery.session) {
            waiting.push_back((delivery, tag));
            return;
        }
        self.busy.insert(delivery.session.clone(), VecDeque::new());
        self.start(delivery, tag);
    }

    /// The next delivery that ended; pending while there is none.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Ended<T> {
        let Some(ended) = self.running.next().await else { return pending().await };
        self.count -= 1;
        let session = &ended.delivery.session;
        match self.busy.get_mut(session).and_then(VecDeque::pop_front) {
            Some((delivery, tag)) => self.start(delivery, tag),
            None => drop(self.busy.remove(session)),
        }
        ended
    }

    /// Lets nothing more begin, neither a delivery nor an attempt.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        self.busy.clear();
        self.count = self.running.len();
    }

    /// The next delivery that ended, until there are no more or it is this late.
    pub(crate) async fn next_until(&mut self, deadline: Instant) -> Option<Ended<T>> {
        if self.is_idle() { None } else { timeout_at(deadline, self.next()).await.ok() }
    }

    fn start(&mut self, delivery: Delivery, tag: T) {
        let (sender, stop) = (Rc::clone(&self.sender), self.stop.subscribe());
        self.running.push(Box::pin(async move {
            let result = sender.deliver(&delivery, stop).await;
            Ended { delivery, tag, result }
        }));
    }
}

impl Sender {
    async fn deliver(&self, delivery: &Delivery, mut stop: watch::Receiver<bool>) -> Result<Taken, Failed> {
        let mut failed = Failed { status: None, reason: "it was not tried".to_owned(), attempts: 0, is_given_up: true };
        let mut wait = FIRST_WAIT;
        loop {
            let slot = tokio::select! {
                biased;
                _ = stop.wait_for(|is_stopped| *is_stopped) => return Err(failed),
                slot = self.slots.acquire() => slot,
            };
            let attempts = failed.attempts + 1;
            let refusal = match self.target.post(delivery, attempts).await {
                Ok(status) => return Ok(Taken { status, attempts }),
                Err(refusal) => refusal,
            };
            drop(slot);
            let is_given_up = attempts <= self.retries;
            failed = Failed { status: refusal.status, reason: refusal.reason, attempts, is_given_up };
            if !is_given_up {
                return Err(failed);
            }
            let pause = wait.max(refusal.wait);
            if attempts == 1 && !*stop.borrow() {
                self.tell(delivery, &failed.reason, pause);
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|is_stopped| *is_stopped) => return Err(failed),
                () = sleep(pause) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
    /// Tells of the first attempt that failed; what becomes of the others shows at the end.
    fn tell(&self, delivery: &Delivery, why: &str, pause: Duration) {
        let (name, target, all, pause) =
            (delivery.name(), &self.target, self.retries.saturating_add(1), pause.as_secs().max(1));
        let attempt = format!("attempt 1 of {all}: {why}");
        // An error says that nobody wants to know.
        drop(self.remarks.send(format!("{name} was not taken by {target} ({attempt}); trying again in {pause} s")));
    }
}
