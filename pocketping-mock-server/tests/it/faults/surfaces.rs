//! Faults beyond the contract's calls: the widget with its socket and stream, the management API, webhooks.

use std::time::Duration;

use futures::StreamExt;
use pocketping_mock_server::{Contract, DeliveryState, Fault, HttpFault, MockServer, Over, SocketFault, Surface};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::sockets::ended_without_a_word;
use super::{BOTH, inject, stands, start};
use crate::deliveries::{attempts, register, until};
use crate::receiver::Webhook;
use crate::socket::{Socket, close_code, frame, message};
use crate::widget::streams::join;
use crate::widget::{Events, HELLO, ok, widget};
use crate::wire::{call, call_with, send};

/// A server with a widget's session.
fn connected(contract: Contract) -> MockServer {
    let server = MockServer::builder().contract(contract).start().unwrap();
    ok(&server, "POST /connect", HELLO);
    server
}

#[test]
fn the_widgets_calls_meet_faults_in_its_own_form() {
    for contract in BOTH {
        let server = connected(contract);
        let say = r#"{"sessionId":"sess_1","content":"a needle"}"#;
        let id = inject(
            &server,
            r#"{"on": {"surface": "widget", "method": "POST", "route": "/message", "body": "needle"},
                "do": {"kind": "status", "status": 500}}"#,
        );
        assert_eq!(call(&server, "GET /sessions", "").status, 200, "the contract's are others");
        assert_eq!(widget(&server, "POST /message", r#"{"sessionId":"sess_1","content":"hay"}"#).status, 200);
        let refused = widget(&server, "POST /message", say);
        assert_eq!((refused.status, refused.header("x-pocketping-mock-fault")), (500, Some(id.as_str())));
        assert_eq!(refused.json(), json!({"error": "a fault that was asked for", "code": "INTERNAL_ERROR"}));
        assert_eq!(refused.header("access-control-allow-origin"), Some("https://example.com"), "the page may read it");
        assert_eq!(stands(&server, &id), (json!(1), json!(0)));
        inject(&server, r#"{"on": {"surface": "widget"}, "do": {"kind": "malformed-json"}}"#);
        let half = widget(&server, "POST /message", say);
        assert_eq!((half.status, serde_json::from_str::<Value>(&half.body).is_err()), (200, true));
        assert_eq!(server.messages(&"sess_1".into()).len(), 2, "applied");
        // By its project's own address, too.
        inject(&server, r#"{"on": {"surface": "widget", "route": "/presence"}, "do": {"kind": "gateway"}}"#);
        assert_eq!(send(&server, "GET /api/widget/proj_1/presence", &[], "").status, 502);
        assert_eq!(send(&server, "GET /api/widget/proj_1/presence", &[], "").status, 200);
        // What has no end cannot be spoilt as a whole.
        let spoilt = Fault::http(HttpFault::MalformedJson).surface(Surface::Widget).route("get", "/pocketping/stream");
        server.inject(spoilt);
        let (mut events, _) = Events::open(&server, "sessionId=sess_1&after=2024-01-01T00:00:00.000Z");
        assert_eq!((events.next().as_str(), &events.frame()["data"]["content"]), (": connected", &json!("hay")));
    }
}

#[test]
fn the_management_apis_calls_meet_faults_behind_the_key() {
    for contract in BOTH {
        let server = start(contract);
        let id = inject(
            &server,
            r#"{"on": {"surface": "management", "route": "/sessions/:sessionId", "key": "test_key"},
                "do": {"kind": "status", "status": 429, "retryAfter": 3}}"#,
        );
        let ask = |path: &str| call_with(&server, &format!("GET {path}"), &[], "");
        assert_eq!((ask("/sessions/sess_abc123").status, ask("/api/v1/me").status), (200, 200), "other calls");
        assert_eq!(send(&server, "GET /api/v1/sessions/sess_abc123", &[], "").status, 401, "no key, no chance");
        let refused = ask("/api/v1/sessions/sess_abc123");
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("3")));
        assert_eq!(refused.header("x-pocketping-mock-fault"), Some(id.as_str()));
        assert_eq!(refused.json(), json!({"error": "a fault that was asked for", "code": "RATE_LIMITED"}));
        assert_eq!(ask("/api/v1/sessions/sess_abc123").status, 200);
    }
}

