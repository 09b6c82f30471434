//! Client and server in one process, without a network.

use std::future::IntoFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pocketping_mock_server::{Contract, Fault, HttpFault, MockServer, Visit};
use pocketping_sdk::{Client, ErrorKind, NewMessage, Outcome, RetryPolicy, StreamState};

use crate::links::{BOTH, next, quick, said, until};

fn in_memory(contract: Contract) -> (MockServer, Client) {
    let server = MockServer::builder().in_memory().contract(contract).start().unwrap();
    let client = Client::builder().base_url(server.url()).api_key(server.api_key()).retry(RetryPolicy::none());
    let client = client.transport(server.transport()).build().unwrap();
    (server, client)
}

#[tokio::test]
async fn requests_and_the_socket_arrive_in_both_contracts() {
    for contract in BOTH {
        let (server, client) = in_memory(contract);
        assert_eq!(server.url(), "http://localhost");
        let mut events = client.events().connect().reconnect(quick()).await.unwrap();
        let session = server.visitor_opens_session(Visit::new());
        assert_eq!(said(&next(&mut events).await), "session.created", "{contract:?}");
        until(&events, StreamState::Live).await;
        server.visitor_says(&session.id, "Hello");
        assert_eq!(said(&next(&mut events).await), "Hello", "{contract:?}");
        client.session(&session.id).messages().send(NewMessage::operator("Hi")).await.unwrap();
        assert_eq!(said(&next(&mut events).await), "Hi", "{contract:?}");
        // The socket is a connection as others are: it breaks, and a new one is made.
        server.cut_connections();
        server.visitor_says(&session.id, "Still there?");
        assert_eq!(said(&next(&mut events).await), "Still there?", "{contract:?}");
        let held: Vec<_> = server.messages(&session.id).into_iter().map(|message| message.content).collect();
        assert_eq!(held, ["Hello", "Hi", "Still there?"], "{contract:?}");
    }
}

#[tokio::test]
async fn a_server_that_has_stopped_was_sent_nothing() {
    let (server, client) = in_memory(Contract::Extended);
    client.sessions().list().await.unwrap();
    server.shutdown().await;
    // The connection that was kept alive may be what is found gone first.
    let outcome = client.sessions().list().await.unwrap_err().kind();
    assert!(matches!(outcome, ErrorKind::Network | ErrorKind::Connect), "{outcome:?}");
    let error = client.sessions().list().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent), "{error}");
}

#[tokio::test]
async fn faults_hit_and_the_journal_sees_as_over_a_network() {
    let (server, client) = in_memory(Contract::Extended);
    let session = server.visitor_opens_session(Visit::new());
    server.inject(Fault::http(HttpFault::ApplyThenDrop).route("POST", "/sessions/:sessionId/messages"));
    // It was applied, and the connection dropped: the client looks instead of sending it once more.
    let sent = client.session(&session.id).messages().send(NewMessage::operator("Once")).await.unwrap();
    assert_eq!(server.messages(&session.id).iter().map(|held| &held.id).collect::<Vec<_>>(), [&sent.id]);
    let entries = server.journal().requests().method("POST").route("/sessions/:sessionId/messages").assert_count(1);
    let request = entries[0].request().unwrap();
    assert_eq!(request.status, None, "it never got an answer: {request:?}");
}

#[tokio::test]
async fn an_answer_larger_than_any_buffer_arrives_whole() {
    let (server, client) = in_memory(Contract::Extended);
    let session = server.visitor_opens_session(Visit::new());
    let text = "x".repeat(4000);
    for _ in 0..100 {
        server.visitor_says(&session.id, &text);
    }
    let list = client.session(&session.id).messages().list();
    let list = tokio::time::timeout(Duration::from_secs(20), list.into_future()).await.unwrap().unwrap();
    assert_eq!(list.messages.iter().map(|message| message.content.len()).sum::<usize>(), 400_000);
}

#[test]
fn a_server_that_listens_nowhere_has_no_address() {
    let (server, _) = in_memory(Contract::Strict);
    let panic = catch_unwind(AssertUnwindSafe(|| server.address())).unwrap_err();
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    assert_eq!(said, Some("a server in memory listens on no address"));
    server.shutdown_blocking();
}
