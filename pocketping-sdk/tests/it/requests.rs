//! What the SDK sends, as a recorder sees it: method, path, headers and body, against the literal ones.

use pocketping_sdk::http::Method;
use pocketping_sdk::{Client, EventKind, Identify, NewMessage, NewWebhook};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A server that answers everything with this and records it.
async fn recorder(status: u16, body: Value) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(status).set_body_json(body)).mount(&server).await;
    let client = Client::new(server.uri(), "your_api_key").unwrap();
    (server, client)
}

async fn recorded(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "one request");
    requests.remove(0)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn line(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method, request.url.path())
}

#[tokio::test]
async fn every_documented_call_has_its_method_path_and_body() {
    let session = json!({"id": "sess_abc123"});
    let (server, client) = recorder(200, json!({"sessions": []})).await;
    client.sessions().list().await.unwrap();
    let request = recorded(&server).await;
    assert_eq!(line(&request), "GET /sessions");
    assert_eq!(header(&request, "authorization"), "Bearer your_api_key");
    assert_eq!(header(&request, "accept"), "application/json");
    assert!(header(&request, "user-agent").starts_with("pocketping-rust/"));
    assert!(header(&request, "x-request-id").starts_with("req_"));
    assert_eq!(header(&request, "idempotency-key"), "", "reads carry no key");

    let (server, client) = recorder(200, session.clone()).await;
    client.session("sess_abc123").get().await.unwrap();
    assert_eq!(line(&recorded(&server).await), "GET /sessions/sess_abc123");

    let (server, client) = recorder(200, session.clone()).await;
    client.session("sess_abc123").close().await.unwrap();
    let request = recorded(&server).await;
    assert_eq!((line(&request).as_str(), request.body.len()), ("POST /sessions/sess_abc123/close", 0));
    assert_eq!(header(&request, "content-length"), "0");

    let (server, client) = recorder(200, json!({"messages": []})).await;
    client.session("sess_abc123").messages().list().await.unwrap();
    assert_eq!(line(&recorded(&server).await), "GET /sessions/sess_abc123/messages");

    let (server, client) = recorder(201, json!({"id": "msg_003"})).await;
    let message = NewMessage::operator("Thanks for reaching out!");
    client.session("sess_abc123").messages().send(message).await.unwrap();
    let request = recorded(&server).await;
    assert_eq!(line(&request), "POST /sessions/sess_abc123/messages");
    assert_eq!(header(&request, "content-type"), "application/json");
    assert_eq!(
        request.body_json::<Value>().unwrap(),
        json!({"content": "Thanks for reaching out!", "type": "operator"})
    );
    assert_eq!(header(&request, "idempotency-key").len(), 32);

    let (server, client) = recorder(200, session.clone()).await;
    let who = Identify::new().email("user@example.com").name("John Doe").customer_id("cust_123");
    client.session("sess_abc123").identify(who.metadata("plan", "pro").metadata("company", "Acme Inc")).await.unwrap();
    let request = recorded(&server).await;
    assert_eq!(line(&request), "POST /sessions/sess_abc123/identify");
    assert_eq!(
        request.body_json::<Value>().unwrap(),
        json!({"email": "user@example.com", "name": "John Doe", "customerId": "cust_123",
               "metadata": {"plan": "pro", "company": "Acme Inc"}})
    );

    let (server, client) = recorder(200, session).await;
    client.session("sess_abc123").set_ai(false).await.unwrap();
    let request = recorded(&server).await;
    assert_eq!(line(&request), "POST /sessions/sess_abc123/ai");
    assert_eq!(request.body_json::<Value>().unwrap(), json!({"enabled": false}));

    let webhook = json!({"url": "https://yoursite.com/webhook", "events": ["session.created"]});
    let (server, client) = recorder(201, webhook).await;
    let events = [EventKind::SessionCreated, EventKind::MessageCreated, EventKind::SessionClosed];
    client.webhooks().create(NewWebhook::new("https://yoursite.com/webhook", events)).await.unwrap();
    let request = recorded(&server).await;
    assert_eq!(line(&request), "POST /webhooks");
    assert_eq!(
        request.body_json::<Value>().unwrap(),
        json!({"url": "https://yoursite.com/webhook", "events": ["session.created", "message.created", "session.closed"]})
    );
}

