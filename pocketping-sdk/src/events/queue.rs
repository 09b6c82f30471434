//! The queue between the driver, which never waits for a consumer longer than it must, and the consumer: bounded, with a
//! chosen policy, and the bookkeeping of what was acknowledged.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::item::{Gap, GapReason, StreamContent, StreamItem, Ticket};
use super::ledger::{Ledger, Mark};
use super::teller::Told;
use crate::error::{Error, ErrorKind, Outcome, Result};

/// What happens when the reader of a stream is slower than what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BufferPolicy {
    /// The socket is read no further until there is room. A server may end a link that is not read; what happens
    /// meanwhile is read from REST then. Nothing is lost.
    #[default]
    Wait,
    /// The oldest items make room, and a [`Gap`] says how many were dropped.
    DropOldest,
    /// The stream ends with an error of the kind [`Overflow`](crate::ErrorKind::Overflow), behind what is in the buffer.
    Fail,
}

/// How many items may be given and not acknowledged; the stream waits for acknowledgements then.
pub(super) const MOST_UNACKNOWLEDGED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// The consumer took something, or acknowledged it.
    pub(super) moved: Notify,
}

#[derive(Debug)]
struct State {
    items: VecDeque<StreamItem>,
    capacity: usize,
    policy: BufferPolicy,
    dropped: u64,
    next: u64,
    ledger: Option<Acknowledged>,
    /// The last item; it is given when the others are.
    error: Option<Error>,
    is_over: bool,
    consumer: Option<Waker>,
}

/// The ledger as it is at the last item up to which everything was acknowledged.
#[derive(Debug)]
struct Acknowledged {
    ledger: Ledger,
    /// What came after that, in order.
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum Step {
    Item { ticket: u64, is_done: bool },
    Mark(Mark),
}

impl Acknowledged {
    fn ack(&mut self, ticket: u64) {
        let of = |step: &Step| match step {
            Step::Item { ticket, .. } => Some(*ticket),
            Step::Mark(_) => None,
        };
        // Tickets grow; marks stand between them.
        let found = self.steps.iter_mut().find(|step| of(step) == Some(ticket));
        if let Some(Step::Item { is_done, .. }) = found {
            *is_done = true;
        }
        while let Some(Step::Mark(_) | Step::Item { is_done: true, .. }) = self.steps.front() {
            if let Some(Step::Mark(mark)) = self.steps.pop_front() {
                self.ledger.apply(&mark);
            }
        }
        // A cursor is only read with a new link: no frame of an old one can come.
        self.ledger.prune(self.ledger.latest());
    }
}

impl Queue {
    pub(super) fn new(capacity: usize, policy: BufferPolicy, acknowledged: Option<Ledger>) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                capacity: capacity.max(1),
                policy,
                dropped: 0,
                next: 1,
                ledger: acknowledged.map(|ledger| Acknowledged { ledger, steps: VecDeque::new() }),
                error: None,
                is_over: false,
                consumer: None,
            }),
            moved: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was told. The policy is the driver's to respect where it is to wait; a reading's items may exceed the
    /// capacity.
    pub(super) fn push(&self, told: impl Iterator<Item = Told>) -> Result<()> {
        let mut state = self.lock();
        for told in told {
            state.push(told)?;
        }
        if let Some(consumer) = state.consumer.take() {
            consumer.wake();
        }
        Ok(())
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        let waits = state.policy == BufferPolicy::Wait && state.items.len() >= state.capacity;
        let unacknowledged = state.ledger.as_ref().map_or(0, |acknowledged| acknowledged.steps.len());
        !waits && unacknowledged < MOST_UNACKNOWLEDGED
    }

    /// Whether there is room enough to make a new link: a slow consumer must not make a loop of reconnecting.
    pub(super) fn has_much_room(&self) -> bool {
        let half = {
            let state = self.lock();
            state.policy != BufferPolicy::Wait || state.items.len() <= state.capacity / 2
        };
        half && self.has_room()
    }

    /// Nothing will be added any more. An error is the last item.
    pub(super) fn end(&self, error: Option<Error>) {
        let mut state = self.lock();
        if !state.is_over {
            state.is_over = true;
            state.error = error;
        }
        if let Some(consumer) = state.consumer.take() {
            consumer.wake();
        }
    }

    /// The next item; `None` when there will be none.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<StreamItem>>> {
        let mut state = self.lock();
        let item = if state.dropped > 0 {
            Some(Ok(state.report_dropped()))
        } else {
            state.items.pop_front().map(Ok).or_else(|| state.error.take().map(Err))
        };
        if item.is_none() && !state.is_over {
            state.consumer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.moved.notify_one();
        Poll::Ready(item)
    }

    /// Notes that an item was dealt with.
    pub(super) fn ack(&self, ticket: Ticket) {
        if let Some(acknowledged) = &mut self.lock().ledger {
            acknowledged.ack(ticket.0);
        }
        self.moved.notify_one();
    }

    /// The ledger as it is at the last item up to which everything was acknowledged.
    pub(super) fn acknowledged<T>(&self, look: impl FnOnce(&Ledger) -> T) -> Option<T> {
        self.lock().ledger.as_ref().map(|acknowledged| look(&acknowledged.ledger))
    }
}

