//! Where time and ids come from. Everything else takes them as values, so that a test can decide both.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use pocketping_sdk::Timestamp;
use tokio::sync::watch;

/// The server's clock: frozen until it is advanced, or running with the system's.
///
/// Schedules (rate windows, pings that are due) follow it; deadlines of I/O are real time.
#[derive(Clone, Debug)]
pub struct Clock {
    state: Arc<Mutex<ClockState>>,
    /// How much is done at the moment because of the time, or must be done before it goes on.
    busy: watch::Sender<usize>,
}

/// Something that is to be done before the time goes on, where somebody waits for that.
#[derive(Debug)]
pub(crate) struct Busy(watch::Sender<usize>);

impl Busy {
    fn new(busy: &watch::Sender<usize>) -> Self {
        busy.send_modify(|count| *count += 1);
        Self(busy.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[derive(Debug)]
struct ClockState {
    /// Milliseconds since 1970: the time itself when frozen, else what is added to the system's.
    millis: i64,
    running: bool,
    timers: BTreeMap<(i64, u64), Option<Waker>>,
    next_timer: u64,
    /// Timers that fired, and whose waiters have not come yet.
    fired: HashMap<(i64, u64), Busy>,
}

impl ClockState {
    fn now(&self) -> i64 {
        if self.running { system_millis().saturating_add(self.millis) } else { self.millis }
    }

    /// Never back.
    fn move_to(&mut self, time: i64) {
        let ahead = time.saturating_sub(self.now());
        if ahead > 0 {
            self.millis = self.millis.saturating_add(ahead);
        }
    }
}

/// The one place where the system's clock is read.
#[expect(clippy::disallowed_methods, reason = "this is the source")]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

fn system_millis() -> i64 {
    match system_time().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

/// How long the clock waits for what was due, in real time: longer than any deadline of I/O.
const PATIENCE: Duration = Duration::from_secs(15);

/// The moment a frozen clock starts at, as the API reference's examples have it: 2024-01-15T10:30:00Z.
const START_MILLIS: i64 = 1_705_314_600_000;

impl Clock {
    /// A clock that stands at 2024-01-15T10:30:00Z until it is advanced.
    pub fn frozen() -> Self {
        Self::new(START_MILLIS, false)
    }

    /// A clock that stands at this time until it is advanced.
    pub fn frozen_at(time: Timestamp) -> Self {
        Self::new(time.as_millis(), false)
    }

    /// The system's clock.
    pub fn system() -> Self {
        Self::new(0, true)
    }

    fn new(millis: i64, running: bool) -> Self {
        let state = ClockState { millis, running, timers: BTreeMap::new(), next_timer: 0, fired: HashMap::new() };
        Self { state: Arc::new(Mutex::new(state)), busy: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        timestamp(self.lock().now())
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        let mut state = self.lock();
        state.millis = state.now();
        state.running = false;
    }

    /// Lets the clock run on, with the system's, from where it is.
    pub fn run(&self) {
        let mut state = self.lock();
        if !state.running {
            state.millis = state.millis.saturating_sub(system_millis());
            state.running = true;
        }
        drop(state);
        self.look_again();
    }

    /// Lets all that waits see how long it still has, in real time.
    fn look_again(&self) {
        let waiting: Vec<_> = self.lock().timers.values_mut().filter_map(Option::take).collect();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether the clock stands until it is advanced.
    pub fn is_frozen(&self) -> bool {
        !self.lock().running
    }

    /// Moves the clock forward at once. Timers that become due fire in order; one that is set by what fired counts from the
    /// new time. [`MockServer::advance`](crate::MockServer::advance) waits for what each of them does.
    pub fn advance(&self, duration: Duration) {
        let target = self.target(duration);
        while self.fire_next(target) {}
        self.arrive(target);
    }

    /// Moves the clock forward timer by timer, and waits before each for what the one before has done.
    pub(crate) async fn advance_in_order(&self, duration: Duration) {
        let mut busy = self.busy.subscribe();
        let target = self.target(duration);
        loop {
            if tokio::time::timeout(PATIENCE, busy.wait_for(|count| *count == 0)).await.is_err() {
                tracing::warn!("the clock goes on, although something that was due is not done yet");
            }
            if !self.fire_next(target) {
                break;
            }
        }
        self.arrive(target);
    }

    /// Ends an advance: what is not due yet is nearer now.
    fn arrive(&self, target: i64) {
        self.lock().move_to(target);
        if !self.is_frozen() {
            self.look_again();
        }
    }

    fn target(&self, duration: Duration) -> i64 {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.lock().now().saturating_add(millis)
    }

    /// Moves to the next timer that is due by then, and fires it; `false` when there is none.
    fn fire_next(&self, target: i64) -> bool {
        let mut state = self.lock();
        let due = state.timers.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= target);
        let Some(key) = due else { return false };
        state.move_to(key.0);
        let waker = state.timers.remove(&key).flatten();
        state.fired.insert(key, Busy::new(&self.busy));
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Something that is to be done before the time goes on.
    pub(crate) fn busy(&self) -> Busy {
        Busy::new(&self.busy)
    }

    /// Ends when the clock has moved this far; counted from this call, not from the first poll.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.lock();
        let due = state.now().saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        let key = (due, state.next_timer);
        state.next_timer += 1;
        state.timers.insert(key, None);
        drop(state);
        Sleep { clock: self.clone(), key, real: None }
    }
}

fn timestamp(millis: i64) -> Timestamp {
    let bounded = millis.clamp(-377_705_023_201_000, 253_402_207_200_000);
    Timestamp::from_millis(bounded).unwrap_or_else(|_| unreachable!("clamped to the years that can be written"))
}

/// A wait on the [`Clock`]. It ends with what says that its effects are not over; who holds that holds up an advance that
/// goes timer by timer.
pub(crate) struct Sleep {
    clock: Clock,
    key: (i64, u64),
    real: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Future for Sleep {
    type Output = Busy;

    #[expect(clippy::disallowed_methods, reason = "the running clock's driver")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Busy> {
        let clock = self.clock.clone();
        let mut state = clock.lock();
        let left = self.key.0.saturating_sub(state.now());
        if left <= 0 {
            state.timers.remove(&self.key);
            let fired = state.fired.remove(&self.key);
            return Poll::Ready(fired.unwrap_or_else(|| clock.busy()));
        }
        // An advance that fires the timer removes it; one that is early puts it back.
        state.timers.insert(self.key, Some(cx.waker().clone()));
        let running = state.running;
        drop(state);
        if running {
            let wait = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            let real = self.real.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
            // The clock may have been advanced meanwhile. Where there is no such instant, it never comes.
            if let Some(due) = tokio::time::Instant::now().checked_add(wait) {
                real.as_mut().reset(due);
            }
            if real.as_mut().poll(cx).is_ready() {
                // Fired by the system's clock: look again.
                self.real = None;
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        state.timers.remove(&self.key);
        state.fired.remove(&self.key);
    }
}

/// Where ids come from.
#[derive(Debug)]
pub(crate) enum Ids {
    /// `sess_1`, `sess_2`, …: tests need no filters.
    Sequential(Mutex<HashMap<&'static str, u64>>),
    /// A lower-case ULID behind the prefix.
    Random,
}

impl Ids {
    pub(crate) fn sequential() -> Self {
        Self::Sequential(Mutex::default())
    }

    /// A new id such as `sess_…`.
    pub(crate) fn next(&self, prefix: &'static str) -> String {
        match self {
            Self::Random => format!("{prefix}_{}", ulid()),
            Self::Sequential(counters) => {
                let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
                let counter = counters.entry(prefix).or_insert(0);
                *counter += 1;
                format!("{prefix}_{counter}")
            }
        }
    }

    /// A value nobody can guess, sequential sources aside.
    pub(crate) fn secret(&self, prefix: &'static str) -> String {
        match self {
            Self::Random => format!("{prefix}_{}{}", ulid(), ulid()),
            Self::Sequential(_) => format!("{}_secret", self.next(prefix)),
        }
    }
}

/// The name of one start of a server: part of every event id, so that those of an earlier start are not taken for this
/// one's, even where the ids are sequential.
pub(crate) fn epoch() -> String {
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let start = STARTS.fetch_add(1, Ordering::Relaxed);
    format!("{}{start}", ulid())
}

/// A random key for a server that was given none.
#[cfg(feature = "cli")]
pub(crate) fn random_key() -> String {
    Ids::Random.secret("sk_mock")
}

/// An id as browsers make theirs: the time and nine random characters, both in base 36.
#[cfg(feature = "visitor")]
pub(crate) fn browser_id(now: Timestamp) -> String {
    let digits = |mut number: u128, most: usize| {
        let mut digits = Vec::new();
        while digits.is_empty() || (number > 0 && digits.len() < most) {
            digits.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]));
            number /= 36;
        }
        digits.into_iter().rev().collect::<String>()
    };
    let millis = u128::try_from(now.as_millis()).unwrap_or(0);
    format!("{}-{:0>9}", digits(millis, usize::MAX), digits(ulid::Ulid::new().random(), 9))
}

fn ulid() -> String {
    ulid::Ulid::from_parts(u64::try_from(system_millis()).unwrap_or(0), ulid::Ulid::new().random())
        .to_string()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_advanced() {
        let clock = Clock::frozen();
        assert_eq!(clock.now().to_string(), "2024-01-15T10:30:00Z");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().to_string(), "2024-01-15T10:30:01.500Z");
        clock.advance(Duration::MAX);
        assert!(clock.now() > Clock::frozen().now());
    }

    #[tokio::test]
    async fn advancing_fires_what_is_due_in_order() {
        let clock = Clock::frozen();
        let (send, mut fired) = tokio::sync::mpsc::unbounded_channel();
        for seconds in [3, 1, 2, 10] {
            let (sleep, send) = (clock.sleep(Duration::from_secs(seconds)), send.clone());
            tokio::spawn(async move {
                sleep.await;
                send.send(seconds).unwrap();
            });
        }
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(5));
        let order = [fired.recv().await, fired.recv().await, fired.recv().await];
        assert_eq!(order, [Some(1), Some(2), Some(3)]);
        assert!(fired.try_recv().is_err());
        assert_eq!(clock.lock().timers.len(), 1, "the fourth still waits, the others are gone");
    }

    #[tokio::test]
    async fn a_running_clock_sleeps_in_real_time_and_can_be_advanced() {
        let clock = Clock::system();
        clock.sleep(Duration::from_millis(5)).await;
        let hour = tokio::spawn(clock.sleep(Duration::from_secs(3600)));
        while clock.lock().timers.values().all(Option::is_none) {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(3601));
        hour.await.unwrap();
    }

    #[tokio::test]
    async fn an_advance_brings_what_is_not_due_yet_nearer() {
        let clock = Clock::system();
        let begin = clock.now();
        let hour = tokio::spawn(clock.sleep(Duration::from_secs(3600)));
        let is_waiting = || clock.lock().timers.values().any(Option::is_some);
        while !is_waiting() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_millis(3_599_950));
        tokio::time::timeout(Duration::from_secs(60), hour).await.expect("it is due in 50 ms").unwrap();
        assert!(clock.now() >= begin.saturating_add(Duration::from_secs(3600)), "and not before");
    }

    #[test]
    fn a_sleep_that_is_dropped_leaves_no_timer() {
        let clock = Clock::frozen();
        drop(clock.sleep(Duration::from_secs(1)));
        assert!(clock.lock().timers.is_empty());
    }

    #[test]
    fn ids_count_per_prefix_or_are_random() {
        let ids = Ids::sequential();
        assert_eq!([ids.next("sess"), ids.next("sess"), ids.next("msg")], ["sess_1", "sess_2", "msg_1"]);
        let (one, two) = (Ids::Random.next("sess"), Ids::Random.next("sess"));
        assert!(one != two && one.len() == "sess_".len() + 26 && one == one.to_lowercase());
    }
}
