//! The feed: frames and readings in, items out, each event once and in order. Pure: the driver does the I/O, and a model
//! in the tests puts it through everything a network can do.

use std::collections::{BTreeSet, VecDeque};

use super::item::{GapReason, StreamState};
use super::ledger::Ledger;
use super::marks::Mark;
use super::pass::{Found, Pass, Wanted};
use super::protocol::AuthOk;
use super::teller::{Ahead, Teller, Told};
use crate::types::{Event, EventId, ProjectId, Session, SessionId, Timestamp};

/// How many of the last events' numbers are remembered, to know a repetition from a disorder.
const RECENT: usize = 1024;

/// How the server showed that the subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// `auth.ok`.
    AuthOk(AuthOk),
    /// The answer to a ping that was sent after the key.
    Pong,
}

/// The link cannot be trusted any more: something it said is missing or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole;

/// All sessions of the list are of other projects than those of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherProject;

/// The feed of one stream, over all its links.
#[derive(Debug)]
pub(super) struct Feed {
    ledger: Ledger,
    /// The projects of the cursor, until a list was seen.
    expected: BTreeSet<ProjectId>,
    /// The one session that is asked for.
    scope: Option<SessionId>,
    pass: Option<Pass>,
    link: LinkState,
    out: Vec<Told>,
    /// Where the socket was when a hole was found last: one that is still there after going on from before it is filled by
    /// a reading.
    hole: Option<EventId>,
}

/// What is known of the link that stands.
#[derive(Debug, Default)]
struct LinkState {
    is_extended: bool,
    /// Whether a reading has begun on it.
    was_read: bool,
    /// The subscription may stand later than the fence said: what is missing is read once more.
    second: Second,
    last_seq: Option<u64>,
    recent: VecDeque<(u64, Option<EventId>)>,
    /// The largest time the socket told.
    heard: Option<Timestamp>,
    /// What was read on this link: its frames may be behind the reading.
    ahead: Ahead,
}

#[derive(Debug, Default, PartialEq)]
enum Second {
    #[default]
    No,
    /// At the first frame, or when it is time.
    Armed,
    /// As soon as the reading that runs is done.
    Due,
}

impl Feed {
    pub(super) fn new(ledger: Ledger, scope: Option<SessionId>) -> Self {
        let expected = ledger.projects().clone();
        Self { ledger, expected, scope, pass: None, link: LinkState::default(), out: Vec::new(), hole: None }
    }

    fn teller(&mut self) -> (Teller<'_>, &mut Option<Pass>) {
        (Teller::new(&mut self.ledger, &mut self.link.ahead, &mut self.out), &mut self.pass)
    }

    /// The id the server may go on from.
    pub(super) fn last_event_id(&self) -> Option<&EventId> {
        self.ledger.position().map(|position| &position.id)
    }

