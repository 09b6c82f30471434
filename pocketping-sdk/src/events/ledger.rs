//! The ledger: what of the server's history was told already. Pure: no I/O, no time of its own.
//!
//! It changes by [`Mark`]s only. The stream applies each as it tells an item; the cursor applies the same marks when the
//! item is acknowledged, and is therefore exactly the ledger as it was at that item.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::marks::{Mark, Position, Seen, What};
use crate::types::{ProjectId, SessionId, Timestamp};

/// What rounded times and small disorder of the server's clock may amount to.
pub(super) const SLACK: Duration = Duration::from_secs(5);
/// How many events are remembered; older ones leave first.
const MOST_SEEN: usize = 100_000;

/// When a session was closed, if that is known, and a number that no other close has.
type Close = (Option<Timestamp>, u64);
/// How many closes are looked at in one go, whether they are old.
const LOOKS: usize = 8;

/// What was told already.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and they come in every combination")]
pub(super) struct Ledger {
    /// Up to this time, less the slack, everything was told.
    latest: Option<Timestamp>,
    /// The largest time of what was told at all.
    ahead: Option<Timestamp>,
    /// What `latest` becomes when the reading that runs is finished: what was told before it began, and what the socket has
    /// told since. Not what it reads: another session may have been read earlier.
    promised: Option<Timestamp>,
    is_frozen: bool,
    /// Whether there is a beginning to continue from.
    is_warm: bool,
    seen: HashMap<(SessionId, What), Seen>,
    order: VecDeque<(Option<Timestamp>, (SessionId, What))>,
    /// The sessions that were told to be closed, and when they were.
    closed: HashMap<SessionId, Close>,
    /// Their numbers, in no particular order: `prune` puts those without a time behind the rest. And those of sessions that were opened since.
    closes: VecDeque<(u64, SessionId)>,
    /// How many closes there were.
    closings: u64,
    open: HashSet<SessionId>,
    /// The sessions that do not say when they were created, and have no message by which they could be dated: their first one
    /// would make them look new.
    undated: BTreeSet<SessionId>,
    /// The open ones that somebody else than their visitor showed to be so, after they were told to be closed.
    doubted: BTreeSet<SessionId>,
    owed: BTreeSet<SessionId>,
    owes_all: bool,
    position: Option<Position>,
    position_promised: Option<Position>,
    /// The largest time of what was read rather than told by the socket.
    read_to: Option<Timestamp>,
    projects: BTreeSet<ProjectId>,
    is_distrustful: bool,
    /// Whether something without a time is not remembered any more, for want of room.
    has_forgotten: bool,
    /// The largest time of what is not.
    forgotten: Option<Timestamp>,
    /// Whether sessions that are closed were let go of.
    has_settled: bool,
    /// The sessions that were read since time stands still, as the list showed them.
    read: HashMap<SessionId, Option<Timestamp>>,
}

impl Ledger {
    /// A ledger that says: everything at this time or later is still to be told.
    pub(super) fn since(time: Timestamp) -> Self {
        Self { latest: Some(time.saturating_add(SLACK)), is_warm: true, has_settled: true, ..Self::default() }
    }

    /// A ledger that may have let go of closed sessions.
    pub(super) fn settled(has_settled: bool) -> Self {
        Self { has_settled, ..Self::default() }
    }

    /// A ledger that says: everything is still to be told.
    pub(super) fn beginning() -> Self {
        Self { is_warm: true, ..Self::default() }
    }

