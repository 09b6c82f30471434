//! What was told, sent and delivered, held against what the server knows to have happened.

use std::collections::{BTreeMap, BTreeSet};

use pocketping_mock_server::MockServer;
use pocketping_sdk::{Event, EventData, GapReason, Outcome, SessionId, StreamItem};

use crate::receiver::Taken;

/// What became of an operator's message.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) session: SessionId,
    pub(crate) text: String,
    /// What is known of a failure's effect.
    pub(crate) outcome: Option<Outcome>,
    /// Whether it was found by reading the session.
    pub(crate) is_confirmed: bool,
}

/// What an event is, whoever tells it. States of sessions are told as the latest.
fn name(event: &Event) -> Option<String> {
    match &event.data {
        EventData::SessionCreated(_) => Some("created".to_owned()),
        EventData::MessageCreated(message) => Some(message.id.to_string()),
        EventData::SessionClosed(_) => Some(CLOSED.to_owned()),
        _ => None,
    }
}

const CLOSED: &str = "closed";

/// The names of each session's events, and whether each may be a repetition.
fn by_session<'a>(events: impl Iterator<Item = (&'a Event, bool)>) -> BTreeMap<String, Vec<(String, bool)>> {
    let mut sessions: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (event, may_repeat) in events {
        if let (Some(session), Some(name)) = (event.session_id(), name(event)) {
            sessions.entry(session.to_owned()).or_default().push((name, may_repeat));
        }
    }
    sessions
}

fn happened_in(happened: &[Event]) -> BTreeMap<String, Vec<String>> {
    let sessions = by_session(happened.iter().map(|event| (event, false))).into_iter();
    sessions.map(|(session, events)| (session, events.into_iter().map(|(name, _)| name).collect())).collect()
}

fn told_in(items: &[StreamItem]) -> BTreeMap<String, Vec<(String, bool)>> {
    by_session(items.iter().filter_map(|item| Some((item.event()?, item.repeat_possible))))
}

/// Whether everything was told; how often and in which order is asked at the end.
pub(crate) fn is_complete(happened: &[Event], items: &[StreamItem]) -> bool {
    let told = told_in(items);
    happened_in(happened).iter().all(|(session, happened)| {
        let Some(told) = told.get(session) else { return false };
        let known: BTreeSet<&String> = told.iter().map(|(event, _)| event).collect();
        let ends_closed = happened.last().is_some_and(|last| last == CLOSED);
        let is_closed = if is_ordered(session, items) {
            told.last().is_some_and(|(last, _)| last == CLOSED)
        } else {
            known.contains(&CLOSED.to_owned())
        };
        happened.iter().all(|event| event == CLOSED || known.contains(event)) && (!ends_closed || is_closed)
    })
}

/// Whether a session was told in order: what comes behind a gap may be older than what was told meanwhile.
fn is_ordered(session: &str, items: &[StreamItem]) -> bool {
    let mut gaps = items.iter().filter_map(StreamItem::gap);
    !gaps.any(|gap| gap.session.as_ref().is_none_or(|id| *id == session))
}

/// Every committed event exactly once, and in the order of its session.
pub(crate) fn events(happened: &[Event], items: &[StreamItem]) -> Result<(), String> {
    for gap in items.iter().filter_map(StreamItem::gap) {
        // The server keeps its promises, so that nothing but a failed call may leave a gap, and it is filled later.
        if !matches!(gap.reason, GapReason::ReadFailed | GapReason::ListFailed) {
            return Err(format!("a gap without a cause: {gap:?}"));
        }
    }
    let told = told_in(items);
    for (session, truth) in happened_in(happened) {
        let told = told.get(&session).cloned().unwrap_or_default();
        once_and_in_order(&truth, told, is_ordered(&session, items))
            .map_err(|wrong| format!("{session}: {wrong}; happened {truth:?}, told {}", how(&session, items)))?;
    }
    states(happened, items)
}

/// What was told of a session, and how.
fn how(session: &str, items: &[StreamItem]) -> String {
    let mut said = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(event) = item.event().filter(|event| event.session_id() == Some(session)) else { continue };
        let Some(name) = name(event) else { continue };
        let kind = if item.is_live() { "live" } else { "backfilled" };
        let repeat = if item.repeat_possible { ", may be a repetition" } else { "" };
        said.push(format!("{name} ({kind}, {at} of {}{repeat})", items.len()));
    }
    said.join(", ")
}