impl State {
    fn push(&mut self, told: Told) -> Result<()> {
        let (content, repeat_possible) = match told {
            Told::Item { content, repeat_possible } => (content, repeat_possible),
            Told::Mark(mark) => {
                if let Some(Acknowledged { ledger, steps }) = &mut self.ledger {
                    // With nothing before it that is not acknowledged, it stands at once.
                    if steps.is_empty() {
                        ledger.apply(&mark);
                        ledger.prune(ledger.latest());
                    } else {
                        steps.push_back(Step::Mark(mark));
                    }
                }
                return Ok(());
            }
        };
        if self.items.len() >= self.capacity {
            match self.policy {
                BufferPolicy::Wait => {}
                BufferPolicy::DropOldest => {
                    if let Some(oldest) = self.items.pop_front() {
                        self.dropped += 1;
                        if let Some(acknowledged) = &mut self.ledger {
                            acknowledged.ack(oldest.ticket.0);
                        }
                    }
                }
                BufferPolicy::Fail => {
                    let message = format!("the stream's buffer of {} items is full", self.capacity);
                    return Err(Error::new(ErrorKind::Overflow, Outcome::Unknown, message));
                }
            }
        }
        let ticket = self.next;
        self.next += 1;
        if let Some(acknowledged) = &mut self.ledger {
            acknowledged.steps.push_back(Step::Item { ticket, is_done: false });
        }
        self.items.push_back(StreamItem { content, repeat_possible, ticket: Ticket(ticket) });
        Ok(())
    }

    /// Says how many items were dropped. There is nothing to acknowledge about that.
    fn report_dropped(&mut self) -> StreamItem {
        let items = std::mem::take(&mut self.dropped);
        let gap = Gap {
            session: None,
            from: None,
            to: None,
            reason: GapReason::Dropped { items },
            detail: format!("the reader was too slow: {items} items were dropped"),
        };
        StreamItem { content: StreamContent::Gap(gap), repeat_possible: false, ticket: Ticket(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Event, EventData};

    fn closed(n: usize) -> [Told; 2] {
        let session: crate::SessionId = format!("s{n}").into();
        let event = Event::new(EventData::SessionClosed(session.clone()));
        [
            Told::Item { content: StreamContent::Live(event), repeat_possible: false },
            Told::Mark(Mark::Closed { session, time: None }),
        ]
    }

    fn taken(queue: &Queue) -> Vec<String> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(item)) = queue.poll_next(&mut cx) {
            taken.push(match item {
                Ok(item) => match item.content {
                    StreamContent::Gap(gap) => format!("{:?}", gap.reason),
                    _ => item.event().unwrap().session_id().unwrap().to_owned(),
                },
                Err(error) => format!("{:?}", error.kind()),
            });
        }
        taken
    }

    #[test]
    fn the_oldest_items_are_dropped_and_counted() {
        let queue = Queue::new(2, BufferPolicy::DropOldest, Some(Ledger::default()));
        queue.push((0..5).flat_map(closed)).unwrap();
        assert_eq!(taken(&queue), ["Dropped { items: 3 }", "s3", "s4"]);
        let known = queue.acknowledged(|ledger| ledger.is_closed(&"s2".into()) && !ledger.is_closed(&"s3".into()));
        assert_eq!(known, Some(true), "what was dropped is not waited for");
    }

    #[test]
    fn a_full_buffer_can_be_an_error_behind_what_is_in_it() {
        let queue = Queue::new(2, BufferPolicy::Fail, None);
        let error = queue.push((0..3).flat_map(closed)).unwrap_err();
        queue.end(Some(error));
        assert_eq!(taken(&queue), ["s0", "s1", "Overflow"]);
        assert!(matches!(queue.poll_next(&mut Context::from_waker(Waker::noop())), Poll::Ready(None)));
    }

    #[test]
    fn waiting_is_asked_of_the_driver_and_a_reading_may_exceed_the_capacity() {
        let queue = Queue::new(2, BufferPolicy::Wait, None);
        queue.push((0..4).flat_map(closed)).unwrap();
        assert!(!queue.has_room() && !queue.has_much_room());
        assert_eq!(taken(&queue).len(), 4);
        assert!(queue.has_room() && queue.has_much_room());
    }

    #[test]
    fn the_acknowledged_prefix_has_no_holes() {
        let queue = Queue::new(8, BufferPolicy::Wait, Some(Ledger::default()));
        queue.push((0..3).flat_map(closed)).unwrap();
        let known = |n: usize| queue.acknowledged(|ledger| ledger.is_closed(&format!("s{n}").into())).unwrap();
        queue.ack(Ticket(2));
        assert!(!known(0) && !known(1));
        queue.ack(Ticket(1));
        assert!(known(0) && known(1) && !known(2));
        queue.ack(Ticket(1));
        queue.ack(Ticket(99));
        assert!(!known(2), "unknown and repeated tickets change nothing");
    }
}
