//! Plays a scenario, step by step.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use pocketping_sdk::{MessageKind, NewMessage, SessionId, VisitorId};
use serde_json::{Value, json};

use super::expect::{Difference, differences, last_of};
use super::step::{EVENTS, Expect, Step, Visit, read_fault};
use super::{Scenario, ScenarioError, counted};
use crate::app::App;
use crate::durations;
use crate::endpoints::messages::{send_message, visitor_says};
use crate::endpoints::sessions;
use crate::faults::pause;
use crate::operations;
use crate::server::MockServer;
use crate::store::{ApiKey, Held, Rejection, TenantId, Tx, Visit as Visiting, rules};

/// What a scenario did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Played {
    /// A line for each step.
    pub steps: Vec<String>,
}

impl MockServer {
    /// Plays a scenario in the first key's tenant. `wait` moves the clock, whether it stands or runs.
    ///
    /// # Errors
    /// At the first step that cannot be done, or whose expectation is not met; the error names it and what differs.
    pub async fn play(&self, scenario: &Scenario) -> Result<Played, ScenarioError> {
        play(self.app(), self.tenant(), scenario, |_| {}).await
    }

    /// As [`play`](Self::play), telling of each step as it is done.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub async fn play_telling(
        &self,
        scenario: &Scenario,
        tell: impl FnMut(&str) + Send,
    ) -> Result<Played, ScenarioError> {
        play(self.app(), self.tenant(), scenario, tell).await
    }
}

/// Plays a scenario in a tenant, and tells of each step.
pub(crate) async fn play(
    app: &App,
    tenant: &TenantId,
    scenario: &Scenario,
    mut tell: impl FnMut(&str) + Send,
) -> Result<Played, ScenarioError> {
    let mut player = Player { app, tenant, cast: HashMap::new() };
    let mut done = Vec::new();
    for (n, step) in scenario.steps().iter().enumerate() {
        match player.take(step).await {
            Ok(line) => {
                tell(&line);
                done.push(line);
            }
            Err(Failed { what, differences }) => {
                let (step, line) = (Some(n + 1), scenario.source.line_of_step(n));
                return Err(ScenarioError {
                    step,
                    line,
                    field: None,
                    what: what.into(),
                    differences,
                    played: Some(done),
                });
            }
        }
    }
    Ok(Played { steps: done })
}

/// Why a step was not done, or is not met.
struct Failed {
    what: String,
    differences: Vec<Difference>,
}

impl From<String> for Failed {
    fn from(what: String) -> Self {
        Self { what, differences: Vec::new() }
    }
}

struct Player<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    /// Who takes part, and the session of each.
    cast: HashMap<String, SessionId>,
}