/// A close that the visitor undid by writing need not be told: nobody may have looked in between. What may be a
/// repetition is one, or is not.
fn once_and_in_order(truth: &[String], told: Vec<(String, bool)>, is_ordered: bool) -> Result<(), String> {
    if !is_ordered {
        let told: Vec<&String> = told.iter().map(|(event, _)| event).collect();
        for event in truth.iter().chain(told.iter().copied()).filter(|event| *event != CLOSED) {
            let (there, said) = (count(truth.iter(), event), count(told.iter().copied(), event));
            if there != said {
                return Err(format!("{event} was told {said} times, not {there}"));
            }
        }
        return Ok(());
    }
    let may_be_missing = |at: usize| truth[at] == CLOSED && at + 1 < truth.len();
    let mut rest = told.into_iter().peekable();
    for (at, event) in truth.iter().enumerate() {
        while rest.next_if(|(told, may_repeat)| *may_repeat && told != event).is_some() {}
        if rest.next_if(|(told, _)| told == event).is_none() && !may_be_missing(at) {
            return Err(format!("{event} was not told in its place"));
        }
    }
    match rest.find(|(_, may_repeat)| !may_repeat) {
        Some((event, _)) => Err(format!("{event} was told twice or in the wrong place")),
        None => Ok(()),
    }
}

fn count<'a>(events: impl Iterator<Item = &'a String>, wanted: &String) -> usize {
    events.filter(|event| *event == wanted).count()
}

/// The last state told of a session's visitor is the one it has (extended).
fn states(happened: &[Event], items: &[StreamItem]) -> Result<(), String> {
    let last_of = |events: &mut dyn Iterator<Item = &Event>| -> BTreeMap<SessionId, String> {
        events
            .filter_map(Event::session)
            .map(|session| (session.id.clone(), format!("{:?}", session.identity.as_ref().map(|it| &it.name))))
            .collect()
    };
    if happened.iter().all(|event| event.seq.is_none()) {
        return Ok(());
    }
    let told = last_of(&mut items.iter().filter_map(StreamItem::event));
    for (session, state) in last_of(&mut happened.iter()) {
        if told.get(&session) != Some(&state) {
            return Err(format!("{session} was told as {:?} last, and is {state}", told.get(&session)));
        }
    }
    Ok(())
}

/// Every message in the store exactly once, or reported to be unknown and there at most once.
pub(crate) fn sends(server: &MockServer, sent: &[Sent]) -> Result<(), String> {
    for send in sent {
        let there = server.messages(&send.session).iter().filter(|message| message.content == send.text).count();
        let is_right = match send.outcome {
            None | Some(Outcome::Applied) => there == 1,
            Some(Outcome::Unknown) => there <= 1,
            Some(_) => there == 0,
        };
        if !is_right {
            return Err(format!("{send:?} is there {there} times"));
        }
    }
    Ok(())
}

/// Every event delivered at least once, with one id over all its attempts.
pub(crate) fn deliveries(server: &MockServer, taken: &[Taken]) -> Result<(), String> {
    let deliveries = server.deliveries();
    let wanted = server.events().iter().filter(|event| !matches!(event.data, EventData::SessionUpdated(_))).count();
    if deliveries.len() != wanted {
        return Err(format!("{} deliveries of {wanted} events", deliveries.len()));
    }
    let is_extended = server.events().iter().any(|event| event.seq.is_some());
    let mut bodies: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (_, body) in taken {
        *bodies.entry(body).or_default() += 1;
    }
    for delivery in &deliveries {
        let ids: BTreeSet<_> = taken.iter().filter(|(_, body)| *body == delivery.body).map(|(id, _)| id).collect();
        if ids.is_empty() {
            return Err(format!("{delivery:?} did not arrive"));
        }
        if is_extended && ids != BTreeSet::from([&Some(delivery.id.to_string())]) {
            return Err(format!("{delivery:?} arrived as {ids:?}"));
        }
        // Equal bodies are only told apart by their number.
        let same = deliveries.iter().filter(|other| other.body == delivery.body).count();
        if bodies.get(&*delivery.body).is_none_or(|count| *count < same) {
            return Err(format!("{same} deliveries like {delivery:?} arrived less often"));
        }
    }
    Ok(())
}
