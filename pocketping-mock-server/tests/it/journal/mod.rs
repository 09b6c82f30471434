//! The journal: what it says of literal requests, frames, events and deliveries.

mod asked;
mod exports;
mod frames;
mod masks;
mod requests;

use pocketping_mock_server::MockServer;
use serde_json::Value;

use crate::wire::{Answer, send};

fn control(server: &MockServer, line: &str, body: &str) -> Answer {
    send(server, &line.replacen(" /", " /_mock/", 1), &[("Content-Type", "application/json")], body)
}

/// The entries that a query of the control surface lists.
#[track_caller]
fn listed(server: &MockServer, query: &str) -> Vec<Value> {
    let answer = control(server, &format!("GET /journal?{query}"), "");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["entries"].as_array().unwrap().clone()
}