    /// What was told since this was asked last.
    pub(super) fn take(&mut self) -> std::vec::Drain<'_, Told> {
        self.out.drain(..)
    }

    /// Whether it is being found out where the stream begins: what is read is known then, and not told.
    pub(super) fn is_beginning(&self) -> bool {
        self.pass.as_ref().is_some_and(Pass::is_cold)
    }

    /// Reads anew what was missed.
    fn begin(&mut self) {
        let is_extended = self.link.is_extended;
        let is_first = !std::mem::replace(&mut self.link.was_read, true);
        let (mut teller, pass) = self.teller();
        *pass = Some(Pass::new(&mut teller, is_extended, is_first));
    }

    /// A link stands.
    pub(super) fn linked(&mut self, fence: Fence) {
        self.link = LinkState::default();
        match fence {
            Fence::AuthOk(said) => {
                self.link.is_extended = true;
                self.link.last_seq = said.seq;
                match self.ledger.position().filter(|_| said.resumed) {
                    Some(position) => self.link.last_seq = position.seq.or(said.seq),
                    None => self.begin(),
                }
            }
            Fence::Pong => {
                self.link.second = Second::Armed;
                self.begin();
            }
        }
    }

    /// The link ended.
    pub(super) fn unlinked(&mut self) {
        let (mut teller, pass) = self.teller();
        if let Some(pass) = pass.take() {
            pass.abandon(&mut teller);
        }
        self.link = LinkState::default();
    }

    /// The socket told an event.
    pub(super) fn frame(&mut self, event: Event) -> Result<(), Hole> {
        if !self.is_next(&event)? {
            return Ok(());
        }
        self.link.heard = self.link.heard.max(event.happened_at());
        match self.link.second {
            Second::Armed if self.pass.is_none() => self.second(),
            Second::Armed => self.link.second = Second::Due,
            Second::No | Second::Due => {}
        }
        let heard = Mark::Heard { id: event.id.clone(), seq: event.seq, time: event.happened_at() };
        if self.scope.is_some() && event.session_id().is_none() && event.message().is_some() {
            self.unreadable("a message names no session, so it may be of the one that is asked for");
        } else if self.scope.as_ref().is_none_or(|scope| event.session_id() == Some(scope.as_str())) {
            let may_be_read = self.state() != StreamState::Live;
            let (mut teller, pass) = self.teller();
            teller.passes(&event, may_be_read);
            let event = match pass {
                Some(pass) => pass.frame(event),
                None => Some(event),
            };
            if let Some(event) = event {
                teller.live(event);
            }
        }
        self.teller().0.mark(heard);
        if self.pass.is_none() {
            self.ledger.prune(self.link.heard);
        }
        Ok(())
    }

    /// Whether the event is the next one: where events are numbered, a repetition is not, and anything else is a hole.
    fn is_next(&mut self, event: &Event) -> Result<bool, Hole> {
        let Some(seq) = event.seq else { return Ok(true) };
        if let Some(last) = self.link.last_seq
            && seq != last.wrapping_add(1)
        {
            if self.link.recent.iter().any(|(known, id)| *known == seq && *id == event.id) {
                return Ok(false);
            }
            return Err(self.hole());
        }
        self.link.last_seq = Some(seq);
        self.link.recent.push_back((seq, event.id.clone()));
        if self.link.recent.len() > RECENT {
            self.link.recent.pop_front();
        }
        Ok(true)
    }

    /// Something is missing from what the socket told. The next link goes on from before it; when that was done already,
    /// it reads what is missing.
    pub(super) fn hole(&mut self) -> Hole {
        let position = self.last_event_id().cloned();
        if position.is_some() && self.hole == position {
            self.teller().0.mark(Mark::Lost);
        }
        self.hole = position;
        Hole
    }

    /// The socket said something that cannot be read as an event. What is behind it may have a number that is not the next.
    pub(super) fn unreadable(&mut self, detail: &str) {
        self.link.last_seq = None;
        let from = self.ledger.latest();
        self.teller().0.gap(None, from, GapReason::Unreadable, detail);
    }

    /// Whether a second reading waits for its time.
    pub(super) fn awaits_second(&self) -> bool {
        self.link.second == Second::Armed
    }

    /// It is time for the second reading.
    pub(super) fn second(&mut self) {
        if self.pass.is_some() {
            self.link.second = Second::Due;
        } else {
            self.link.second = Second::No;
            self.begin();
        }
    }

    /// Whether something is owed that nobody reads at the moment.
    pub(super) fn is_owing(&self) -> bool {
        self.pass.is_none() && self.ledger.owes_anything()
    }

    /// Reads again what is owed.
    pub(super) fn retry(&mut self) {
        if !self.is_owing() {
            return;
        }
        if self.ledger.owes_all() {
            self.begin();
        } else {
            let is_extended = self.link.is_extended;
            let (mut teller, pass) = self.teller();
            *pass = Some(Pass::of_owed(&mut teller, is_extended));
        }
    }

    /// Whether the list of sessions is to be read.
    pub(super) fn wants_list(&self) -> bool {
        self.pass.as_ref().is_some_and(Pass::wants_list)
    }

    /// From when on, where the server can tell. The first list after a cursor is whole: it shows which projects there are.
    pub(super) fn list_since(&self) -> Option<Timestamp> {
        let since = self.pass.as_ref().and_then(Pass::list_since);
        since.filter(|_| self.link.is_extended && self.expected.is_empty())
    }

    pub(super) fn listed(&mut self, sessions: Vec<Session>) -> Result<(), OtherProject> {
        // Only a cursor says which projects there are to be, and only a whole list which ones there are.
        let known = std::mem::take(&mut self.expected);
        let mut named = sessions.iter().filter_map(|session| session.project_id.as_ref()).peekable();
        if !known.is_empty() && named.peek().is_some() && named.all(|id| !known.contains(id)) {
            return Err(OtherProject);
        }
        let (mut teller, pass) = self.teller();
        if let Some(pass) = pass {
            pass.listed(&mut teller, sessions);
        }
        self.go_on();
        Ok(())
    }

    pub(super) fn list_failed(&mut self, detail: &str) {
        let (mut teller, pass) = self.teller();
        if let Some(pass) = pass.take() {
            pass.list_failed(&mut teller, detail);
        }
        self.go_on();
    }

    pub(super) fn next_read(&mut self) -> Option<Wanted> {
        self.pass.as_mut()?.next_read()
    }

    pub(super) fn read(&mut self, session: &SessionId, found: Found) {
        self.link.ahead.note(session);
        let (mut teller, pass) = self.teller();
        if let Some(pass) = pass {
            pass.read(&mut teller, session, found);
        }
        self.go_on();
    }

    pub(super) fn read_failed(&mut self, session: &SessionId, detail: &str) {
        let (mut teller, pass) = self.teller();
        if let Some(pass) = pass {
            pass.read_failed(&mut teller, session, detail);
        }
        self.go_on();
    }

    /// After a reading that is done, the second one, if it is due.
    fn go_on(&mut self) {
        if self.pass.as_ref().is_some_and(Pass::is_over) {
            self.pass = None;
        }
        if self.pass.is_none() && self.link.second == Second::Due {
            self.second();
        }
        if self.state() == StreamState::Live {
            self.link.ahead.settle();
        }
    }

    /// How many frames wait for a reading.
    pub(super) fn held(&self) -> usize {
        self.pass.as_ref().map_or(0, Pass::held)
    }

    pub(super) fn is_filling(&self) -> bool {
        self.pass.is_some()
    }

    /// How the stream is doing, as long as the link stands.
    pub(super) fn state(&self) -> StreamState {
        if self.pass.is_some() {
            StreamState::Backfilling
        } else if self.awaits_second() || self.ledger.owes_anything() {
            StreamState::Degraded
        } else {
            StreamState::Live
        }
    }
}
