//! What a consumer was told, held against what happened.

use std::collections::{HashMap, HashSet};

use super::super::item::{GapReason, StreamItem};
use super::World;
use crate::types::{Event, EventData};

/// What an event is, whoever told it.
fn name(event: &Event) -> Option<String> {
    match &event.data {
        EventData::SessionCreated(session) => Some(format!("{} created", session.id)),
        EventData::MessageCreated(message) => Some(message.id.to_string()),
        EventData::SessionClosed(id) => Some(format!("{id} closed")),
        _ => None,
    }
}

/// The names of a session's events. A close that was undone before anybody looked is none, and may be left out.
pub(super) fn check(world: &World, begun: usize, context: &str) {
    for gap in world.told.iter().filter_map(StreamItem::gap) {
        let is_read_later = matches!(gap.reason, GapReason::ReadFailed | GapReason::ListFailed);
        assert!(is_read_later, "{context}: {gap:?} in a world that keeps its promises");
    }
    let items: Vec<(&Event, bool)> =
        world.told.iter().filter_map(|item| Some((item.event()?, item.repeat_possible))).collect();
    let told: Vec<&Event> = items.iter().map(|(event, _)| *event).collect();
    for (session, messages) in &world.server.sessions {
        let of = |event: &&Event| match (event.session_id(), event.message()) {
            (None, Some(message)) => messages.iter().any(|known| known.id == message.id),
            (id, _) => id == Some(session.id.as_str()),
        };
        let truth: Vec<(usize, String)> = (world.server.log.iter().enumerate())
            .filter(|(_, event)| of(event))
            .filter_map(|(at, event)| Some((at, name(event)?)))
            .collect();
        // What may be a repetition says so, and is one or not.
        let mut said: Vec<(String, bool)> = (items.iter().filter(|(event, _)| of(event)))
            .filter_map(|(event, may_repeat)| Some((name(event)?, *may_repeat)))
            .collect();
        // A gap says that what comes later may be older than what came before.
        let ordered = world.server.weather.disorder == 0
            && world.server.weather.names_sessions
            && !(world.told.iter().filter_map(StreamItem::gap))
                .any(|gap| gap.session.as_ref().is_none_or(|id| *id == session.id));
        if !ordered {
            // Behind a gap a close may be told again, and says so.
            said.sort();
            said.dedup_by(|a, b| a.0 == b.0 && a.0.ends_with("closed"));
        }
        let closing = format!("{} closed", session.id);
        if !world.server.weather.has_closing_word {
            // Nothing says on which side of the message that undid it such a close stood: what counts is how it ended.
            if truth.last().is_some_and(|(at, event)| *event == closing && *at >= begun) {
                assert_eq!(said.last().map(|(event, _)| event), Some(&closing), "{context}: {truth:?}");
            }
            said.retain(|(event, _)| *event != closing);
        }
        let mut said = said.into_iter().peekable();
        let mut expected = truth.clone();
        if !world.server.weather.has_closing_word {
            expected.retain(|(_, event)| *event != closing);
        }
        if !ordered {
            expected.sort_by(|a, b| a.1.cmp(&b.1));
        }
        for (position, (at, event)) in expected.iter().enumerate() {
            let is_passed = |said: &String| if ordered { said != event } else { said < event };
            while said.next_if(|(said, may_repeat)| *may_repeat && is_passed(said)).is_some() {}
            if said.next_if(|(said, _)| said == event).is_some() {
                continue;
            }
            let is_undone = *event == closing && truth.last().is_some_and(|(last, _)| last > at)
                || *event == closing && !ordered && position > 0;
            assert!(
                *at < begun || is_undone,
                "{context}: {event} of {} was not told; truth {truth:?}, told {:?}",
                session.id,
                told.iter().copied().filter(of).filter_map(name).collect::<Vec<_>>()
            );
        }
        assert_eq!(
            said.find(|(_, may_repeat)| !may_repeat),
            None,
            "{context}: told twice or out of order in {}; truth {truth:?}, told {:?}",
            session.id,
            told.iter().copied().filter(of).filter_map(name).collect::<Vec<_>>()
        );
    }
    if world.server.weather.is_extended {
        check_states(world, &told, begun, context);
    }
}

/// The last state told of everything that changed is the state it has.
fn check_states(world: &World, told: &[&Event], begun: usize, context: &str) {
    let mut contents: HashMap<&str, &str> = HashMap::new();
    // A state that came back to what it was when the stream began need not be told.
    let baseline = world.baseline.iter().flatten();
    let mut online: HashMap<&str, Option<bool>> =
        baseline.map(|session| (session.id.as_str(), session.visitor_online)).collect();
    for event in told {
        match &event.data {
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                contents.insert(message.id.as_str(), &message.content);
            }
            EventData::SessionCreated(session) | EventData::SessionUpdated(session) => {
                online.insert(session.id.as_str(), session.visitor_online);
            }
            _ => {}
        }
    }
    let mut changed = HashSet::new();
    for event in &world.server.log[begun..] {
        match &event.data {
            EventData::MessageUpdated(message) => drop(changed.insert(message.id.to_string())),
            EventData::SessionUpdated(session) => drop(changed.insert(session.id.to_string())),
            _ => {}
        }
    }
    for (session, messages) in &world.server.sessions {
        if changed.contains(session.id.as_str()) {
            assert_eq!(online.get(session.id.as_str()), Some(&session.visitor_online), "{context}: {}", session.id);
        }
        for message in messages.iter().filter(|message| changed.contains(message.id.as_str())) {
            let told = contents.get(message.id.as_str());
            assert_eq!(told, Some(&message.content.as_str()), "{context}: {}", message.id);
        }
    }
}
