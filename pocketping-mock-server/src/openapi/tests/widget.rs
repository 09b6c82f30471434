//! A visit, over every call of the widget's: requests and answers are as the document says.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::descriptions::{BOTH, Descriptions, WIDGET};
use super::player::{Answer, Player, Request, begin};
use crate::contract::Contract;
use crate::limits::Limits;
use crate::server::MockServer;
use crate::store::Seed;

/// The header in which a widget says its version.
const VERSION: &str = "x-pocketping-version";

fn start(contract: Contract) -> MockServer {
    let limits = Limits { upload: 16, upload_memory: 24, ..Limits::default() };
    MockServer::builder().contract(contract).limits(limits).widget_versions(Some("2.0"), Some("2.6.0")).start().unwrap()
}

/// The path and query of an address that the server gave.
fn path_of(address: &Value, below: &str) -> String {
    let address = address.as_str().unwrap();
    let (_, path) = address.split_once(below).unwrap_or_else(|| panic!("{address} is not below {below}"));
    path.to_owned()
}

async fn put(
    player: &mut Player<'_>,
    server: &MockServer,
    below: &str,
    upload: &Value,
    bytes: &'static [u8],
) -> Answer {
    let path = path_of(&upload["uploadUrl"], below);
    player.ask(server, Request::new("PUT", path).header("content-type", "text/plain").bytes(bytes)).await
}

/// What the widget sends in a visit, in its own words.
async fn visit(player: &mut Player<'_>, server: &MockServer, below: &str) {
    let connected = player.example(server, "POST /connect", "captured").await.json();
    assert_eq!(connected["sessionId"], "sess_1");
    stream(player, server).await;
    player.example(server, "POST /message", "captured").await;
    for line in [
        "POST /typing",
        "POST /read",
        "PATCH /message/msg_1",
        "POST /identify",
        "POST /prechat",
        "POST /csat",
        "POST /csat",
        "POST /visibility",
        "POST /upload",
    ] {
        assert_eq!(player.example(server, line, "captured").await.status, 200, "{line}");
    }
    // The second rating was one too many; the next upload is the second one.
    let upload = json!({"sessionId": "sess_1", "filename": "b.txt", "mimeType": "text/plain", "size": 3});
    let upload = player.ask(server, Request::line("POST /upload").json(&upload)).await.json();
    let complete = json!({"sessionId": "sess_1", "attachmentId": upload["attachmentId"]});
    let complete = Request::line("POST /upload/complete").json(&complete);
    assert_eq!(player.ask(server, complete.clone()).await.status, 409, "nothing was sent yet");
    assert_eq!(put(player, server, below, &upload, b"four").await.status, 400);
    assert_eq!(put(player, server, below, &upload, b"abc").await.status, 200);
    let attachment = player.ask(server, complete).await.json();
    assert_eq!(put(player, server, below, &upload, b"abc").await.status, 409);
    let file = path_of(&attachment["url"], below);
    assert_eq!(player.ask(server, Request::new("GET", file)).await.body, "abc");
    let message = json!({"sessionId": "sess_1", "attachmentIds": [attachment["id"]]});
    let message = Request::line("POST /message").json(&message);
    assert_eq!(player.ask(server, message.clone()).await.status, 200);
    assert_eq!(player.ask(server, message).await.status, 409, "it is part of a message");
    player.ask(server, Request::line("GET /presence")).await;
    for query in ["", "&after=2023-01-15T10%3A30%3A00.000Z", "&after=msg_1", "&limit=1"] {
        let list = player.ask(server, Request::line(&format!("GET /messages?sessionId=sess_1{query}"))).await;
        assert_eq!(list.status, 200, "{query}");
    }
    screenshots(player, server, below).await;
    let delete = Request::line("DELETE /message/msg_1?sessionId=sess_1").header("content-type", "application/json");
    assert_eq!(player.ask(server, delete.clone()).await.status, 200);
    assert_eq!(player.ask(server, delete).await.status, 410);
    assert_eq!(player.example(server, "PATCH /message/msg_1", "captured").await.status, 410);
    player.example(server, "POST /disconnect", "captured").await;
    let back = player.example(server, "POST /connect", "captured").await.json();
    assert_eq!((&back["sessionId"], back["identity"]["id"].is_string()), (&json!("sess_1"), true));
}

