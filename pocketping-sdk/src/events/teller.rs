//! The teller: says what was not said yet, and keeps the ledger of it.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::item::{Gap, GapReason, StreamContent};
use super::ledger::Ledger;
use super::marks::{Mark, Seen, What};
use super::stamp::{message_stamp, session_stamp};
use crate::types::{Event, EventData, Message, MessageId, MessageKind, ProjectId, SessionId, SessionStatus, Timestamp};

/// What is handed on: items, and the changes of the ledger they amount to, in order.
#[derive(Debug)]
pub(super) enum Told {
    Item { content: StreamContent, repeat_possible: bool },
    Mark(Mark),
}

/// What was read on the link that stands, and may be ahead of what its socket has told.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    sessions: HashSet<SessionId>,
    late: HashMap<SessionId, Late>,
    /// The last message of each session the socket told, as long as there may be readings.
    last: HashMap<SessionId, MessageId>,
}

impl Ahead {
    /// Notes that a session was read.
    pub(super) fn note(&mut self, session: &SessionId) {
        self.sessions.insert(session.clone());
    }

    /// There will be no reading on this link any more.
    pub(super) fn settle(&mut self) {
        self.last.clear();
    }
}

/// A visitor's message was read whose frame has not come yet. It may have opened the session again: a close the socket tells
/// before that frame was told already, or was undone before anybody looked.
#[derive(Debug)]
struct Late {
    message: MessageId,
    time: Option<Timestamp>,
    /// What was read behind it: where the socket tells one of these, it is past it.
    later: HashSet<MessageId>,
    /// Whether the socket is known to be behind.
    is_behind: bool,
}

/// Tells items, and keeps the ledger.
pub(super) struct Teller<'a> {
    ledger: &'a mut Ledger,
    ahead: &'a mut Ahead,
    out: &'a mut Vec<Told>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(ledger: &'a mut Ledger, ahead: &'a mut Ahead, out: &'a mut Vec<Told>) -> Self {
        Self { ledger, ahead, out }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        self.ledger
    }

    /// Notes that a session was read, as it was in the list.
    pub(super) fn was_read(&mut self, id: &SessionId, last_activity: Option<Timestamp>) {
        self.ledger.note_read(id, last_activity);
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.ledger.apply(&mark);
        self.out.push(Told::Mark(mark));
    }

    fn item(&mut self, content: StreamContent, repeat_possible: bool) {
        self.out.push(Told::Item { content, repeat_possible });
    }

    pub(super) fn gap(&mut self, session: Option<SessionId>, from: Option<Timestamp>, reason: GapReason, detail: &str) {
        self.item(StreamContent::Gap(Gap { session, from, to: None, reason, detail: detail.to_owned() }), false);
    }

    pub(super) fn list_gap(&mut self, from: Option<Timestamp>, detail: &str) {
        self.gap(None, from, GapReason::ListFailed, detail);
    }

    pub(super) fn read_gap(&mut self, session: &SessionId, from: Option<Timestamp>, detail: &str) {
        self.gap(Some(session.clone()), from, GapReason::ReadFailed, detail);
    }

    /// A session that was open, or owed, is not there any more.
    pub(super) fn gone(&mut self, session: &SessionId, from: Option<Timestamp>) {
        self.gap(Some(session.clone()), from, GapReason::SessionGone, "the server does not know the session any more");
        self.mark(Mark::Gone(session.clone()));
    }

    pub(super) fn distrust(&mut self) {
        let from = self.ledger.cut();
        let detail = "a message is newer than its session's lastActivity: all sessions are read from now on";
        self.gap(None, from, GapReason::ActivityUnreliable, detail);
        self.mark(Mark::Distrust);
    }

    pub(super) fn project(&mut self, id: Option<&ProjectId>) {
        if let Some(id) = id.filter(|id| !self.ledger.projects().contains(*id)) {
            self.mark(Mark::Project(id.clone()));
        }
    }

    /// Tells an event of the socket, unless it was told.
    pub(super) fn live(&mut self, event: Event) {
        let session = event.session_id().map_or_else(|| SessionId::new(""), SessionId::from);
        let repeat = match &event.data {
            EventData::SessionCreated(_) => self.ledger.seen(&session, &What::Created).is_some(),
            EventData::MessageCreated(message) => {
                self.ledger.seen(&session, &What::Message(message.id.clone())).is_some()
            }
            EventData::SessionClosed(_) => {
                self.ledger.is_closed(&session) || self.is_old_close(&session, event.timestamp)
            }
            EventData::SessionUpdated(state) => {
                self.is_covered(&session, &What::State, event.happened_at(), session_stamp(state))
            }
            EventData::MessageUpdated(message) => {
                let what = What::Edited(message.id.clone());
                self.is_covered(&session, &what, event.happened_at(), message_stamp(message))
            }
            EventData::Other { .. } => false,
        };
        if repeat {
            return;
        }
        let repeat_possible = match &event.data {
            EventData::SessionClosed(_) => {
                let late = self.ahead.late.remove(&session);
                self.ledger.is_doubted(&session)
                    || late.is_some_and(|late| late.time.is_none() || late.time >= event.timestamp)
            }
            // Two sessions may have messages of one id.
            EventData::MessageCreated(message) if event.session_id().is_none() => {
                self.ledger.is_seen_somewhere(&What::Message(message.id.clone()))
            }
            _ => false,
        };
        let marks = marks(&event, &session, event.happened_at(), self.ledger);
        self.item(StreamContent::Live(event), repeat_possible);
        for mark in marks {
            self.mark(mark);
        }
    }

    /// The last message of each session the socket told.
    pub(super) fn last(&self) -> HashMap<SessionId, MessageId> {
        self.ahead.last.clone()
    }

    /// The socket is at this event: behind what was read, or past it.
    pub(super) fn passes(&mut self, event: &Event, may_be_read: bool) {
        let (EventData::MessageCreated(message), Some(session)) = (&event.data, event.session_id()) else { return };
        if may_be_read {
            self.ahead.last.insert(session.into(), message.id.clone());
        }
        let Some(late) = self.ahead.late.get_mut(session) else { return };
        let session = SessionId::from(session);
        let is_known = self.ledger.seen(&session, &What::Message(message.id.clone())).is_some();
        if !is_known || late.message == message.id || late.later.contains(&message.id) {
            self.ahead.late.remove(&session);
        } else {
            late.is_behind = true;
        }
    }

    /// Whether a close is one that was undone by a message that was read. Where both have times, and not the same one, these
    /// decide.
    fn is_old_close(&self, session: &SessionId, time: Option<Timestamp>) -> bool {
        let Some(late) = self.ahead.late.get(session) else { return false };
        match time.zip(late.time).map(|(closed, wrote)| closed.cmp(&wrote)) {
            Some(Ordering::Less) => true,
            Some(Ordering::Greater) => false,
            Some(Ordering::Equal) | None => late.is_behind,
        }
    }

    /// Whether a state was told by a reading that was ahead of the socket.
    fn is_covered(&self, session: &SessionId, what: &What, time: Option<Timestamp>, stamp: u64) -> bool {
        if !self.ahead.sessions.contains(session) {
            return false;
        }
        self.ledger.seen(session, what).is_some_and(|seen: Seen| match time.cmp(&seen.time) {
            Ordering::Less => true,
            Ordering::Equal => seen.stamp == stamp,
            Ordering::Greater => false,
        })
    }

    /// Tells an event that was read, or only notes it when the stream begins behind it.
    pub(super) fn read(&mut self, event: Event, time: Option<Timestamp>, is_cold: bool) {
        let repeat_possible = self.ledger.has_forgotten();
        self.read_with(event, time, is_cold, repeat_possible);
    }

    /// As [`read`](Self::read), saying whether it may be a repetition.
    pub(super) fn read_with(&mut self, event: Event, time: Option<Timestamp>, is_cold: bool, repeat_possible: bool) {
        let session = event.session_id().map_or_else(|| SessionId::new(""), SessionId::from);
        let marks = marks(&event, &session, time, self.ledger);
        if !self.ledger.is_read_to(time) {
            self.mark(Mark::Read(time));
        }
        if !is_cold {
            self.item(StreamContent::Backfilled(event), repeat_possible);
        }
        for mark in marks {
            self.mark(mark);
        }
    }

    /// As [`read`](Self::read), a message. `is_behind` is given when the socket may still tell it, and says whether it is
    /// known to be before it.
    pub(super) fn read_message(
        &mut self,
        event: Event,
        time: Option<Timestamp>,
        is_cold: bool,
        is_behind: Option<bool>,
    ) {
        if let (Some(message), Some(session), Some(is_behind)) = (event.message(), event.session_id(), is_behind) {
            let session = SessionId::from(session);
            if message.kind == MessageKind::Visitor {
                let late = Late { message: message.id.clone(), time, later: HashSet::new(), is_behind };
                self.ahead.late.insert(session, late);
            } else if let Some(late) = self.ahead.late.get_mut(&session) {
                late.later.insert(message.id.clone());
            }
        }
        self.read(event, time, is_cold);
    }
}

