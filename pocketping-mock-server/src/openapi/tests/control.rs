//! Every call of the control surface: requests and answers are as the document says.

use serde_json::{Value, json};

use super::descriptions::{CONTROL, Descriptions};
use super::player::{Player, Request, send};
use crate::contract::Contract;
use crate::server::MockServer;

/// What the calls are about: their own state, by default and by both of its names.
const WHOSE: [&str; 3] = ["", "?tenant=default", "?key=test_key"];

/// Calls with the document's example, and those without a body, in an order that works; `*` is about a tenant.
const CALLS: [&str; 45] = [
    "POST /visitors *",
    "POST /sessions/sess_1/visitor/say *",
    "POST /sessions/sess_1/operator/say *",
    "POST /sessions/sess_1/visitor/type *",
    "POST /sessions/sess_1/visitor/read *",
    "POST /sessions/sess_1/operator/read *",
    "POST /sessions/sess_1/operator/type *",
    "POST /sessions/sess_1/operator/edit *",
    "POST /sessions/sess_1/operator/ask-for-rating *",
    "POST /sessions/sess_1/visitor/rate *",
    "POST /sessions/sess_1/operator/ask-for-screenshot *",
    "POST /sessions/sess_1/operator/tell-page *",
    "POST /sessions/sess_1/operator/ai *",
    "POST /operator *",
    "POST /tracked-elements *",
    "GET /sessions/sess_1/signals *",
    "GET /sessions/sess_1/scenario *",
    "GET /state *",
    "GET /events *",
    "GET /deliveries *",
    "POST /snapshots/before *",
    "GET /snapshots *",
    "POST /sessions/sess_1/operator/delete *",
    "POST /sessions/sess_1/operator/close *",
    "POST /sessions/sess_1/visitor/leave *",
    "POST /snapshots/before/restore *",
    "DELETE /snapshots/before *",
    "POST /reset *",
    "POST /scenarios *",
    "POST /scenarios/demo *",
    "GET /scenarios",
    "GET /tenants",
    "GET /clock",
    "POST /clock/run",
    "POST /clock/freeze",
    "POST /clock/advance",
    "GET /faults",
    "POST /faults",
    "DELETE /faults/fault_1",
    "DELETE /faults",
    "GET /barriers",
    "GET /metrics",
    "GET /openapi.json",
    "POST /journal/wait",
    "POST /seed *",
];

fn start() -> MockServer {
    MockServer::builder().contract(Contract::Extended).start().unwrap()
}

