//! A fault as a test says it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use super::acts::{Act, HttpFault, Over, SocketFault, WebhookFault};
use super::draw::Draw;
use super::on::{CallFacts, On, ToldFacts};
use super::places::{self, Here};
use super::{read, show};
use crate::json::Wrong;
use crate::surface::Surface;

/// What goes wrong, where, and how often. Unless told otherwise: once, at the first chance.
///
/// Several faults may wait at once. Of those that are due, the one that was injected first is carried out; the others
/// wait for the next chance. A fault is made here, or read from the JSON that `/_mock/faults` and `--fault` take:
///
/// ```
/// use pocketping_mock_server::{Fault, HttpFault, MockServer, SocketFault, Surface};
///
/// let server = MockServer::start();
/// server.inject(Fault::http(HttpFault::ApplyThenDrop).route("POST", "/sessions/:sessionId/messages"));
/// server.inject(Fault::socket(SocketFault::Skip).after(3).times(2));
/// server.inject(Fault::http(HttpFault::MalformedJson).surface(Surface::Widget).probability(0.2, 7).always());
/// server.inject(r#"{"do": {"kind": "status", "status": 429, "body": ""}}"#.parse()?);
/// assert_eq!(server.faults_left(), 5, "what happens always counts once");
/// # Ok::<(), pocketping_mock_server::FaultError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    pub(super) act: Act,
    pub(super) on: On,
    /// How many go by before it is due, and how many of them still do.
    pub(super) after: u32,
    waiting: u32,
    /// `None` is always.
    pub(super) times: Option<u32>,
}

/// Why a text is no fault: the field that is wrong, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

impl From<Wrong> for FaultError {
    fn from(wrong: Wrong) -> Self {
        Self(match wrong.field {
            Some(field) => format!("`{field}` {}", wrong.what),
            None => format!("the fault {}", wrong.what),
        })
    }
}

/// Reads it from JSON.
impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        Self::from_json(text.as_bytes())
    }
}

impl Fault {
    /// Reads it from JSON.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, FaultError> {
        Ok(read::fault(text)?)
    }

    /// Reads it from a value.
    pub(crate) fn from_value(value: Value) -> Result<Self, Wrong> {
        read::of_value(value)
    }

    pub(super) fn new(act: Act) -> Self {
        Self { act, on: On::default(), after: 0, waiting: 0, times: Some(1) }
    }

    /// Something happens to a call over HTTP.
    pub fn http(act: HttpFault) -> Self {
        Self::new(Act::Http(act))
    }

    /// Something happens on the socket.
    pub fn socket(act: SocketFault) -> Self {
        Self::new(Act::Socket(act))
    }

    /// Something happens to an attempt of a webhook delivery.
    pub fn webhook(act: WebhookFault) -> Self {
        Self::new(Act::Webhook(act))
    }

    /// A call is held at this barrier, before it is applied, until [`MockServer::release`](crate::MockServer::release)
    /// lets it go on; its idempotency key is taken meanwhile. When the client hangs up or the server stops, it is over.
    pub fn hold(barrier: impl Into<String>) -> Self {
        Self::new(Act::Hold { barrier: barrier.into().into(), after: false })
    }

    /// As [`hold`](Self::hold), when it is applied and before it is answered.
    pub fn hold_answer(barrier: impl Into<String>) -> Self {
        Self::new(Act::Hold { barrier: barrier.into().into(), after: true })
    }

    /// It happens on this surface. Default: the contract's; to deliveries where it is about them.
    pub fn surface(mut self, surface: Surface) -> Self {
        self.on.surface = Some(surface);
        self
    }

    /// It happens to the widget's frames that travel so. Default: both.
    pub fn over(mut self, over: Over) -> Self {
        self.on.over = Some(over);
        self
    }

    /// It happens to this call only, given as documented: `("POST", "/sessions/:sessionId/messages")`, or with
    /// `{sessionId}`, and with or without its surface's prefix. Default: every call of its surface. What happens on the
    /// socket has no route.
    pub fn route(mut self, method: &str, line: &str) -> Self {
        (self.on.method, self.on.route) = (Some(method.to_owned()), Some(line.to_owned()));
        self
    }

    /// It happens to calls with this API key only.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.on.key = Some(key.into());
        self
    }

    /// It happens to calls, frames or deliveries only whose body has this in it.
    pub fn body(mut self, part: impl Into<String>) -> Self {
        self.on.body = Some(part.into());
        self
    }

    /// It happens to frames or deliveries of this type only: `message.created`, a widget's `typing`.
    pub fn event(mut self, kind: impl Into<String>) -> Self {
        self.on.event = Some(kind.into());
        self
    }

    /// It happens with this probability, from 0 to 1, when it is due; the same seed gives the same course. What does not
    /// happen uses no chance.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.on.chance = Some((probability, Draw::new(seed)));
        self
    }

    /// Lets this many calls or frames go by before it is due. Only those it could happen to count, from its injection
    /// on, whatever other faults make of them. Default: 0.
    pub fn after(mut self, n: u32) -> Self {
        (self.after, self.waiting) = (n, n);
        self
    }

    /// It happens this many times, at one chance after the other. Default: once.
    pub fn times(mut self, n: u32) -> Self {
        self.times = Some(n);
        self
    }

    /// It happens at every chance, until it is taken back.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// As it is written in JSON; its key is masked.
    pub(crate) fn to_json(&self) -> Value {
        show::fault(self)
    }

    /// As it is compared with what happens, however it was written.
    pub(crate) fn settled(mut self) -> Self {
        self.on.settle(self.of_surface());
        self
    }

    /// Refuses what can never happen on a server that has this and takes these keys.
    pub(crate) fn check(&self, here: Here, takes_key: impl FnOnce(&str) -> bool) -> Result<(), FaultError> {
        places::check(&self.on, &self.act, self.of_surface(), here)?;
        if self.on.key.as_deref().is_some_and(|key| !takes_key(key)) {
            let what = "must be a key that this server takes".to_owned();
            return Err(Wrong { field: Some("on.key".to_owned()), what }.into());
        }
        Ok(())
    }

    pub(super) fn of_surface(&self) -> Surface {
        self.on.surface.unwrap_or(self.act.surface())
    }

    pub(super) fn is_for_call(&self, call: &CallFacts<'_>) -> bool {
        self.act.is_for_calls() && self.on.is_call(self.of_surface(), call)
    }

    pub(super) fn is_for_told(&self, told: &ToldFacts<'_>) -> bool {
        !self.act.is_for_calls() && self.on.is_told(self.of_surface(), told)
    }

    /// Whether it is this one's turn, which counts what went by and draws what is left to chance.
    pub(super) fn is_due(&mut self) -> bool {
        if self.waiting > 0 {
            self.waiting -= 1;
            return false;
        }
        self.on.chance.as_mut().is_none_or(|(probability, draw)| draw.fraction() < *probability)
    }

    pub(super) fn is_over(&self) -> bool {
        self.times == Some(0)
    }

    /// Uses a chance.
    pub(super) fn happens(&mut self) {
        self.times = self.times.map(|times| times.saturating_sub(1));
    }

    pub(super) fn barrier(&self) -> Option<&Arc<str>> {
        self.act.barrier()
    }
}
