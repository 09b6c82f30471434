//! The event stream over several links: what is asked for to fill the time between them, and what ends it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use pocketping_mock_server::{Contract, Fault, HttpFault, MockServer, SocketFault, Visit};
use pocketping_sdk::http::{Request, Response};
use pocketping_sdk::{
    Body, Client, CloseReason, ErrorKind, EventStream, GapReason, Identify, RetryPolicy, SessionId, StreamItem,
    StreamState, Transport, TransportError, Upgrade,
};

pub(crate) const BOTH: [Contract; 2] = [Contract::Strict, Contract::Extended];

/// Writes down what is asked over REST.
#[derive(Clone)]
struct Recorded {
    inner: Arc<dyn Transport>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Transport for Recorded {
    fn send(
        &self,
        request: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send + '_>> {
        self.lines.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
        self.inner.send(request)
    }

    fn upgrade(
        &self,
        request: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Upgrade, TransportError>> + Send + '_>> {
        self.inner.upgrade(request)
    }
}

fn recorded(server: &MockServer) -> (Client, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&lines);
    let client = Client::builder()
        .base_url(server.url())
        .api_key(server.api_key())
        .layer(move |inner| Arc::new(Recorded { inner, lines: kept }))
        .build()
        .unwrap();
    (client, lines)
}

pub(crate) fn start(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).start().unwrap()
}

pub(crate) fn client(server: &MockServer) -> Client {
    Client::new(server.url(), server.api_key()).unwrap()
}

/// Waits that a test can afford.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().max_attempts(u32::MAX).backoff(Duration::from_millis(1), Duration::from_millis(5))
}

pub(crate) async fn next(events: &mut EventStream) -> StreamItem {
    let item = tokio::time::timeout(Duration::from_secs(10), events.next()).await.expect("an item in time");
    item.expect("the stream goes on").unwrap()
}

/// What a message says, or what else an item is.
pub(crate) fn said(item: &StreamItem) -> String {
    match (item.gap(), item.event()) {
        (Some(gap), _) => format!("{:?}", gap.reason),
        (_, Some(event)) => event.message().map_or_else(|| event.kind().to_string(), |it| it.content.clone()),
        _ => String::new(),
    }
}

pub(crate) async fn until(events: &EventStream, state: StreamState) {
    let mut states = events.states();
    while states.next().await.expect("the stream goes on") != state {}
}

#[tokio::test]
async fn a_healthy_stream_asks_for_nothing() {
    for contract in BOTH {
        let server = start(contract);
        let (client, lines) = recorded(&server);
        let mut events = client.events().connect().await.unwrap();
        let id = server.visitor_opens_session(Visit::new()).id;
        next(&mut events).await;
        // On a server that only kept silent, the first event shows that the subscription stands.
        until(&events, StreamState::Live).await;
        lines.lock().unwrap().clear();
        for n in 0..20 {
            server.visitor_says(&id, n.to_string());
            let item = next(&mut events).await;
            assert!(item.is_live() && said(&item) == n.to_string());
        }
        assert_eq!(*lines.lock().unwrap(), [""; 0], "{contract:?}");
    }
}

