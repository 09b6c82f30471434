//! One reading of what was missed: which sessions to read, what becomes of the frames that come meanwhile, and in which
//! order it all is told. Pure: no I/O, no time of its own. ARCHITECTURE.md says why nothing is lost or told twice.

use std::collections::{HashMap, HashSet, VecDeque};

use super::history::{Held, created_in};
use super::marks::{Mark, What};
use super::teller::Teller;
use crate::types::{Event, EventData, Message, MessageId, Session, SessionId, SessionStatus, Timestamp};

/// A reading of what was missed.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and they come in every combination")]
pub(super) struct Pass {
    /// The first one of a stream that begins now: what is read is known, and not told. Frames are to wait for it.
    pub(super) is_cold: bool,
    /// Whether the server tells edits and identity.
    pub(super) is_extended: bool,
    /// What is older than this was told.
    pub(super) cut: Option<Timestamp>,
    /// The newest message told of each session before the list was asked for.
    newest: HashMap<SessionId, Timestamp>,
    /// The last message of each session the socket had told when this began.
    pub(super) last: HashMap<SessionId, MessageId>,
    is_listed: bool,
    /// Whether this is the first reading on its link. Later ones may be ahead of the socket, which may still tell a close.
    is_first: bool,
    /// Whether the list could not be read last time.
    pub(super) is_behind_gap: bool,
    candidates: HashMap<SessionId, Candidate>,
    pending: VecDeque<SessionId>,
    /// How many frames are held.
    held: usize,
}

/// A session that is to be read.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub(super) session: Option<Box<Session>>,
    is_reading: bool,
    /// Whether the session itself is to be read, for want of its place in a list.
    wants_session: bool,
    pub(super) log: Vec<Held>,
}

/// A session that is to be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) session: SessionId,
    /// Whether the session itself, too.
    pub(super) with_session: bool,
    /// Only what changed since then, where the server can tell.
    pub(super) since: Option<Timestamp>,
}

/// What a reading found.
#[derive(Debug)]
pub(super) enum Found {
    Messages { session: Option<Box<Session>>, messages: Vec<Message> },
    Gone,
}

impl Pass {
    /// A reading that begins with the list of sessions.
    pub(super) fn new(teller: &mut Teller<'_>, is_extended: bool, is_first: bool) -> Self {
        Self { is_first, ..Self::begin(teller, is_extended, true) }
    }

    fn begin(teller: &mut Teller<'_>, is_extended: bool, with_list: bool) -> Self {
        teller.mark(Mark::Began { with_list });
        let ledger = teller.ledger();
        Self {
            is_cold: !ledger.is_warm(),
            is_extended,
            cut: ledger.cut(),
            newest: if is_extended { HashMap::new() } else { ledger.newest() },
            last: teller.last(),
            is_listed: !with_list,
            is_first: false,
            is_behind_gap: ledger.owes_all(),
            candidates: HashMap::new(),
            pending: VecDeque::new(),
            held: 0,
        }
    }

    /// A reading of what is owed, on a link that stood since: no list is needed.
    pub(super) fn of_owed(teller: &mut Teller<'_>, is_extended: bool) -> Self {
        let mut pass = Self::begin(teller, is_extended, false);
        for session in teller.ledger().owed().clone() {
            pass.pending.push_back(session.clone());
            pass.candidates.insert(session, Candidate { wants_session: true, ..Candidate::default() });
        }
        pass
    }

