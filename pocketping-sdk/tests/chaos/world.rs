//! One run of a plan: a server, a webhook receiver, a consumer of events, visitors and operators.

use std::time::Duration;

use pocketping_mock_server::{Contract, DeliveryState, MockServer, Visit};
use pocketping_sdk::{
    Client, Event, EventKind, Identify, NewMessage, NewWebhook, Outcome, RetryPolicy, SessionId, StreamState,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::check::{self, Sent};
use crate::consumer::{Consumer, Heard};
use crate::plan::Step;
use crate::receiver::Receiver;

/// How long a run may take to come to rest; it takes some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: usize,
    pub(crate) backfilled: usize,
    pub(crate) gaps: usize,
    pub(crate) may_repeat: usize,
    pub(crate) sent: usize,
    pub(crate) confirmed: usize,
    pub(crate) unknown: usize,
    pub(crate) retried: usize,
}

struct World {
    server: MockServer,
    client: Client,
    consumer: Consumer,
    sessions: Vec<SessionId>,
    sends: JoinSet<Sent>,
    others: JoinSet<()>,
    texts: usize,
}

/// Runs a plan; an error says which promise was broken.
pub(crate) async fn run(seed: u64, contract: Contract, plan: &[Step]) -> Result<Tally, String> {
    let server = MockServer::builder().contract(contract).allow_private_webhooks().start().unwrap();
    let client = Client::builder()
        .base_url(server.url())
        .api_key(server.api_key())
        .timeout(Duration::from_millis(400))
        .deadline(Duration::from_secs(5))
        .settle(Duration::from_millis(200))
        .retry(RetryPolicy::default().max_attempts(4).backoff(Duration::from_millis(1), Duration::from_millis(8)))
        .build()
        .unwrap();
    let receiver = Receiver::start(seed).await;
    let kinds = [EventKind::SessionCreated, EventKind::MessageCreated, EventKind::SessionClosed];
    client.webhooks().create(NewWebhook::new(&receiver.url, kinds)).await.unwrap();
    let consumer = Consumer::start(client.clone(), seed).await;
    let (sends, others) = (JoinSet::new(), JoinSet::new());
    let mut world = World { server, client, consumer, sessions: Vec::new(), sends, others, texts: 0 };
    for step in plan {
        world.step(*step).await;
    }
    world.rest(&receiver).await
}

impl World {
    fn session(&self, number: usize) -> SessionId {
        self.sessions[number % self.sessions.len()].clone()
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }

    async fn step(&mut self, step: Step) {
        if let Some(fault) = step.fault() {
            self.server.inject(fault);
        }
        if self.sessions.is_empty() {
            self.sessions.push(self.server.visitor_opens_session(Visit::new()).id);
        }
        match step {
            Step::VisitorOpens => self.sessions.push(self.server.visitor_opens_session(Visit::new()).id),
            Step::VisitorSays(number) => {
                let text = self.text();
                self.server.visitor_says(&self.session(number), text);
            }
            Step::OperatorSends(number) => {
                let (session, text) = (self.session(number), self.text());
                let call = self.client.session(&session).messages().send(NewMessage::operator(&text));
                self.sends.spawn(async move {
                    match call.with_response().await {
                        Ok(sent) => Sent { session, text, outcome: None, is_confirmed: sent.is_confirmed() },
                        Err(error) => Sent { session, text, outcome: Some(error.outcome()), is_confirmed: false },
                    }
                });
            }
            Step::OperatorCloses(number) => {
                let close = self.client.session(self.session(number)).close().into_future();
                self.others.spawn(async move { drop(close.await) });
            }
            Step::OperatorIdentifies(number) => {
                let named = Identify::new().name(self.text());
                let identify = self.client.session(self.session(number)).identify(named).into_future();
                self.others.spawn(async move { drop(identify.await) });
            }
            Step::ClockAdvances(duration) => self.server.clock().advance(duration),
            Step::ConnectionsAreCut => self.server.cut_connections(),
            Step::ServerIsUnreachable(duration) => {
                self.server.refuse_connections(true);
                self.server.cut_connections();
                drop(self.catch_up(duration).await);
                self.server.refuse_connections(false);
            }
            Step::ProcessRestarts => self.consumer.restart().await,
            Step::ConsumerCatchesUp(duration) => drop(self.catch_up(duration).await),
            Step::CallsFail(..) | Step::SocketFails(..) => {}
        }
    }

    /// Waits until the consumer was told everything that has happened, at most this long, and gives both.
    async fn catch_up(&mut self, most: Duration) -> Option<(Heard, Vec<Event>)> {
        let mut happened = Vec::new();
        let told = self.consumer.heard.wait_for(|heard| {
            // After what was heard: something may happen at any time.
            happened = self.server.events();
            heard.error.is_some()
                || heard.state == Some(StreamState::Live) && check::is_complete(&happened, &heard.items)
        });
        let heard = timeout(most, told).await.ok()?.unwrap().clone();
        Some((heard, happened))
    }

    /// Everything goes well from here on: all comes to rest, and is as promised.
    async fn rest(mut self, receiver: &Receiver) -> Result<Tally, String> {
        self.server.clear_faults();
        self.server.refuse_connections(false);
        let mut sent = Vec::new();
        while let Some(send) = self.sends.join_next().await {
            sent.push(send.unwrap());
        }
        while self.others.join_next().await.is_some() {}
        // The first says that the subscription stands; behind the second, nothing can come twice any more.
        self.server.visitor_opens_session(Visit::new());
        drop(self.catch_up(PATIENCE).await);
        self.server.visitor_opens_session(Visit::new());
        let Some((heard, happened)) = self.catch_up(PATIENCE).await else {
            let heard = self.consumer.heard.borrow();
            let missing = check::events(&self.server.events(), &heard.items).err();
            return Err(format!("not all was told in time, state {:?}: {missing:?}; {:#?}", heard.state, heard.items));
        };
        if let Some(error) = heard.error {
            return Err(format!("the stream ended: {error}"));
        }
        check::events(&happened, &heard.items)?;
        check::sends(&self.server, &sent)?;
        let ended = async {
            loop {
                // The next attempts are due by then.
                self.server.clock().advance(Duration::from_secs(600));
                let is_open = |state| matches!(state, DeliveryState::Pending);
                let ended = self.server.deliveries_until(|deliveries| deliveries.iter().all(|it| !is_open(it.state)));
                if timeout(Duration::from_millis(10), ended).await.is_ok() {
                    return;
                }
            }
        };
        timeout(PATIENCE, ended).await.map_err(|_| "the deliveries do not end".to_owned())?;
        check::deliveries(&self.server, &receiver.taken())?;
        Ok(Tally {
            events: heard.items.len(),
            backfilled: heard.items.iter().filter(|item| !item.is_live()).count(),
            gaps: heard.items.iter().filter(|item| item.gap().is_some()).count(),
            may_repeat: heard.items.iter().filter(|item| item.repeat_possible).count(),
            sent: sent.iter().filter(|send| send.outcome.is_none()).count(),
            confirmed: sent.iter().filter(|send| send.is_confirmed).count(),
            unknown: sent.iter().filter(|send| send.outcome == Some(Outcome::Unknown)).count(),
            retried: self.server.deliveries().iter().filter(|delivery| delivery.attempts.len() > 1).count(),
        })
    }
}
