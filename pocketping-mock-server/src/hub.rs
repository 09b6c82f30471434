//! The hub: a tenant's events, numbered and encoded once, kept and handed to every subscriber.
//!
//! It is driven under the same lock as the store, so the order on every socket is the order of the commits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use pocketping_sdk::{Event, EventData, Timestamp};
use tokio::sync::mpsc;

use crate::contract::Contract;
use crate::store::TenantId;
use crate::subscribers::{End, Subscribers};

/// How many events of a tenant are kept, to be looked at and (extended) resumed after.
const KEPT: usize = 10_000;

/// The close code of sockets whose tenant is not what it was.
pub(crate) const RESTARTED: u16 = 1012;

/// How a subscription began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    Fresh,
    Resumed,
    Expired,
}

impl Resume {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Resumed => "resumed",
            Self::Expired => "expired",
        }
    }
}

/// The events of all tenants.
#[derive(Debug)]
pub(crate) struct Hub {
    contract: Contract,
    /// Part of every event id, with a number for the tenant: ids of another start, or of another tenant, are not taken
    /// for ours.
    epoch: String,
    /// How many events may wait for one subscriber before it is closed as too slow.
    queue: usize,
    /// How often a tenant's events began anew.
    restarts: u64,
    feeds: HashMap<TenantId, Feed>,
}

#[derive(Debug)]
struct Feed {
    epoch: String,
    /// The number of the last event; the kept ones are numbered without a hole up to it. Strict does not tell it.
    seq: u64,
    kept: VecDeque<Bytes>,
    subscribers: Subscribers,
}

/// A subscriber's side: the events missed since it was last here, then those that come.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) resume: Resume,
    /// The number of the event before the first one that will be sent.
    pub(crate) seq: u64,
    pub(crate) backlog: Vec<Bytes>,
    pub(crate) events: mpsc::Receiver<Bytes>,
    pub(crate) end: End,
}

impl Hub {
    pub(crate) fn new(contract: Contract, epoch: String, queue: usize) -> Self {
        Self { contract, epoch, queue, restarts: 0, feeds: HashMap::new() }
    }

    fn feed(&mut self, tenant: &TenantId) -> &mut Feed {
        let number = self.feeds.len();
        self.feeds.entry(Arc::clone(tenant)).or_insert_with(|| Feed {
            epoch: format!("{}{number}", self.epoch),
            seq: 0,
            kept: VecDeque::new(),
            subscribers: Subscribers::default(),
        })
    }

    /// Hands out what a commit emitted, and gives it as the contract shows it, with its frame.
    pub(crate) fn publish(&mut self, tenant: &TenantId, at: Timestamp, events: Vec<EventData>) -> Vec<(Event, Bytes)> {
        let mut published = Vec::with_capacity(events.len());
        if events.is_empty() {
            return published;
        }
        let contract = self.contract;
        let feed = self.feed(tenant);
        for data in events {
            let mut event = Event::new(data);
            if contract.is_extended() {
                let seq = feed.seq + 1;
                event.id = Some(format!("evt_{}_{seq}", feed.epoch).into());
                event.seq = Some(seq);
                event.timestamp = Some(at);
            }
            let Some(shown) = contract.event(event) else { continue };
            feed.seq += 1;
            let frame = Bytes::from(encode(&shown));
            feed.kept.push_back(frame.clone());
            if feed.kept.len() > KEPT {
                feed.kept.pop_front();
            }
            feed.subscribers.send(&frame);
            published.push((shown, frame));
        }
        published
    }

    /// Begins a tenant's events anew: ids of before are known no more, and those who listened must read again.
    pub(crate) fn restart(&mut self, tenant: &TenantId) {
        self.restarts += 1;
        let epoch = format!("{}r{}", self.epoch, self.restarts);
        let feed = self.feed(tenant);
        feed.subscribers.close(RESTARTED);
        *feed = Feed { epoch, seq: 0, kept: VecDeque::new(), subscribers: Subscribers::default() };
    }

    /// The frames of a tenant's last events, oldest first.
    pub(crate) fn kept(&mut self, tenant: &TenantId) -> Vec<Bytes> {
        self.feed(tenant).kept.iter().cloned().collect()
    }

    /// What a tenant's events have been called since they last began anew.
    pub(crate) fn epoch(&mut self, tenant: &TenantId) -> &str {
        &self.feed(tenant).epoch
    }

    /// The number of a tenant's last event, and the frames of those after a number: so many at most, the last ones.
    pub(crate) fn after(&mut self, tenant: &TenantId, seq: u64, most: usize) -> (u64, Vec<Bytes>) {
        let feed = self.feed(tenant);
        let new = usize::try_from(feed.seq.saturating_sub(seq)).unwrap_or(usize::MAX).min(most);
        let from = feed.kept.len().saturating_sub(new);
        (feed.seq, feed.kept.range(from..).cloned().collect())
    }

