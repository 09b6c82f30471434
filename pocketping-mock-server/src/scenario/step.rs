//! The steps there are, as they are written.

use std::time::Duration;

use pocketping_sdk::{EventKind, Identity, MessageKind, Metadata};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::durations;
use crate::faults::Fault;

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
    /// The clock goes on: a frozen one timer by timer, a running one by itself.
    #[serde(deserialize_with = "duration")]
    Wait(Duration),
    /// The clock is moved, timer by timer, whatever it does by itself.
    #[serde(deserialize_with = "duration")]
    Advance(Duration),
    Webhook(Hook),
    /// Something goes wrong, as it is written for the control surface.
    #[serde(deserialize_with = "fault")]
    Fault(Value),
    /// Nothing more goes wrong.
    ClearFaults(bool),
    /// All connections end without a word.
    CutConnections(bool),
    AllowKey(String),
    RevokeKey(String),
    Snapshot(String),
    Restore(String),
    Reset(bool),
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

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    durations::duration(&text).map_err(D::Error::custom)
}

/// A fault that can be one; it is made anew each time it is played.
fn fault<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let fault = Value::deserialize(deserializer)?;
    match Fault::from_json(fault.to_string().as_bytes()) {
        Ok(_) => Ok(fault),
        Err(error) => Err(D::Error::custom(error)),
    }
}
