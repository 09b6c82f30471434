//! The server's page in a real browser, and this binary as the operator: a visitor writes in the page, `pocketping` answers.
//!
//! Needs chromium and chromedriver, like the server's own browser tests.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

#[path = "../../../pocketping-mock-server/tests/browser/driver.rs"]
mod driver;

use std::process::Command;

use driver::Browser;
use pocketping_mock_server::{Contract, MockServer};

/// Runs the binary as an operator of this server; gives what it printed, on stdout and on stderr.
async fn pocketping(server: &MockServer, args: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("POCKETPING_") || name.ends_with("_proxy")) {
        command.env_remove(name);
    }
    command.env("POCKETPING_API_URL", server.url()).env("POCKETPING_API_KEY", server.api_key()).args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_visitor_writes_in_the_page_an_operator_answers_with_the_binary_and_the_page_shows_it() {
    for contract in [Contract::Extended, Contract::Strict] {
        let Some(browser) = Browser::start().await else { return };
        let server = MockServer::builder().contract(contract).start().unwrap();
        browser.goto(&format!("{}/", server.url())).await;
        browser.fill("#chat-text", "Is anybody there?").await;
        browser.click("#chat-form button").await;
        browser.shows("#chat-log", "Is anybody there?").await;

        let (listed, _) = pocketping(&server, &["messages", "list", "sess_1", "--output", "json"]).await;
        assert!(listed.contains("Is anybody there?"), "{listed}");
        pocketping(&server, &["messages", "send", "sess_1", "Yes, <b>I</b> am"]).await;
        browser.shows("#chat-log", "Yes, <b>I</b> am").await;
        browser.shows("#messages", "Yes, <b>I</b> am").await;
        browser.shows("#messages", "✓✓ read").await;
        pocketping(&server, &["sessions", "close", "sess_1"]).await;
        browser.shows("#session-state", "closed").await;
        browser.shows("#chat-log", "Session closed").await;
        browser.close().await;
    }
}

#[tokio::test]
async fn a_fault_that_is_switched_on_in_the_page_hits_the_next_call() {
    let Some(browser) = Browser::start().await else { return };
    let server = MockServer::builder().demo_seed().start().unwrap();
    browser.goto(&format!("{}/", server.url())).await;
    browser.shows("#link", "live").await;
    browser.until("!document.querySelector('#fault-tools').hidden").await;
    browser.click("#api-faults button:nth-child(2)").await;
    browser.shows("#faults", "1 × apply-then-drop, on contract POST /sessions/:sessionId/messages").await;
    pocketping(&server, &["messages", "send", "sess_abc123", "Only once"]).await;
    browser.shows("#faults", "happened: apply-then-drop").await;
    browser.shows("#messages", "Only once").await;
    let sent = server.messages(&"sess_abc123".into());
    assert_eq!(sent.iter().filter(|message| message.content == "Only once").count(), 1);

    browser.click("#api-faults button:nth-child(5)").await;
    browser.shows("#fault-count", "1").await;
    browser.click("#clear-faults").await;
    browser.until("document.querySelector('#faults').children.length === 0").await;
    browser.close().await;
}