    /// How many frames wait.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn is_cold(&self) -> bool {
        self.is_cold
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_listed && self.candidates.is_empty()
    }

    pub(super) fn wants_list(&self) -> bool {
        !self.is_listed
    }

    /// From when on the list need go, where the server can tell.
    pub(super) fn list_since(&self) -> Option<Timestamp> {
        self.cut.filter(|_| !self.is_cold)
    }

    /// Takes a frame, or gives it back when it may be told at once.
    pub(super) fn frame(&mut self, event: Event) -> Option<Event> {
        let Some(session) = event.session_id().map(SessionId::from) else { return Some(event) };
        if self.is_listed && !self.candidates.contains_key(&session) {
            return Some(event);
        }
        let candidate = self.candidates.entry(session).or_default();
        self.held += 1;
        candidate.log.push(Held { event, is_read: !candidate.is_reading });
        None
    }

    /// The list is there.
    pub(super) fn listed(&mut self, teller: &mut Teller<'_>, sessions: Vec<Session>) {
        self.is_listed = true;
        teller.mark(Mark::PaidAll);
        let latest = sessions.iter().filter_map(|session| session.last_activity.max(session.created_at)).max();
        if self.is_cold {
            teller.mark(Mark::Baseline(latest));
            self.cut = teller.ledger().cut();
        } else {
            teller.mark(Mark::Listed(latest));
        }
        self.check_activity(teller, &sessions);
        let mut chosen = Vec::new();
        let mut listed = HashSet::new();
        for session in sessions {
            teller.project(session.project_id.as_ref());
            listed.insert(session.id.clone());
            let is_touched = self.candidates.contains_key(&session.id);
            let ledger = teller.ledger();
            let moved = session.last_activity.is_none() || self.cut.is_none() || session.last_activity >= self.cut;
            let is_owed = ledger.owed().contains(&session.id);
            if moved || is_touched || is_owed || ledger.is_distrustful() {
                // A link may end before all is read: what was read already comes last.
                let was_read = teller.ledger().was_read(&session.id, session.last_activity);
                chosen.push(((was_read, session.last_activity), session));
                continue;
            }
            if self.is_cold && session.created_at.is_none() {
                // It may have no message yet, and its first one would make it look new.
                teller.mark(Mark::Told { session: session.id.clone(), what: What::Created, time: None, stamp: 0 });
            }
            let ledger = teller.ledger();
            if session.status == SessionStatus::Closed {
                if self.is_first && (ledger.is_closed(&session.id) || !ledger.has_settled()) {
                    teller.mark(Mark::Settled(session.id.clone()));
                }
            } else if !self.is_extended && !ledger.open().contains(&session.id) {
                teller.mark(Mark::Open(session.id.clone()));
            }
        }
        chosen.sort_by_key(|(order, _)| *order);
        for (_, session) in chosen {
            self.choose(session.id.clone(), Some(Box::new(session)), false);
        }
        // Sessions that came into being after the list, or that it does not name.
        let touched: Vec<_> = self.candidates.keys().filter(|id| !listed.contains(*id)).cloned().collect();
        let owed = teller.ledger().owed().iter().filter(|id| !listed.contains(*id)).cloned();
        let unnamed = teller.ledger().open().iter().filter(|id| !self.is_extended && !listed.contains(*id)).cloned();
        let mut rest: Vec<_> = owed.chain(unnamed).filter(|id| !self.candidates.contains_key(id)).collect();
        rest.sort();
        rest.dedup();
        for id in touched {
            let is_new = self.candidates.get(&id).is_some_and(|candidate| created_in(&candidate.log).is_some());
            self.choose(id, None, !is_new);
        }
        for id in rest {
            self.choose(id, None, true);
        }
        self.finish_if_over(teller);
    }

    fn choose(&mut self, id: SessionId, session: Option<Box<Session>>, wants_session: bool) {
        self.pending.push_back(id.clone());
        let candidate = self.candidates.entry(id).or_default();
        candidate.session = session;
        candidate.wants_session = wants_session;
    }

    /// A message that was told before the list was asked for, and is newer than its session's `lastActivity`, shows that
    /// sessions cannot be chosen by that.
    fn check_activity(&self, teller: &mut Teller<'_>, sessions: &[Session]) {
        if teller.ledger().is_distrustful() {
            return;
        }
        let rounding = std::time::Duration::from_secs(1);
        let liar = sessions.iter().find(|session| {
            let newest = self.newest.get(&session.id);
            newest.zip(session.last_activity).is_some_and(|(newest, last)| *newest > last.saturating_add(rounding))
        });
        if liar.is_some() {
            teller.distrust();
        }
    }

    /// The list cannot be read for now: what waited is told as it came.
    pub(super) fn list_failed(mut self, teller: &mut Teller<'_>, detail: &str) {
        // Said once, however often it is tried.
        if !teller.ledger().owes_all() {
            teller.list_gap(self.cut, detail);
        }
        teller.mark(Mark::OwesAll);
        for (_, candidate) in self.candidates.drain() {
            flush(teller, candidate.log);
        }
        teller.mark(Mark::Finished);
    }

    /// The next session to be read.
    pub(super) fn next_read(&mut self) -> Option<Wanted> {
        let session = self.pending.pop_front()?;
        let candidate = self.candidates.get_mut(&session)?;
        candidate.is_reading = true;
        let since = self.cut.filter(|_| self.is_extended && !self.is_cold);
        Some(Wanted { session, with_session: candidate.wants_session, since })
    }

    /// A session was read.
    pub(super) fn read(&mut self, teller: &mut Teller<'_>, id: &SessionId, found: Found) {
        let Some(mut candidate) = self.candidates.remove(id) else { return };
        self.held -= candidate.log.len();
        match found {
            Found::Messages { session, messages } => {
                candidate.session = candidate.session.or(session);
                let last_activity = candidate.session.as_ref().and_then(|session| session.last_activity);
                teller.was_read(id, last_activity);
                self.merge(teller, id, candidate, messages);
            }
            Found::Gone => {
                teller.gone(id, self.cut);
                flush(teller, candidate.log);
            }
        }
        teller.mark(Mark::Paid(id.clone()));
        self.finish_if_over(teller);
    }

    /// A session could not be read: it is owed, and what waited is told as it came.
    pub(super) fn read_failed(&mut self, teller: &mut Teller<'_>, id: &SessionId, detail: &str) {
        let Some(candidate) = self.candidates.remove(id) else { return };
        self.held -= candidate.log.len();
        if !teller.ledger().owed().contains(id) {
            teller.read_gap(id, self.cut, detail);
        }
        teller.mark(Mark::Owes(id.clone()));
        flush(teller, candidate.log);
        self.finish_if_over(teller);
    }

    fn finish_if_over(&self, teller: &mut Teller<'_>) {
        if self.is_over() {
            teller.mark(Mark::Finished);
        }
    }

    /// The link ended within the pass: the next one begins anew, with what was not done.
    pub(super) fn abandon(self, teller: &mut Teller<'_>) {
        for (_, candidate) in self.candidates {
            for held in candidate.log {
                // No reading shows an event of a kind this version does not know.
                if matches!(held.event.data, EventData::Other { .. }) {
                    teller.live(held.event);
                }
            }
        }
    }
}

/// Tells what was held, as it came.
fn flush(teller: &mut Teller<'_>, log: Vec<Held>) {
    for held in log {
        teller.live(held.event);
    }
}
