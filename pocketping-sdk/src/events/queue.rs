//! The queue between the driver, which never waits for a consumer longer than it must, and the consumer: bounded, with a
//! chosen policy, and the bookkeeping of what was acknowledged.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::item::{Gap, GapReason, StreamContent, StreamItem, Ticket};
use super::ledger::Ledger;
use super::marks::Mark;
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
    /// The oldest live items make room, and a [`Gap`] says how many were dropped. What is read from REST waits for room.
    DropOldest,
    /// The stream ends with an error of the kind [`Overflow`](crate::ErrorKind::Overflow), behind what is in the buffer, when
    /// more live items than that wait. What is read from REST waits for room.
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
    /// How many of the items are live.
    live: usize,
    dropped: u64,
    /// The ticket of the first item that was dropped and not yet reported: the report takes its place.
    dropped_ticket: Option<u64>,
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
    /// How many of these are items.
    items: usize,
    /// Whether it was said that they are as many as there may be.
    is_said: bool,
}

#[derive(Debug)]
enum Step {
    Item { ticket: u64, is_done: bool },
    Mark(Mark),
}

impl Acknowledged {
    fn mark(&mut self, mark: Mark) {
        match (self.steps.back_mut(), mark) {
            // With nothing before it that is not acknowledged, it stands at once.
            (None, mark) => {
                self.ledger.apply(&mark);
                self.ledger.prune(self.ledger.latest());
            }
            // What the socket told of other sessions is one step, however much it is.
            (Some(Step::Mark(Mark::Heard { id, seq, time })), Mark::Heard { id: new, seq: new_seq, time: later }) => {
                if new.is_some() {
                    (*id, *seq) = (new, new_seq);
                }
                *time = later.max(*time);
            }
            (_, mark) => self.steps.push_back(Step::Mark(mark)),
        }
    }

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
            match self.steps.pop_front() {
                Some(Step::Mark(mark)) => self.ledger.apply(&mark),
                _ => self.items -= 1,
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
                live: 0,
                dropped: 0,
                dropped_ticket: None,
                next: 1,
                ledger: acknowledged.map(|ledger| Acknowledged {
                    ledger,
                    steps: VecDeque::new(),
                    items: 0,
                    is_said: false,
                }),
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

    /// Whether there is room for more of what the socket tells, when so much more than asked for is taken.
    pub(super) fn has_room(&self, more: usize) -> bool {
        let state = self.lock();
        let waits = state.policy == BufferPolicy::Wait && state.items.len() >= state.capacity.saturating_add(more);
        let unacknowledged = state.ledger.as_ref().map_or(0, |acknowledged| acknowledged.items);
        !waits && unacknowledged < MOST_UNACKNOWLEDGED + more
    }

    /// Whether there is room for what another session's reading gives, whatever the policy: REST can wait.
    pub(super) fn has_room_to_read(&self) -> bool {
        let is_full = {
            let state = self.lock();
            state.items.len() >= state.capacity
        };
        !is_full && self.has_room(0)
    }

    /// Whether there is room enough to make a new link: a slow consumer must not make a loop of reconnecting.
    pub(super) fn has_much_room(&self) -> bool {
        let half = {
            let state = self.lock();
            state.policy != BufferPolicy::Wait || state.items.len() <= state.capacity / 2
        };
        half && self.has_room(0)
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
            state.pop().map(Ok).or_else(|| state.error.take().map(Err))
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
                if let Some(acknowledged) = &mut self.ledger {
                    acknowledged.mark(mark);
                }
                return Ok(());
            }
        };
        let is_live = matches!(content, StreamContent::Live(_));
        if is_live && self.live >= self.capacity {
            match self.policy {
                BufferPolicy::Wait => {}
                BufferPolicy::DropOldest => self.drop_oldest(),
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
            acknowledged.items += 1;
            if acknowledged.items >= MOST_UNACKNOWLEDGED && !std::mem::replace(&mut acknowledged.is_said, true) {
                tracing::warn!(items = MOST_UNACKNOWLEDGED, "the stream waits for items to be acknowledged");
            }
        }
        self.live += usize::from(is_live);
        self.items.push_back(StreamItem { content, repeat_possible, ticket: Ticket(ticket) });
        Ok(())
    }