async fn screenshots(player: &mut Player<'_>, server: &MockServer, below: &str) {
    for silent in [false, true] {
        let id = server.operator().asks_for_screenshot(&"sess_1".into(), silent);
        let asked = player.ask(server, Request::line("GET /screenshot/requests?sessionId=sess_1")).await.json();
        assert_eq!(asked["requests"][0]["requestId"], json!(id));
        let announced = json!({"sessionId": "sess_1", "requestId": id});
        let upload = player.ask(server, Request::line("POST /screenshot/upload").json(&announced)).await.json();
        let mut complete =
            json!({"sessionId": "sess_1", "requestId": id, "attachmentId": upload["attachmentId"], "size": 4});
        let line = "POST /screenshot/upload/complete";
        assert_eq!(player.ask(server, Request::line(line).json(&complete)).await.status, 400);
        assert_eq!(put(player, server, below, &upload, b"a picture larger than all").await.status, 413);
        put(player, server, below, &upload, b"png").await;
        complete["size"] = json!(3);
        let done = player.ask(server, Request::line(line).json(&complete)).await.json();
        assert_eq!(done["messageId"].is_null(), silent);
    }
}

/// The beginning of the event stream, which has no end.
async fn stream(player: &mut Player<'_>, server: &MockServer) {
    let request = Request::line("GET /stream?sessionId=sess_1&after=msg_1").header("accept", "text/event-stream");
    let response = begin(server.service(), player.whole(&request)).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let mut body = response.into_body().into_data_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), ": connected\n\n");
    player.note(request, 200);
}

/// What is refused, by the server and by the schemas.
async fn refusals(player: &mut Player<'_>, server: &MockServer) {
    for (line, bad) in [
        ("POST /connect", json!({})),
        ("POST /connect", json!({"visitorId": ""})),
        ("POST /connect", json!({"visitorId": "v", "identity": {"email": "a@b.c"}})),
        ("POST /connect", json!({"visitorId": "v", "metadata": "none"})),
        ("POST /message", json!({"content": "hello"})),
        ("POST /message", json!({"sessionId": "sess_1", "content": " "})),
        ("POST /message", json!({"sessionId": "sess_1", "content": "x".repeat(4001)})),
        ("POST /message", json!({"sessionId": "sess_1", "content": "hello", "sender": "operator"})),
        ("POST /message", json!({"sessionId": "sess_1", "content": "hello", "replyTo": ""})),
        ("PATCH /message/msg_1", json!({"sessionId": "sess_1"})),
        ("POST /typing", json!({"sessionId": "sess_1", "sender": "operator"})),
        ("POST /read", json!({"sessionId": "sess_1", "messageIds": ["m"], "status": "seen"})),
        ("POST /identify", json!({"sessionId": "sess_1", "identity": {"name": "John Doe"}})),
        ("POST /prechat", json!({"sessionId": "sess_1"})),
        ("POST /prechat", json!({"sessionId": "sess_1", "email": "nobody"})),
        ("POST /prechat", json!({"sessionId": "sess_1", "phone": "0612345678"})),
        ("POST /prechat", json!({"sessionId": "sess_1", "phone": "+33612345678", "phoneCountry": "fr"})),
        ("POST /csat", json!({"sessionId": "sess_1", "score": 6})),
        ("POST /csat", json!({"sessionId": "sess_1", "score": 5, "comment": "x".repeat(1001)})),
        ("POST /disconnect", json!({"sessionId": "sess_1", "duration": -1})),
        ("POST /disconnect", json!({"sessionId": "sess_1", "reason": ""})),
        ("POST /visibility", json!({"sessionId": "sess_1", "state": "away"})),
        ("POST /visibility", json!(["sess_1", "visible"])),
        ("POST /upload", json!({"sessionId": "sess_1", "filename": " ", "mimeType": "text/plain", "size": 3})),
        ("POST /upload", json!({"sessionId": "sess_1", "filename": "a.txt", "mimeType": "text/plain", "size": 0})),
        ("POST /upload/complete", json!({"sessionId": "sess_1"})),
        ("POST /screenshot/upload", json!({"sessionId": "sess_1"})),
        (
            "POST /screenshot/upload/complete",
            json!({"sessionId": "sess_1", "requestId": "s", "attachmentId": "a", "size": 0}),
        ),
    ] {
        player.refused(server, line, &bad).await;
    }
    let message = server.visitor_says(&"sess_1".into(), "Hello").id;
    let kind = json!({"sessionId": "sess_1", "filename": "a.exe", "mimeType": "application/x-msdownload", "size": 3});
    let large = json!({"sessionId": "sess_1", "filename": "a.txt", "mimeType": "text/plain", "size": 17});
    let operators = operators_message(server);
    for (line, body, status) in [
        (format!("PATCH /message/{operators}"), json!({"sessionId": "sess_1", "content": "mine"}), 403),
        (format!("DELETE /message/{operators}?sessionId=sess_1"), Value::Null, 403),
        (format!("DELETE /message/{message}"), Value::Null, 400),
        ("PATCH /message/nope".to_owned(), json!({"sessionId": "sess_1", "content": "mine"}), 404),
        ("DELETE /message/nope?sessionId=sess_1".to_owned(), Value::Null, 404),
        ("POST /upload".to_owned(), kind, 415),
        ("POST /upload".to_owned(), large, 413),
        ("PUT /upload/nope".to_owned(), Value::Null, 404),
        ("GET /files/nope".to_owned(), Value::Null, 404),
        ("GET /messages?sessionId=sess_1&limit=0".to_owned(), Value::Null, 400),
        ("GET /screenshot/requests".to_owned(), Value::Null, 400),
        ("GET /stream".to_owned(), Value::Null, 400),
        ("GET /nope".to_owned(), Value::Null, 404),
        ("GET /connect".to_owned(), Value::Null, 405),
    ] {
        assert_eq!(player.ask(server, Request::line(&line).json(&body)).await.status, status, "{line} {body}");
    }
}

