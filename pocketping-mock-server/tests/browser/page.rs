//! The server's own page, at `/`.

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer, MockServerBuilder};
use pocketping_sdk::SessionId;
use serde_json::{Value, json};

use crate::driver::Browser;

/// `WebDriver`'s names of keys.
const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
const SPACE: &str = "\u{e00d}";

pub(crate) async fn opened(server: MockServerBuilder) -> Option<(Browser, MockServer)> {
    let browser = Browser::start().await?;
    let server = server.start().unwrap();
    browser.goto(&format!("{}/", server.url())).await;
    browser.shows("#link", "live").await;
    Some((browser, server))
}

/// Nothing went wrong that the browser noticed.
async fn console_is_quiet(browser: &Browser) {
    let told = browser.console().await;
    let told: Vec<_> = told.iter().filter(|line| !line.starts_with("DEBUG")).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn a_visitor_writes_an_operator_answers_and_both_see_it() {
    for contract in [Contract::Extended, Contract::Strict] {
        let Some((browser, server)) = opened(MockServer::builder().contract(contract)).await else { return };
        assert_eq!(server.sessions().len(), 0, "looking changes nothing");
        browser.fill("#chat-text", "Do you ship to France?").await;
        browser.click("#chat-form button").await;
        browser.shows("#chat-log", "Do you ship to France?").await;
        browser.shows("#messages", "Do you ship to France?").await;
        browser.shows("#chat-state", "live").await;

        browser.fill("#answer-text", "We do").await;
        browser.shows("#chat-typing", "An operator is typing").await;
        browser.press(ENTER).await;
        browser.shows("#chat-log", "We do").await;
        browser.shows("#messages", "✓✓ read").await;
        assert!(server.messages(&"sess_1".into())[1].read_at.is_some(), "the visitor has seen it");
        browser.click("#mark-read").await;
        browser.shows("#chat-log", "✓✓ read").await;

        browser.click("#ask-rating").await;
        browser.until("!document.querySelector('#rating').hidden").await;
        browser.click("#scores label:nth-child(5) input").await;
        browser.fill("#rating-comment", "Quick").await;
        browser.click("#rating button.main").await;
        browser.shows("#session-about", "rated 5 of 5: “Quick”").await;
        browser.click("#close-session").await;
        browser.shows("#session-state", "closed").await;
        browser.shows("#chat-log", "Session closed").await;
        browser.shows("#events", "message.created").await;
        console_is_quiet(&browser).await;
        browser.close().await;
    }
}

#[tokio::test]
async fn the_chat_survives_cuts_reloads_and_the_lack_of_sockets() {
    let Some((browser, server)) = opened(MockServer::builder()).await else { return };
    browser.fill("#chat-text", "Hello").await;
    browser.press(ENTER).await;
    browser.shows("#chat-state", "live").await;
    server.cut_connections();
    browser.until("document.querySelector('#chat-state').textContent !== 'live'").await;
    browser.fill("#answer-text", "After the cut").await;
    browser.press(ENTER).await;
    browser.shows("#chat-log", "After the cut").await;
    browser.shows("#chat-state", "live").await;

    browser.goto(&format!("{}/", server.url())).await;
    browser.shows("#chat-log", "After the cut").await;
    assert_eq!(server.sessions().len(), 1, "the same visitor, in the same session");

    browser
        .run("window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } close() {} }, null")
        .await;
    server.cut_connections();
    browser.shows("#chat-state", "polling").await;
    browser.fill("#answer-text", "By polling").await;
    browser.press(ENTER).await;
    browser.shows("#chat-log", "By polling").await;
    browser.click("#chat-new").await;
    browser.shows("#chat-state", "not connected").await;
    browser.shows("#sessions", "away").await;
    browser.close().await;
}

#[tokio::test]
async fn what_a_visitor_writes_stays_text() {
    let Some((browser, server)) = opened(MockServer::builder()).await else { return };
    let evil = r#"<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>"#;
    let session = somebody(&browser, "", &json!({"metadata": {"pageUrl": evil}, "identity": {"name": evil}})).await;
    server.visitor_says(&session, evil);
    browser.shows("#messages", evil).await;
    browser.shows("#sessions", evil).await;
    browser.shows("#events", evil).await;
    browser.fill("#chat-text", evil).await;
    browser.press(ENTER).await;
    browser.shows("#chat-log", evil).await;
    let markup = browser.run("document.querySelectorAll('main img, main script').length + document.title").await;
    assert_eq!(markup, "0PocketPing mock server");
    let refused = "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch (error) { return error.name } })()";
    assert_eq!(browser.run(refused).await, "TypeError", "the browser itself refuses markup");
    browser.close().await;
}

#[tokio::test]
async fn a_keyboard_is_enough() {
    let Some((browser, server)) = opened(MockServer::builder().demo_seed()).await else { return };
    browser.run("document.activeElement.blur()").await;
    browser.press(TAB).await;
    browser.until("document.activeElement.textContent === 'Skip to the conversation'").await;
    browser.press(ENTER).await;
    let seen = tabs_to(&browser, "answer-text").await;
    assert_eq!(seen, ["ai", "mark-read", "ask-rating", "close-session", "messages"], "in the order they stand in");
    browser.press("By keyboard").await;
    browser.press(ENTER).await;
    browser.shows("#messages", "By keyboard").await;
    assert_eq!(server.messages(&"sess_abc123".into()).last().unwrap().content, "By keyboard");
    browser.until("document.activeElement.id === 'answer-text'").await;
    let outline = browser.run("getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "the focus is visible");
    browser.press(TAB).await;
    browser.press(TAB).await;
    browser.until("document.activeElement.closest('#tools')").await;
    tabs_to(&browser, "run").await;
    browser.press(SPACE).await;
    browser.shows("#clock-state", "running").await;
    assert!(!server.clock().is_frozen());
    // The last one leads out of the page and to its beginning again.
    let mut last = String::new();
    for _ in 0..80 {
        browser.press(TAB).await;
        last = browser.run("document.activeElement.className").await.as_str().unwrap_or_default().to_owned();
        if last == "skip" {
            break;
        }
    }
    assert_eq!(last, "skip", "nothing traps the focus");
    browser.close().await;
}

#[tokio::test]
async fn the_focus_stays_where_it_is_whatever_is_shown_anew() {
    for contract in [Contract::Extended, Contract::Strict] {
        let Some((browser, server)) = opened(MockServer::builder().contract(contract)).await else { return };
        let mut sessions = Vec::new();
        for n in 1..=3 {
            sessions.push(somebody(&browser, "", &json!({"identity": {"name": format!("Visitor {n}")}})).await);
        }
        browser.until("document.querySelectorAll('#sessions button').length === 3").await;
        let order = "[...document.querySelectorAll('#sessions .who')].map((it) => it.textContent.at(-1)).join('')";
        assert_eq!(browser.run(order).await, "321");
        // The one with the focus moves down, then up again to where another was.
        browser
            .run("(window.lost = 0, document.querySelectorAll('#sessions button')[1].focus(), addEventListener('blur', () => lost++, true))")
            .await;
        for (n, expected) in [(0, "132"), (2, "312"), (1, "231")] {
            server.advance(Duration::from_secs(1)).await;
            server.visitor_says(&sessions[n], "Hello");
            browser.until(&format!("{order} === '{expected}'")).await;
        }
        assert_eq!(browser.run("document.activeElement.querySelector('.who').textContent").await, "Visitor 2");
        assert_eq!(browser.run("lost").await, 0, "it was never gone");

        // What is gone hands it on.
        for kind in ["cut-before", "malformed-json"] {
            server
                .inject(format!(r#"{{"do": {{"kind": "{kind}"}}}}"#).parse::<pocketping_mock_server::Fault>().unwrap());
        }
        browser.until("document.querySelectorAll('#faults button').length === 2").await;
        browser.run("document.querySelector('#faults button').focus()").await;
        browser.press(ENTER).await;
        browser.until("document.querySelectorAll('#faults button').length === 1").await;
        browser.until("document.activeElement.getAttribute('aria-label')?.includes('malformed-json')").await;
        browser.press(ENTER).await;
        browser.until("document.activeElement.textContent.startsWith('Faults')").await;

        // A button that has done its work rests, and keeps it.
        for (button, shown) in [("run", "running"), ("freeze", "frozen")] {
            browser.run(&format!("document.getElementById('{button}').focus()")).await;
            browser.press(SPACE).await;
            browser.shows("#clock-state", shown).await;
            browser.until(&format!("document.getElementById('{button}').ariaDisabled === 'true'")).await;
            assert_eq!(browser.run("document.activeElement.id").await, button);
        }
        assert!(server.clock().is_frozen());
        // An answer box that goes away, too.
        browser.run("document.querySelectorAll('#sessions button')[0].click()").await;
        browser.fill("#answer-text", "Bye").await;
        let closed = "fetch('/_mock/sessions/sess_2/operator/close', {method: 'POST'}).then((it) => it.status)";
        assert_eq!(browser.run(closed).await, 200);
        browser.shows("#session-state", "closed").await;
        browser.until("document.activeElement.id === 'answer-heading'").await;
        browser.close().await;
    }
}

#[tokio::test]
async fn what_was_typed_for_a_session_is_sent_to_no_other() {
    for contract in [Contract::Extended, Contract::Strict] {
        let keys = ["a=one", "b=two"].map(|key| key.parse().unwrap());
        let builder = keys.into_iter().fold(MockServer::builder().contract(contract), MockServerBuilder::key);
        let Some((browser, server)) = opened(builder).await else { return };
        let first = somebody(&browser, "", &json!({"identity": {"name": "Ada"}})).await;
        let second = somebody(&browser, "", &json!({"identity": {"name": "Bob"}})).await;
        let chosen = |name: &str| {
            format!("document.querySelector('#sessions [aria-pressed=true] .who')?.textContent === '{name}'")
        };
        let choose = |name: &str| {
            format!(
                "[...document.querySelectorAll('#sessions button')].find((it) => it.textContent.includes('{name}')).click()"
            )
        };
        let typed = "document.getElementById('answer-text').value";
        browser.until(&chosen("Bob")).await;
        browser.fill("#answer-text", "For Bob").await;
        browser.run(&choose("Ada")).await;
        assert_eq!(browser.run(typed).await, "");
        browser.fill("#answer-text", "For Ada").await;
        browser.run(&choose("Bob")).await;
        assert_eq!(browser.run(typed).await, "For Bob");
        browser.shows("#sessions", "draft").await;
        browser.press(ENTER).await;
        browser.shows("#messages", "For Bob").await;
        assert_eq!((server.messages(&first).len(), server.messages(&second)[0].content.as_str()), (0, "For Bob"));

        // What was refused comes back to the session it was for.
        browser.run("(window.asked = fetch, fetch = async (...call) => String(call[0]).endsWith('/say') ? (await new Promise((go) => (window.fail = go)), new Response('{}', {status: 500})) : asked(...call), null)").await;
        browser.fill("#answer-text", "Refused").await;
        browser.press(ENTER).await;
        browser.until("window.fail").await;
        browser.run(&choose("Ada")).await;
        browser.run("(fail(), fetch = asked, null)").await;
        browser.shows("#problem", "500").await;
        assert_eq!(browser.run(typed).await, "For Ada");
        browser.run(&choose("Bob")).await;
        assert_eq!(browser.run(typed).await, "Refused");

        // A session of another tenant, and none at all.
        somebody(&browser, "?key=b", &json!({})).await;
        browser.until("document.querySelectorAll('#tenant option').length === 3").await;
        let tenant = |name: &str| {
            format!(
                "(() => {{ const it = document.querySelector('#tenant'); it.value = '{name}'; it.dispatchEvent(new Event('change')) }})()"
            )
        };
        browser.run(&tenant("two")).await;
        assert_eq!(browser.run(typed).await, "");
        browser.until(&chosen("sess_3")).await;
        assert_eq!(browser.run(typed).await, "");
        browser.run(&tenant("")).await;
        browser.until("document.querySelectorAll('#sessions button').length === 2").await;
        browser.run(&choose("Bob")).await;
        assert_eq!(browser.run(typed).await, "Refused");
        server.reset();
        browser.until("document.querySelectorAll('#sessions button').length === 0").await;
        assert_eq!(browser.run(typed).await, "");
        browser.close().await;
    }
}

#[tokio::test]
async fn blanks_are_not_sent_and_times_of_another_day_say_which() {
    let Some((browser, server)) = opened(MockServer::builder().demo_seed()).await else { return };
    browser.run("(window.sent = 0, window.asked = fetch, fetch = (...call) => { if (call[1].method === 'POST') sent++; return asked(...call) }, null)").await;
    for (field, form) in
        [("answer-text", "answer-form"), ("chat-text", "chat-form"), ("snapshot-name", "snapshot-form")]
    {
        let blank = format!(
            "(document.getElementById('{field}').closest('details')?.setAttribute('open', ''), document.getElementById('{field}').value = '  \\n ', document.getElementById('{form}').requestSubmit())"
        );
        browser.run(&blank).await;
        let message = browser.run(&format!("document.getElementById('{field}').validationMessage")).await;
        assert!(message.as_str().unwrap().contains("blanks are not sent"), "{message}");
    }
    assert_eq!(browser.run("sent").await, 0);
    browser.run("document.getElementById('answer-text').value = ''").await;
    browser.fill("#answer-text", "Nobody said this before").await;
    browser.press(ENTER).await;
    browser.shows("#messages", "Nobody said this before").await;

    // The id that is the heading is not said again.
    browser.shows("#answer-heading", "sess_abc123").await;
    assert_eq!(
        browser.run("document.getElementById('session-about').textContent.includes('sess_abc123')").await,
        false
    );
    let time = "document.querySelector('#messages li:last-child .meta').textContent";
    assert_eq!(browser.run(time).await, "Operator · 10:35:00 · ✓ sent");
    server.advance(Duration::from_secs(86_400)).await;
    browser.until(&format!("{time} === 'Operator · 2024-01-15 10:35:00 · ✓ sent'")).await;
    browser.shows("#sessions", "2024-01-15 10:35:00 · ").await;
    browser.close().await;
}

/// Presses Tab until the focus is there; gives what it met on the way.
async fn tabs_to(browser: &Browser, id: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..20 {
        browser.press(TAB).await;
        let at = browser.run("document.activeElement.id").await.as_str().unwrap().to_owned();
        if at == id {
            return seen;
        }
        seen.push(at);
    }
    panic!("{id} is not reached: {seen:?}");
}

/// A visitor comes by the control surface; gives the session.
pub(crate) async fn somebody(browser: &Browser, query: &str, visitor: &Value) -> SessionId {
    let ask = format!(
        "fetch('/_mock/visitors{query}', {{method: 'POST', headers: {{'Content-Type': 'application/json'}},
         body: JSON.stringify({visitor})}}).then((it) => it.json())"
    );
    browser.run(&ask).await["id"].as_str().unwrap().into()
}
