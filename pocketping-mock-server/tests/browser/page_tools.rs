//! The tools of the server's own page: faults, the clock, deliveries, snapshots, and who may use them.

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer};
use serde_json::json;

use crate::driver::Browser;
use crate::page::{ENTER, opened, somebody};

#[tokio::test]
async fn a_fault_button_says_what_it_hits_and_hits_that() {
    for contract in [Contract::Extended, Contract::Strict] {
        let Some((browser, server)) = opened(MockServer::builder().contract(contract)).await else { return };
        browser.run("document.querySelector('#widget-faults button').click()").await;
        browser.shows("#faults", "status 503, on widget").await;
        browser.fill("#chat-text", "Hello").await;
        browser.press(ENTER).await;
        browser.shows("#chat-problem", "Not sent").await;
        assert_eq!(server.sessions().len(), 0);
        let listed = "fetch('/sessions', {headers: {Authorization: 'Bearer test_key'}}).then((it) => it.status)";
        assert_eq!(browser.run(listed).await, 200, "the API is not hit");
        browser.click("#clear-faults").await;
        browser.until("!document.querySelector('#faults li')").await;
        let every = "[...document.querySelectorAll('#api-faults button')].find((it) => it.textContent === 'Every API call answers 503').click()";
        browser.run(every).await;
        browser.shows("#faults", "status 503, on contract").await;
        assert_eq!(browser.run(listed).await, 503);
        browser.run("document.querySelector('#chat-text').value = ''").await;
        browser.fill("#chat-text", "Again").await;
        browser.press(ENTER).await;
        browser.shows("#messages", "Again").await;
        // Each of the buttons is taken.
        let all = "document.querySelectorAll('#api-faults button, #widget-faults button')";
        browser.run(&format!("{all}.forEach((it) => it.click())")).await;
        let count = browser.run(&format!("{all}.length")).await;
        browser.until(&format!("document.querySelectorAll('#faults li').length === {count} + 1")).await;
        browser.close().await;
    }
}

#[tokio::test]
async fn a_reset_is_asked_about_and_what_was_done_covers_no_box() {
    let Some((browser, server)) = opened(MockServer::builder()).await else { return };
    somebody(&browser, "", &json!({})).await;
    browser.until("document.querySelectorAll('#sessions button').length === 1").await;
    browser.run("document.querySelectorAll('details').forEach((it) => (it.open = true))").await;
    for (answer, left) in [("reset-no", 1), ("reset-yes", 0)] {
        browser.click("#reset").await;
        browser.until("document.querySelector('#reset-ask').open").await;
        assert_eq!(server.sessions().len(), 1, "nothing happens before it was answered");
        browser.click(&format!("#{answer}")).await;
        browser.until(&format!("document.querySelectorAll('#sessions button').length === {left}")).await;
        assert_eq!(server.sessions().len(), left);
    }
    somebody(&browser, "", &json!({})).await;
    browser.until("document.querySelector('#answer-form').checkVisibility()").await;
    for (width, height) in [(1280, 800), (390, 844)] {
        browser.looks(width, height, "light").await;
        browser.run("(document.querySelector('#mark-read').click(), null)").await;
        browser.until("document.querySelector('#done').textContent").await;
        let covered = "(() => {
            const area = document.getElementById('answer-text');
            const done = document.getElementById('done').getBoundingClientRect();
            return ['start', 'center', 'end'].filter((block) => {
                area.scrollIntoView({ block });
                const box = area.getBoundingClientRect();
                return box.top < done.bottom && done.top < box.bottom && box.left < done.right && done.left < box.right;
            });
        })()";
        assert_eq!(browser.run(covered).await, json!([]), "{width}");
    }
    browser.close().await;
}

#[tokio::test]
async fn the_tools_do_what_they_say() {
    let keys = MockServer::builder().key("a=one".parse().unwrap()).key("b=two".parse().unwrap());
    let Some((browser, server)) = opened(keys).await else { return };
    browser.click("[data-advance='1h']").await;
    browser.shows("#now", "11:30:00").await;
    browser.run("document.querySelectorAll('details').forEach((it) => (it.open = true))").await;
    browser.fill("#snapshot-name", "before/it").await;
    browser.press(ENTER).await;
    browser.shows("#snapshots", "before/it").await;
    browser.fill("#chat-text", "Hello").await;
    browser.press(ENTER).await;
    browser.shows("#messages", "Hello").await;
    browser.click("#snapshots button").await;
    browser.shows("#sessions-empty", "None yet").await;
    browser.shows("#chat-state", "not connected").await;
    assert_eq!(server.sessions().len(), 0);

    somebody(&browser, "?key=b", &json!({})).await;
    browser.until("document.querySelectorAll('#tenant option').length === 3").await;
    browser.run("(() => { const it = document.querySelector('#tenant'); it.value = 'two'; it.dispatchEvent(new Event('change')) })()").await;
    browser.fill("#chat-text", "To the second").await;
    browser.press(ENTER).await;
    browser.shows("#messages", "To the second").await;
    browser.click("#online").await;
    browser.shows("#chat-about", "operators are online").await;
    assert_eq!(server.sessions().len(), 0, "it is the second tenant's");
    browser.fill("#key", "k'1").await;
    browser.shows("#snippets", "export POCKETPING_API_KEY='k'\\''1'").await;
    browser.shows("#snippets", &format!("data-endpoint=\"{}/api/widget/", server.url())).await;
    browser.fill("#advance-by", "x").await;
    browser.press(ENTER).await;
    browser.shows("#problem", "`by`").await;
    browser.close().await;
}

#[tokio::test]
async fn deliveries_are_shown_with_their_attempts_and_sent_again() {
    let Some((browser, server)) = opened(MockServer::builder().demo_seed()).await else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let body = json!({"url": format!("http://{nobody}/hook"), "events": ["message.created"]});
    let register = format!(
        "fetch('/webhooks', {{method: 'POST', headers: {{Authorization: 'Bearer test_key', 'Content-Type': 'application/json'}}, body: JSON.stringify({body})}}).then((it) => it.status)"
    );
    assert_eq!(browser.run(&register).await, 201);
    browser.fill("#answer-text", "Hi").await;
    browser.press(ENTER).await;
    server.deliveries_until(|all| all.iter().any(|delivery| !delivery.attempts.is_empty())).await;
    server.advance(Duration::from_secs(3600)).await;
    browser.run("document.querySelectorAll('details').forEach((it) => (it.open = true))").await;
    browser.shows("#deliveries", "failed: 10:30:00").await;
    browser.click("#deliveries button").await;
    browser.shows("#done", "once more").await;
    browser.close().await;
}

#[tokio::test]
async fn a_guarded_server_s_page_asks_for_the_token() {
    let Some(browser) = Browser::start().await else { return };
    let server = MockServer::builder().control_token("let me in").demo_seed().start().unwrap();
    browser.goto(&format!("{}/", server.url())).await;
    browser.shows("#link", "guarded").await;
    browser.until("document.activeElement.id === 'token'").await;
    browser.press("wrong").await;
    browser.press(ENTER).await;
    browser.shows("#problem", "missing or wrong").await;
    browser.press("let me in").await;
    browser.press(ENTER).await;
    browser.shows("#link", "live").await;
    browser.shows("#sessions", "sess_abc123").await;
    browser.close().await;
}
