//! What a slow reader of the event stream costs, and what is too large for it.

use pocketping_mock_server::{Contract, Visit};
use pocketping_sdk::{BufferPolicy, Client, CloseReason, ErrorKind, GapReason, StreamState};

use crate::links::{BOTH, client, next, quick, said, start, until};

#[tokio::test]
async fn a_reader_slower_than_the_server_loses_nothing() {
    for contract in BOTH {
        let server = start(contract);
        let id = server.visitor_opens_session(Visit::new()).id;
        let connect = client(&server).events().connect().reconnect(quick());
        let mut events = connect.buffer(1, BufferPolicy::Wait).await.unwrap();
        // More than what the server keeps for a subscriber and the sockets' buffers together.
        for n in 0..4000 {
            server.visitor_says(&id, format!("{n:04000}"));
        }
        for n in 0..4000 {
            assert_eq!(said(&next(&mut events).await), format!("{n:04000}"), "{contract:?}");
        }
    }
}

#[tokio::test]
async fn a_full_buffer_ends_it_or_costs_the_oldest_as_was_asked() {
    let server = start(Contract::Extended);
    let id = server.visitor_opens_session(Visit::new()).id;
    let connect = || client(&server).events().connect();
    let mut failing = connect().buffer(2, BufferPolicy::Fail).await.unwrap();
    let mut dropping = connect().buffer(2, BufferPolicy::DropOldest).await.unwrap();
    for n in 0..50 {
        server.visitor_says(&id, n.to_string());
    }
    until(&failing, StreamState::Closed(CloseReason::Failed(ErrorKind::Overflow))).await;
    assert_eq!([said(&next(&mut failing).await), said(&next(&mut failing).await)], ["0", "1"]);
    assert_eq!(failing.next().await.unwrap().unwrap_err().kind(), ErrorKind::Overflow);
    assert!(failing.next().await.is_none());
    let (mut dropped, mut given) = (0, 0);
    loop {
        let item = next(&mut dropping).await;
        if let Some(GapReason::Dropped { items }) = item.gap().map(|gap| gap.reason) {
            dropped += items;
            continue;
        }
        given += 1;
        if said(&item) == "49" {
            break;
        }
    }
    assert_eq!(dropped + given, 50, "what was dropped is counted");
}

#[tokio::test]
async fn what_was_received_is_still_given_after_a_close() {
    let server = start(Contract::Strict);
    let mut events = client(&server).events().connect().await.unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    for n in 0..3 {
        server.visitor_says(&id, n.to_string());
    }
    // What the first event made it read holds all of it.
    until(&events, StreamState::Degraded).await;
    until(&events, StreamState::Live).await;
    events.close().await;
    let mut rest = Vec::new();
    while let Some(item) = events.next().await {
        rest.push(said(&item.unwrap()));
    }
    assert_eq!(rest, ["session.created", "0", "1", "2"]);
}

#[tokio::test]
async fn a_frame_over_the_cap_is_read_where_it_fits() {
    for contract in BOTH {
        let server = start(contract);
        let client =
            Client::builder().base_url(server.url()).api_key(server.api_key()).max_answer_bytes(2000).build().unwrap();
        let mut events = client.events().connect().reconnect(quick()).await.unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        for text in ["before".to_owned(), "x".repeat(3000), "afterwards".to_owned()] {
            server.visitor_says(&id, text);
        }
        let mut lengths = Vec::new();
        while lengths.last() != Some(&"afterwards".len()) {
            let item = next(&mut events).await;
            lengths.extend(item.event().and_then(|event| event.message()).map(|it| it.content.len()));
        }
        assert_eq!(lengths, [6, 3000, 10], "{contract:?}");
    }
}