    /// Adds a subscriber. With the id of the last event it has seen, it gets what came after, when that is still kept.
    pub(crate) fn subscribe(&mut self, tenant: &TenantId, last_event_id: Option<&str>) -> Subscription {
        let last_event_id = last_event_id.filter(|_| self.contract.is_extended());
        let queue = self.queue;
        let feed = self.feed(tenant);
        let (resume, backlog) = match last_event_id {
            None => (Resume::Fresh, Vec::new()),
            Some(id) => match feed.after(id) {
                Some(missed) => (Resume::Resumed, missed),
                None => (Resume::Expired, Vec::new()),
            },
        };
        let (events, end) = feed.subscribers.add(queue);
        let seq = feed.seq - backlog.len() as u64;
        Subscription { resume, seq, backlog, events, end }
    }
}

impl Feed {
    /// The events after this one; `None` when it is unknown or no longer kept.
    fn after(&self, id: &str) -> Option<Vec<Bytes>> {
        let seq: u64 = id.strip_prefix("evt_")?.strip_prefix(&self.epoch)?.strip_prefix('_')?.parse().ok()?;
        let missed = usize::try_from(self.seq.checked_sub(seq).filter(|_| seq > 0)?).ok()?;
        let from = self.kept.len().checked_sub(missed)?;
        Some(self.kept.range(from..).cloned().collect())
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Wire types have string keys only, so this cannot fail.
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("a wire type is always JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: usize = 1024;

    fn closed(n: u32) -> Vec<EventData> {
        vec![EventData::SessionClosed(format!("sess_{n}").into())]
    }

    fn now() -> Timestamp {
        "2024-01-15T10:30:00Z".parse().unwrap()
    }

    fn seqs(frames: &[Bytes]) -> Vec<u64> {
        frames.iter().map(|frame| serde_json::from_slice::<Event>(frame).unwrap().seq.unwrap()).collect()
    }

    #[test]
    fn a_subscriber_resumes_after_its_last_event() {
        let tenant: TenantId = "t".into();
        let mut hub = Hub::new(Contract::Extended, "e1".into(), QUEUE);
        for n in 1..=3 {
            hub.publish(&tenant, now(), closed(n));
        }
        let resumed = |hub: &mut Hub, id| {
            let subscription = hub.subscribe(&tenant, id);
            (subscription.resume, subscription.seq, seqs(&subscription.backlog))
        };
        assert_eq!(resumed(&mut hub, None), (Resume::Fresh, 3, vec![]));
        assert_eq!(resumed(&mut hub, Some("evt_e10_1")), (Resume::Resumed, 1, vec![2, 3]));
        assert_eq!(resumed(&mut hub, Some("evt_e10_3")), (Resume::Resumed, 3, vec![]));
        for unknown in ["evt_e10_0", "evt_e10_4", "evt_e20_1", "evt_e10_x", "", "evt_e10"] {
            assert_eq!(resumed(&mut hub, Some(unknown)), (Resume::Expired, 3, vec![]), "{unknown}");
        }
    }

    #[test]
    fn an_event_that_is_no_longer_kept_is_expired() {
        let tenant: TenantId = "t".into();
        let mut hub = Hub::new(Contract::Extended, "e1".into(), QUEUE);
        for n in 0..u32::try_from(KEPT).unwrap() + 2 {
            hub.publish(&tenant, now(), closed(n));
        }
        assert_eq!(hub.subscribe(&tenant, Some("evt_e10_1")).resume, Resume::Expired);
        let resumed = hub.subscribe(&tenant, Some("evt_e10_2"));
        assert_eq!((resumed.resume, resumed.backlog.len()), (Resume::Resumed, KEPT));
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_closed_and_others_are_not() {
        let tenant: TenantId = "t".into();
        let mut hub = Hub::new(Contract::Extended, "e1".into(), QUEUE);
        let slow = hub.subscribe(&tenant, None);
        let mut fast = hub.subscribe(&tenant, None);
        for n in 0..=u32::try_from(QUEUE).unwrap() {
            hub.publish(&tenant, now(), closed(n));
            fast.events.recv().await.unwrap();
        }
        assert_eq!(slow.end.reached().await, 1013);
        assert_eq!(hub.feeds[&tenant].subscribers.len(), 1);
    }

    #[test]
    fn strict_knows_three_events_without_envelope() {
        let tenant: TenantId = "t".into();
        let mut hub = Hub::new(Contract::Strict, "e1".into(), QUEUE);
        let mut subscription = hub.subscribe(&tenant, Some("evt_e10_1"));
        assert_eq!(subscription.resume, Resume::Fresh);
        hub.publish(&tenant, now(), vec![EventData::SessionUpdated(Box::new(pocketping_sdk::Session::new("s")))]);
        hub.publish(&tenant, now(), closed(1));
        let frame = subscription.events.try_recv().unwrap();
        assert_eq!(frame, &br#"{"type":"session.closed","sessionId":"sess_1"}"#[..]);
        assert!(subscription.events.try_recv().is_err());
        assert_eq!(hub.kept(&tenant), [frame]);
        assert_eq!(hub.subscribe(&tenant, Some("evt_e10_1")).backlog, [""; 0], "kept, but not to be resumed after");
    }
}
