//! How deployed events are delivered: signed or not, again, in order, beside documented webhooks, in both contracts.

use std::time::Duration;

use pocketping_mock_server::{Contract, DeliveryState, MockServer, Visit};
use pocketping_sdk::MessageKind;
use pocketping_sdk::webhooks::{self, Payload, Verifier, VerifyError};
use serde_json::{Value, json};

use crate::deliveries::{attempts, register, until};
use crate::deployed::{Deployment, SECRET};
use crate::receiver::{Received, Webhook};
use crate::wire::send;

fn name(body: &Value) -> &str {
    body["type"].as_str().unwrap()
}

#[test]
fn a_receiver_verifies_and_reads_them() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.next();
    it.server.visitor_says(&id, "Hello");
    let got = it.hook.next("200 OK");
    let clock = || "2024-01-15T10:30:02Z".parse().unwrap();
    let verifier = Verifier::new(SECRET).clock(clock);
    let signature = got.header("x-pocketping-signature");
    let genuine = verifier.verify(signature, got.body.as_bytes()).unwrap();
    let payload = genuine.payload();
    assert!(matches!(payload, Payload::Deployed(_)));
    assert_eq!((payload.name(), payload.session_id()), ("visitor_message", Some(id.as_str())));
    assert_eq!(payload.time().unwrap().to_string(), "2024-01-15T10:30:01Z");
    let message = payload.message().unwrap();
    assert_eq!((message.id.as_str(), message.content.as_str(), message.kind), ("msg_1", "Hello", MessageKind::Visitor));
    assert_eq!(message.created_at.unwrap().to_string(), "2024-01-15T10:30:01.500Z");
    assert_eq!(payload.session().unwrap().metadata.page_url.as_deref(), Some("https://example.com/pricing"));
    genuine.done();

    let changed = got.body.replace("Hello", "Hallo");
    assert_eq!(verifier.verify(signature, changed.as_bytes()).unwrap_err(), VerifyError::WrongKey);
    let other = Verifier::new("another").clock(clock).verify(signature, got.body.as_bytes());
    assert_eq!(other.unwrap_err(), VerifyError::WrongKey);
}

#[test]
fn without_a_secret_they_are_named_and_not_signed() {
    let hook = Webhook::start();
    let server = MockServer::builder().events_webhook(&hook.url, None).start().unwrap();
    server.operator().is_online(true);
    let got = hook.next("200 OK");
    let ours: Vec<_> =
        got.headers.iter().filter(|(name, _)| name.starts_with("x-")).map(|(name, value)| [name, value]).collect();
    assert_eq!(ours, [["x-pocketping-event", "operator_status"]]);
    assert_eq!(got.body, r#"{"data":{"online":true},"sentAt":"2024-01-15T10:30:00Z","type":"operator_status"}"#);
}

#[tokio::test]
async fn failures_are_tried_again_as_those_of_other_webhooks_and_redelivered_on_request() {
    let it = Deployment::start();
    it.server.operator().is_online(true);
    let mut bodies = Vec::new();
    for (n, wait) in [1, 5, 30, 120, 600].into_iter().enumerate() {
        bodies.push(it.hook.next("503 Busy").body);
        until(&it.server, |all| attempts(all, n + 1)).await;
        it.server.clock().advance(Duration::from_secs(wait));
    }
    bodies.push(it.hook.next("302 Elsewhere\r\nLocation: /other").body);
    let all = until(&it.server, |all| all[0].state == DeliveryState::Failed).await;
    assert_eq!((all.len(), all[0].attempts.len(), all[0].attempts[5].status), (1, 6, Some(302)));
    assert_eq!((all[0].webhook_id.as_str(), all[0].event.as_str()), ("events", "operator_status"));
    assert!(bodies.iter().all(|body| body.as_bytes() == all[0].body), "the same bytes each time: {bodies:?}");

    assert!(it.server.redeliver(&all[0].id));
    assert!(!it.server.redeliver(&all[0].id), "it is under way");
    let body = it.next();
    assert_eq!((name(&body), &body["sentAt"]), ("operator_status", &json!("2024-01-15T10:30:01Z")));
    until(&it.server, |all| all[0].state == DeliveryState::Delivered).await;
    assert!(it.server.redeliver(&all[0].id), "what was delivered, too");
    it.next();
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_longer_wait() {
    let it = Deployment::start();
    it.server.operator().is_online(true);
    it.hook.next("429 Slow\r\nRetry-After: 60");
    until(&it.server, |all| attempts(all, 1)).await;
    it.server.clock().advance(Duration::from_secs(59));
    // What belongs to no session waits for its like; a session's event goes ahead.
    it.connect("v");
    assert_eq!(name(&it.next()), "new_session");
    it.server.clock().advance(Duration::from_secs(1));
    assert_eq!(name(&it.next()), "operator_status");
}

#[tokio::test]
async fn a_session_keeps_its_order_while_others_go_ahead() {
    let it = Deployment::start();
    let one = it.connect("one");
    it.server.visitor_says(&one, "first");
    it.server.operator().edits(&one, &it.operator_says(&one, "second"), "third");
    let first = it.hook.next("500 No");
    assert_eq!(name(&first.json()), "new_session");
    until(&it.server, |all| attempts(all, 1)).await;
    let other = it.connect("two");
    let ahead = it.next();
    assert_eq!((name(&ahead), &ahead["data"]["session"]["id"]), ("new_session", &json!(other)));
    it.server.clock().advance(Duration::from_secs(1));
    let names = [it.next(), it.next(), it.next(), it.next()].map(|body| name(&body).to_owned());
    assert_eq!(names, ["new_session", "visitor_message", "operator_message", "operator_message_edited"]);
}

#[tokio::test]
async fn they_come_beside_a_documented_webhook_and_neither_waits_for_the_other() {
    let it = Deployment::start();
    let documented = Webhook::start();
    register(&documented, &it.server, &["session.created", "message.created", "session.closed"]);
    let id = it.server.visitor_opens_session(Visit::new()).id;
    it.server.visitor_says(&id, "Hello");
    // The one receiver holds its first delivery; the other gets all of its own.
    let first = documented.received.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(first.json()["event"], "session.created");
    assert_eq!([it.next(), it.next()].map(|body| name(&body).to_owned()), ["new_session", "visitor_message"]);
    documented.answers.send("200 OK").unwrap();
    let second = documented.next("200 OK");
    assert_eq!(second.json()["event"], "message.created");
    let verifier = Verifier::new("whsec_test").allow_stale();
    let signed = |got: &Received| verifier.verify(got.header("x-pocketping-signature"), got.body.as_bytes()).is_ok();
    assert!(signed(&first) && signed(&second), "each with its own secret");
    let all = until(&it.server, |all| all.iter().all(|one| one.state == DeliveryState::Delivered)).await;
    let mut webhooks: Vec<_> = all.iter().map(|one| one.webhook_id.as_str()).collect();
    webhooks.sort_unstable();
    assert_eq!(webhooks, ["events", "events", "wh_1", "wh_1"]);
}

#[test]
fn the_strict_contract_changes_nothing_about_them() {
    let bodies = [Contract::Strict, Contract::Extended].map(|contract| {
        let it = Deployment::with(MockServer::builder().contract(contract));
        let id = it.connect("v");
        it.server.visitor_says(&id, "Hello");
        it.server.operator().deletes(&id, &it.operator_says(&id, "Hi"));
        it.server.operator().asks_for_rating(&id);
        [it.next(), it.next(), it.next(), it.next(), it.next()]
    });
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0][1]["data"]["message"]["status"], "sent");
}