/// A message that is not the visitor's.
fn operators_message(server: &MockServer) -> String {
    let said = server.write(|tx| {
        let words = crate::store::Words::new("operator".into(), "Hi!".to_owned());
        tx.add_message(&"sess_1".into(), words, |_| {})
    });
    said.unwrap().id.to_string()
}

/// Uploads that come too late, or are too many.
async fn spoilt_uploads(player: &mut Player<'_>, server: &MockServer, below: &str) {
    let announced = json!({"sessionId": "sess_1", "filename": "c.txt", "mimeType": "text/plain", "size": 16});
    let announced = Request::line("POST /upload").json(&announced);
    // Two screenshots and a text are there already.
    let upload = player.ask(server, announced.clone()).await.json();
    assert_eq!(put(player, server, below, &upload, b"0123456789abcdef").await.status, 507);
    server.clock().advance(Duration::from_secs(900));
    assert_eq!(put(player, server, below, &upload, b"0123456789abcdef").await.status, 410);
}

/// A session cannot announce files without end.
async fn too_many_uploads(player: &mut Player<'_>, server: &MockServer) {
    let id = server.operator().asks_for_screenshot(&"sess_1".into(), true);
    player.ask(server, Request::line("GET /screenshot/requests?sessionId=sess_1")).await;
    let announced = json!({"sessionId": "sess_1", "requestId": id});
    let upload = json!({"sessionId": "sess_1", "filename": "b.txt", "mimeType": "text/plain", "size": 3});
    while player.ask(server, Request::line("POST /upload").json(&upload)).await.status != 409 {}
    assert_eq!(player.ask(server, Request::line("POST /screenshot/upload").json(&announced)).await.status, 409);
}

