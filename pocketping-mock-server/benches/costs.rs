//! What the server costs: one program with the parts that `.ci/bench.py` runs and counts, servers and those who call them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

#[path = "costs/by_hand.rs"]
mod by_hand;
#[path = "costs/callers.rs"]
mod callers;
#[path = "costs/subscribers.rs"]
mod subscribers;

use std::io::Write;

use pocketping_mock_server::{Limits, MockServer, Seed, Visit};
use serde_json::json;

const KEY: &str = "sk_bench_0123456789abcdef";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["serve", sessions, messages, webhooks] => {
            serve(Limits::default(), number(sessions), number(messages), number(webhooks));
        }
        ["serve-unrecorded"] => {
            let mut limits = Limits::default();
            limits.journal_entries = 0;
            serve(limits, 1, 0, 0);
        }
        ["serve-json", sessions] => by_hand::serve_json(number(sessions)),
        ["serve-socket"] => by_hand::serve_socket(),
        ["get", url, path, count] => callers::get(url, number(count), |_| path.to_owned()),
        ["get-any", url, sessions, count] => callers::get_any(url, number(sessions), number(count)),
        ["post", url, count] => callers::post(url, number(count)),
        ["post-paced", url, count, per_second] => callers::post_paced(url, number(count), number(per_second)),
        ["converse", url, count] => callers::converse(url, number(count)),
        ["receive"] => by_hand::receive(),
        ["subscribe", url, count] => subscribers::subscribe(url, number(count)),
        _ => println!("its parts are run and counted by .ci/bench.py"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

/// A session's metadata as a page gives it, so that a session is 350 bytes of JSON.
fn visit() -> Visit {
    Visit::new().page_url("https://example.com/pricing").user_agent("Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0")
}

/// The server as everybody starts it, with all its layers, holding so much.
fn serve(limits: Limits, sessions: usize, messages: usize, webhooks: usize) {
    let webhooks: Vec<_> = (0..webhooks)
        .map(|n| json!({"url": format!("http://127.0.0.1:1/{n}"), "events": ["message.created"]}))
        .collect();
    let seed = Seed::from_json(&json!({"webhooks": webhooks}).to_string()).unwrap();
    let server = MockServer::builder().api_key(KEY).limits(limits).allow_private_webhooks().seed(seed).start().unwrap();
    for _ in 0..sessions {
        let id = server.visitor_opens_session(visit()).id;
        for _ in 0..messages {
            server.visitor_says(&id, "Hello, I have a question about the pricing");
        }
    }
    told(server.url(), || {
        server.visitor_says(&"sess_1".into(), "Hello, I have a question about the pricing");
    });
}

/// Says where a server is, publishes as many events as each line of the input says, and ends with the input, at once: what is
/// held is not taken apart then.
fn told(url: &str, publish: impl Fn()) {
    say(url);
    for line in std::io::stdin().lines() {
        (0..number(&line.unwrap())).for_each(|_| publish());
        say("published");
    }
    #[allow(clippy::exit, reason = "nothing is left to be done")]
    std::process::exit(0);
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}
