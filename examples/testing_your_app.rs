//! Testing your app: your code takes a `Client`, your test brings a server. The same test runs against the strict
//! contract, so your code relies on nothing that a server may lack.

use futures::TryStreamExt;
use pocketping_mock_server::{Contract, MockServer, Visit};
use pocketping_sdk::{Client, MessageKind, NewMessage, SessionStatus};

/// Your code: greets every visitor who waits for an answer, and tells how many there were.
async fn greet_everyone(client: &Client) -> pocketping_sdk::Result<usize> {
    let waiting: Vec<_> =
        client.sessions().list().status(SessionStatus::Active).unanswered().stream().try_collect().await?;
    for session in &waiting {
        client.session(&session.id).messages().send(NewMessage::operator("Hello! We are with you soon.")).await?;
    }
    Ok(waiting.len())
}

/// Your test.
async fn every_waiting_visitor_is_greeted_once(contract: Contract) -> Result<(), Box<dyn std::error::Error>> {
    let server = MockServer::builder().contract(contract).start()?;
    let client = Client::new(server.url(), server.api_key())?;
    let waits = server.visitor_opens_session(Visit::new());
    server.visitor_says(&waits.id, "Is anybody there?");
    let _silent = server.visitor_opens_session(Visit::new());

    assert_eq!(greet_everyone(&client).await?, 1);
    assert_eq!(greet_everyone(&client).await?, 0, "nobody is greeted twice");

    let messages = server.messages(&waits.id);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].kind, MessageKind::Operator);
    server.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for contract in [Contract::Strict, Contract::Extended] {
        every_waiting_visitor_is_greeted_once(contract).await?;
        show(&format!("every waiting visitor is greeted once ({contract:?}): ok"));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn show(line: &str) {
    println!("{line}");
}
