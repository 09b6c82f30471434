//! The steps there are, as they are written.

use std::time::Duration;

use pocketping_sdk::{EventKind, Identity, MessageKind, Metadata};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::durations;
use crate::faults::Fault;
use crate::json::Wrong;

/// The events that can be expected: those of both contracts.
pub(super) const EVENTS: [EventKind; 3] =
    [EventKind::SessionCreated, EventKind::MessageCreated, EventKind::SessionClosed];
/// The states of deliveries.
const STATES: [&str; 4] = ["pending", "delivered", "failed", "overflowed"];

/// One step. Whoever takes part has a name of the scenario's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Step {
    /// A visitor opens a session, or comes back to the own one.
    Visit(Visit),
    /// A visitor writes.
    Say(Say),
    /// An operator, or who is named, answers.
    Reply(Reply),
    /// A visitor edits, or deletes, the own last message.
    Edit(Say),
    Delete(Who),
    /// A visitor has read everything.
    Read(Who),
    /// An operator has read everything.
    OperatorReads(Which),
    OperatorTypes(Which),
    Online(bool),
    Identify(Introduce),
    Rate(Rate),
    Leave(Who),
    Close(Which),
    Ai(SwitchAi),
    /// The clock is moved, timer by timer, whether it stands or runs.
    #[serde(alias = "advance", deserialize_with = "wait")]
    Wait(Duration),
    /// Nothing happens for this long, in real time: for whoever else is at work.
    #[serde(deserialize_with = "pause")]
    Pause(Duration),
    Webhook(Hook),
    /// Something goes wrong, as it is written for the control surface.
    Fault(Value),
    /// Nothing more goes wrong.
    ClearFaults(Done),
    /// All connections end without a word.
    CutConnections(Done),
    AllowKey(String),
    RevokeKey(String),
    Snapshot(String),
    Restore(String),
    Reset(Done),
    Expect(Box<Expect>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Visit {
    pub(super) r#as: String,
    pub(super) page: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) identity: Option<Identity>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    pub(super) r#as: String,
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) to: String,
    pub(super) text: String,
    /// `operator` unless said.
    pub(super) by: Option<MessageKind>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    pub(super) r#as: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    pub(super) r#in: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Introduce {
    pub(super) r#as: String,
    pub(super) identity: Identity,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    pub(super) r#as: String,
    pub(super) score: i64,
    pub(super) comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchAi {
    pub(super) r#in: String,
    pub(super) enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) events: Vec<EventKind>,
    pub(super) secret: Option<String>,
}

/// What is expected. Objects need to hold only what is written here; lists are about the last ones.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// Whose session `session` and `messages` are about.
    pub(super) r#in: Option<String>,
    /// The session, as the extended contract prints it.
    pub(super) session: Option<Value>,
    /// The last messages, oldest first, as the extended contract prints them.
    pub(super) messages: Option<Vec<Value>>,
    /// How many messages there are.
    pub(super) count: Option<usize>,
    /// The last events of the three documented kinds, oldest first.
    pub(super) events: Option<Vec<EventKind>>,
    /// How many deliveries are in each state: `pending`, `delivered`, `failed`, `overflowed`.
    pub(super) deliveries: Option<std::collections::BTreeMap<String, usize>>,
}

/// What a step does that has nothing to be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Done;

impl<'de> Deserialize<'de> for Done {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null | Value::Bool(true) => Ok(Self),
            _ => Err(D::Error::custom("must be true, or stand alone; a step that is not to be done is left out")),
        }
    }
}

/// The longest time that really passes.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

fn wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(deserializer, durations::MOST_MOVED)
}

fn pause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(deserializer, LONGEST_PAUSE)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D, longest: Duration) -> Result<Duration, D::Error> {
    let text = Value::deserialize(deserializer)?;
    let duration = durations::duration(text.as_str().unwrap_or_default())
        .map_err(|what| D::Error::custom(what.trim_start_matches("it ")))?;
    if duration > longest {
        return Err(D::Error::custom(format_args!("must be at most {}", durations::told(longest))));
    }
    Ok(duration)
}

impl Step {
    /// Refuses what can be read and means nothing.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        match self {
            // It is made anew each time it is played.
            Self::Fault(fault) => read_fault(fault).map(drop),
            Self::Expect(expect) => expect.check(),
            Self::Reply(reply) if reply.by == Some(MessageKind::Visitor) => {
                let what = "must be operator, ai or system; the visitor has `visitor`".to_owned();
                Err(Wrong { field: Some("by".to_owned()), what })
            }
            _ => Ok(()),
        }
    }
}

/// A fault as it is written in a step.
pub(super) fn read_fault(fault: &Value) -> Result<Fault, Wrong> {
    Fault::from_value(fault.clone())
}

impl Expect {
    fn check(&self) -> Result<(), Wrong> {
        let wrong =
            |field: Option<&str>, what: &str| Err(Wrong { field: field.map(str::to_owned), what: what.to_owned() });
        let empty = "is empty, which everything is as; `count` says how many there are";
        if self.session.as_ref().is_some_and(|session| session.as_object().is_none_or(serde_json::Map::is_empty)) {
            return wrong(Some("session"), "must be an object with at least one field");
        }
        if self.messages.as_ref().is_some_and(Vec::is_empty) {
            return wrong(Some("messages"), empty);
        }
        if self.events.as_ref().is_some_and(Vec::is_empty) {
            return wrong(Some("events"), "must hold at least one event");
        }
        if self.events.iter().flatten().any(|event| !EVENTS.contains(event)) {
            return wrong(Some("events"), "must be of session.created, message.created, session.closed");
        }
        let states = self.deliveries.as_ref();
        if states
            .is_some_and(|states| states.is_empty() || states.keys().any(|state| !STATES.contains(&state.as_str())))
        {
            return wrong(Some("deliveries"), "must say how many are pending, delivered, failed or overflowed");
        }
        let is_of_one = self.session.is_some() || self.messages.is_some() || self.count.is_some();
        if is_of_one && self.r#in.is_none() {
            return wrong(Some("in"), "is missing: whose session and messages?");
        }
        if !is_of_one && self.events.is_none() && states.is_none() {
            return wrong(None, "must say what is expected: session, messages, count, events or deliveries");
        }
        Ok(())
    }
}
