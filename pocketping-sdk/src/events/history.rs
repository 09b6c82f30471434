//! A session's history: what was read of it and what the socket told meanwhile, put in the order of their commits. Pure.

use std::collections::{HashMap, HashSet};

use crate::types::{Event, EventData, Message, MessageId, MessageKind, Session, SessionId, SessionStatus, Timestamp};

/// A frame that came while its session was a candidate.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) event: Event,
    /// Whether the reading began later, and shows what the frame tells.
    pub(super) is_read: bool,
}

/// The frame that told the session itself.
pub(super) fn created_in(log: &[Held]) -> Option<&Event> {
    log.iter().map(|held| &held.event).find(|event| matches!(event.data, EventData::SessionCreated(_)))
}

/// A session's messages in the order of their commits, with what the socket said of them.
pub(super) struct History {
    pub(super) messages: Vec<Message>,
    /// The messages' times; one without has that of the message before it.
    pub(super) times: Vec<Option<Timestamp>>,
    /// Frames of messages that are among them.
    pub(super) frames: HashMap<usize, Event>,
    /// Messages whose frames have come.
    pub(super) framed: HashSet<usize>,
}

/// What stands between two messages.
pub(super) enum Insert {
    /// The session was closed, as the list shows it.
    Closed(Option<Timestamp>),
    Frame(Event),
}

impl History {
    pub(super) fn new(id: &SessionId, session: Option<&Session>, mut messages: Vec<Message>) -> Self {
        let mut last = session.and_then(|session| session.created_at);
        let mut times = Vec::with_capacity(messages.len());
        for message in &mut messages {
            message.session_id.get_or_insert_with(|| id.clone());
            last = message.created_at.or(last);
            times.push(last);
        }
        Self { messages, times, frames: HashMap::new(), framed: HashSet::new() }
    }

    /// Finds the place of everything that is no message of the list: before the message at that index. `last` is the last
    /// message the socket told before the log began.
    pub(super) fn place(
        &mut self,
        session: Option<&Session>,
        log: Vec<Held>,
        last: Option<&MessageId>,
    ) -> Vec<(usize, Insert)> {
        let index: HashMap<_, _> = self.messages.iter().enumerate().map(|(at, it)| (it.id.clone(), at)).collect();
        // One that was there before the reading and is not listed was deleted meanwhile: it has no place of its own.
        let of = |held: &Held| match &held.event.data {
            EventData::MessageCreated(message) => {
                let listed = index.get(&message.id).copied();
                (listed.is_some() || !held.is_read).then_some(listed)
            }
            _ => None,
        };
        let end = self.messages.len();
        let last_activity = session.and_then(|session| session.last_activity);
        let mut inserts = Vec::new();
        if session.is_some_and(|session| session.status == SessionStatus::Closed) {
            let until = match last_activity {
                Some(last) => {
                    self.times.iter().rposition(|time| time.is_none_or(|time| time <= last)).map_or(0, |at| at + 1)
                }
                None => end,
            };
            inserts.push((self.slot(until, last_activity), Insert::Closed(last_activity)));
        }
        // What comes after a frame decides its place: the next message of the list that has one.
        let mut next = vec![None; log.len()];
        let mut following = None;
        for (at, entry) in log.iter().enumerate().rev() {
            next[at] = following;
            following = of(entry).or(following);
        }
        // The socket may have told some of it before.
        let told = last.and_then(|id| index.get(id).copied());
        self.framed.extend(told);
        let mut before = told.map(|at| at + 1);
        for (held, next) in log.into_iter().zip(next) {
            let place = of(&held);
            let event = held.event;
            match place {
                Some(Some(at)) => {
                    self.framed.insert(at);
                    self.frames.insert(at, event);
                    before = Some(at + 1);
                }
                // It was written after the reading: the socket is past all of that.
                Some(None) => {
                    self.framed.insert(end);
                    before = Some(end);
                    inserts.push((end, Insert::Frame(event)));
                }
                None if matches!(event.data, EventData::SessionCreated(_)) => {}
                None => {
                    let position = match (before, next) {
                        // All that is listed behind a message whose frame came before this one has its frame behind it.
                        (Some(before), _) => before,
                        (None, Some(at)) => at.unwrap_or(end),
                        (None, None) if matches!(event.data, EventData::SessionClosed(_)) => {
                            self.slot(end, last_activity)
                        }
                        (None, None) => end,
                    };
                    inserts.push((position, Insert::Frame(event)));
                }
            }
        }
        inserts.sort_by_key(|(position, _)| *position);
        inserts
    }

    /// Where a close stands that is known to lie before this: behind the system's word on it, if all that follows
    /// may have been written after it, the first of it by the visitor, which opens the session again; else at the end.
    fn slot(&self, until: usize, last_activity: Option<Timestamp>) -> usize {
        let is_system = |at: &usize| self.messages[*at].kind == MessageKind::System;
        let Some(word) = (0..until).rev().find(is_system) else { return until };
        let reopened = self.messages.get(word + 1).is_some_and(|next| next.kind == MessageKind::Visitor);
        let later = self.times[word + 1..until].iter().all(|time| *time >= last_activity);
        if word + 1 < until && reopened && later { word + 1 } else { until }
    }
}
