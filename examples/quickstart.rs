//! Quickstart: list the open sessions, answer one, close it. Needs no account: a reference server runs inside.

use futures::TryStreamExt;
use pocketping_mock_server::{MockServer, Visit};
use pocketping_sdk::{Client, Identify, NewMessage, SessionStatus};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In your program: `Client::from_env()?` with POCKETPING_API_KEY and POCKETPING_API_URL set.
    let server = MockServer::start();
    let client = Client::new(server.url(), server.api_key())?;

    // Visitors come through the website's widget; here one is played.
    let visit = server.visitor_opens_session(Visit::new().page_url("https://example.com/pricing"));
    server.visitor_says(&visit.id, "Hello, I have a question");

    let open = client.sessions().list().status(SessionStatus::Active).stream();
    let sessions: Vec<_> = open.try_collect().await?;
    assert_eq!(sessions.len(), 1);

    let session = client.session(&sessions[0].id);
    for message in session.messages().list().await?.messages {
        show(&format!("{}: {}", message.kind, message.content));
    }
    let sent = session.messages().send(NewMessage::operator("Hi! How can I help?")).await?;
    show(&format!("{}: {}", sent.kind, sent.content));

    session.identify(Identify::new().email("user@example.com").metadata("plan", "pro")).await?;
    session.set_ai(false).await?;
    let closed = session.close().await?;
    show(&format!("{} is {}", closed.id, closed.status));

    server.shutdown().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn show(line: &str) {
    println!("{line}");
}