#[test]
fn all_tenants_are_told_of() {
    let hook = Webhook::start();
    let [one, two] = ["one=a", "two=b"].map(|key| key.parse().unwrap());
    let server = MockServer::builder().key(one).key(two).events_webhook(&hook.url, None).start().unwrap();
    // A tenant comes into being with its first call.
    assert_eq!(send(&server, "GET /sessions", &[("Authorization", "Bearer two")], "").status, 200);
    for project in ["proj_1", "proj_2"] {
        let line = format!("POST /api/widget/{project}/connect");
        let answer = send(&server, &line, &[], r#"{"visitorId":"v"}"#);
        let told = hook.next("200 OK").json();
        assert_eq!((name(&told), &told["data"]["session"]["id"]), ("new_session", &answer.json()["sessionId"]));
    }
}

#[test]
fn an_events_webhook_that_cannot_be_one_keeps_the_server_from_starting() {
    let start = |address: &str, url: &str| {
        MockServer::builder().address(address.parse().unwrap()).events_webhook(url, None).start()
    };
    for (url, why) in [("nowhere", "no absolute URL"), ("ftp://a/", "http://"), ("http://a/b c", "blank")] {
        let error = start("127.0.0.1:0", url).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("events webhook"), "{url}: {error}");
    }
    for private in ["http://127.0.0.1/", "http://localhost/", "http://10.0.0.1/", "http://[fd00::1]/"] {
        let error = start("0.0.0.0:0", private).unwrap_err().to_string();
        assert!(error.contains("--allow-private-webhooks"), "{private}: {error}");
        drop(start("127.0.0.1:0", private).unwrap());
    }
    drop(start("0.0.0.0:0", "https://example.com/hook").unwrap());
    let allowed = MockServer::builder().address("0.0.0.0:0".parse().unwrap()).allow_private_webhooks();
    drop(allowed.events_webhook("http://10.0.0.1/", None).start().unwrap());
}

#[test]
fn a_body_is_signed_as_it_is_sent() {
    let it = Deployment::start();
    let id = it.connect("v");
    it.next();
    it.server.visitor_says(&id, "Zażółć \"gęślą\" jaźń / 💬\n");
    let got = it.hook.next("200 OK");
    assert_eq!(got.header("x-pocketping-signature"), Some(webhooks::sign(SECRET, got.body.as_bytes()).as_str()));
    assert_eq!(got.json()["data"]["message"]["content"], "Zażółć \"gęślą\" jaźń / 💬\n");
}
