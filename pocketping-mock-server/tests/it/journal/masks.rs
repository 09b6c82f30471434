//! What no export shows: the key, the tokens, the secrets; and, unless asked, what people wrote and who they are.

use std::time::Duration;

use pocketping_mock_server::MockServer;
use serde_json::{Value, json};

use super::{control, listed};
use crate::socket::authenticated;
use crate::wire::{call, call_with, send};

const KEY: &str = "sk_live_do_not_tell";
const SECRET: &str = "whsec_do_not_tell";
const PERSONAL: [&str; 9] = [
    "My cat is ill",
    "jane@example.com",
    "Jane Doe",
    "+1 555 0100",
    "gold-plan",
    "quite slow",
    "secret-page",
    "Mozilla/5.0",
    "holiday.png",
];

/// A server on which everybody has said everything; gives the upload's token, too.
async fn busy() -> (MockServer, String) {
    let server = MockServer::builder().api_key(KEY).start().unwrap();
    let widget =
        |line: &str, body: Value| send(&server, line, &[("Content-Type", "application/json")], &body.to_string());
    let metadata = json!({"url": "https://example.com/secret-page", "userAgent": "Mozilla/5.0", "note": "gold-plan"});
    widget("POST /pocketping/connect", json!({"visitorId": "v1", "metadata": metadata}));
    let (_socket, _) = authenticated(&server, &json!({"type": "auth", "apiKey": KEY}).to_string()).await;
    widget("POST /pocketping/message", json!({"sessionId": "sess_1", "content": "My cat is ill"}));
    widget(
        "POST /pocketping/identify",
        json!({"sessionId": "sess_1", "identity": {"id": "c1", "name": "Jane Doe", "email": "jane@example.com", "plan": "gold-plan"}}),
    );
    widget(
        "POST /pocketping/prechat",
        json!({"sessionId": "sess_1", "email": "jane@example.com", "phone": "+1 555 0100", "phoneCountry": "US"}),
    );
    widget("POST /pocketping/csat", json!({"sessionId": "sess_1", "score": 2, "comment": "quite slow"}));
    let announced = widget(
        "POST /pocketping/upload",
        json!({"sessionId": "sess_1", "filename": "holiday.png", "mimeType": "image/png", "size": 4}),
    );
    let url = announced.json()["uploadUrl"].as_str().unwrap_or_default().to_owned();
    let (_, token) = url.split_once("token=").expect("an upload");
    let path = &url[url.find("/pocketping").unwrap()..];
    send(&server, &format!("PUT {path}"), &[("Content-Type", "image/png")], "abcd");
    call(
        &server,
        "POST /webhooks",
        &json!({"url": "http://127.0.0.1:9/h", "events": ["message.created"], "secret": SECRET}).to_string(),
    );
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"My cat is ill"}"#);
    call(
        &server,
        "POST /sessions/sess_1/identify",
        r#"{"email":"jane@example.com","name":"Jane Doe","metadata":{"plan":"gold-plan"}}"#,
    );
    call(&server, "GET /api/v1/sessions?q=jane%40example.com", "");
    call(&server, "GET /sessions", "");
    // What is refused quotes what came.
    call(&server, "POST /sessions/sess_1/identify", r#"{"metadata":"My cat is ill"}"#);
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"My cat is ill"#);
    call_with(
        &server,
        "GET /sessions",
        &[
            ("X-Api-Key", KEY),
            ("Cookie", "a=1; session=cookie_do_not_tell"),
            ("Referer", "https://example.com/secret-page"),
        ],
        "",
    );
    send(&server, &format!("GET /sessions?apiKey={KEY}&token={token}"), &[], "");
    call(&server, &format!("GET /sessions/{KEY}"), "");
    call(&server, "POST /sessions/sess_1/messages", &json!({"content": format!("my key is {KEY}!")}).to_string());
    call(&server, "POST /sessions/sess_1/messages", r#"{"message":"My cat is ill"}"#);
    server.journal().attempts().wait_for(1, Duration::from_secs(10)).await.unwrap();
    let token = token.to_owned();
    (server, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_export_shows_a_secret_or_who_somebody_is() {
    let (server, token) = busy().await;
    let secrets = [KEY, SECRET, &token, "cookie_do_not_tell"];
    let paths = ["/journal", "/journal.har", "/journal.ndjson"];
    for path in paths {
        let plain = control(&server, &format!("GET {path}"), "").body;
        for text in PERSONAL.iter().chain(&secrets) {
            assert!(!plain.contains(text), "{path} shows {text}: …{}", around(&plain, text));
        }
        assert!(!plain.contains("jane%40"), "{path}");
        let shown = control(&server, &format!("GET {path}?pii=1"), "").body;
        for text in PERSONAL {
            assert!(shown.contains(text), "{path} does not show {text}");
        }
        for secret in secrets {
            assert!(!shown.contains(secret), "{path} shows {secret}: …{}", around(&shown, secret));
        }
    }
    let wait = control(&server, "POST /journal/wait", r#"{"match":{"method":"POST"},"count":99,"within":"1ms"}"#);
    let told = format!("{wait:?}{:?}", server.journal().entries());
    for text in PERSONAL.iter().chain(&secrets) {
        assert!(!told.contains(text), "{text}: …{}", around(&told, text));
    }
}

fn around(text: &str, at: &str) -> String {
    let at = text.find(at).unwrap();
    text[at.saturating_sub(200)..].chars().take(260).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structure_and_equality_stay() {
    let (server, _) = busy().await;
    let said = listed(&server, "path=/pocketping/message")[0]["body"]["content"].clone();
    let answered = listed(&server, "route=/sessions/:id/messages&status=201")[0]["body"]["content"].clone();
    assert!(said.as_str().unwrap().starts_with("<masked 13 chars #"), "{said}");
    assert_eq!(said, answered);
    let identified = listed(&server, "path=/pocketping/identify")[0]["body"].clone();
    assert_eq!(identified["sessionId"], "sess_1");
    assert_ne!(identified["identity"]["name"], identified["identity"]["email"]);
    let other = MockServer::start();
    call(&other, "POST /sessions/x/messages", r#"{"content":"My cat is ill"}"#);
    assert_ne!(listed(&other, "method=POST")[0]["body"]["content"], said, "masks of two servers cannot be compared");
}