    pub(super) fn apply(&mut self, mark: &Mark) {
        match mark {
            Mark::Told { session, what: What::Created, time: None, .. } => {
                if self.undated.len() < MOST_SEEN {
                    self.undated.insert(session.clone());
                } else {
                    self.has_forgotten = true;
                }
            }
            Mark::Told { session, what, time, stamp } => {
                self.ahead = self.ahead.max(*time);
                self.remember(session, what, Seen { time: *time, stamp: *stamp });
                if matches!(what, What::Message(_)) && time.is_some() && self.undated.remove(session) {
                    // It is as old as that.
                    self.remember(session, &What::Created, Seen { time: *time, stamp: 0 });
                }
            }
            Mark::Closed { session, time } => {
                self.ahead = self.ahead.max(*time);
                self.open.remove(session);
                self.doubted.remove(session);
                self.closings += 1;
                self.closed.insert(session.clone(), (*time, self.closings));
                self.closes.push_back((self.closings, session.clone()));
                while self.closes.len() > 2 * MOST_SEEN || self.closed.len() > MOST_SEEN {
                    self.let_go_of_close();
                }
            }
            Mark::Open(session) => {
                self.doubted.remove(session);
                self.closed.remove(session);
                if self.open.len() < MOST_SEEN {
                    self.open.insert(session.clone());
                }
            }
            Mark::Doubted(session) => {
                if self.doubted.len() < MOST_SEEN {
                    self.doubted.insert(session.clone());
                }
            }
            Mark::Settled(session) => {
                self.doubted.remove(session);
                self.closed.remove(session);
                self.has_settled = true;
            }
            Mark::Heard { id, seq, time } => {
                let (latest, position) = if self.is_frozen {
                    (&mut self.promised, &mut self.position_promised)
                } else {
                    (&mut self.latest, &mut self.position)
                };
                *latest = (*latest).max(*time);
                if let Some(id) = id {
                    *position = Some(Position { id: id.clone(), seq: *seq, time: *time });
                }
            }
            Mark::Listed(time) => self.promised = self.promised.max(*time),
            Mark::Lost => self.position = None,
            Mark::Read(time) => self.read_to = self.read_to.max(*time),
            Mark::Began { with_list } => {
                self.is_frozen = true;
                if *with_list {
                    self.promised = self.latest.max(self.ahead);
                    self.position_promised = None;
                }
                self.position = None;
            }
            Mark::Baseline(time) => {
                self.is_warm = true;
                self.latest = self.latest.max(*time);
            }
            Mark::Owes(session) => drop(self.owed.insert(session.clone())),
            Mark::Paid(session) => drop(self.owed.remove(session)),
            Mark::OwesAll => self.owes_all = true,
            Mark::PaidAll => self.owes_all = false,
            Mark::Gone(session) => drop(self.open.remove(session)),
            Mark::Finished => self.finish(),
            Mark::Project(id) => drop(self.projects.insert(id.clone())),
            Mark::Distrust => self.is_distrustful = true,
        }
    }

    /// Forgets the close in front.
    fn let_go_of_close(&mut self) {
        if let Some((number, session)) = self.closes.pop_front()
            && self.is_last_close(number, &session)
        {
            self.closed.remove(&session);
            self.has_settled = true;
        }
    }

    /// Whether the session was not opened, or closed once more, since.
    fn is_last_close(&self, number: u64, session: &SessionId) -> bool {
        self.closed.get(session).is_some_and(|close| close.1 == number)
    }

    fn finish(&mut self) {
        if self.owes_anything() {
            return;
        }
        self.is_frozen = false;
        self.read.clear();
        self.latest = self.latest.max(self.promised.take());
        if let Some(position) = self.position_promised.take() {
            self.position = Some(position);
        }
    }

    fn remember(&mut self, session: &SessionId, what: &What, seen: Seen) {
        let key = (session.clone(), what.clone());
        if self.seen.insert(key.clone(), seen).is_none() {
            self.order.push_back((seen.time.or(self.ahead), key));
        }
        while self.seen.len() > MOST_SEEN
            && let Some((_, oldest)) = self.order.pop_front()
        {
            if let Some(seen) = self.seen.remove(&oldest) {
                self.has_forgotten |= seen.time.is_none();
                self.forgotten = self.forgotten.max(seen.time);
            }
        }
    }

    /// Forgets what can no longer be mistaken for something new: what is older than the cut, and than what the socket has
    /// told so far, for it may be behind what was read.
    pub(super) fn prune(&mut self, heard: Option<Timestamp>) {
        let (Some(cut), Some(heard)) = (self.cut(), heard) else { return };
        let horizon = cut.min(heard.saturating_sub(SLACK));
        while let Some((time, _)) = self.order.front()
            && time.is_none_or(|time| time < horizon)
            && let Some((_, key)) = self.order.pop_front()
        {
            match self.seen.get(&key) {
                // Told again since, in another state.
                Some(seen) if seen.time >= Some(horizon) => self.order.push_back((seen.time, key)),
                _ => drop(self.seen.remove(&key)),
            }
        }
        // Of a close a reading shows by its time that it is old; those without one are let go of as the list shows them.
        for _ in 0..LOOKS {
            let Some((number, session)) = self.closes.front() else { return };
            match self.closed.get(session) {
                Some((Some(time), last)) if last == number && *time >= horizon => return,
                Some((None, last)) if last == number => self.closes.rotate_left(1),
                _ => self.let_go_of_close(),
            }
        }
    }

