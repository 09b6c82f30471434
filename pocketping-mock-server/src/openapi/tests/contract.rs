//! A conversation over the contract's calls, in both modes: every request, answer and delivery is as the document says.

use std::time::Duration;

use pocketping_sdk::SessionId;
use serde_json::{Value, json};

use super::descriptions::{BOTH, CONTRACT, Descriptions};
use super::player::{Player, Request, send};
use crate::contract::Contract;
use crate::faults::{Fault, HttpFault};
use crate::server::MockServer;
use crate::store::Visit;

const SESSION: &str = "/sessions/sess_abc123";

fn keyed(line: impl AsRef<str>) -> Request {
    Request::line(line.as_ref()).key("test_key")
}

fn demo(contract: Contract) -> MockServer {
    MockServer::builder().contract(contract).demo_seed().start().unwrap()
}

/// What the reference prints, called in an order that works.
async fn printed(player: &mut Player<'_>, server: &MockServer) {
    for line in ["GET /health", "GET /sessions", &format!("GET {SESSION}"), &format!("GET {SESSION}/messages")] {
        assert_eq!(player.ask(server, keyed(line)).await.status, 200, "{line}");
    }
    for (line, example) in [
        (format!("POST {SESSION}/messages"), "documented"),
        (format!("POST {SESSION}/identify"), "documented"),
        (format!("POST {SESSION}/ai"), "documented"),
        ("POST /webhooks".to_owned(), "documented"),
    ] {
        let status = player.example(server, &line, example).await.status;
        assert!((200..300).contains(&status), "{line}: {status}");
    }
    assert_eq!(player.ask(server, keyed(format!("POST {SESSION}/close"))).await.status, 200);
    let late = json!({"content": "late"});
    let answer = player.ask(server, keyed(format!("POST {SESSION}/messages")).json(&late)).await;
    assert_eq!(answer.json()["code"], "SESSION_CLOSED");
    let again = json!({"content": "One more thing", "type": "visitor"});
    player.ask(server, keyed(format!("POST {SESSION}/messages")).json(&again)).await;
}

/// What is refused: by the server and, where the body is at fault, by the document's schema.
async fn refusals(player: &mut Player<'_>, server: &MockServer) {
    let none = "/sessions/nope";
    for (line, body) in [
        (format!("GET {none}"), Value::Null),
        (format!("GET {none}/messages"), Value::Null),
        (format!("POST {none}/close"), Value::Null),
        (format!("POST {none}/messages"), json!({"content": "Hi"})),
        (format!("POST {none}/identify"), json!({"name": "John Doe"})),
        (format!("POST {none}/ai"), json!({"enabled": true})),
    ] {
        let answer = player.ask(server, keyed(&line).json(&body)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("SESSION_NOT_FOUND")), "{line}");
    }
    for line in ["GET /sessions/%FF", "GET /sessions/%FF/messages", "POST /sessions/%FF/close"] {
        assert_eq!(player.ask(server, keyed(line)).await.status, 400, "{line}");
    }
    for (call, bad) in [
        ("messages", json!({})),
        ("messages", json!({"content": " \n"})),
        ("messages", json!({"content": "x".repeat(4001)})),
        ("messages", json!({"content": 5})),
        ("messages", json!({"content": "Hi", "type": "robot"})),
        ("messages", json!(["Hi"])),
        ("identify", json!({})),
        ("identify", json!({"metadata": {}})),
        ("identify", json!({"email": "nobody"})),
        ("identify", json!({"email": "a b@c"})),
        ("identify", json!({"name": {}})),
        ("ai", json!({})),
        ("ai", json!({"enabled": "no"})),
    ] {
        player.refused(server, &format!("POST {SESSION}/{call}"), &bad).await;
    }
    for bad in [
        json!({"url": "https://a.test/"}),
        json!({"url": "/hook", "events": ["message.created"]}),
        json!({"url": "ftp://a.test/", "events": ["message.created"]}),
        json!({"url": "https://a.test/", "events": []}),
        json!({"url": "https://a.test/", "events": ["typing"]}),
        json!({"url": "https://a.test/", "events": "message.created"}),
    ] {
        player.refused(server, "POST /webhooks", &bad).await;
    }
    for line in ["GET /nope", "DELETE /sessions", "POST /webhooks/wh_1"] {
        let status = player.ask(server, keyed(line)).await.status;
        assert!([404, 405].contains(&status), "{line}");
    }
}

