//! `Log`: the entries themselves, bounded. It has a lock of its own, held for no longer than it takes to push or to copy
//! pointers.

use std::collections::VecDeque;
use std::hash::RandomState;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use pocketping_sdk::{SessionId, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::entry::{Attempt, Body, Direction, Entry, Frame, FrameKind, Kind, Request};
use crate::limits::Limits;
use crate::sources::Clock;
use crate::store::TenantId;
use crate::surface::Surface;

/// What was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Entries that made room for newer ones.
    pub entries: u64,
    /// Bytes of bodies behind their first 64 KiB.
    pub bytes: u64,
}

/// The shortest secret that is looked for in every text: a shorter one would be found in words.
const LEAST_SECRET: usize = 8;

/// The journal of one server.
#[derive(Debug)]
pub(crate) struct Log {
    most_entries: usize,
    most_bytes: usize,
    clock: Clock,
    /// What masks are made with: the same text has the same mask on this server, and on no other.
    pub(super) salt: RandomState,
    /// Secrets that are known, and long enough to be looked for in every text.
    secrets: Mutex<Arc<[String]>>,
    links: AtomicU64,
    kept: Mutex<Kept>,
    version: watch::Sender<u64>,
    /// Who may make something of all of it: one at a time, for it is as much again, and more.
    turn: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Stored>,
    bytes: usize,
    last: u64,
    dropped: Dropped,
}

/// An entry as it was, which nobody outside is shown.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(super) entry: Arc<Entry>,
    pub(super) tenant: Option<TenantId>,
    bytes: usize,
}

impl Log {
    pub(crate) fn new(limits: &Limits, clock: Clock, secrets: Vec<String>) -> Self {
        let (most_entries, most_bytes) = (limits.journal_entries, limits.journal_bytes);
        let log = Self {
            most_entries,
            most_bytes,
            clock,
            salt: RandomState::new(),
            secrets: Mutex::default(),
            links: AtomicU64::new(0),
            kept: Mutex::default(),
            version: watch::Sender::new(0),
            turn: Arc::new(Semaphore::new(1)),
        };
        log.mask(secrets);
        log
    }

    /// Looks for these secrets, too, from now on, in what is there and in what comes.
    pub(crate) fn mask(&self, secrets: impl IntoIterator<Item = String>) {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = secrets.into_iter().filter(|secret| secret.len() >= LEAST_SECRET && !known.contains(secret));
        *known = known.iter().cloned().chain(new).collect();
    }

