//! Where a stream begins: now, at a time, at the beginning, or where a stored cursor stands; and waiting for an event.

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer, Visit};
use pocketping_sdk::{After, ErrorKind, Event, EventCursor};
use serde_json::Value;

use crate::links::{BOTH, client, next, said, start};

#[tokio::test]
async fn a_cursor_goes_on_where_its_process_ended() {
    for contract in BOTH {
        let server = start(contract);
        let client = client(&server);
        let mut events = client.events().connect().resume(EventCursor::default()).await.unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        for text in ["dealt with", "given"] {
            server.visitor_says(&id, text);
        }
        let items = [next(&mut events).await, next(&mut events).await, next(&mut events).await];
        events.ack(&items[1]);
        events.acks().ack(items[0].ticket());
        let stored = events.cursor().unwrap().to_string();
        assert!(!stored.contains("test_key"), "no key is in it");
        drop(events);
        server.visitor_says(&id, "missed");
        client.session(&id).close().await.unwrap();
        let mut events = client.events().connect().resume(stored.parse().unwrap()).await.unwrap();
        let mut told = Vec::new();
        while told.last().map(String::as_str) != Some("session.closed") {
            told.push(said(&next(&mut events).await));
        }
        assert_eq!(told, ["given", "missed", "Session closed", "session.closed"], "{contract:?}");
    }
}

#[tokio::test]
async fn a_cursor_the_server_forgot_is_read_from_rest_and_one_of_elsewhere_is_refused() {
    let server = start(Contract::Extended);
    let client = client(&server);
    let mut events = client.events().connect().resume(EventCursor::default()).await.unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    let created = next(&mut events).await;
    events.ack(&created);
    let mut stored: Value = serde_json::from_str(&events.cursor().unwrap().to_string()).unwrap();
    drop(events);
    server.visitor_says(&id, "missed");
    assert!(stored["lastEventId"].as_str().unwrap().starts_with("evt_"));
    stored["lastEventId"] = "evt_of_another_life".into();
    let resume = async |stored: &Value| {
        let cursor: EventCursor = serde_json::from_value(stored.clone()).unwrap();
        client.events().connect().resume(cursor).await
    };
    let item = next(&mut resume(&stored).await.unwrap()).await;
    assert!(!item.is_live() && said(&item) == "missed", "{item:?}");
    stored["server"] = "http://elsewhere.test".into();
    assert_eq!(resume(&stored).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_cursor_of_another_project_is_refused() {
    for contract in BOTH {
        refuses_another_project(&start(contract)).await;
    }
}

async fn refuses_another_project(server: &MockServer) {
    let client = client(server);
    server.visitor_opens_session(Visit::new());
    let events = client.events().connect().resume(EventCursor::default()).await.unwrap();
    let mut stored: Value = serde_json::from_str(&events.cursor().unwrap().to_string()).unwrap();
    assert!(stored.get("lastEventId").is_none());
    assert_eq!(stored["projects"].as_array().unwrap().len(), 1, "{stored}");
    stored["projects"] = serde_json::json!(["proj_elsewhere"]);
    let cursor: EventCursor = serde_json::from_value(stored).unwrap();
    let mut events = client.events().connect().resume(cursor).await.unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn it_begins_where_it_is_asked_to() {
    for contract in BOTH {
        let server = start(contract);
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "old");
        server.clock().advance(Duration::from_secs(60));
        let now = server.clock().now();
        server.visitor_says(&id, "new");
        let other = server.visitor_opens_session(Visit::new()).id;
        let connect = client(&server).events().connect();
        let mut since = connect.clone().since(now).await.unwrap();
        let mut told = Vec::new();
        while !["new", "session.created"].iter().all(|what| told.iter().any(|said| said == what)) {
            told.push(said(&next(&mut since).await));
        }
        // Who the visitor is may have changed since.
        told.retain(|what| what != "session.updated");
        assert_eq!(told.len(), 2, "{contract:?}: {told:?}");
        let mut scoped = connect.session(&id).from_beginning().await.unwrap();
        server.visitor_says(&other, "elsewhere");
        server.visitor_says(&id, "live");
        let mut told = Vec::new();
        while told.last().map(String::as_str) != Some("live") {
            told.push(said(&next(&mut scoped).await));
        }
        told.retain(|what| what != "session.updated");
        assert_eq!(told, ["session.created", "old", "new", "live"], "{contract:?}");
    }
}

#[tokio::test]
async fn a_close_that_was_missed_has_its_time_where_the_server_tells_it() {
    for contract in BOTH {
        let server = start(contract);
        let client = client(&server);
        let id = server.visitor_opens_session(Visit::new()).id;
        server.clock().advance(Duration::from_secs(60));
        client.session(&id).close().await.unwrap();
        let closed = server.sessions()[0].closed_at;
        server.clock().advance(Duration::from_secs(60));
        server.visitor_opens_session(Visit::new());
        let mut events = client.events().connect().session(&id).from_beginning().await.unwrap();
        let close = loop {
            let item = next(&mut events).await;
            if said(&item) == "session.closed" {
                break item;
            }
        };
        let told = close.event().unwrap().happened_at();
        assert_eq!(told, closed.filter(|_| contract == Contract::Extended), "{contract:?}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_what_was_or_comes() {
    for contract in BOTH {
        let server = start(contract);
        let client = client(&server);
        let id = server.visitor_opens_session(Visit::new()).id;
        let first = server.visitor_says(&id, "Hello");
        let session = client.session(&id);
        let deadline = Duration::from_secs(10);
        let any = |event: &Event| event.message().is_some();
        // In its history, however short ago.
        assert_eq!(session.wait_for(any, deadline).await.unwrap().message().unwrap().content, "Hello");
        server.visitor_says(&id, "Anyone?");
        let after = session.wait_for(any, deadline).after(&first.id).await.unwrap();
        assert_eq!(after.message().unwrap().content, "Anyone?");
        let from = session.wait_for(any, deadline).after(server.clock().now()).await.unwrap();
        assert_eq!(from.message().unwrap().content, "Hello", "at that time");
        // To come, over a broken link too.
        let mut waiting = Box::pin(session.wait_for(any, deadline).after(After::Now).into_future());
        let none = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
        assert!(none.is_err(), "{contract:?}: nothing has come yet: {none:?}");
        server.cut_connections();
        server.visitor_says(&id, "Bye");
        assert_eq!(waiting.await.unwrap().message().unwrap().content, "Bye");
        let error = session.wait_for(|_| false, Duration::from_millis(20)).await.unwrap_err();
        assert!(error.is_timeout() && error.to_string().contains("20ms"), "{error}");
        assert!(client.session("sess_nobody").wait_for(any, deadline).await.unwrap_err().is_not_found());
    }
}
