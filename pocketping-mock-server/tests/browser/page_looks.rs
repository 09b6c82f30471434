//! How the server's own page looks: what stands out, and on which screens it fits.

use std::path::Path;
use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer};
use serde_json::json;

use crate::driver::Browser;
use crate::page::{ENTER, opened, somebody};

/// Gives what is too faint: texts and placeholders below 4.5 to 1, and edges of controls below 3 to 1.
const FAINT: &str = r"(() => {
    const parts = (color) => {
        const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const behind = (node) => {
        if (!node) return [255, 255, 255, 1];
        const own = parts(getComputedStyle(node).backgroundColor);
        return own[3] === 1 ? own : over(own, behind(node.parentElement));
    };
    const light = (color) => {
        const [r, g, b] = color.map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => {
        const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
        return (bright + 0.05) / (dark + 0.05);
    };
    const found = [];
    let seen = 0;
    const check = (what, color, back, least) => {
        seen += 1;
        const is = ratio(over(parts(color), back), back);
        if (is < least) found.push(`${what}: ${is.toFixed(2)} of ${least}`);
    };
    for (const node of document.body.querySelectorAll('*')) {
        if (!node.checkVisibility()) continue;
        const style = getComputedStyle(node);
        const name = `${node.tagName}#${node.id}.${node.className} ${node.textContent.slice(0, 20)}`;
        if (style.opacity !== '1') found.push(`${name} is see-through`);
        if ([...node.childNodes].some((it) => it.nodeType === 3 && it.data.trim())) check(name, style.color, behind(node), 4.5);
        if (node.placeholder) check(`${name} placeholder`, getComputedStyle(node, '::placeholder').color, behind(node), 4.5);
        if (node.matches('button, select, textarea, input:not([type=checkbox], [type=radio])')) {
            check(`${name} edge`, style.borderTopColor, behind(node.parentElement), 3);
        }
    }
    return seen > 80 ? found : [`only ${seen} were seen`];
})()";

#[tokio::test]
async fn what_is_written_and_what_is_pressed_stands_out_in_light_and_dark() {
    for contract in [Contract::Extended, Contract::Strict] {
        let Some((browser, server)) = opened(MockServer::builder().contract(contract).demo_seed()).await else {
            return;
        };
        tell_a_story(&browser, &server).await;
        server.operator().asks_for_rating(&"sess_2".into());
        browser.run("document.querySelectorAll('details').forEach((it) => (it.open = true))").await;
        browser.run("document.querySelector('#api-faults button').click()").await;
        browser.until("document.querySelector('#faults li')").await;
        browser.until("!document.querySelector('#rating').hidden").await;
        browser
            .run("document.querySelectorAll('.problem').forEach((it) => (it.hidden = false, it.textContent = 'Wrong'))")
            .await;
        for width in [1280, 390] {
            for scheme in ["light", "dark"] {
                browser.looks(width, 844, scheme).await;
                assert_eq!(browser.run(FAINT).await, json!([]), "{width} {scheme}");
            }
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn it_fits_a_desk_and_a_phone_in_light_and_dark() {
    let Some((browser, server)) = opened(MockServer::builder().demo_seed()).await else { return };
    tell_a_story(&browser, &server).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    let wants_pictures = std::env::var("POCKETPING_SCREENSHOTS").is_ok_and(|value| value == "1");
    for (name, width, height) in [("desktop", 1280, 800), ("phone", 390, 844)] {
        for scheme in ["light", "dark"] {
            browser.looks(width, height, scheme).await;
            browser.run("scrollTo(0, 0)").await;
            let wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(wide, 0, "{name}: nothing sticks out");
            if wants_pictures {
                browser.picture(&folder.join(format!("page-{name}-{scheme}.png"))).await;
            }
        }
    }
    if wants_pictures {
        // What is folded away, too.
        browser.looks(1280, 1500, "light").await;
        browser.run("document.querySelectorAll('details').forEach((it) => (it.open = true))").await;
        browser.picture(&folder.join("page-unfolded.png")).await;
    }
    browser.close().await;
}

/// Something to look at.
async fn tell_a_story(browser: &Browser, server: &MockServer) {
    // The seed's last message is in the future.
    server.advance(Duration::from_secs(400)).await;
    let ada = json!({"metadata": {"pageUrl": "https://example.com/checkout"},
                     "identity": {"name": "Ada Lovelace", "email": "ada@example.com"}});
    let other = somebody(browser, "", &ada).await;
    server.visitor_says(&other, "My card was declined twice, what now?");
    server.advance(Duration::from_secs(75)).await;
    browser.fill("#chat-text", "Hello! Is there a plan for small teams?").await;
    browser.press(ENTER).await;
    browser.shows("#chat-log", "small teams").await;
    let mine = server.sessions().remove(0).id;
    server.advance(Duration::from_secs(20)).await;
    browser.shows("#answer-heading", "sess_2").await;
    browser.fill("#answer-text", "There is: five seats, one price. Shall I send you the page?").await;
    browser.press(ENTER).await;
    browser.shows("#chat-log", "five seats").await;
    browser.click("#mark-read").await;
    browser.click("#online").await;
    server.advance(Duration::from_secs(15)).await;
    browser.fill("#chat-text", "Yes please <3").await;
    browser.press(ENTER).await;
    browser.shows("#messages", "Yes please").await;
    browser.shows("#messages", "✓✓ read").await;
    browser.run("document.activeElement.blur(), document.getElementById('done').textContent = ''").await;
    assert_eq!(server.messages(&mine).len(), 3);
}
