//! Injected faults over HTTP and of connections, and what the server holds after each.

mod answers;
mod barriers;
mod json;
pub(crate) mod sockets;
mod surfaces;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pocketping_mock_server::{Contract, Fault, HttpFault, MockServer};
use serde_json::{Value, json};

use crate::socket::{connect, message};
use crate::wire::{Answer, answer, begin, call, call_with, request, rest, send};

pub(crate) const BOTH: [Contract; 2] = [Contract::Extended, Contract::Strict];
const SEND: &str = "POST /sessions/sess_abc123/messages";
const KEYED: &[(&str, &str)] = &[("Authorization", "Bearer test_key"), ("Idempotency-Key", "k1")];

pub(crate) fn start(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

fn sending(act: HttpFault) -> Fault {
    Fault::http(act).route("POST", "/sessions/:sessionId/messages")
}

/// The messages that are there, besides the seed's.
fn sent(server: &MockServer) -> usize {
    server.events().len()
}

/// Sends a message and gives the bytes that came back.
fn attempt(server: &MockServer) -> String {
    rest(begin(server, &request(SEND, KEYED, r#"{"content":"Hi"}"#)))
}

/// Waits until it is so.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::yield_now();
    }
}

/// A message goes through as if nothing had ever been wrong.
#[track_caller]
fn is_normal_again(server: &MockServer, contract: Contract) {
    let before = sent(server);
    assert_eq!(server.faults_left(), 0);
    let status = call(server, SEND, r#"{"content":"later"}"#).status;
    assert_eq!(status, if contract == Contract::Extended { 201 } else { 200 });
    assert_eq!(sent(server), before + 1);
}

#[test]
fn a_status_is_answered_in_the_contracts_words_and_nothing_is_applied() {
    for contract in BOTH {
        let server = start(contract);
        for (status, words, code) in [
            (429, "Rate limited", "RATE_LIMITED"),
            (500, "Internal server error", "INTERNAL_ERROR"),
            (400, "Bad request", "INVALID_REQUEST"),
        ] {
            server.inject(sending(HttpFault::Status { status, retry_after: (status == 429).then_some(7) }));
            assert_eq!(call(&server, "GET /sessions/sess_abc123/messages", "").status, 200, "another route");
            let refused = answer(&attempt(&server));
            assert_eq!(refused.status, status);
            assert_eq!(refused.header("retry-after"), (status == 429).then_some("7"));
            assert_eq!(refused.header("content-type"), Some("application/json"));
            let is_extended = contract == Contract::Extended;
            assert_eq!(refused.header("x-pocketping-contract"), is_extended.then_some("extended"));
            let body = refused.json();
            assert_eq!((&body["error"], &body["code"]), (&json!(words), &json!(code)));
            assert!(body["message"].is_string());
        }
        assert_eq!(sent(&server), 0, "{contract:?}");
        // Its idempotency key was not taken, either.
        assert_eq!(answer(&attempt(&server)).header("idempotent-replayed"), None);
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_gateways_status_is_a_page_without_the_contracts_headers() {
    for contract in BOTH {
        let server = MockServer::builder().contract(contract).demo_seed().rate_limit(100).start().unwrap();
        for (status, title) in [(502, "Bad Gateway"), (503, "Service Unavailable"), (504, "Gateway Timeout")] {
            server.inject(sending(HttpFault::Status { status, retry_after: None }));
            let refused = answer(&attempt(&server));
            assert_eq!((refused.status, refused.header("content-type")), (status, Some("text/html")));
            assert!(refused.body.contains(&format!("<h1>{status} {title}</h1>")), "{refused:?}");
            for header in ["retry-after", "x-pocketping-contract", "x-request-id", "ratelimit-limit"] {
                assert_eq!(refused.header(header), None, "{header}");
            }
        }
        assert_eq!(sent(&server), 0, "{contract:?}");
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_connection_that_is_cut_before_applies_nothing() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(sending(HttpFault::CutBefore).times(2));
        assert_eq!((attempt(&server), attempt(&server)), (String::new(), String::new()));
        assert_eq!(sent(&server), 0, "{contract:?}");
        is_normal_again(&server, contract);
    }
}

#[test]
fn an_answer_that_is_dropped_was_applied_and_its_key_is_kept() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(sending(HttpFault::ApplyThenDrop));
        assert_eq!(attempt(&server), "");
        assert_eq!(sent(&server), 1, "{contract:?}");
        if contract == Contract::Extended {
            let again = answer(&attempt(&server));
            assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
            assert_eq!((again.json()["id"].as_str(), sent(&server)), (Some("msg_1"), 1));
        }
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_call_that_is_held_is_applied_and_answered_later() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(sending(HttpFault::HoldThenApply(Duration::from_millis(300))));
        let begun = Instant::now();
        let held = begin(&server, &request(SEND, KEYED, r#"{"content":"Hi"}"#));
        until(|| server.faults_left() == 0);
        if contract == Contract::Extended {
            let again = answer(&attempt(&server));
            assert_eq!((again.status, &again.json()["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS")));
        }
        let held = answer(&rest(held));
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
        assert_eq!((held.status, sent(&server)), (if contract == Contract::Extended { 201 } else { 200 }, 1));
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_call_that_is_held_is_applied_although_the_client_hung_up() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(sending(HttpFault::HoldThenApply(Duration::from_millis(200))));
        let held = begin(&server, &request(SEND, KEYED, r#"{"content":"Hi"}"#));
        until(|| server.faults_left() == 0);
        drop(held);
        assert_eq!(sent(&server), 0, "not yet");
        until(|| sent(&server) == 1);
        if contract == Contract::Extended {
            assert_eq!(answer(&attempt(&server)).header("idempotent-replayed"), Some("true"));
        }
        is_normal_again(&server, contract);
    }
}

#[tokio::test]
async fn a_call_that_is_held_keeps_no_server_from_stopping() {
    let server = start(Contract::Extended);
    server.inject(sending(HttpFault::HoldThenApply(Duration::from_secs(3600))));
    let held = begin(&server, &request(SEND, KEYED, r#"{"content":"Hi"}"#));
    until(|| server.faults_left() == 0);
    server.shutdown().await;
    assert_eq!(rest(held), "");
}

#[test]
fn a_body_that_breaks_off_was_applied_and_its_head_promises_all_of_it() {
    let broken = |text: &str| -> Answer {
        let broken = answer(text);
        let promised: usize = broken.header("content-length").unwrap().parse().unwrap();
        assert_eq!(broken.body.len(), promised / 2, "{broken:?}");
        assert!(!broken.body.is_empty() && serde_json::from_str::<serde_json::Value>(&broken.body).is_err());
        broken
    };
    for contract in BOTH {
        let server = start(contract);
        server.inject(sending(HttpFault::CutInBody));
        assert_eq!(broken(&attempt(&server)).status, if contract == Contract::Extended { 201 } else { 200 });
        assert_eq!(sent(&server), 1, "{contract:?}");
        // A refusal's body is no other.
        server.inject(sending(HttpFault::CutInBody));
        let line = "POST /sessions/nope/messages";
        assert_eq!(broken(&rest(begin(&server, &request(line, KEYED, r#"{"content":"x"}"#)))).status, 404);
        is_normal_again(&server, contract);
    }
}

#[test]
fn an_answer_without_a_body_has_none_to_break_off() {
    let server = start(Contract::Extended);
    let body = json!({"url": "http://127.0.0.1:9/", "events": ["message.created"]}).to_string();
    let id = call(&server, "POST /webhooks", &body).json()["id"].as_str().unwrap().to_owned();
    server.inject(Fault::http(HttpFault::CutInBody).route("DELETE", "/webhooks/:webhookId"));
    assert_eq!(call(&server, &format!("DELETE /webhooks/{id}"), "").status, 204);
    is_normal_again(&server, Contract::Extended);
}

#[test]
fn a_fault_keeps_to_its_route_its_turn_and_its_number() {
    for contract in BOTH {
        let server = start(contract);
        let status = |line: &str| call(&server, line, "").status;
        server.inject(
            Fault::http(HttpFault::Status { status: 500, retry_after: None })
                .route("GET", "/sessions/:sessionId")
                .after(1)
                .times(2),
        );
        assert_eq!((status("GET /sessions/sess_abc123"), server.faults_left()), (200, 2), "the first goes by");
        assert_eq!((status("GET /sessions"), status("GET /sessions/sess_abc123/messages")), (200, 200));
        assert_eq!((status("GET /v1/sessions/sess_abc123"), status("GET /sessions/nope")), (500, 500));
        assert_eq!((status("GET /sessions/sess_abc123"), server.faults_left()), (200, 0));

        // Without a route it is any call, but not one that takes no key.
        server.inject(Fault::http(HttpFault::Status { status: 500, retry_after: None }).times(9));
        assert_eq!((status("GET /health"), status("GET /nowhere"), server.faults_left()), (200, 404, 9));
        assert_eq!((status("GET /sessions"), server.faults_left()), (500, 8));
        server.clear_faults();
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_call_that_is_refused_anyway_uses_no_chance() {
    let server = MockServer::builder().demo_seed().rate_limit(1).start().unwrap();
    server.inject(Fault::http(HttpFault::Status { status: 500, retry_after: None }));
    let wrong = rest(begin(&server, &request("GET /sessions", &[("Authorization", "Bearer wrong")], "")));
    assert_eq!((answer(&wrong).status, server.faults_left()), (401, 1));
    let faulty = call(&server, "GET /sessions", "");
    assert_eq!((faulty.status, faulty.header("ratelimit-remaining"), server.faults_left()), (500, Some("0"), 0));
    server.inject(Fault::http(HttpFault::CutBefore));
    assert_eq!((call(&server, "GET /sessions", "").status, server.faults_left()), (429, 1));
}

/// Asks for the sessions on a connection that is kept, and reads what came.
fn ask_on(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"GET /sessions/nope HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test_key\r\n\r\n")?;
    let mut some = [0; 4096];
    let count = stream.read(&mut some)?;
    Ok(String::from_utf8_lossy(&some[..count]).into_owned())
}

#[test]
fn a_server_that_refuses_connections_serves_those_that_stand() {
    let server = start(Contract::Extended);
    let mut kept = begin(&server, "");
    assert!(ask_on(&mut kept).unwrap().starts_with("HTTP/1.1 404"));
    server.refuse_connections(true);
    assert_eq!((attempt(&server), attempt(&server)), (String::new(), String::new()));
    assert!(ask_on(&mut kept).unwrap().starts_with("HTTP/1.1 404"));
    assert_eq!(sent(&server), 0);
    server.refuse_connections(false);
    is_normal_again(&server, Contract::Extended);
}

#[tokio::test]
async fn connections_that_are_cut_end_without_a_word_and_new_ones_are_taken() {
    for contract in BOTH {
        let server = start(contract);
        let mut kept = begin(&server, "");
        assert!(ask_on(&mut kept).unwrap().starts_with("HTTP/1.1 404"));
        server.inject(sending(HttpFault::HoldThenApply(Duration::from_secs(3600))));
        let held = begin(&server, &request(SEND, KEYED, r#"{"content":"Hi"}"#));
        until(|| server.faults_left() == 0);
        let mut socket = sockets::ready(&server).await;
        let mut early = connect(&server).await;
        server.cut_connections();
        assert_eq!((rest(kept), rest(held)), (String::new(), String::new()));
        sockets::ended_without_a_word(&mut socket).await;
        sockets::ended_without_a_word(&mut early).await;

        let mut socket = sockets::ready(&server).await;
        assert_eq!(call_with(&server, "GET /sessions", &[], "").status, 200);
        is_normal_again(&server, contract);
        assert!(message(&mut socket).await.is_text());
    }
}

/// Injects over HTTP and gives the fault's id.
#[track_caller]
pub(crate) fn inject(server: &MockServer, fault: &str) -> String {
    let answer = send(server, "POST /_mock/faults", &[], fault);
    assert_eq!(answer.status, 201, "{fault}: {answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// How a fault stands: how often it happened, and what is left of it.
fn stands(server: &MockServer, id: &str) -> (Value, Value) {
    let faults = send(server, "GET /_mock/faults", &[], "").json();
    let fault = faults["faults"].as_array().unwrap().iter().find(|fault| fault["id"] == id).unwrap().clone();
    (fault["happened"].clone(), fault["left"].clone())
}
