//! Operator bot: answers visitors' questions from the live events, until the last one has said goodbye.

use pocketping_mock_server::{MockServer, Visit};
use pocketping_sdk::{Client, EventData, MessageKind, NewMessage, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = MockServer::start();
    let client = Client::new(server.url(), server.api_key())?;

    // Connected first: what is said from here on is heard.
    let mut events = client.events().connect().await?;

    let visit: Session = server.visitor_opens_session(Visit::new());
    for text in ["What are your opening hours?", "And on weekends?", "Thanks, bye!"] {
        server.visitor_says(&visit.id, text);
    }

    while let Some(item) = events.next().await {
        let Some(event) = item?.into_event() else { continue };
        let EventData::MessageCreated(message) = &event.data else { continue };
        let Some(session) = message.session_id.as_ref().filter(|_| message.kind == MessageKind::Visitor) else {
            continue;
        };
        show(&format!("visitor:  {}", message.content));
        let session = client.session(session);
        let answer = answer_to(&message.content);
        session.messages().send(NewMessage::operator(answer)).await?;
        show(&format!("operator: {answer}"));
        if message.content.contains("bye") {
            session.close().await?;
            break;
        }
    }

    events.close().await;
    server.shutdown().await;
    Ok(())
}

fn answer_to(question: &str) -> &'static str {
    match question.to_lowercase() {
        text if text.contains("hours") => "We are here from 9 to 17, Monday to Friday.",
        text if text.contains("weekend") => "On weekends you can leave a message.",
        text if text.contains("bye") => "Goodbye!",
        _ => "A colleague will be with you in a moment.",
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn show(line: &str) {
    println!("{line}");
}