impl Player<'_> {
    fn write<T>(&self, change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>) -> Result<T, String> {
        self.app.write(self.tenant, change).map_err(|rejection| rejection.to_string())
    }

    fn session(&self, name: &str) -> Result<&SessionId, String> {
        let known = || {
            let mut names: Vec<_> = self.cast.keys().map(String::as_str).collect();
            names.sort_unstable();
            names.join(", ")
        };
        self.cast.get(name).ok_or_else(|| format!("{name:?} has not come yet (there are: {})", known()))
    }

    async fn take(&mut self, step: &Step) -> Result<String, Failed> {
        match step {
            Step::Visit(visit) => Ok(self.visit(visit)?),
            Step::Wait(by) => {
                self.unless_stopped(self.app.clock.advance_in_order(*by)).await?;
                Ok(format!("{} later", durations::told(*by)))
            }
            Step::Pause(time) => {
                self.unless_stopped(pause(*time)).await?;
                Ok(format!("nothing for {}", durations::told(*time)))
            }
            Step::Expect(expect) => self.expect(expect),
            _ => Ok(self.act(step)?),
        }
    }

    async fn unless_stopped(&self, waited: impl Future<Output = ()>) -> Result<(), String> {
        tokio::select! {
            () = waited => Ok(()),
            () = self.app.stop.cancelled() => Err("the server stopped".to_owned()),
        }
    }

    fn visit(&mut self, visit: &Visit) -> Result<String, String> {
        let mut metadata = visit.metadata.clone().unwrap_or_default();
        metadata.page_url = visit.page.clone().or(metadata.page_url);
        metadata.user_agent = visit.user_agent.clone().or(metadata.user_agent);
        let page = metadata.page_url.clone().map(|page| format!(" on {page}")).unwrap_or_default();
        let name = &visit.r#as;
        if let Some(id) = self.cast.get(name) {
            self.write(|tx| {
                let identity = tx.session(id)?.identity.clone();
                tx.return_visitor(id, metadata, identity)
            })?;
            return Ok(format!("{name} comes back{page}"));
        }
        let session = self.write(|tx| {
            let identity = visit.identity.clone().map(|said| {
                rules::identity(&said)?;
                rules::merged(None, said)
            });
            let visiting = Visiting::new().all_metadata(metadata).identity(identity.transpose()?).online();
            let visitor = VisitorId::from(format!("vis_{name}"));
            tx.open_session(if tx.tables().knows(&visitor) { visiting } else { visiting.visitor(visitor) })
        })?;
        self.cast.insert(name.clone(), session.id.clone());
        Ok(format!("{name} opens {}{page}", session.id))
    }

    /// The steps that take no time.
    fn act(&self, step: &Step) -> Result<String, String> {
        Ok(match step {
            Step::Say(say) => {
                let id = self.session(&say.r#as)?;
                self.write(|tx| visitor_says(tx, id, say.text.clone()))?;
                format!("{} writes: {}", say.r#as, say.text)
            }
            Step::Reply(reply) => {
                let id = self.session(&reply.to)?;
                let by = reply.by.clone().unwrap_or(MessageKind::Operator);
                let words = NewMessage::new(&reply.text).kind(by.clone());
                self.write(|tx| send_message(tx, id, words))?;
                format!("the {by} answers {}: {}", reply.to, reply.text)
            }
            Step::Edit(say) => {
                let id = self.session(&say.r#as)?;
                self.write(|tx| {
                    let last = last_own(tx, id)?;
                    operations::edit(tx, id, &last, &MessageKind::Visitor, say.text.clone())
                })?;
                format!("{} changes the last message to: {}", say.r#as, say.text)
            }
            Step::Delete(who) => {
                let id = self.session(&who.r#as)?;
                self.write(|tx| {
                    let last = last_own(tx, id)?;
                    operations::delete(tx, id, &last, &MessageKind::Visitor)
                })?;
                format!("{} deletes the last message", who.r#as)
            }
            Step::Read(who) => {
                let id = self.session(&who.r#as)?;
                let count = self.write(|tx| operations::read_all(tx, id, &MessageKind::Visitor))?;
                format!("{} reads {}", who.r#as, counted(count, "message"))
            }
            Step::OperatorReads(which) => {
                let id = self.session(&which.r#in)?;
                let count = self.write(|tx| operations::read_all(tx, id, &MessageKind::Operator))?;
                format!("the operator reads {} of {}", counted(count, "message"), which.r#in)
            }
            Step::OperatorTypes(which) => {
                let id = self.session(&which.r#in)?;
                self.write(|tx| operations::type_words(tx, id, true))?;
                format!("the operator types to {}", which.r#in)
            }
            Step::Identify(said) => {
                let id = self.session(&said.r#as)?;
                self.write(|tx| sessions::identify_visitor(tx, id, said.identity.clone()))?;
                format!("{} is identified", said.r#as)
            }
            Step::Rate(rate) => {
                let id = self.session(&rate.r#as)?;
                self.write(|tx| {
                    let comment = rules::rating(rate.score, rate.comment.clone())?;
                    tx.rate_session(id, rate.score, comment)
                })?;
                format!("{} gives a {}", rate.r#as, rate.score)
            }
            Step::Leave(who) => {
                let id = self.session(&who.r#as)?;
                self.write(|tx| operations::leave(tx, id, 0, "page_unload".to_owned()))?;
                format!("{} leaves", who.r#as)
            }
            Step::Close(which) => {
                let id = self.session(&which.r#in)?;
                self.write(|tx| sessions::close_session(tx, id))?;
                format!("the operator closes the session of {}", which.r#in)
            }
            Step::Ai(switch) => {
                let id = self.session(&switch.r#in)?;
                self.write(|tx| sessions::set_session_ai(tx, id, switch.enabled))?;
                format!("the AI is switched {} for {}", if switch.enabled { "on" } else { "off" }, switch.r#in)
            }
            _ => return self.bend(step),
        })
    }

    /// The steps that no visitor and no operator takes.
    fn bend(&self, step: &Step) -> Result<String, String> {
        let rejected = |rejection: Rejection| rejection.to_string();
        Ok(match step {
            Step::Online(online) => {
                self.write(|tx| {
                    tx.set_operator_online(*online);
                    Ok(())
                })?;
                format!("an operator {}", if *online { "comes" } else { "leaves" })
            }
            Step::Webhook(hook) => {
                let contract = self.app.contract;
                let secret = hook.secret.as_deref();
                rules::webhook(&hook.url, &hook.events, secret, contract).map_err(rejected)?;
                self.write(|tx| Ok(tx.put_webhook(&hook.url, hook.events.clone(), hook.secret.clone())))?;
                format!("a webhook leads to {}", hook.url)
            }
            Step::Fault(fault) => {
                let made = read_fault(fault).map_err(|wrong| wrong.to_string())?;
                // What a fault says of its fields, said of the step's.
                let within = |rejection: Rejection| match rejection.to_string().strip_prefix("`on.") {
                    Some(rest) => format!("`fault.on.{rest}"),
                    None => rejection.to_string(),
                };
                self.app.try_inject(made).map_err(within)?;
                format!("from now on goes wrong: {}", fault["do"])
            }
            Step::ClearFaults(_) => {
                self.app.faults.clear();
                "nothing goes wrong any more".to_owned()
            }
            Step::CutConnections(_) => {
                self.app.faults.cut_connections();
                "all connections are cut".to_owned()
            }
            Step::AllowKey(key) => {
                self.app.allow_key(ApiKey { key: checked(key)?, tenant: Arc::clone(self.tenant) })?;
                "a new key is taken".to_owned()
            }
            Step::RevokeKey(key) => {
                self.app.revoke_key(key)?;
                "a key is taken no more".to_owned()
            }
            Step::Snapshot(name) => {
                self.app.snapshot(self.tenant, name).map_err(rejected)?;
                format!("the state is kept as {name:?}")
            }
            Step::Restore(name) => {
                self.app.restore(self.tenant, Some(name)).map_err(rejected)?;
                format!("the state is {name:?} again")
            }
            Step::Reset(_) => {
                self.app.restore(self.tenant, None).map_err(rejected)?;
                "the state is what it was at the start".to_owned()
            }
            step => unreachable!("{step:?} is taken elsewhere"),
        })
    }

    fn expect(&self, expect: &Expect) -> Result<String, Failed> {
        let mut wrong = Vec::new();
        let session = expect.r#in.as_deref().map(|name| self.session(name)).transpose()?;
        if let Some(id) = session {
            let there = self.app.read(self.tenant, |tables| {
                Ok::<_, Rejection>((Arc::clone(tables.session(id)?), tables.conversation(id)?.to_vec()))
            });
            let (session, messages) = there.map_err(|rejection| rejection.to_string())?;
            let messages: Vec<Value> = messages.iter().map(|message| json!(**message)).collect();
            if let Some(expected) = &expect.session {
                differences("session", expected, &json!(*session), &mut wrong);
            }
            if let Some(expected) = &expect.messages {
                last_of("messages", expected, &messages, &mut wrong);
            }
            if let Some(count) = expect.count.filter(|count| *count != messages.len()) {
                wrong.push(Difference::new("count", &count, &messages.len()));
            }
        }
        if let Some(expected) = &expect.events {
            let kinds = self.app.events(self.tenant).into_iter().map(|event| event.kind());
            let kinds: Vec<Value> = kinds.filter(|kind| EVENTS.contains(kind)).map(|kind| json!(kind)).collect();
            let expected: Vec<Value> = expected.iter().map(|kind| json!(kind)).collect();
            last_of("events", &expected, &kinds, &mut wrong);
        }
        if let Some(expected) = &expect.deliveries {
            let deliveries = self.app.deliveries();
            let theirs = || deliveries.iter().filter(|delivery| delivery.tenant == *self.tenant);
            for (state, count) in expected {
                let there = theirs().filter(|delivery| delivery.state.as_str() == state).count();
                if there != *count {
                    wrong.push(Difference::new(format!("deliveries.{state}"), count, &there));
                }
            }
        }
        if wrong.is_empty() {
            return Ok("all is as expected".to_owned());
        }
        Err(Failed { what: "not all is as expected".to_owned(), differences: wrong })
    }
}

/// A key as it may be.
fn checked(key: &str) -> Result<String, String> {
    ApiKey::new(key).map(|key| key.key)
}

/// The visitor's last message that is there.
fn last_own(tx: &Tx<'_>, id: &SessionId) -> Result<pocketping_sdk::MessageId, Rejection> {
    let messages = tx.tables().conversation(id)?;
    let own =
        |message: &&Held<pocketping_sdk::Message>| message.kind == MessageKind::Visitor && message.deleted_at.is_none();
    let last = messages.iter().rev().find(own);
    last.map(|message| message.id.clone()).ok_or_else(|| Rejection::Invalid("the visitor wrote nothing yet".to_owned()))
}
