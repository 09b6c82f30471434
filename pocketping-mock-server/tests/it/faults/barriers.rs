//! Barriers: two calls whose order is the test's.

use pocketping_mock_server::{Contract, Fault, MockServer};
use serde_json::json;

use super::{BOTH, KEYED, SEND, attempt, inject, is_normal_again, sent, start};
use crate::wire::{answer, begin, request, rest, send};

const HOLD: &str = r#"{"on": {"method": "POST"}, "do": {"kind": "hold", "barrier": "door"}}"#;

fn sends(server: &MockServer) -> std::net::TcpStream {
    begin(server, &request(SEND, KEYED, r#"{"content":"Hi"}"#))
}

fn barriers(server: &MockServer) -> serde_json::Value {
    send(server, "GET /_mock/barriers", &[], "").json()["barriers"].clone()
}

#[tokio::test]
async fn a_send_that_is_held_has_its_key_taken_until_it_goes_on() {
    for contract in BOTH {
        let server = start(contract);
        inject(&server, HOLD);
        assert_eq!(barriers(&server), json!({"door": 0}));
        let first = sends(&server);
        server.held("door", 1).await;
        assert_eq!((barriers(&server), sent(&server)), (json!({"door": 1}), 0));
        let second = answer(&attempt(&server));
        if contract == Contract::Extended {
            assert_eq!((second.status, &second.json()["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS")));
        } else {
            assert_eq!((second.status, sent(&server)), (200, 1), "strict knows no keys: the later one overtakes");
        }
        let released = send(&server, "POST /_mock/barriers/door/release", &[], "");
        assert_eq!((released.status, released.json()), (200, json!({"released": 1})));
        let first = answer(&rest(first));
        assert_eq!(first.status, if contract == Contract::Extended { 201 } else { 200 });
        assert!(first.header("x-pocketping-mock-fault").is_some());
        if contract == Contract::Extended {
            let again = answer(&attempt(&server));
            assert_eq!((again.header("idempotent-replayed"), sent(&server)), (Some("true"), 1));
        }
        is_normal_again(&server, contract);
    }
}

#[tokio::test]
async fn an_answer_that_is_held_was_applied() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(Fault::hold_answer("door").route("POST", "/sessions/:sessionId/messages"));
        let first = sends(&server);
        server.held("door", 1).await;
        assert_eq!(sent(&server), 1, "{contract:?}");
        if contract == Contract::Extended {
            assert_eq!(answer(&attempt(&server)).header("idempotent-replayed"), Some("true"));
        }
        assert_eq!((server.release("door"), server.release("door")), (1, 0));
        assert!(answer(&rest(first)).status < 300);
        is_normal_again(&server, contract);
    }
}

#[tokio::test]
async fn several_are_held_at_one_barrier_and_others_at_another() {
    let server = start(Contract::Extended);
    server.inject(Fault::hold("a").route("GET", "/sessions").times(3));
    server.inject(Fault::hold("b").route("GET", "/webhooks"));
    let ask = |line: &str| begin(&server, &request(line, KEYED, ""));
    let held = [ask("GET /sessions"), ask("GET /sessions"), ask("GET /sessions")];
    let other = ask("GET /webhooks");
    server.held("a", 3).await;
    server.held("b", 1).await;
    assert_eq!(barriers(&server), json!({"a": 3, "b": 1}));
    assert_eq!(server.release("a"), 3);
    for held in held {
        assert_eq!(answer(&rest(held)).status, 200);
    }
    assert_eq!(barriers(&server), json!({"a": 0, "b": 1}));
    // What is held stays so when its fault is taken back.
    server.clear_faults();
    assert_eq!(barriers(&server), json!({"b": 1}));
    assert_eq!(server.release("b"), 1);
    assert_eq!(answer(&rest(other)).status, 200);
    let nobody = send(&server, "POST /_mock/barriers/b/release", &[], "");
    assert_eq!((nobody.status, &nobody.json()["code"]), (404, &json!("BARRIER_NOT_FOUND")));
}

#[tokio::test]
async fn a_connection_that_closes_and_a_server_that_stops_free_what_is_held() {
    for contract in BOTH {
        let server = start(contract);
        server.inject(Fault::hold("door").route("POST", "/sessions/:sessionId/messages").times(2));
        let gone = sends(&server);
        server.held("door", 1).await;
        drop(gone);
        super::until(|| barriers(&server) == json!({"door": 0}));
        assert_eq!(sent(&server), 0);
        let held = sends(&server);
        server.held("door", 1).await;
        server.shutdown().await;
        assert_eq!(rest(held), "");
    }
}