/// Sends the document's example, or nothing where no body is documented.
async fn call(player: &mut Player<'_>, server: &MockServer, line: &str) -> Value {
    let answer = if player.takes_a_body(line) {
        player.example(server, line, "example").await
    } else {
        player.ask(server, Request::line(line)).await
    };
    assert!((200..300).contains(&answer.status), "{line}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

async fn refused(player: &mut Player<'_>, server: &MockServer, line: &str, body: Value, status: u16) {
    let answer = player.ask(server, Request::line(line).json(&body)).await;
    assert_eq!(answer.status, status, "{line} {body}: {answer:?}");
}

/// What is not said by examples.
async fn more(player: &mut Player<'_>, server: &MockServer, whose: &str) {
    // A delivery that nobody takes, until it is given up.
    call(player, server, "POST /sessions/sess_1/visitor/say").await;
    refused(player, server, "POST /deliveries/dlv_1/redeliver", Value::Null, 409).await;
    server.advance(std::time::Duration::from_secs(2 * 3600)).await;
    let deliveries = call(player, server, "GET /deliveries").await;
    let delivery = &deliveries["deliveries"][0];
    assert_eq!(delivery["state"], "failed");
    let id = delivery["id"].as_str().unwrap();
    call(player, server, &format!("POST /deliveries/{id}/redeliver{whose}")).await;

    call(player, server, "GET /events?limit=1").await;
    let asked = "kind=request&method=POST&route=/sessions&path=/sessions&status=200&since=1&pii=1";
    for export in ["journal", "journal.har", "journal.ndjson"] {
        call(player, server, &format!("GET /{export}?{asked}&tenant=default")).await;
        call(player, server, &format!("GET /{export}?key=test_key")).await;
        refused(player, server, &format!("GET /{export}?since=x"), Value::Null, 400).await;
    }
    call(player, server, "GET /journal?limit=2").await;
    call(player, server, "DELETE /journal").await;
    refused(player, server, "POST /journal/wait", json!({"match": {"kind": "frame"}, "within": "1ms"}), 408).await;

    let held = json!({"do": {"kind": "hold", "barrier": "gate"}, "times": "always"});
    refused(player, server, "POST /faults", held, 201).await;
    call(player, server, "GET /faults").await;
    call(player, server, "POST /barriers/gate/release").await;
}

/// What is refused, by its own words.
async fn refusals(player: &mut Player<'_>, server: &MockServer) {
    let edit = |id: &str| json!({"messageId": id, "content": "x"});
    for (line, body, status) in [
        ("POST /visitors", json!({"projectId": "proj_9"}), 404),
        ("POST /sessions/sess_1/operator/edit", edit("msg_9"), 404),
        ("POST /sessions/sess_1/operator/edit", edit("msg_1"), 403),
        ("POST /sessions/sess_1/operator/delete", json!({"messageId": "msg_9"}), 404),
        ("POST /sessions/sess_1/operator/delete", json!({"messageId": "msg_1"}), 403),
        ("POST /sessions/sess_1/operator/delete", json!({"messageId": "msg_2"}), 200),
        ("POST /sessions/sess_1/operator/delete", json!({"messageId": "msg_2"}), 410),
        ("POST /sessions/sess_1/operator/edit", edit("msg_2"), 410),
        ("POST /sessions/sess_1/operator/close", Value::Null, 200),
        ("POST /sessions/sess_1/operator/say", json!({"content": "late"}), 400),
        ("POST /snapshots/nope/restore", Value::Null, 404),
        ("DELETE /snapshots/nope", Value::Null, 404),
        ("DELETE /faults/fault_99", Value::Null, 404),
        ("POST /barriers/nope/release", Value::Null, 404),
        ("POST /scenarios/nope", Value::Null, 404),
        ("POST /scenarios", json!({"name": "x", "steps": [{"leave": {"as": "nobody"}}]}), 422),
        ("POST /deliveries/dlv_99/redeliver", Value::Null, 404),
        ("GET /nope", Value::Null, 404),
        ("POST /state", Value::Null, 405),
    ] {
        refused(player, server, line, body, status).await;
    }
    for n in 0..100 {
        refused(player, server, &format!("POST /snapshots/s{n}"), Value::Null, 200).await;
    }
    refused(player, server, "POST /snapshots/s100", Value::Null, 409).await;
    for _ in 0..1000 {
        server.inject(crate::faults::Fault::socket(crate::faults::SocketFault::Skip));
    }
    refused(player, server, "POST /faults", json!({"do": {"kind": "reset"}}), 507).await;
    for (line, bad) in [
        ("POST /visitors", json!({"name": "ann"})),
        ("POST /visitors", json!({"visitorId": 1})),
        ("POST /sessions/sess_1/visitor/say", json!({"content": " "})),
        ("POST /sessions/sess_1/visitor/say", json!({"content": "x".repeat(4001)})),
        ("POST /sessions/sess_1/visitor/say", json!({"content": "Hi", "type": "visitor"})),
        ("POST /sessions/sess_1/visitor/rate", json!({"score": 6})),
        ("POST /sessions/sess_1/operator/say", json!({})),
        ("POST /sessions/sess_1/operator/ai", json!({"enabled": "no"})),
        ("POST /sessions/sess_1/operator/type", json!({"typing": true})),
        ("POST /sessions/sess_1/visitor/type", json!({"isTyping": "yes"})),
        ("POST /sessions/sess_1/operator/edit", json!({"messageId": "msg_1"})),
        ("POST /sessions/sess_1/operator/delete", json!({})),
        ("POST /sessions/sess_1/operator/ask-for-screenshot", json!({"silent": 1})),
        ("POST /sessions/sess_1/operator/tell-page", json!({"name": ""})),
        ("POST /operator", json!({"online": "yes"})),
        ("POST /tracked-elements", json!({"trackedElements": 5})),
        ("POST /clock/advance", json!({"by": "2 h"})),
        ("POST /seed", json!({"sessions": 5})),
        ("POST /faults", json!({"on": {}})),
        ("POST /faults", json!({"do": {"kind": "reset"}, "times": 0})),
        ("POST /journal/wait", json!({"match": {"kind": "nothing"}})),
        ("POST /journal/wait", json!({"within": "long"})),
        ("POST /scenarios", json!({"name": "no steps"})),
        ("POST /scenarios", json!({"steps": []})),
        ("POST /scenarios", json!({"steps": ["say"]})),
    ] {
        player.refused(server, line, &bad).await;
    }
}

/// What every call is refused for: a wrong token, a page elsewhere, a session or tenant that is not there, a large body.
async fn every_call_s_own(player: &mut Player<'_>, server: &MockServer) {
    let guarded = MockServer::builder().control_token("token").start().unwrap();
    let operations = player.operations();
    for operation in &operations {
        let line = operation.replace(['{', '}'], "");
        let line = line.as_str();
        assert_eq!(player.ask(&guarded, Request::line(line)).await.status, 401, "{line}");
        let elsewhere = Request::line(line).header("origin", "https://elsewhere.example");
        assert_eq!(player.ask(server, elsewhere).await.status, 403, "{line}");
        let large = Request::line(line).bytes(vec![b' '; (1 << 20) + 1]);
        if player.takes_a_body(line) {
            assert_eq!(player.ask(server, large).await.status, 413, "{line}");
        } else {
            refused(player, server, line, json!({"unasked": 1}), 400).await;
        }
        refused(player, server, &format!("{line}?unknown=1"), Value::Null, 400).await;
        if player.is_about_a_tenant(operation) {
            refused(player, server, &format!("{line}?tenant=nope"), json!({}), 400).await;
        }
        if line.contains("/sessions/") {
            let body = player.body_of(operation);
            refused(player, server, line, body, 404).await;
        }
    }
}

#[tokio::test]
async fn the_control_surface_answers_as_its_document_says() {
    let descriptions = Descriptions::of(Contract::Extended);
    let mut player = Player::new(&descriptions, CONTROL, "/_mock");
    for whose in WHOSE {
        let server = start();
        for line in CALLS {
            let line = match line.strip_suffix(" *") {
                Some(line) => format!("{line}{whose}"),
                None => line.to_owned(),
            };
            call(&mut player, &server, &line).await;
        }
        more(&mut player, &server, whose).await;
    }
    let server = start();
    for line in CALLS.into_iter().take(3) {
        call(&mut player, &server, line.trim_end_matches(" *")).await;
    }
    refusals(&mut player, &server).await;
    every_call_s_own(&mut player, &server).await;
    // Only a bug of the server's makes a 500; that a story of the server's fails would be one, too.
    let unseen = player.unseen().into_iter().filter(|it| !it.ends_with(" 500"));
    let unseen: Vec<_> = unseen.filter(|it| it != "POST /scenarios/{name} 422").collect();
    assert_eq!(player.unsaid(), [""; 0], "documented, and not said by anything here");
    assert_eq!(unseen, [""; 0], "documented, and not answered by anything here");
}

#[tokio::test]
async fn the_document_is_served_behind_the_guard_and_says_what_it_is() {
    let descriptions = Descriptions::of(Contract::Extended);
    let path = "/_mock/openapi.json";
    let answer = send(start().service(), Request::new("GET", path)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), descriptions.document(CONTROL).root);
    let guarded = MockServer::builder().control_token("token").start().unwrap();
    assert_eq!(send(guarded.service(), Request::new("GET", path)).await.status, 401);
    assert_eq!(send(guarded.service(), Request::new("GET", path).key("token")).await.status, 200);
}