/// Every call, of a widget that is too old, with a large body, of a session that is not there, and of no project.
async fn every_call_s_own(
    player: &mut Player<'_>,
    server: &MockServer,
    operations: &BTreeSet<String>,
    below: &'static str,
) {
    for operation in operations {
        let line = operation.replace("{messageId}", "msg_1").replace("{uploadId}", "att_1");
        let old = Request::line(&line).header(VERSION, "1.9");
        assert_eq!(player.ask(server, old).await.status, 426, "{line}");
        if ["POST", "PATCH"].contains(&line.split(' ').next().unwrap()) {
            let large = Request::line(&line).bytes(vec![b' '; (1 << 20) + 1]);
            assert_eq!(player.ask(server, large).await.status, 413, "{line}");
        }
        for (project, status) in [("/api/widget/nope", 404), ("/api/widget/%FF", 400)] {
            player.goes_below(project);
            let nowhere = Request::line(&line).bytes("{}");
            assert_eq!(player.ask(server, nowhere).await.status, status, "{project}: {line}");
        }
        player.goes_below(below);
        let body = json!({"visitorId": "v", "sessionId": "nope", "content": "x", "messageIds": [], "score": 1, "size": 3,
            "identity": {"id": "u1"}, "email": "a@b.c", "state": "visible", "filename": "a.txt", "mimeType": "text/plain",
            "attachmentId": "nope", "requestId": "nope"});
        let nobody = Request::line(&format!("{line}?sessionId=nope")).json(&body);
        // These two know no session.
        if !["POST /connect", "GET /presence"].contains(&line.as_str()) {
            assert_eq!(player.ask(server, nobody).await.status, 404, "{line}");
        }
    }
}

#[tokio::test]
async fn a_visit_is_answered_as_the_document_says() {
    for contract in BOTH {
        for below in ["/pocketping", "/api/widget/proj_1"] {
            let descriptions = Descriptions::of(contract);
            let mut player = Player::new(&descriptions, WIDGET, below).always(VERSION, "2.6.0");
            let server = start(contract);
            visit(&mut player, &server, below).await;
            refusals(&mut player, &server).await;
            spoilt_uploads(&mut player, &server, below).await;
            too_many_uploads(&mut player, &server).await;
            every_call_s_own(&mut player, &server, &descriptions.document(WIDGET).operations(), below).await;
            // Only a bug of the server's makes a 500, and only a connection a WebSocket.
            let is_played = |it: &String| !it.ends_with(" 500") && it != "GET /stream 101";
            let unseen = player.unseen().into_iter().filter(is_played).collect::<Vec<_>>();
            assert_eq!(player.unsaid(), [""; 0], "{contract:?}: documented, and not said by anything here");
            assert_eq!(unseen, [""; 0], "{contract:?}: documented, and not answered by anything here");
        }
    }
}

#[tokio::test]
async fn a_widget_s_whole_look_is_as_the_document_says() {
    let look = json!({"projects": [{"id": "proj_1", "widget": {
        "welcomeMessage": "Hi!", "operatorName": "Ann", "operatorAvatar": "https://example.com/ann.png", "operatorReachable": false,
        "primaryColor": "#336699", "headerColor": {"from": "#336699", "to": "#6699cc", "direction": "to right"},
        "footerColor": {"light": "#fff", "dark": {"from": "#000", "to": "#111"}}, "toggleColor": "red",
        "chatBackground": {"light": "dots", "dark": "plain"}, "preChatForm": {"enabled": true},
        "trackedElements": [{"selector": "#buy", "event": "click", "name": "clicked_buy", "widgetMessage": "Ready?", "data": {"x": 1}}],
        "inspectorToken": "look"}}]});
    let descriptions = Descriptions::of(Contract::Extended);
    let mut player = Player::new(&descriptions, WIDGET, "/pocketping");
    let server = MockServer::builder().seed(Seed::from_json(&look.to_string()).unwrap()).start().unwrap();
    let visit =
        json!({"visitorId": "v", "inspectorToken": "look", "identity": {"id": 7, "email": "a@b.c", "name": null}});
    let connected = player.ask(&server, Request::line("POST /connect").json(&visit)).await.json();
    let documented = descriptions.document(WIDGET).at("/components/schemas/Connected/properties").unwrap();
    for name in documented.as_object().unwrap().keys() {
        assert!(connected.get(name).is_some(), "{name} is documented, and not told");
    }
}