fn on_widget(act: &str, over: &str) -> String {
    format!(r#"{{"on": {{"surface": "widget", "event": "message", "over": "{over}"}}, "do": {act}}}"#)
}

fn say(server: &MockServer, text: &str) {
    server.visitor_says(&"sess_1".into(), text);
}

async fn heard(socket: &mut Socket) -> Value {
    frame(socket).await["data"]["content"].clone()
}

#[tokio::test]
async fn the_widgets_socket_meets_every_fault_of_frames() {
    for contract in BOTH {
        let server = connected(contract);
        let mut socket = join(&server).await;
        for (act, told) in [
            (r#"{"kind": "duplicate"}"#, ["1", "1", "2"].as_slice()),
            (r#"{"kind": "skip"}"#, &["2"]),
            (r#"{"kind": "swap"}"#, &["2", "1"]),
            (r#"{"kind": "garble"}"#, &["garbled", "2"]),
            (r#"{"kind": "delay", "time": "10ms"}"#, &["1", "2"]),
        ] {
            let id = inject(&server, &on_widget(act, "websocket"));
            // Not the type that is meant.
            server.operator().types(&"sess_1".into(), true);
            assert_eq!(frame(&mut socket).await["type"], "typing");
            say(&server, "1");
            say(&server, "2");
            for content in told {
                assert_eq!(heard(&mut socket).await, *content, "{contract:?} {act}");
            }
            assert_eq!(stands(&server, &id), (json!(1), json!(0)));
        }
        inject(&server, &on_widget(r#"{"kind": "corrupt"}"#, "websocket"));
        say(&server, "3");
        let half = message(&mut socket).await;
        assert!(serde_json::from_str::<Value>(half.to_text().unwrap()).is_err(), "{half:?}");

        inject(&server, &on_widget(r#"{"kind": "close", "code": 4321}"#, "websocket"));
        say(&server, "4");
        assert_eq!(close_code(&mut socket).await, 4321);
        inject(&server, &on_widget(r#"{"kind": "cut"}"#, "websocket"));
        ended_without_a_word(&mut join(&server).await).await;
    }
}

#[tokio::test]
async fn the_widgets_socket_falls_silent_or_is_refused() {
    let server = connected(Contract::Extended);
    let id = inject(
        &server,
        r#"{"on": {"surface": "widget"}, "do": {"kind": "refuse-upgrade", "status": 429, "retryAfter": 2}}"#,
    );
    let url = format!("ws://{}/pocketping/stream?sessionId=sess_1", server.address());
    let Err(Error::Http(refused)) = tokio_tungstenite::connect_async(url).await else { panic!("an answer") };
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"2".parse().unwrap()));
    assert_eq!(refused.headers()["x-pocketping-mock-fault"], id.as_str());
    let mut socket = join(&server).await;
    let id = inject(&server, &on_widget(r#"{"kind": "silent"}"#, "websocket"));
    say(&server, "1");
    super::until(|| stands(&server, &id).0 == 1);
    say(&server, "2");
    server.shutdown().await;
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))), "nothing is told");
}

#[test]
fn the_widgets_stream_is_cut_delayed_repeated_and_has_holes() {
    for contract in BOTH {
        let server = connected(contract);
        let (mut events, _) = Events::open(&server, "sessionId=sess_1");
        assert_eq!(events.next(), ": connected");
        let mut told = |act: &str, expected: &[&str]| {
            let id = inject(&server, &on_widget(act, "sse"));
            say(&server, "1");
            say(&server, "2");
            for content in expected {
                assert_eq!(events.frame()["data"]["content"], *content, "{contract:?} {act}");
            }
            assert_eq!(stands(&server, &id), (json!(1), json!(0)));
        };
        told(r#"{"kind": "duplicate"}"#, &["1", "1", "2"]);
        told(r#"{"kind": "skip"}"#, &["2"]);
        told(r#"{"kind": "delay", "time": "10ms"}"#, &["1", "2"]);
        // What a stream has no form for goes by it.
        server.inject(Fault::socket(SocketFault::Garble).surface(Surface::Widget));
        say(&server, "whole");
        assert_eq!((events.frame()["data"]["content"].clone(), server.faults_left()), (json!("whole"), 1));
        server.clear_faults();
        server.inject(Fault::socket(SocketFault::Cut).surface(Surface::Widget).over(Over::Sse));
        say(&server, "never");
        assert_eq!(events.rest().trim(), "", "not even a last chunk");
    }
}

#[tokio::test]
async fn an_attempt_is_lost_or_sent_twice() {
    for contract in BOTH {
        let server = start(contract);
        let hook = Webhook::start();
        register(&hook, &server, &["message.created", "session.closed"]);
        let lost = inject(
            &server,
            r#"{"on": {"surface": "webhook", "event": "message.created", "body": "needle"}, "do": {"kind": "lost"}}"#,
        );
        call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"a needle"}"#);
        let tried = until(&server, |all| attempts(all, 1)).await;
        assert_eq!(tried[0].attempts[0].error.as_deref(), Some("lost: a fault that was asked for (fault_1)"));
        assert!(hook.received.try_recv().is_err(), "nothing was sent");
        assert_eq!(stands(&server, &lost), (json!(1), json!(0)));
        let (advanced, ()) = tokio::join!(server.advance(Duration::from_secs(1)), async {
            // The worker and the receiver have threads of their own.
            let got = tokio::task::spawn_blocking(move || (hook.next("200 OK"), hook)).await.unwrap();
            assert_eq!(got.0.json()["data"]["message"]["content"], "a needle");
            if contract == Contract::Extended {
                assert_eq!(got.0.header("x-pocketping-attempt"), Some("2"));
            }
            inject(&server, r#"{"on": {"surface": "webhook"}, "do": {"kind": "sent-twice"}}"#);
            call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":"twice"}"#);
            let (one, two, _hook) = tokio::task::spawn_blocking(move || {
                (got.1.next("200 OK"), got.1.next("500 Internal Server Error"), got.1)
            })
            .await
            .unwrap();
            assert_eq!(one.body, two.body);
            assert_eq!(one.header("x-pocketping-delivery"), two.header("x-pocketping-delivery"));
            let all = until(&server, |all| all.iter().all(|it| it.state == DeliveryState::Delivered)).await;
            assert_eq!(all.iter().map(|it| it.attempts.len()).collect::<Vec<_>>(), [2, 1], "the first answer counts");
        });
        let () = advanced;
    }
}