    fn pop(&mut self) -> Option<StreamItem> {
        let item = self.items.pop_front()?;
        self.live -= usize::from(item.is_live());
        Some(item)
    }

    fn drop_oldest(&mut self) {
        let oldest = self.items.iter().position(StreamItem::is_live);
        let Some(oldest) = oldest.and_then(|at| self.items.remove(at)) else { return };
        self.live -= 1;
        self.dropped += 1;
        // A cursor is not to pass what nobody was told to be missing.
        if self.dropped_ticket.is_none() {
            self.dropped_ticket = Some(oldest.ticket.0);
        } else if let Some(acknowledged) = &mut self.ledger {
            acknowledged.ack(oldest.ticket.0);
        }
    }

    /// Says how many items were dropped.
    fn report_dropped(&mut self) -> StreamItem {
        let items = std::mem::take(&mut self.dropped);
        let ticket = self.dropped_ticket.take().unwrap_or_default();
        let gap = Gap {
            session: None,
            from: None,
            to: None,
            reason: GapReason::Dropped { items },
            detail: format!("the reader was too slow: {items} items were dropped"),
        };
        StreamItem { content: StreamContent::Gap(gap), repeat_possible: false, ticket: Ticket(ticket) }
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
        let known = |n: usize| queue.acknowledged(|ledger| ledger.is_closed(&format!("s{n}").into())).unwrap();
        let Poll::Ready(Some(Ok(report))) = queue.poll_next(&mut Context::from_waker(Waker::noop())) else {
            panic!("what was dropped is reported first")
        };
        assert!(!known(0), "a cursor does not pass what nobody knows to be missing");
        queue.ack(report.ticket());
        assert!(known(0) && known(2) && !known(3), "what was dropped is not waited for");
        assert_eq!(format!("{:?}", report.gap().unwrap().reason), "Dropped { items: 3 }");
        assert_eq!(taken(&queue), ["s3", "s4"]);
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
        assert!(!queue.has_room(0) && queue.has_room(3) && !queue.has_room_to_read() && !queue.has_much_room());
        assert_eq!(taken(&queue).len(), 4);
        assert!(queue.has_room(0) && queue.has_room_to_read() && queue.has_much_room());
    }

    #[test]
    fn what_is_read_is_no_fault_of_the_reader() {
        for policy in [BufferPolicy::DropOldest, BufferPolicy::Fail] {
            let queue = Queue::new(2, policy, None);
            let read = (0..9).flat_map(closed).map(|told| match told {
                Told::Item { content: StreamContent::Live(event), repeat_possible } => {
                    Told::Item { content: StreamContent::Backfilled(event), repeat_possible }
                }
                mark => mark,
            });
            queue.push(read).unwrap();
            queue.push((9..11).flat_map(closed)).unwrap();
            assert!(!queue.has_room_to_read() && queue.has_room(0));
            assert_eq!(taken(&queue).len(), 11, "{policy:?}");
        }
    }

    #[test]
    fn only_items_are_waited_for_to_be_acknowledged() {
        let queue = Queue::new(usize::MAX, BufferPolicy::Wait, Some(Ledger::default()));
        queue.push(closed(0).into_iter()).unwrap();
        let heard = |n: u64| Told::Mark(Mark::Heard { id: Some(format!("evt_{n}").into()), seq: Some(n), time: None });
        queue.push((0..20_000).map(heard)).unwrap();
        assert!(queue.has_room(0), "what other sessions do is nobody's to acknowledge");
        queue.ack(Ticket(1));
        assert_eq!(queue.acknowledged(|ledger| ledger.position().unwrap().seq), Some(Some(19_999)));
        for n in 0..MOST_UNACKNOWLEDGED {
            assert!(queue.has_room(0), "{n}");
            queue.push(closed(n).into_iter()).unwrap();
        }
        assert!(!queue.has_room(0));
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