    /// What is older than this was told, as far as it is known; `None` when nothing is too old.
    pub(super) fn cut(&self) -> Option<Timestamp> {
        self.latest.map(|latest| latest.saturating_sub(SLACK))
    }

    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    pub(super) fn seen(&self, session: &SessionId, what: &What) -> Option<Seen> {
        // The key is borrowed field by field nowhere else; a clone of two short texts is cheap enough.
        let seen = self.seen.get(&(session.clone(), what.clone())).copied();
        seen.or_else(|| {
            let is_undated = *what == What::Created && self.undated.contains(session);
            is_undated.then_some(Seen { time: None, stamp: 0 })
        })
    }

    /// Whether it was told of any session.
    pub(super) fn is_seen_somewhere(&self, what: &What) -> bool {
        self.seen.keys().any(|(_, seen)| seen == what)
    }

    pub(super) fn is_closed(&self, session: &SessionId) -> bool {
        self.closed.contains_key(session)
    }

    /// Whether a close that is told next may have been told before.
    pub(super) fn is_doubted(&self, session: &SessionId) -> bool {
        self.doubted.contains(session)
    }

    pub(super) fn doubted(&self) -> &BTreeSet<SessionId> {
        &self.doubted
    }

    pub(super) fn undated(&self) -> &BTreeSet<SessionId> {
        &self.undated
    }

    /// Whether a session that is open at this time was opened since it was told to be closed.
    pub(super) fn is_opened_by(&self, session: &SessionId, time: Option<Timestamp>) -> bool {
        self.closed.get(session).is_some_and(|(closed, _)| time.is_none() || time > *closed)
    }

    pub(super) fn closed(&self) -> impl Iterator<Item = &SessionId> {
        self.closes.iter().filter(|(number, session)| self.is_last_close(*number, session)).map(|(_, session)| session)
    }

    pub(super) fn open(&self) -> &HashSet<SessionId> {
        &self.open
    }

    pub(super) fn owed(&self) -> &BTreeSet<SessionId> {
        &self.owed
    }

    pub(super) fn owes_anything(&self) -> bool {
        self.owes_all || !self.owed.is_empty()
    }

    pub(super) fn owes_all(&self) -> bool {
        self.owes_all
    }

    pub(super) fn is_warm(&self) -> bool {
        self.is_warm
    }

    pub(super) fn is_distrustful(&self) -> bool {
        self.is_distrustful
    }

    pub(super) fn has_settled(&self) -> bool {
        self.has_settled
    }

    /// Whether something that may be shown again is not remembered any more.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten || self.forgotten.is_some_and(|time| self.cut().is_none_or(|cut| time >= cut))
    }

    /// Notes that a session was read while time stands still.
    pub(super) fn note_read(&mut self, session: &SessionId, last_activity: Option<Timestamp>) {
        if self.is_frozen && self.read.len() < MOST_SEEN {
            self.read.insert(session.clone(), last_activity);
        }
    }

    /// Whether a session was read since time stands still, and has hardly moved since.
    pub(super) fn was_read(&self, session: &SessionId, last_activity: Option<Timestamp>) -> bool {
        let read = self.read.get(session).copied().flatten();
        read.is_some_and(|read| last_activity.is_some_and(|now| now <= read.saturating_add(SLACK)))
    }

    pub(super) fn projects(&self) -> &BTreeSet<ProjectId> {
        &self.projects
    }

    /// Where the server may go on, when nothing else is missing. Not before what was read: the server would tell what led
    /// up to it once more, and there is no telling in which order the two belong.
    pub(super) fn position(&self) -> Option<&Position> {
        let is_past = |position: &&Position| self.read_to.is_none() || position.time > self.read_to;
        self.position.as_ref().filter(|_| !self.is_frozen).filter(is_past)
    }

    /// Whether something was read up to this time, rather than told by the socket.
    pub(super) fn is_read_to(&self, time: Option<Timestamp>) -> bool {
        self.read_to >= time
    }

    /// The newest message told of each session that is remembered.
    pub(super) fn newest(&self) -> HashMap<SessionId, Timestamp> {
        let mut newest = HashMap::new();
        for ((session, what), seen) in &self.seen {
            if let (What::Message(_), Some(time)) = (what, seen.time) {
                let known = newest.entry(session.clone()).or_insert(time);
                *known = time.max(*known);
            }
        }
        newest
    }

    /// What the next reading must not tell again, oldest first.
    pub(super) fn window(&self) -> impl Iterator<Item = (&SessionId, &What, Seen)> {
        let cut = self.cut();
        self.order.iter().filter_map(move |(_, key)| {
            let seen = self.seen.get(key)?;
            (seen.time.is_none() || cut.is_none() || seen.time >= cut).then_some((&key.0, &key.1, *seen))
        })
    }
}

#[cfg(test)]
mod tests;