#[tokio::test]
async fn a_server_that_resumes_is_asked_for_nothing_after_a_broken_link() {
    let server = start(Contract::Extended);
    let (client, lines) = recorded(&server);
    let mut events = client.events().connect().reconnect(quick()).await.unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    next(&mut events).await;
    lines.lock().unwrap().clear();
    for n in 0..5 {
        server.cut_connections();
        server.visitor_says(&id, n.to_string());
        let item = next(&mut events).await;
        assert!(item.is_live() && said(&item) == n.to_string(), "{item:?}");
    }
    assert_eq!(*lines.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_hole_in_the_numbers_resumes_from_before_it() {
    let server = start(Contract::Extended);
    let (client, lines) = recorded(&server);
    let mut events = client.events().connect().reconnect(quick()).await.unwrap();
    lines.lock().unwrap().clear();
    let id = server.visitor_opens_session(Visit::new()).id;
    next(&mut events).await;
    for fault in [SocketFault::Skip, SocketFault::Swap, SocketFault::Garble, SocketFault::Corrupt] {
        server.inject(Fault::socket(fault));
        for n in 0..3 {
            server.visitor_says(&id, format!("{fault:?} {n}"));
        }
        for n in 0..3 {
            assert_eq!(said(&next(&mut events).await), format!("{fault:?} {n}"));
        }
    }
    assert_eq!(*lines.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn the_first_event_of_all_can_be_missing_too() {
    let server = start(Contract::Extended);
    server.inject(Fault::socket(SocketFault::Skip));
    let mut events = client(&server).events().connect().reconnect(quick()).await.unwrap();
    let id = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&id, "Hello");
    assert_eq!([said(&next(&mut events).await), said(&next(&mut events).await)], ["session.created", "Hello"]);
}

#[tokio::test]
async fn the_bare_api_is_asked_for_a_list_and_what_moved() {
    for contract in BOTH {
        let server = start(contract);
        let sessions: Vec<SessionId> = (0..12).map(|_| server.visitor_opens_session(Visit::new()).id).collect();
        server.clock().advance(Duration::from_secs(60));
        server.visitor_opens_session(Visit::new());
        let (client, lines) = recorded(&server);
        let mut events = client.events().connect().reconnect(quick()).await.unwrap();
        // Nothing of this link can be gone on from: no event came.
        lines.lock().unwrap().clear();
        server.refuse_connections(true);
        server.cut_connections();
        until(&events, StreamState::Connecting).await;
        server.clock().advance(Duration::from_secs(60));
        server.visitor_says(&sessions[3], "one");
        server.visitor_says(&sessions[7], "two");
        server.refuse_connections(false);
        let mut told = Vec::new();
        while told.len() < 2 {
            let item = next(&mut events).await;
            assert!(!item.is_live(), "{item:?}");
            // Whether somebody said who the visitor is cannot be seen from here (extended).
            told.extend(item.event().and_then(|event| event.message()).map(|it| it.content.clone()));
        }
        server.visitor_says(&sessions[5], "live");
        while said(&next(&mut events).await) != "live" {}
        until(&events, StreamState::Live).await;
        let lines = lines.lock().unwrap().clone();
        let count = |line: &str| lines.iter().filter(|it| *it == line).count();
        let lists = count("GET /sessions");
        assert!(lists == if contract == Contract::Strict { 2 } else { 1 }, "{contract:?} {lines:?}");
        for (at, id) in sessions.iter().enumerate() {
            let reads = count(&format!("GET /sessions/{id}/messages"));
            let most = if [3, 5, 7].contains(&at) { lists } else { 0 };
            assert!(reads <= most, "{contract:?}: {id} was read {reads} times: {lines:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_gap_and_comes_later() {
    for contract in BOTH {
        let server = start(contract);
        let id = server.visitor_opens_session(Visit::new()).id;
        let client = Client::builder()
            .base_url(server.url())
            .api_key(server.api_key())
            .retry(RetryPolicy::none())
            .build()
            .unwrap();
        let mut events = client.events().connect().reconnect(quick()).await.unwrap();
        let failing =
            |line: &str| Fault::http(HttpFault::Status { status: 503, retry_after: None }).route("GET", line).times(2);
        server.inject(failing("/sessions"));
        server.inject(failing("/sessions/:sessionId/messages"));
        server.refuse_connections(true);
        server.cut_connections();
        until(&events, StreamState::Connecting).await;
        server.visitor_says(&id, "Hello?");
        server.refuse_connections(false);
        let mut told = vec![said(&next(&mut events).await)];
        while told.last().unwrap() != "Hello?" {
            let item = next(&mut events).await;
            told.push(said(&item));
        }
        assert_eq!(told, ["ListFailed", "ReadFailed", "Hello?"], "{contract:?}");
        assert_eq!(GapReason::ListFailed.as_str(), "list_failed");
    }
}

#[tokio::test]
async fn a_stream_that_cannot_begin_says_so_within_the_deadline() {
    for contract in BOTH {
        let server = start(contract);
        let slow =
            r#"{"on":{"method":"GET","route":"/sessions"},"do":{"kind":"latency","time":"1h"},"times":"always"}"#;
        server.inject(slow.parse().unwrap());
        let client = Client::builder().base_url(server.url()).api_key(server.api_key());
        let client = client.deadline(Duration::from_millis(300)).build().unwrap();
        let connected = tokio::time::timeout(Duration::from_secs(60), client.events().connect()).await;
        assert_eq!(connected.expect("it ends").unwrap_err().kind(), ErrorKind::Timeout, "{contract:?}");
    }
}

#[tokio::test]
async fn states_may_be_asked_again_after_their_end() {
    let server = start(Contract::Extended);
    let id = server.visitor_opens_session(Visit::new()).id;
    let mut events = client(&server).events().connect().await.unwrap();
    let mut states = events.states();
    (0..20).for_each(|n| drop(server.visitor_says(&id, n.to_string())));
    let mut told = vec![said(&next(&mut events).await)];
    events.close().await;
    loop {
        tokio::select! {
            biased;
            Some(_) = states.next() => {}
            item = events.next() => match item {
                Some(item) => told.push(said(&item.unwrap())),
                None => break,
            },
        }
    }
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert!(told.iter().zip(&expected).all(|(one, other)| one == other), "{told:?}");
    assert!(states.next().await.is_none() && states.next().await.is_none());
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_noticed() {
    for contract in BOTH {
        let server = start(contract);
        let connect = client(&server).events().connect().reconnect(quick());
        let mut events = connect.ping_every(Duration::from_millis(30)).await.unwrap();
        server.inject(Fault::socket(SocketFault::Silent));
        let id = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&id, "Hello?");
        assert_eq!([said(&next(&mut events).await), said(&next(&mut events).await)], ["session.created", "Hello?"]);
    }
}

#[tokio::test]
async fn a_key_that_is_refused_later_ends_the_stream() {
    for contract in BOTH {
        let server = start(contract);
        let mut events = client(&server).events().connect().reconnect(quick()).await.unwrap();
        server.inject(Fault::socket(SocketFault::RefuseUpgrade { status: 503, retry_after: None }));
        server.inject(Fault::socket(SocketFault::RefuseAuth(4401)));
        server.cut_connections();
        let error = events.next().await.unwrap().unwrap_err();
        assert!(error.is_unauthorized(), "{error}");
        assert!(events.next().await.is_none());
        assert_eq!(events.state(), StreamState::Closed(CloseReason::Failed(ErrorKind::Unauthorized)));
    }
}

#[tokio::test]
async fn a_server_that_has_no_room_for_the_first_link_yet_is_asked_again() {
    for contract in BOTH {
        let server = start(contract);
        for fault in [
            SocketFault::RefuseUpgrade { status: 503, retry_after: Some(0) },
            SocketFault::RefuseUpgrade { status: 429, retry_after: None },
            SocketFault::RefuseAuth(1013),
        ] {
            server.inject(Fault::socket(fault));
        }
        let begun = std::time::Instant::now();
        client(&server).events().connect().await.unwrap();
        assert_eq!(server.faults_left(), 0);
        assert!(begun.elapsed() >= Duration::from_secs(1), "a 429 that names no time asks for a second");
        // Not longer than a call may take, not where one link was asked for, and not where it is of no use.
        let refused = |status, retry_after| {
            server.clear_faults();
            server.inject(Fault::socket(SocketFault::RefuseUpgrade { status, retry_after }));
        };
        refused(503, Some(3600));
        assert_eq!(client(&server).events().connect().await.unwrap_err().status(), Some(503));
        refused(503, Some(0));
        let once = client(&server).events().connect().reconnect(RetryPolicy::none());
        assert_eq!(once.await.unwrap_err().status(), Some(503));
        refused(502, Some(0));
        assert_eq!(client(&server).events().connect().await.unwrap_err().status(), Some(502));
    }
}

#[tokio::test]
async fn links_that_fail_too_often_end_it_with_the_last_cause() {
    let server = start(Contract::Strict);
    let mut events = client(&server).events().connect().reconnect(quick().max_attempts(3)).await.unwrap();
    server.refuse_connections(true);
    server.cut_connections();
    assert_eq!(events.next().await.unwrap().unwrap_err().kind(), ErrorKind::Network);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn its_states_can_be_watched() {
    let server = start(Contract::Extended);
    let events = client(&server).events().connect().reconnect(quick()).await.unwrap();
    let mut states = events.states();
    assert_eq!(states.next().await, Some(StreamState::Live));
    server.refuse_connections(true);
    server.cut_connections();
    assert_eq!(states.next().await, Some(StreamState::Connecting));
    server.refuse_connections(false);
    until(&events, StreamState::Live).await;
    events.close().await;
    let last = states.by_ref().collect::<Vec<_>>().await.pop();
    assert_eq!(last, Some(StreamState::Closed(CloseReason::Requested)));
}

#[tokio::test]
async fn edits_and_identity_come_as_the_latest_state() {
    let server = start(Contract::Extended);
    let client = client(&server);
    let id = server.visitor_opens_session(Visit::new()).id;
    let mut events = client.events().connect().reconnect(quick()).await.unwrap();
    server.refuse_connections(true);
    server.cut_connections();
    until(&events, StreamState::Connecting).await;
    server.refuse_connections(false);
    // The stream may be back before, between or after these: the last state told counts.
    for name in ["Zoe", "Zora"] {
        client.session(&id).identify(Identify::new().name(name)).await.unwrap();
    }
    loop {
        let item = next(&mut events).await;
        let session = item.event().and_then(|event| event.session()).expect("the session");
        if session.identity.as_ref().and_then(|identity| identity.name.as_deref()) == Some("Zora") {
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_for_ages_is_not_obeyed_into_a_panic() {
    let server = start(Contract::Extended);
    let connect = client(&server).events().connect().ping_every(Duration::MAX);
    let mut events = connect.reconnect(RetryPolicy::default().backoff(Duration::MAX, Duration::MAX)).await.unwrap();
    let retry_after = Some(u32::MAX);
    server.inject(Fault::socket(SocketFault::RefuseUpgrade { status: 503, retry_after }));
    server.cut_connections();
    until(&events, StreamState::Connecting).await;
    events.close().await;
    assert!(events.next().await.is_none());
}

/// Panics on the second upgrade.
struct Panics(Arc<dyn Transport>, Mutex<bool>);

impl Transport for Panics {
    fn send(
        &self,
        request: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send + '_>> {
        self.0.send(request)
    }

    fn upgrade(
        &self,
        request: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Upgrade, TransportError>> + Send + '_>> {
        let is_second = std::mem::replace(&mut *self.1.lock().unwrap(), true);
        assert!(!is_second, "this transport panics");
        self.0.upgrade(request)
    }
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_task_that_panicked() {
    let server = start(Contract::Extended);
    let client = Client::builder()
        .base_url(server.url())
        .api_key(server.api_key())
        .layer(|inner| Arc::new(Panics(inner, Mutex::new(false))))
        .build()
        .unwrap();
    let mut events = client.events().connect().reconnect(quick()).await.unwrap();
    server.cut_connections();
    assert_eq!(events.next().await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert!(events.next().await.is_none());
    assert_eq!(events.state(), StreamState::Closed(CloseReason::Failed(ErrorKind::Closed)));
}

#[tokio::test]
async fn a_key_that_rest_refuses_ends_the_stream_too() {
    for contract in BOTH {
        let server = start(contract);
        let id = server.visitor_opens_session(Visit::new()).id;
        let mut events = client(&server).events().connect().reconnect(quick()).await.unwrap();
        let line = "/sessions/:sessionId/messages";
        server.inject(Fault::http(HttpFault::Status { status: 401, retry_after: None }).route("GET", line));
        server.refuse_connections(true);
        server.cut_connections();
        until(&events, StreamState::Connecting).await;
        server.visitor_says(&id, "Hello?");
        server.refuse_connections(false);
        assert!(events.next().await.unwrap().unwrap_err().is_unauthorized(), "{contract:?}");
        assert!(events.next().await.is_none());
    }
}
