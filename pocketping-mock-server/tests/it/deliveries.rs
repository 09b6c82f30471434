//! Webhook delivery, as a receiver sees it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use pocketping_mock_server::{Contract, Delivery, DeliveryState, MockServer, Visit};
use pocketping_sdk::webhooks::Verifier;
use serde_json::{Value, json};

use crate::receiver::{Received, Webhook};
use crate::wire::{call, send};

pub(crate) fn register(hook: &Webhook, server: &MockServer, events: &[&str]) -> Value {
    let body = json!({"url": hook.url, "events": events, "secret": "whsec_test"}).to_string();
    let answer = call(server, "POST /webhooks", &body);
    assert!(answer.status == 201 || answer.status == 200, "{answer:?}");
    answer.json()
}

pub(crate) async fn until(server: &MockServer, are: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
    tokio::time::timeout(Duration::from_secs(10), server.deliveries_until(are)).await.expect("deliveries in time")
}

pub(crate) fn attempts(deliveries: &[Delivery], n: usize) -> bool {
    deliveries.iter().map(|delivery| delivery.attempts.len()).sum::<usize>() == n
}

#[tokio::test]
async fn extended_deliveries_are_whole_signed_and_numbered() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created", "session.closed"]);
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"Hi"}"#);
    call(&server, "POST /sessions/sess_abc123/ai", r#"{"enabled":false}"#);
    let got = hook.next("204 No Content");
    assert_eq!(got.line, "POST /hook?a=1 HTTP/1.1");
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("host"), Some(&hook.url["http://".len()..hook.url.len() - "/hook?a=1".len()]));
    assert_eq!(got.header("x-pocketping-event"), Some("message.created"));
    assert_eq!(got.header("x-pocketping-delivery"), Some("dlv_1"));
    assert_eq!(got.header("x-pocketping-attempt"), Some("1"));
    let mut body = got.json();
    assert!(body["id"].take().as_str().unwrap().starts_with("evt_"));
    assert_eq!(
        body,
        json!({"event": "message.created", "timestamp": "2024-01-15T10:35:00Z", "id": null, "data": {
            "sessionId": "sess_abc123",
            "message": {"id": "msg_1", "sessionId": "sess_abc123", "content": "Hi", "type": "operator",
                        "createdAt": "2024-01-15T10:35:00Z"}}})
    );
    let verifier = Verifier::new("whsec_test").clock(|| "2024-01-15T10:35:00Z".parse().unwrap());
    verifier.verify(got.header("x-pocketping-signature"), got.body.as_bytes()).unwrap().done();

    call(&server, "POST /sessions/sess_abc123/close", "");
    assert_eq!(hook.next("200 OK").json()["data"]["message"]["content"], "Session closed");
    let closed = hook.next("200 OK").json();
    assert_eq!((&closed["event"], &closed["data"]), (&json!("session.closed"), &json!({"sessionId": "sess_abc123"})));
    let all = until(&server, |all| all.iter().all(|it| it.state == DeliveryState::Delivered)).await;
    assert_eq!(all.len(), 3, "session.updated was not asked for");
    assert_eq!(all[0].attempts[0].status, Some(204));
}

#[tokio::test]
async fn strict_deliveries_are_the_documented_ones() {
    let server = MockServer::builder().contract(Contract::Strict).demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["session.created", "message.created", "session.closed"]);
    server.visitor_says(&"sess_abc123".into(), "Hello!");
    let got = hook.next("200 OK");
    assert_eq!(
        got.json(),
        json!({"event": "message.created", "timestamp": "2024-01-15T10:35:00Z",
               "data": {"sessionId": "sess_abc123", "message": {"id": "msg_1", "content": "Hello!", "type": "visitor"}}})
    );
    assert!(got.headers.iter().all(|(name, _)| !name.starts_with("x-pocketping")), "{got:?}");
    let id = server.visitor_opens_session(Visit::new()).id;
    let opened = hook.next("200 OK").json();
    assert_eq!((&opened["data"]["sessionId"], &opened["data"]["session"]["id"]), (&json!(id), &json!(id)));
    assert_eq!(opened["data"]["session"].get("aiEnabled"), None);
}

