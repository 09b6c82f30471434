//! The committed events, as a test reads them from the server.

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::wire::call;

fn as_json(server: &MockServer) -> Vec<Value> {
    server.events().iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

#[test]
fn the_events_are_the_commits_in_their_order_and_as_the_contract_shows_them() {
    let played = |contract| {
        let server = MockServer::builder().contract(contract).start().unwrap();
        assert_eq!(as_json(&server), [json!(null); 0]);
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello");
        call(&server, &format!("POST /sessions/{id}/ai"), r#"{"enabled":false}"#);
        assert_eq!(call(&server, "POST /sessions/nope/close", "").status, 404, "a refusal is no event");
        call(&server, &format!("POST /sessions/{id}/close"), "");
        as_json(&server)
    };
    let kinds = |events: &[Value]| events.iter().map(|event| event["type"].clone()).collect::<Vec<_>>();

    let extended = played(Contract::Extended);
    assert_eq!(
        kinds(&extended),
        ["session.created", "message.created", "session.updated", "message.created", "session.closed"]
    );
    let seqs: Vec<_> = extended.iter().map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5].map(Some));
    assert!(extended.iter().all(|event| event["id"].is_string() && event["timestamp"] == "2024-01-15T10:30:00Z"));

    let strict = played(Contract::Strict);
    assert_eq!(kinds(&strict), ["session.created", "message.created", "message.created", "session.closed"]);
    assert_eq!(
        strict[1],
        json!({"type": "message.created", "message": {"id": "msg_1", "sessionId": "sess_1", "content": "Hello",
               "type": "visitor", "createdAt": "2024-01-15T10:30:00Z"}})
    );
    assert_eq!(strict[3], json!({"type": "session.closed", "sessionId": "sess_1"}));
}

#[test]
fn the_events_are_those_of_the_first_key() {
    let [one, two] = ["test_key=a", "other=b"].map(|key| key.parse().unwrap());
    let server = MockServer::builder().key(one).key(two).start().unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    let headers = [("Authorization", "Bearer other")];
    let path = format!("POST /sessions/{id}/messages");
    assert_eq!(crate::wire::send(&server, &path, &headers, r#"{"content":"Hi"}"#).status, 404);
    assert_eq!(server.events().len(), 1);
}

#[test]
fn the_last_ten_thousand_events_are_kept() {
    for contract in [Contract::Extended, Contract::Strict] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        for n in 0..10_001 {
            server.visitor_says(&"sess_abc123".into(), n.to_string());
        }
        let events = as_json(&server);
        let text = |event: Option<&Value>| event.unwrap()["message"]["content"].as_str().unwrap().to_owned();
        assert_eq!(events.len(), 10_000, "{contract:?}");
        assert_eq!((text(events.first()), text(events.last())), ("1".to_owned(), "10000".to_owned()), "{contract:?}");
    }
}
