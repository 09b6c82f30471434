//! `demo`: a whole conversation with an embedded server. What it prints as a command is what it runs.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use pocketping_mock_server::{Clock, MockServer, Visit};
use pocketping_sdk::{EventStream, Session};

use crate::cli::Cli;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::Output;

// How the demo ends.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the server running, to try things by hand until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// The key of the embedded server; it is reachable from this machine only.
const KEY: &str = "demo_key";
/// How long an event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: DemoArgs, output: &mut Output) -> Result<(), CliError> {
    let server = MockServer::builder().api_key(KEY).demo_seed().clock(Clock::system()).start()?;
    let context = Context::for_server(server.url(), KEY);
    let events = context.client()?.events().connect().await?;
    let address = format!("  export POCKETPING_API_URL={} POCKETPING_API_KEY={KEY}", server.url());
    // A demo is for people, whatever the format: its prose is what it shows.
    output.for_people();
    if args.keep {
        output.heading("A reference server runs. Every command below works in your own shell with:")?;
        output.text(&address)?;
    } else {
        output.heading(&format!("A reference server runs at {} while this lasts.", server.url()))?;
    }

    let mut demo = Demo { server, context, output, events };
    demo.conversation().await?;

    let Demo { server, output, events, .. } = demo;
    events.close().await;
    output.text("")?;
    if args.keep {
        output.heading("\u{2713} That was a whole conversation. The server stays up until Ctrl-C:")?;
        output.text(&address)?;
        tokio::signal::ctrl_c().await.map_err(|error| CliError::unexpected("Ctrl-C cannot be waited for", error))?;
    } else {
        output.heading(
            "\u{2713} That was a whole conversation. `pocketping demo --keep` leaves the server up to try by hand.",
        )?;
    }
    server.shutdown().await;
    Ok(())
}

struct Demo<'a> {
    server: MockServer,
    context: Context,
    output: &'a mut Output,
    events: EventStream,
}

impl Demo<'_> {
    async fn conversation(&mut self) -> Result<(), CliError> {
        let alice = self.visitor_opens("Alice", "https://example.com/pricing").await?;
        self.visitor_says("Alice", &alice, "Hi! Does the pro plan include webhooks?").await?;
        let bob = self.visitor_opens("Bob", "https://example.com/docs").await?;
        self.visitor_says("Bob", &bob, "The install guide gives me a 404.").await?;

        let (alice, bob) = (alice.id.as_str(), bob.id.as_str());
        self.operator("An operator looks who is waiting", &["sessions", "list", "--unanswered"], 0).await?;
        self.operator("The operator reads what Alice wrote", &["messages", "list", alice], 0).await?;
        self.operator(
            "The operator answers her",
            &["messages", "send", alice, "Yes, webhooks are part of every plan."],
            1,
        )
        .await?;
        let who = [
            "sessions",
            "identify",
            alice,
            "--email",
            "alice@example.com",
            "--name",
            "Alice",
            "--metadata",
            "plan=pro",
        ];
        self.operator("The operator notes who she is", &who, 1).await?;
        self.operator("The operator takes over from the AI in Bob's session", &["sessions", "ai", bob, "off"], 1)
            .await?;
        self.operator("The operator answers Bob", &["messages", "send", bob, "Thank you, that page is back."], 1)
            .await?;
        // A close is two events: the system's message, and the close itself.
        self.operator("The operator closes Alice's session", &["sessions", "close", alice], 2).await?;
        self.operator("The operator sees what is left", &["sessions", "list", "--status", "active"], 0).await
    }

    async fn visitor_opens(&mut self, name: &str, page: &str) -> Result<Session, CliError> {
        self.chapter(&format!("{name} opens {page}"))?;
        let session = self.server.visitor_opens_session(Visit::new().page_url(page).user_agent("Mozilla/5.0"));
        self.live(1).await?;
        Ok(session)
    }

    async fn visitor_says(&mut self, name: &str, session: &Session, text: &str) -> Result<(), CliError> {
        self.chapter(&format!("{name} writes: {text}"))?;
        self.server.visitor_says(&session.id, text);
        self.live(1).await
    }

    fn chapter(&mut self, what: &str) -> Result<(), CliError> {
        self.output.text("")?;
        self.output.heading(what)
    }

    /// Prints a command, runs it as if it had been typed, and shows the events it caused.
    async fn operator(&mut self, what: &str, command: &[&str], events: usize) -> Result<(), CliError> {
        self.chapter(what)?;
        self.output.text(&format!("  $ pocketping {}", shell(command)))?;
        let typed: Vec<_> = std::iter::once(&"pocketping").chain(command).map(OsString::from).collect();
        let cli = Cli::read(&typed).map_err(|error| CliError::unexpected("the demo's own command", error))?;
        Box::pin(super::run(cli.command, &self.context, self.output)).await?;
        self.live(events).await
    }

    /// Shows events as they arrive.
    async fn live(&mut self, events: usize) -> Result<(), CliError> {
        for _ in 0..events {
            let item = tokio::time::timeout(PATIENCE, self.events.next())
                .await
                .map_err(|error| CliError::unexpected("a live event did not arrive", error))?
                .ok_or_else(|| CliError::new(Exit::Network, "the live events ended early"))??;
            let Some(event) = item.event() else {
                return Err(CliError::new(Exit::Network, "the live events have a gap"));
            };
            let what = event.message().map(|message| format!(" {}: {}", message.kind, message.content));
            let session = event.session_id().unwrap_or_default();
            self.output.text(&format!("  \u{26a1} {} {session}{}", event.kind(), what.unwrap_or_default()))?;
        }
        Ok(())
    }
}

/// A command as it would be typed.
fn shell(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            (*word).to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(super::shell(&["a", "--b=c", "it's", "x y", ""]), r"a --b=c 'it'\''s' 'x y' ''");
    }
}