#[tokio::test]
async fn failures_are_tried_again_on_the_servers_clock() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created"]);
    server.visitor_says(&"sess_abc123".into(), "Hello!");
    let waits = [1, 5, 30, 120, 600];
    for (n, wait) in waits.into_iter().enumerate() {
        let got = hook.next("503 Busy");
        assert_eq!(got.header("x-pocketping-attempt"), Some((n + 1).to_string().as_str()));
        assert_eq!(got.header("x-pocketping-delivery"), Some("dlv_1"), "the same over its attempts");
        until(&server, |all| attempts(all, n + 1)).await;
        server.clock().advance(Duration::from_secs(wait));
    }
    hook.next("500 No");
    let all = until(&server, |all| all[0].state == DeliveryState::Failed).await;
    let times: Vec<_> = all[0].attempts.iter().map(|attempt| attempt.at.to_string()).collect();
    assert_eq!(
        (times.len(), times[1].as_str(), times[5].as_str()),
        (6, "2024-01-15T10:30:01Z", "2024-01-15T10:42:36Z")
    );

    assert!(server.redeliver(&all[0].id));
    assert!(!server.redeliver(&all[0].id), "it is under way");
    assert_eq!(hook.next("200 OK").header("x-pocketping-delivery"), Some("dlv_1"));
    until(&server, |all| all[0].state == DeliveryState::Delivered).await;
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_longer_wait() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created"]);
    server.visitor_says(&"sess_abc123".into(), "Hello!");
    hook.next("429 Slow\r\nRetry-After: 60");
    until(&server, |all| attempts(all, 1)).await;
    server.clock().advance(Duration::from_secs(59));
    // A second early it waits still: what comes now is another session's.
    server.visitor_says(&server.visitor_opens_session(Visit::new()).id, "Me too");
    assert_eq!(hook.next("200 OK").header("x-pocketping-delivery"), Some("dlv_2"));
    server.clock().advance(Duration::from_secs(1));
    let again = hook.next("200 OK");
    let seen = ["delivery", "attempt"].map(|name| again.header(&format!("x-pocketping-{name}")));
    assert_eq!(seen, [Some("dlv_1"), Some("2")]);
    until(&server, |all| all[0].state == DeliveryState::Delivered).await;

    // As a date it counts from the receiver's own.
    server.visitor_says(&"sess_abc123".into(), "Still there?");
    hook.next("503 Busy\r\nDate: Mon, 15 Jan 2024 12:00:00 GMT\r\nRetry-After: Mon, 15 Jan 2024 12:01:00 GMT");
    until(&server, |all| attempts(&all[2..], 1)).await;
    server.clock().advance(Duration::from_secs(59));
    server.visitor_says(&server.visitor_opens_session(Visit::new()).id, "Me too");
    assert_eq!(hook.next("200 OK").header("x-pocketping-delivery"), Some("dlv_4"));
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(hook.next("200 OK").header("x-pocketping-delivery"), Some("dlv_3"));
}

#[tokio::test]
async fn what_was_tried_is_not_tried_again_once_the_webhook_is_deleted() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created"]);
    server.visitor_says(&"sess_abc123".into(), "tried, and to be tried again");
    server.visitor_says(&"sess_abc123".into(), "waiting behind it");
    hook.next("500 No");
    until(&server, |all| attempts(all, 1)).await;
    assert_eq!(call(&server, "DELETE /webhooks/wh_1", "").status, 204);
    until(&server, |all| all.iter().all(|it| it.state == DeliveryState::Failed)).await;
    server.advance(Duration::from_secs(2 * 3600)).await;
    // What comes next is what another webhook at this address is told.
    assert_eq!(register(&hook, &server, &["message.created"])["id"], "wh_2");
    server.visitor_says(&"sess_abc123".into(), "another one");
    assert_eq!(hook.next("200 OK").json()["data"]["message"]["content"], "another one");
    let all = until(&server, |all| all[2].state == DeliveryState::Delivered).await;
    assert!(all[..2].iter().all(|it| it.state == DeliveryState::Failed) && attempts(&all, 2), "{all:?}");
}