/// What telling an event changes.
fn marks(event: &Event, session: &SessionId, time: Option<Timestamp>, ledger: &Ledger) -> Vec<Mark> {
    let told = |what, stamp| Mark::Told { session: session.clone(), what, time, stamp };
    let edited = |message: &Message| {
        let stamp = message_stamp(message);
        let what = What::Edited(message.id.clone());
        message.updated_at.is_some().then(|| Mark::Told {
            session: session.clone(),
            what,
            time: message.updated_at,
            stamp,
        })
    };
    match &event.data {
        EventData::SessionCreated(state) => {
            let mut marks = vec![told(What::Created, 0), told(What::State, session_stamp(state))];
            marks.extend((!ledger.is_closed(session)).then(|| Mark::Open(session.clone())));
            marks
        }
        EventData::SessionUpdated(state) => {
            // It may be behind a close that was read.
            let opens = state.status == SessionStatus::Active && ledger.is_opened_by(session, time);
            let mut marks = vec![told(What::State, session_stamp(state))];
            marks.extend(opens.then(|| Mark::Open(session.clone())));
            marks
        }
        EventData::SessionClosed(_) => vec![Mark::Closed { session: session.clone(), time }],
        EventData::MessageCreated(message) => {
            let mut marks = vec![told(What::Message(message.id.clone()), 0)];
            marks.extend(edited(message));
            if ledger.is_closed(session) {
                // Its visitor opens it. Whether the others could write because it was opened is not certain.
                match message.kind {
                    MessageKind::Visitor => marks.push(Mark::Open(session.clone())),
                    MessageKind::Operator | MessageKind::Ai => {
                        marks.extend([Mark::Open(session.clone()), Mark::Doubted(session.clone())]);
                    }
                    _ => {}
                }
            }
            marks
        }
        EventData::MessageUpdated(message) => edited(message).into_iter().collect(),
        EventData::Other { .. } => Vec::new(),
    }
}