    pub(super) fn secrets(&self) -> Arc<[String]> {
        Arc::clone(&self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose turn it is to make something of all of it.
    pub(crate) fn turn(&self) -> Arc<Semaphore> {
        Arc::clone(&self.turn)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.most_entries > 0 && self.most_bytes > 0
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Enters something that happened at this time.
    pub(crate) fn enter(&self, at: Timestamp, tenant: Option<TenantId>, kind: Kind) {
        if !self.is_on() {
            return;
        }
        let (bytes, cut) = weight(&kind);
        let mut kept = self.lock();
        kept.last += 1;
        let entry = Entry { number: kept.last, at, tenant: None, kind };
        kept.entries.push_back(Stored { entry: Arc::new(entry), tenant, bytes });
        kept.bytes += bytes;
        kept.dropped.bytes += cut;
        let mut gone = Vec::new();
        while kept.entries.len() > self.most_entries || kept.bytes > self.most_bytes {
            let Some(oldest) = kept.entries.pop_front() else { break };
            kept.bytes -= oldest.bytes;
            kept.dropped.entries += 1;
            gone.push(oldest);
        }
        let last = kept.last;
        drop(kept);
        self.version.send_replace(last);
    }

    /// What is kept, oldest first.
    pub(super) fn entries(&self) -> Vec<Stored> {
        self.lock().entries.iter().cloned().collect()
    }

    pub(super) fn dropped(&self) -> Dropped {
        self.lock().dropped
    }

    /// The numbers of the first entry that is kept, and of the last one that there was.
    pub(crate) fn span(&self) -> (u64, u64) {
        let kept = self.lock();
        (kept.entries.front().map_or(kept.last + 1, |stored| stored.entry.number), kept.last)
    }

    /// Forgets what is kept. Numbers go on; what was dropped is counted anew.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        let gone = std::mem::take(&mut kept.entries);
        (kept.bytes, kept.dropped) = (0, Dropped::default());
        drop(kept);
        drop(gone);
    }

    /// Changes whenever something is entered.
    pub(super) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// How much an entry takes, and how much of its bodies is not kept.
fn weight(kind: &Kind) -> (usize, u64) {
    let of_headers =
        |headers: &HeaderMap| headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    match kind {
        Kind::Request(request) => {
            let Request { path, query, headers, body, answer_headers, answer, .. } = &**request;
            let texts = path.len() + query.as_ref().map_or(0, String::len);
            let heads = of_headers(headers) + of_headers(answer_headers);
            (texts + heads + body.bytes.len() + answer.bytes.len(), body.cut() + answer.cut())
        }
        Kind::Frame(frame) => (frame.text.bytes.len(), frame.text.cut()),
        Kind::Event(event) => (event.text.bytes.len(), event.text.cut()),
        Kind::Attempt(Attempt { url, headers, body, .. }) => {
            (url.len() + of_headers(headers) + body.bytes.len(), body.cut())
        }
    }
}

/// What enters the frames of one socket or stream.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    log: Arc<Log>,
    surface: Surface,
    link: u64,
    tenant: Option<TenantId>,
    session: Option<SessionId>,
}

impl Tape {
    pub(crate) fn new(log: &Arc<Log>, surface: Surface) -> Self {
        let link = log.links.fetch_add(1, Ordering::Relaxed) + 1;
        Self { log: Arc::clone(log), surface, link, tenant: None, session: None }
    }

    /// From now on they are this tenant's, and of this session.
    pub(crate) fn belongs_to(&mut self, tenant: &TenantId, session: Option<&SessionId>) {
        (self.tenant, self.session) = (Some(Arc::clone(tenant)), session.cloned());
    }

    /// Enters a frame.
    pub(crate) fn enter(&self, direction: Direction, kind: FrameKind, text: &Bytes) {
        self.enter_with(direction, kind, text, None);
    }

    /// Enters that a fault of this kind happens here.
    pub(crate) fn fault(&self, id: &str, kind: &'static str) {
        self.enter_with(Direction::Sent, FrameKind::Fault, &Bytes::from_static(kind.as_bytes()), Some(id.to_owned()));
    }

    fn enter_with(&self, direction: Direction, kind: FrameKind, text: &Bytes, fault: Option<String>) {
        if !self.log.is_on() {
            return;
        }
        let text = Body::new(text);
        let (surface, link, session_id) = (self.surface, self.link, self.session.clone());
        let frame = Frame { surface, link, session_id, direction, kind, text, fault };
        self.log.enter(self.log.now(), self.tenant.clone(), Kind::Frame(frame));
    }
}

/// What is kept of a body while it passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    /// The only piece so far, which is shared with whoever sends it.
    one: Bytes,
    pieces: Vec<u8>,
    whole: u64,
}

impl Capture {
    /// Notes a piece. One that is a part of something larger is copied, so as not to hold on to the rest.
    pub(crate) fn add(&self, piece: &Bytes, is_part: bool) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = captured.whole == 0;
        captured.whole += piece.len() as u64;
        if is_first && !is_part && piece.len() <= Body::MOST {
            captured.one = piece.clone();
            return;
        }
        let one = std::mem::take(&mut captured.one);
        captured.pieces.extend_from_slice(&one);
        let room = Body::MOST - captured.pieces.len();
        captured.pieces.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// What was kept.
    pub(crate) fn body(&self) -> Body {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = std::mem::take(&mut captured.pieces);
        let bytes = if captured.one.is_empty() { pieces.into() } else { std::mem::take(&mut captured.one) };
        Body { bytes, whole: captured.whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(entries: usize, bytes: usize) -> Arc<Log> {
        let limits = Limits { journal_entries: entries, journal_bytes: bytes, ..Limits::default() };
        Arc::new(Log::new(&limits, Clock::frozen(), Vec::new()))
    }

    fn numbers(log: &Log) -> Vec<u64> {
        log.entries().iter().map(|stored| stored.entry.number).collect()
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let by_number = log(2, 1 << 20);
        let by_size = log(100, 10);
        for log in [&by_number, &by_size] {
            let tape = Tape::new(log, Surface::Contract);
            for text in ["1234", "1234", "12345"] {
                tape.enter(Direction::Sent, FrameKind::Text, &Bytes::from_static(text.as_bytes()));
            }
            assert_eq!((numbers(log), log.dropped().entries), (vec![2, 3], 1));
        }
        Tape::new(&by_size, Surface::Contract).enter(
            Direction::Sent,
            FrameKind::Text,
            &Bytes::from_static(&[b'x'; 11]),
        );
        assert_eq!((numbers(&by_size), by_size.dropped().entries), (vec![], 4), "one that never fits goes, too");
        by_number.clear();
        assert_eq!((numbers(&by_number), by_number.dropped()), (vec![], Dropped::default()));
        Tape::new(&by_number, Surface::Contract).enter(Direction::Sent, FrameKind::Ping, &Bytes::new());
        assert_eq!(numbers(&by_number), [4], "numbers go on");
        assert!(!log(0, 10).is_on() && !log(10, 0).is_on());
    }

    #[test]
    fn the_first_64_kib_of_a_body_are_kept_however_it_comes() {
        for size in [1, 7, 40_000, 65_536, 65_537, 200_000] {
            for (piece, is_part) in [(1 << 20, false), (1 << 20, true), (1000, false), (1000, true)] {
                let body = Bytes::from(vec![b'x'; size]);
                let capture = Capture::default();
                for start in (0..size).step_by(piece) {
                    capture.add(&body.slice(start..size.min(start + piece)), is_part);
                }
                let kept = capture.body();
                assert_eq!((kept.bytes.len(), kept.whole), (size.min(65_536), size as u64), "{piece} {is_part}");
                assert_eq!(kept.is_cut(), size > 65_536);
            }
        }
    }
}
