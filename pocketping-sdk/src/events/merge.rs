//! Telling what was read of a session, and what the socket told of it meanwhile, in the order in which it was committed.
//! Pure.

use super::history::{Held, History, Insert, created_in};
use super::ledger::Ledger;
use super::marks::{Mark, What};
use super::pass::{Candidate, Pass};
use super::stamp::{message_stamp, session_stamp};
use super::teller::Teller;
use crate::types::{Event, EventData, Message, Session, SessionId, SessionStatus, Timestamp};

impl Pass {
    /// Tells what was read and what came meanwhile, in the order in which it was committed.
    pub(super) fn merge(&self, teller: &mut Teller<'_>, id: &SessionId, candidate: Candidate, messages: Vec<Message>) {
        let Candidate { session, log, .. } = candidate;
        let session = session.as_deref();
        let mut history = History::new(id, session, messages);
        let closes = |event: &Event| matches!(event.data, EventData::SessionClosed(_));
        let is_open = session.is_some_and(|session| session.status == SessionStatus::Active);
        // Whoever opened it again; where the socket tells a close as well, what the visitor wrote decides.
        let is_known = |ledger: &Ledger| !ledger.is_closed(id) && (self.is_extended || ledger.open().contains(id));
        if is_open && !is_known(teller.ledger()) && !log.iter().any(|held| closes(&held.event)) {
            teller.mark(Mark::Open(id.clone()));
        }
        self.created(teller, id, session, &history, &log);
        if let Some(session) = session {
            self.state(teller, session);
        }
        let inserts = history.place(session, log, self.last.get(id));
        // What stands before something that was told was told as well, or undone before anybody looked.
        let is_told = |message: &Message| teller.ledger().seen(id, &What::Message(message.id.clone())).is_some();
        let told = history.messages.iter().rposition(is_told).map_or(0, |at| at + 1);
        let is_close = |insert: &Insert| match insert {
            Insert::Closed(_) => true,
            Insert::Frame(event) => closes(event),
        };
        let mut inserts =
            inserts.into_iter().filter(|(position, insert)| *position >= told || !is_close(insert)).peekable();
        for index in 0..=history.messages.len() {
            while let Some((_, insert)) = inserts.next_if(|(position, _)| *position == index) {
                match insert {
                    Insert::Closed(time) => self.closed(teller, id, session, time),
                    Insert::Frame(event) => teller.live(event),
                }
            }
            if index < history.messages.len() {
                self.message(teller, id, &mut history, index);
            }
        }
    }

    /// The session itself: new to this stream, or known.
    fn created(
        &self,
        teller: &mut Teller<'_>,
        id: &SessionId,
        session: Option<&Session>,
        history: &History,
        log: &[Held],
    ) {
        if let Some(event) = created_in(log) {
            teller.live(event.clone());
            return;
        }
        let Some(session) = session else { return };
        if teller.ledger().seen(id, &What::Created).is_some() {
            return;
        }
        // That of its first message is as good, where all of them are read.
        let time = session.created_at.or_else(|| history.times.iter().copied().flatten().next());
        if self.is_fresh(time) {
            let event = Event::new(EventData::SessionCreated(Box::new(session.clone())));
            let ledger = teller.ledger();
            let is_guessed = session.created_at.is_none() && (self.is_extended || ledger.has_settled());
            let repeat_possible = ledger.has_forgotten() || is_guessed;
            teller.read_with(event, time, self.is_cold, repeat_possible);
        }
    }

    fn closed(&self, teller: &mut Teller<'_>, id: &SessionId, session: Option<&Session>, time: Option<Timestamp>) {
        let ledger = teller.ledger();
        if ledger.is_closed(id) {
            return;
        }
        let (created, closed) = session.map_or((None, None), |session| (session.created_at, session.closed_at));
        let is_old = closed.is_some() && !self.is_fresh(closed);
        // Without its time, a close of a session that was let go of looks like a new one once the session moves again.
        let is_undated =
            closed.is_none() && ledger.has_settled() && !ledger.open().contains(id) && !self.is_fresh(created);
        // Behind a gap the socket may have told it alone, before what came before it.
        let is_alone = self.is_behind_gap || ledger.owed().contains(id);
        let repeat_possible = ledger.has_forgotten() || is_alone || is_undated || ledger.is_doubted(id);
        let mut event = Event::new(EventData::SessionClosed(id.clone()));
        event.timestamp = closed;
        teller.read_with(event, time, self.is_cold || is_old, repeat_possible);
    }

    fn message(&self, teller: &mut Teller<'_>, id: &SessionId, history: &mut History, index: usize) {
        let time = history.times[index];
        if let Some(frame) = history.frames.remove(&index) {
            // The frame knows more than the list: its id, and its place.
            teller.live(frame);
            return;
        }
        let message = &history.messages[index];
        let what = What::Message(message.id.clone());
        // A frame need not have named its session.
        let seen = teller.ledger().seen(id, &what).or_else(|| teller.ledger().seen(&SessionId::new(""), &what));
        let is_framed = history.framed.contains(&index);
        if seen.is_none() && (self.is_fresh(time) || is_framed) {
            let event = Event::new(EventData::MessageCreated(Box::new(message.clone())));
            // The socket is past it when its own frame has come, or that of a later one.
            let is_passed = history.framed.iter().any(|framed| *framed >= index);
            let is_behind = (!is_passed).then_some(!history.framed.is_empty());
            teller.read_message(event, time, self.is_cold, is_behind);
            return;
        }
        let changed = message.updated_at.is_some_and(|at| self.is_fresh(Some(at)));
        let edited = teller.ledger().seen(id, &What::Edited(message.id.clone()));
        // The socket may have told a later state than the reading.
        let is_news =
            edited.is_none_or(|edited| edited.stamp != message_stamp(message) && edited.time <= message.updated_at);
        if self.is_extended && changed && is_news {
            let event = Event::new(EventData::MessageUpdated(Box::new(message.clone())));
            teller.read(event, message.updated_at, self.is_cold);
        }
    }

    /// The session as it is now, where the server tells such changes and this one was not told.
    fn state(&self, teller: &mut Teller<'_>, session: &Session) {
        if !self.is_extended {
            return;
        }
        let seen = teller.ledger().seen(&session.id, &What::State);
        // The socket may have told a later state than the list.
        if seen.is_none_or(|seen| seen.stamp != session_stamp(session) && seen.time <= session.last_activity) {
            let event = Event::new(EventData::SessionUpdated(Box::new(session.clone())));
            teller.read(event, session.last_activity, self.is_cold);
        }
    }

    fn is_fresh(&self, time: Option<Timestamp>) -> bool {
        time.is_none() || self.cut.is_none() || time >= self.cut
    }
}
