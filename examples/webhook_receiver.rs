//! Webhook receiver: an axum service that takes genuine deliveries only, and each of them once.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use pocketping_mock_server::{DeliveryState, MockServer, Visit};
use pocketping_sdk::webhooks::{Verified, Verifier};
use pocketping_sdk::{Client, EventKind, NewWebhook, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = MockServer::start();
    let client = Client::new(server.url(), server.api_key())?;

    // Your receiver. In your program the secret comes from where you keep secrets, and the clock is the system's.
    let clock: Timestamp = server.clock().now();
    let verifier = Verifier::new("whsec_keep_this_secret").clock(move || clock);
    let handled: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&handled);
    let take = async move |delivery: Verified| {
        // The extractor has verified the raw body: who sent it, and that it is fresh.
        if !delivery.is_repeat() {
            let text = delivery.payload().message().map(|message| message.content).unwrap_or_default();
            log.lock().expect("no handler panics").push(format!("{}: {text}", delivery.payload().name()));
        }
        // Only now is a repetition one: a handler that fails before this is called again by the server's retry.
        delivery.done();
    };
    let app = Router::new().route("/webhook", post(take)).with_state(verifier);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhook", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let wanted = NewWebhook::new(url, [EventKind::SessionCreated, EventKind::MessageCreated]);
    client.webhooks().create(wanted.secret("whsec_keep_this_secret")).await?;

    let visit = server.visitor_opens_session(Visit::new());
    server.visitor_says(&visit.id, "Hello, I have a question");
    let deliveries = server.deliveries_until(|all| all.iter().all(|it| it.state == DeliveryState::Delivered)).await;

    // The same once more, as after a lost answer: it is recognised.
    assert!(server.redeliver(&deliveries[1].id));
    server.deliveries_until(|all| all[1].attempts.len() == 2).await;

    let handled = handled.lock().expect("no handler panics").clone();
    assert_eq!(handled, ["session.created: ", "message.created: Hello, I have a question"]);
    for line in handled {
        show(&line);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn show(line: &str) {
    println!("{line}");
}