/// Every call without a key, with a large body, and too often.
async fn every_call_s_own(player: &mut Player<'_>, contract: Contract) {
    let lines = [
        "GET /sessions",
        "GET /sessions/s",
        "POST /sessions/s/close",
        "GET /sessions/s/messages",
        "POST /sessions/s/messages",
        "POST /sessions/s/identify",
        "POST /sessions/s/ai",
        "POST /webhooks",
    ];
    let more: &[&str] = if contract.is_extended() { &["GET /webhooks", "DELETE /webhooks/wh_1"] } else { &[] };
    let server = demo(contract);
    for line in lines.iter().chain(more) {
        assert_eq!(player.ask(&server, Request::line(line)).await.status, 401, "{line}");
        let large = keyed(line).bytes(vec![b' '; (1 << 20) + 1]);
        let status = player.ask(&server, large).await.status;
        assert_eq!(status, if contract.is_extended() { 413 } else { 400 }, "{line}");
        let limited = MockServer::builder().contract(contract).rate_limit(1).start().unwrap();
        player.ask(&limited, keyed("GET /sessions")).await;
        assert_eq!(player.ask(&limited, keyed(line)).await.status, 429, "{line}");
    }
}

#[tokio::test]
async fn a_conversation_is_answered_as_the_document_says() {
    for contract in BOTH {
        for below in ["", "/v1"] {
            let descriptions = Descriptions::of(contract);
            let mut player = Player::new(&descriptions, CONTRACT, below);
            if contract.is_extended() {
                player = player.always("x-request-id", "mine-1");
            }
            let server = demo(contract);
            printed(&mut player, &server).await;
            refusals(&mut player, &server).await;
            whole_objects(&mut player, &server).await;
            if contract.is_extended() {
                additions(&mut player, &server).await;
            }
            every_call_s_own(&mut player, contract).await;
            // Only a bug of the server's makes a 500.
            let unseen = player.unseen().into_iter().filter(|it| !it.ends_with(" 500")).collect::<Vec<_>>();
            assert_eq!(player.unsaid(), [""; 0], "{contract:?}: documented, and not said by anything here");
            assert_eq!(unseen, [""; 0], "{contract:?}: documented, and not answered by anything here");
        }
    }
}

/// A session and messages that have all they can have, as far as the contract shows it.
async fn whole_objects(player: &mut Player<'_>, server: &MockServer) {
    let widget = async |line: &str, body| {
        let request = Request::line(&line.replace(' ', " /pocketping")).json(&body);
        let answer = send(server.service(), request).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        answer.json()
    };
    let identity = json!({"id": "u1", "email": "a@b.c", "name": "John Doe", "plan": "pro"});
    let visit =
        json!({"visitorId": "v", "identity": identity, "metadata": {"url": "https://example.com/", "language": "en"}});
    let id = widget("POST /connect", visit).await["sessionId"].clone();
    let file = json!({"sessionId": id, "filename": "a.txt", "mimeType": "text/plain", "size": 3});
    let upload = widget("POST /upload", file).await;
    let (_, path) = upload["uploadUrl"].as_str().unwrap().split_once("localhost:3001").unwrap();
    send(server.service(), Request::new("PUT", path).bytes("abc")).await;
    widget("POST /upload/complete", json!({"sessionId": id, "attachmentId": upload["attachmentId"]})).await;
    let message = json!({"sessionId": id, "attachmentIds": [upload["attachmentId"]], "replyTo": "msg_001"});
    let message = widget("POST /message", message).await["messageId"].clone();
    let edit = format!("PATCH /message/{}", message.as_str().unwrap());
    widget(&edit, json!({"sessionId": id, "content": "See the file"})).await;
    widget("POST /csat", json!({"sessionId": id, "score": 5, "comment": "great"})).await;
    let id: SessionId = id.as_str().unwrap().into();
    server.operator().reads(&id);
    server.visitor_says(&id, "Never mind");
    let deleted = server.messages(&id).last().unwrap().id.clone();
    widget(&format!("DELETE /message/{deleted}?sessionId={id}"), Value::Null).await;
    player.ask(server, keyed(format!("POST /sessions/{id}/close"))).await;

    let is_extended = player.ask(server, keyed("GET /health")).await.header("x-pocketping-contract").is_some();
    let session = player.ask(server, keyed(format!("GET /sessions/{id}"))).await.json();
    for name in ["closedAt", "identity", "aiEnabled", "unanswered", "visitorOnline", "csat"] {
        assert_eq!(session.get(name).is_some(), is_extended, "{name}");
    }
    let messages = player.ask(server, keyed(format!("GET /sessions/{id}/messages"))).await.json()["messages"].clone();
    for name in ["updatedAt", "editedAt", "deliveredAt", "readAt", "replyTo", "attachments"] {
        assert_eq!(messages[0].get(name).is_some(), is_extended, "{name}");
    }
    assert_eq!(messages[1].get("deletedAt").is_some(), is_extended);
}

