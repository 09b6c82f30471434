//! A process that consumes events, acknowledges them, dies, and goes on from its stored cursor.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt;
use pocketping_sdk::{Client, EventCursor, EventStream, RetryPolicy, StreamItem, StreamState};
use tokio::sync::{mpsc, watch};

use crate::plan::Draw;

/// What the consumer has dealt with so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) items: Vec<StreamItem>,
    pub(crate) state: Option<StreamState>,
    /// What ended it, against expectation.
    pub(crate) error: Option<String>,
}

pub(crate) struct Consumer {
    pub(crate) heard: watch::Receiver<Heard>,
    restart: mpsc::Sender<()>,
}

impl Consumer {
    /// Starts a consumer, and waits until it has begun.
    pub(crate) async fn start(client: Client, seed: u64) -> Self {
        let (tell, mut heard) = watch::channel(Heard::default());
        let (restart, restarts) = mpsc::channel(1);
        tokio::spawn(live(client, Draw::new(seed), tell, restarts));
        heard.wait_for(|heard| heard.state.is_some()).await.unwrap();
        Self { heard, restart }
    }

    /// The process ends at once; another one takes over.
    pub(crate) async fn restart(&self) {
        self.restart.send(()).await.unwrap();
    }
}

async fn connect(client: &Client, cursor: &EventCursor) -> EventStream {
    let connect = client
        .events()
        .connect()
        .resume(cursor.clone())
        .timeout(Duration::from_millis(500))
        .ping_every(Duration::from_millis(60))
        .reconnect(
            RetryPolicy::default().max_attempts(u32::MAX).backoff(Duration::from_millis(1), Duration::from_millis(20)),
        );
    loop {
        // A process that cannot begin is started again by whoever looks after it.
        if let Ok(events) = connect.clone().await {
            return events;
        }
    }
}

async fn live(client: Client, mut draw: Draw, tell: watch::Sender<Heard>, mut restarts: mpsc::Receiver<()>) {
    let mut acknowledged = 0;
    let mut cursor = EventCursor::default();
    loop {
        let mut events = connect(&client, &cursor).await;
        let mut states = events.states();
        // What was dealt with and not acknowledged comes again.
        let mut waiting = VecDeque::new();
        tell.send_modify(|heard| {
            heard.items.truncate(acknowledged);
            heard.state = Some(events.state());
        });
        loop {
            tokio::select! {
                item = events.next() => match item {
                    Some(Ok(item)) => {
                        waiting.push_back(item.clone());
                        tell.send_modify(|heard| heard.items.push(item));
                    }
                    Some(Err(error)) => {
                        tell.send_modify(|heard| heard.error = Some(format!("{error:?}")));
                        return;
                    }
                    None => return,
                },
                Some(state) = states.next() => tell.send_modify(|heard| heard.state = Some(state)),
                restart = restarts.recv() => match restart {
                    Some(()) => break,
                    // The run is over.
                    None => return,
                },
            }
            // Acknowledging lags behind.
            while draw.below(3) == 0
                && let Some(item) = waiting.pop_front()
            {
                events.ack(&item);
                acknowledged += 1;
            }
        }
        cursor = events.cursor().unwrap().to_string().parse().unwrap();
    }
}
