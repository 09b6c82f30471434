//! What one would write without a second thought: axum, and the list as its `Json`.

use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Serialize;
use subtle::ConstantTimeEq;
use tokio::sync::broadcast::Sender;
use tokio::sync::watch;

use super::{KEY, number, say, told};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: String,
    visitor_id: String,
    project_id: String,
    status: String,
    created_at: String,
    last_activity: String,
    metadata: Metadata,
    ai_enabled: bool,
    unanswered: bool,
    visitor_online: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    page_url: String,
    user_agent: String,
}

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<Session>,
}

async fn list(
    State(held): State<&'static Sessions>,
    headers: HeaderMap,
) -> Result<Json<&'static Sessions>, StatusCode> {
    let header = headers.get("authorization").and_then(|header| header.to_str().ok());
    let key = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    if bool::from(key.as_bytes().ct_eq(KEY.as_bytes())) { Ok(Json(held)) } else { Err(StatusCode::UNAUTHORIZED) }
}

/// Serves that list, on one thread like the reference server.
pub(super) fn serve_json(sessions: usize) {
    let session = |n: usize| Session {
        id: format!("sess_{n}"),
        visitor_id: format!("vis_{n}"),
        project_id: "proj_1".to_owned(),
        status: "active".to_owned(),
        created_at: "2024-01-15T10:30:00Z".to_owned(),
        last_activity: "2024-01-15T10:30:00Z".to_owned(),
        metadata: Metadata {
            page_url: "https://example.com/pricing".to_owned(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0".to_owned(),
        },
        ai_enabled: true,
        unanswered: false,
        visitor_online: false,
    };
    let held: &'static Sessions = Box::leak(Box::new(Sessions { sessions: (0..sessions).map(session).collect() }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let router = Router::new().route("/sessions", get(list)).with_state(held);
        runtime.block_on(axum::serve(listener, router).into_future()).unwrap();
    });
    told(&url, || {});
}

/// Serves a socket on which every event is a write of its own, on one thread like the reference server.
pub(super) fn serve_socket() {
    let (events, _) = tokio::sync::broadcast::channel(4096);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/ws", get(socket)).with_state(events.clone());
    std::thread::spawn(move || runtime.block_on(axum::serve(listener, router).into_future()).unwrap());
    let event = Utf8Bytes::from(format!(
        r#"{{"type":"message.created","id":"evt_e10_1","seq":1,"timestamp":"2024-01-15T10:30:00Z","message":{{"id":"msg_1","sessionId":"sess_1","content":"{}","type":"visitor","createdAt":"2024-01-15T10:30:00Z","status":"sent"}}}}"#,
        "Hello, I have a question about the pricing"
    ));
    told(&url, || drop(events.send(event.clone())));
}

async fn socket(State(events): State<Sender<Utf8Bytes>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let mut events = events.subscribe();
        // The key, which is not looked at.
        socket.recv().await.unwrap().unwrap();
        socket.send(Message::text(r#"{"type":"auth.ok"}"#)).await.unwrap();
        while let Ok(event) = events.recv().await {
            if socket.send(Message::Text(event)).await.is_err() {
                return;
            }
        }
    })
}

/// Takes whatever is posted, and says, as often as a line of the input says how many, when so many more have come.
pub(super) fn receive() {
    let (count, counted) = tokio::sync::watch::channel(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    say(&format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new().fallback(|State(count): State<watch::Sender<usize>>, _: Bytes| async move {
        count.send_modify(|count| *count += 1);
        StatusCode::NO_CONTENT
    });
    runtime.spawn(axum::serve(listener, router.with_state(count)).into_future());
    let (mut counted, mut all) = (counted, 0);
    for line in std::io::stdin().lines() {
        all += number(&line.unwrap());
        runtime.block_on(counted.wait_for(|count| *count >= all)).unwrap();
        say("received");
    }
}