/// What extended adds.
async fn additions(player: &mut Player<'_>, server: &MockServer) {
    for (query, status) in [
        ("status=active&projectId=proj_def456&since=2024-01-15T10:30:00Z&unanswered=true&q=pricing&limit=50", 200),
        ("limit=0", 400),
    ] {
        assert_eq!(player.ask(server, keyed(format!("GET /sessions?{query}"))).await.status, status, "{query}");
    }
    server.visitor_opens_session(Visit::new());
    let page = player.ask(server, keyed("GET /sessions?limit=1")).await.json();
    let next = page["nextCursor"].as_str().unwrap();
    player.ask(server, keyed(format!("GET /sessions?limit=1&cursor={next}"))).await;
    let page = player.ask(server, keyed(format!("GET {SESSION}/messages?limit=1"))).await.json();
    let next = page["nextCursor"].as_str().unwrap();
    for (query, status) in [(&*format!("cursor={next}&since=2024-01-15T10:30:00Z"), 200), ("since=x", 400)] {
        let answer = player.ask(server, keyed(format!("GET {SESSION}/messages?{query}"))).await;
        assert_eq!(answer.status, status, "{query}");
    }

    assert_eq!(player.ask(server, keyed("GET /sessions")).await.header("x-request-id"), Some("mine-1"));
    for (call, body, other) in [
        ("messages", json!({"content": "once"}), json!({"content": "twice"})),
        ("identify", json!({"name": "John Doe"}), json!({"name": "Jane Doe"})),
        ("ai", json!({"enabled": true}), json!({"enabled": false})),
    ] {
        let keyed = keyed(format!("POST {SESSION}/{call}")).header("idempotency-key", "order-7");
        player.ask(server, keyed.clone().json(&body)).await;
        let again = player.ask(server, keyed.clone().json(&body)).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{call}");
        let other = player.ask(server, keyed.json(&other)).await;
        assert_eq!(other.json()["code"], "IDEMPOTENCY_KEY_REUSED", "{call}");
    }
    for (line, body) in [
        (format!("POST {SESSION}/close"), Value::Null),
        (format!("POST {SESSION}/messages"), json!({"content": "Hi", "type": "visitor"})),
        (format!("POST {SESSION}/identify"), json!({"name": "John Doe"})),
        (format!("POST {SESSION}/ai"), json!({"enabled": true})),
        ("POST /webhooks".to_owned(), json!({"url": "https://a.test/", "events": ["message.updated"]})),
    ] {
        in_progress(player, server, keyed(line).header("idempotency-key", "busy").json(&body)).await;
    }

    let webhook = player.ask(server, keyed("GET /webhooks")).await.json()["webhooks"][0]["id"].clone();
    for (id, status) in [(webhook.as_str().unwrap(), 204), ("nope", 404), ("%FF", 400)] {
        assert_eq!(player.ask(server, keyed(format!("DELETE /webhooks/{id}"))).await.status, status, "{id}");
    }
    let secret = json!({"url": "https://a.test/", "events": ["message.created"], "secret": "short"});
    player.refused(server, "POST /webhooks", &secret).await;
    for insane in ["a b", &"k".repeat(256)] {
        let request = keyed("POST /webhooks").header("idempotency-key", insane);
        assert_eq!(player.ask(server, request).await.status, 400);
    }
}

/// A request with a key while the first one with it still runs.
async fn in_progress(player: &mut Player<'_>, server: &MockServer, request: Request) {
    server.inject(Fault::http(HttpFault::HoldThenApply(Duration::from_millis(50))));
    // The second one begins when the first is held.
    let first = send(server.service(), player.whole(&request));
    let (_, second) = tokio::join!(first, player.ask(server, request.clone()));
    assert_eq!((second.status, &second.json()["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS")));
    let again = player.ask(server, request).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn deliveries_are_as_the_document_says() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        let server = demo(contract);
        let events: Vec<_> = contract.webhook_events().iter().map(|event| json!(event)).collect();
        // Nobody listens there; what would be sent is what counts.
        let webhook = json!({"url": "http://127.0.0.1:1/hook", "events": events});
        let player = &mut Player::new(&descriptions, CONTRACT, "");
        player.ask(&server, keyed("POST /webhooks").json(&webhook)).await;
        let id = server.visitor_opens_session(Visit::new().page_url("https://example.com/")).id;
        server.visitor_says(&id, "Hello");
        player.ask(&server, keyed(format!("POST /sessions/{id}/ai")).json(&json!({"enabled": false}))).await;
        server.operator().reads(&id);
        player.ask(&server, keyed(format!("POST /sessions/{id}/close"))).await;
        let place = "/webhooks/event/post/requestBody/content/application~1json/schema";
        let mut told = Vec::new();
        for delivery in server.deliveries() {
            let body = serde_json::from_slice(&delivery.body).unwrap();
            descriptions.check(CONTRACT, place, &body).unwrap_or_else(|wrong| panic!("{contract:?}: {wrong}"));
            told.push(json!(delivery.event));
        }
        assert!(events.iter().all(|event| told.contains(event)), "{contract:?}: {told:?}");
    }
}