#[tokio::test]
async fn a_session_keeps_its_order_while_others_go_ahead_and_no_request_waits() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created"]);
    server.visitor_says(&"sess_abc123".into(), "first");
    server.visitor_says(&"sess_abc123".into(), "second");
    // The receiver holds the first delivery; requests are answered all the same.
    assert_eq!(call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"third"}"#).status, 201);
    let text = |got: Received| got.json()["data"]["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(text(hook.next("500 No")), "first");
    until(&server, |all| attempts(all, 1)).await;
    let other = server.visitor_opens_session(Visit::new()).id;
    server.visitor_says(&other, "another session");
    assert_eq!(text(hook.next("200 OK")), "another session", "the second message waits for the first");
    server.clock().advance(Duration::from_secs(1));
    for expected in ["first", "second", "third"] {
        assert_eq!(text(hook.next("200 OK")), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    // A connection's own address: nobody listens there, and nobody is given it meanwhile.
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(peer.local_addr().unwrap()).unwrap();
    let free = connection.local_addr().unwrap();
    for url in [format!("http://{free}/"), format!("https://{free}/")] {
        let body = json!({"url": url, "events": ["message.created"]}).to_string();
        assert_eq!(call(&server, "POST /webhooks", &body).status, 201);
    }
    server.visitor_says(&"sess_abc123".into(), "Hello!");
    let all = until(&server, |all| attempts(all, 2)).await;
    let mut errors: Vec<_> = all.iter().map(|it| it.attempts[0].error.clone().unwrap()).collect();
    errors.sort();
    let no_tls = if cfg!(feature = "tls") { "refused" } else { "https:// targets need the feature `tls`" };
    assert!(errors[0].contains("refused") && errors[1].contains(no_tls), "{errors:?}");
    // Both still wait for their next attempt; that keeps nobody from stopping.
    server.shutdown().await;
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    register(&hook, &server, &["message.created"]);
    server.visitor_says(&"sess_abc123".into(), "Hello!");
    hook.next("307 Elsewhere\r\nLocation: /other");
    let all = until(&server, |all| attempts(all, 1)).await;
    assert_eq!((all[0].attempts[0].status, all[0].state), (Some(307), DeliveryState::Pending));
}

#[test]
fn a_server_others_can_reach_calls_no_private_address() {
    let open = || MockServer::builder().address("0.0.0.0:0".parse().unwrap());
    let register = |server: &MockServer, url: &str| {
        let body = json!({"url": url, "events": ["message.created"]}).to_string();
        let request = format!(
            "POST /webhooks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test_key\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", server.address().port())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let server = open().start().unwrap();
    for private in
        ["http://127.0.0.1/", "http://localhost/", "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/"]
    {
        let answer = register(&server, private);
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("--allow-private-webhooks"),
            "{private}: {answer}"
        );
    }
    assert!(register(&server, "https://yoursite.com/webhook").starts_with("HTTP/1.1 201"));
    let allowed = open().allow_private_webhooks().start().unwrap();
    assert!(register(&allowed, "http://10.0.0.1/").starts_with("HTTP/1.1 201"));
}

#[tokio::test]
async fn a_webhook_that_is_deleted_gets_nothing_more() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let hook = Webhook::start();
    let id = register(&hook, &server, &["message.created"])["id"].as_str().unwrap().to_owned();
    server.visitor_says(&"sess_abc123".into(), "first");
    server.visitor_says(&"sess_abc123".into(), "second");
    let first = hook.received.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(
        send(&server, &format!("DELETE /webhooks/{id}"), &[("Authorization", "Bearer test_key")], "").status,
        204
    );
    hook.answers.send("200 OK").unwrap();
    assert!(first.body.contains("first"));
    let all = until(&server, |all| all.iter().all(|it| it.state != DeliveryState::Pending)).await;
    assert_eq!([all[0].state, all[1].state], [DeliveryState::Delivered, DeliveryState::Failed]);
    assert!(all[1].attempts.is_empty() && !server.redeliver(&all[1].id));
}