#[tokio::test]
async fn the_additions_have_their_paths_too() {
    let (server, client) = recorder(200, json!({"webhooks": []})).await;
    client.webhooks().list().await.unwrap();
    assert_eq!(line(&recorded(&server).await), "GET /webhooks");

    let (server, client) = recorder(200, json!({})).await;
    client.webhooks().delete("wh_1").await.unwrap();
    assert_eq!(line(&recorded(&server).await), "DELETE /webhooks/wh_1");

    let (server, client) = recorder(200, json!({"sessions": []})).await;
    let since = "2024-01-15T10:30:00Z".parse().unwrap();
    let list = client.sessions().list().status("active").project("proj_1").since(since).search("a&b").limit(7);
    list.cursor("c/1").await.unwrap();
    assert_eq!(
        line(&recorded(&server).await),
        "GET /sessions?status=active&projectId=proj_1&since=2024-01-15T10%3A30%3A00Z&q=a%26b&limit=7&cursor=c%2F1"
    );

    let (server, client) = recorder(200, json!({"sessions": []})).await;
    client.sessions().list().unanswered().await.unwrap();
    assert_eq!(line(&recorded(&server).await), "GET /sessions?unanswered=true");
}

#[tokio::test]
async fn a_base_url_with_a_path_keeps_it() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "s"}))).mount(&server).await;
    let client = Client::new(format!("{}/bridge/v1/", server.uri()), "k").unwrap();
    client.session("s").get().await.unwrap();
    assert_eq!(line(&recorded(&server).await), "GET /bridge/v1/sessions/s");
}

#[tokio::test]
async fn ids_are_one_segment_each_or_refused_before_anything_is_sent() {
    let (server, client) = recorder(200, json!({"id": "s"})).await;
    client.session("a/b?c").get().await.unwrap();
    assert_eq!(recorded(&server).await.url.path(), "/sessions/a%2Fb%3Fc");
    server.reset().await;
    for bad in ["", ".", "..", "a\nb"] {
        let error = client.session(bad).close().await.unwrap_err();
        assert_eq!(error.kind(), pocketping_sdk::ErrorKind::Request);
        assert_eq!(error.outcome(), pocketping_sdk::Outcome::NotSent);
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_this_library_has_no_method_for_goes_the_same_way() {
    let (server, client) = recorder(200, json!({"reopened": true})).await;
    let call = client.call::<Value>(Method::POST, "/sessions/:sessionId/reopen", &["sess_1"]);
    let answer = call.json(&json!({"reason": "x"})).query("dry", "1").header("x-trace", "t").await.unwrap();
    assert_eq!(answer, json!({"reopened": true}));
    let request = recorded(&server).await;
    assert_eq!(line(&request), "POST /sessions/sess_1/reopen?dry=1");
    assert_eq!((header(&request, "x-trace"), header(&request, "authorization")), ("t", "Bearer your_api_key"));
}

#[tokio::test]
async fn an_idempotency_key_can_be_chosen_and_a_bad_one_is_named() {
    let (server, client) = recorder(201, json!({"id": "m"})).await;
    let send = || client.session("s").messages().send(NewMessage::operator("x"));
    send().idempotency_key("order-7").await.unwrap();
    assert_eq!(header(&recorded(&server).await, "idempotency-key"), "order-7");
    for bad in [String::new(), "a b".into(), "x".repeat(256)] {
        assert!(send().idempotency_key(bad).await.unwrap_err().to_string().contains("idempotency key"));
    }
    let error = send().header("authorization", "Bearer other").await.unwrap_err();
    assert!(error.to_string().contains("the Authorization header is made of the client's API key"), "{error}");
    for framing in ["Content-Length", "transfer-encoding", "host", "connection"] {
        let error = send().header(framing, "5").await.unwrap_err();
        assert!(error.to_string().ends_with("is the transport's own"), "{error}");
        assert_eq!(
            (error.kind(), error.outcome()),
            (pocketping_sdk::ErrorKind::Request, pocketping_sdk::Outcome::NotSent)
        );
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing of these was sent");
}

#[tokio::test]
async fn with_response_and_raw_give_what_was_on_the_wire() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_raw(r#"{"id":"s","metadata":{}}"#, "text/plain")
        .insert_header("x-request-id", "theirs")
        .insert_header("ratelimit-limit", "1000")
        .insert_header("ratelimit-remaining", "999");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let client = Client::new(server.uri(), "k").unwrap();
    let response = client.session("s").get().with_response().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts(), response.request_id()), (200, 1, "theirs"));
    let silent = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&silent).await;
    let call = Client::new(silent.uri(), "k").unwrap().session("s").get().header("X-Request-Id", "mine");
    assert_eq!(call.await.unwrap_err().request_id(), Some("mine"), "the one that was sent");
    let limit = response.rate_limit().unwrap();
    assert_eq!((limit.limit, limit.remaining), (1000, Some(999)));
    assert_eq!(response.value().id, "s");
    let raw = client.session("s").get().raw().await.unwrap();
    assert_eq!(&raw.value()[..], br#"{"id":"s","metadata":{}}"#);
}
