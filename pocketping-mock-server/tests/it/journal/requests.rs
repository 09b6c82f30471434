//! Requests and their answers, on each surface.

use std::time::Duration;

use pocketping_mock_server::Surface;
use pocketping_mock_server::journal::*;
use pocketping_mock_server::{Contract, Fault, HttpFault, Limits, MockServer};
use serde_json::json;

use super::{control, listed};
use crate::wire::{begin, call, call_with, raw, request, rest, send};

const SEND: &str = r#"{"content":"Thanks for reaching out!"}"#;

fn demo() -> MockServer {
    MockServer::builder().demo_seed().start().unwrap()
}

#[test]
fn a_request_of_each_surface_is_entered_with_its_answer() {
    let server = demo();
    call(&server, "POST /v1/sessions/sess_abc123/messages?x=1", SEND);
    call(&server, "GET /api/v1/me", "");
    send(&server, "GET /pocketping/presence", &[], "");
    send(&server, "GET /health", &[], "");
    call(&server, "GET /nowhere/at/all", "");
    control(&server, "GET /state", "");
    let entries = server.journal().with_personal_data().requests().entries();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.request().unwrap(), entry.tenant.as_deref()))
        .map(|(it, tenant)| {
            (it.surface, it.method.as_str(), it.path.as_str(), it.route.as_deref(), it.status.unwrap(), tenant)
        })
        .collect();
    let (contract, default) = (Surface::Contract, Some("default"));
    let route = Some("/sessions/:sessionId/messages");
    assert_eq!(
        told,
        [
            (contract, "POST", "/v1/sessions/sess_abc123/messages", route, 201, default),
            (Surface::Management, "GET", "/api/v1/me", Some("/api/v1/me"), 200, default),
            (Surface::Widget, "GET", "/pocketping/presence", Some("/pocketping/presence"), 200, default),
            (contract, "GET", "/health", Some("/health"), 200, None),
            (contract, "GET", "/nowhere/at/all", None, 404, None),
        ]
    );
    let first = entries[0].request().unwrap();
    assert_eq!((first.body.text(), first.query.as_deref()), (SEND.into(), Some("x=1")));
    assert_eq!(first.answer.json().unwrap()["content"], "Thanks for reaching out!");
    assert_eq!(first.answer_headers["x-pocketping-contract"], "extended");
    assert!(first.is_whole && !first.body.is_cut() && first.refused_by.is_none());
    assert_eq!(entries[0].at.to_string(), "2024-01-15T10:30:00Z");
    assert!(entries.windows(2).all(|pair| pair[0].number < pair[1].number));
}

#[test]
fn what_is_answered_before_its_handler_has_its_route_too() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).widget_versions(Some("9.0.0"), None).start().unwrap();
        let origin = ("Origin", "https://example.com");
        let preflight = [origin, ("Access-Control-Request-Method", "GET")];
        let old = [("X-PocketPing-Version", "1.0.0")];
        for (line, headers, route, status) in [
            ("GET /sessions/sess_1", &[][..], "/sessions/:sessionId", 401),
            ("OPTIONS /v1/sessions/sess_1", &preflight, "/sessions/:sessionId", 200),
            ("GET /api/v1/me", &[], "/api/v1/me", 401),
            ("OPTIONS /api/v1/me", &preflight, "/api/v1/me", 200),
            ("GET /pocketping/presence", &old, "/pocketping/presence", 426),
            ("OPTIONS /pocketping/presence", &preflight, "/pocketping/presence", 200),
        ] {
            assert_eq!(send(&server, line, headers, "").status, status, "{line}");
            let entry = server.journal().requests().entries().pop().unwrap();
            assert_eq!(entry.request().unwrap().route.as_deref(), Some(route), "{line}");
        }
    }
}

#[test]
fn what_was_refused_says_why_and_by_which_rule() {
    let server = MockServer::builder().demo_seed().rate_limit(4).start().unwrap();
    send(&server, "GET /sessions", &[], "");
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":""}"#);
    call(&server, "GET /sessions/sess_nope", "");
    server.inject(Fault::http(HttpFault::Status { status: 503, retry_after: None }).times(1));
    call(&server, "GET /sessions", "");
    call(&server, "PUT /sessions", "");
    call(&server, "POST /sessions/sess_abc123/close", "");
    call(&server, "GET /sessions", "");
    send(&server, "GET /pocketping/messages?sessionId=sess_nope", &[], "");
    let told: Vec<_> = server
        .journal()
        .requests()
        .entries()
        .iter()
        .map(|entry| {
            let request = entry.request().unwrap();
            let by = request.refused_by.clone().map(|by| (by.code, by.rule.unwrap_or_default(), by.why));
            by.map(|(code, rule, why)| format!("{} {code} [{rule}] {why}", request.status.unwrap())).unwrap_or_default()
        })
        .collect();
    let expected = [
        "401 UNAUTHORIZED [key] the API key is missing",
        "400 INVALID_REQUEST [field content] `content`",
        "404 SESSION_NOT_FOUND [] Session not found",
        "503 INTERNAL_ERROR [fault] a fault that was asked for",
        "405 METHOD_NOT_ALLOWED [] /sessions is not served by PUT",
        "",
        "429 RATE_LIMITED [rate limit] more than 4 requests",
        "404 SESSION_NOT_FOUND [] Session not found",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected) && told.is_empty() == expected.is_empty(), "{told}, not {expected}");
    }
    assert_eq!(listed(&server, "status=429")[0]["refusedBy"]["rule"], "rate limit");
}

#[test]
fn a_replay_is_entered_as_what_it_was() {
    let server = demo();
    let path = "/sessions/sess_abc123/messages";
    for _ in 0..2 {
        call_with(&server, &format!("POST {path}"), &[("Idempotency-Key", "k1")], SEND);
    }
    call_with(&server, &format!("POST {path}"), &[("Idempotency-Key", "k1")], r#"{"content":"another"}"#);
    let entries = server.journal().requests().path(path).entries();
    let requests: Vec<_> = entries.iter().map(|entry| entry.request().unwrap()).collect();
    assert_eq!(
        requests.iter().map(|it| (it.status.unwrap(), it.is_replay())).collect::<Vec<_>>(),
        [(201, false), (201, true), (400, false)]
    );
    assert_eq!(requests[0].answer, requests[1].answer, "the masks are the same, too");
    assert_eq!(requests[2].refused_by.as_ref().unwrap().rule.as_deref(), Some("idempotency key"));
    assert_eq!(server.journal().messages_sent_to(&"sess_abc123".into()).len(), 1);
    assert_eq!(server.journal().events().len(), server.events().len());
}

#[test]
fn messages_are_found_whichever_way_they_were_sent() {
    let server = demo();
    let id = "sess_abc123".into();
    call(&server, "POST /sessions/sess_abc123/messages", SEND);
    call(&server, "POST /v1/sessions/sess_abc123/messages", SEND);
    call(&server, "POST /api/v1/sessions/sess_abc123/reply", SEND);
    send(&server, "POST /pocketping/message", &[], r#"{"sessionId":"sess_abc123","content":"Hi"}"#);
    send(&server, "POST /pocketping/message", &[], r#"{"sessionId":"sess_nope","content":"Hi"}"#);
    call(&server, "POST /sessions/sess_abc123/messages", r#"{"content":" "}"#);
    assert_eq!(server.journal().messages_sent_to(&id).len(), 4);
    assert_eq!(server.journal().messages_sent_to(&id).body(json!({"content": "Hi"})).len(), 1);
    assert_eq!(server.journal().requests().route("/v1/sessions/:id/messages").status(201).len(), 2);
}

#[tokio::test]
async fn what_had_no_answer_is_entered_too() {
    let server = demo();
    for fault in [HttpFault::CutBefore, HttpFault::ApplyThenDrop, HttpFault::CutInBody, HttpFault::ResetBefore] {
        server.inject(Fault::http(fault).times(1));
        let head = format!("Authorization: Bearer {}", server.api_key());
        let (name, value) = head.split_once(": ").unwrap();
        let stream = begin(&server, &request("POST /sessions/sess_abc123/messages", &[(name, value)], SEND));
        tokio::task::spawn_blocking(move || rest(stream)).await.unwrap();
    }
    let entries = server.journal().requests().wait_for(4, Duration::from_secs(10)).await.unwrap();
    let requests = entries.iter().map(|entry| entry.request().unwrap());
    let told: Vec<_> = requests.map(|it| (it.status, it.is_whole, it.fault.as_deref().unwrap())).collect();
    let expected =
        [(None, false, "fault_1"), (None, false, "fault_2"), (Some(201), false, "fault_3"), (None, false, "fault_4")];
    assert_eq!(told, expected);
    assert_eq!(listed(&server, "method=POST")[0]["fault"], "fault_1");
    let har: serde_json::Value = serde_json::from_str(&server.journal().to_har()).unwrap();
    assert_eq!(har["log"]["entries"][3]["_fault"], "fault_4");
    assert_eq!(server.journal().events().len(), 2, "the second and the third were applied");
}

#[test]
fn the_first_64_kib_of_a_body_are_kept_and_the_rest_is_counted() {
    let server = demo();
    let long = json!({"content": "x".repeat(70_000)}).to_string();
    call(&server, "POST /sessions/sess_abc123/messages", &long);
    let journal = server.journal().with_personal_data();
    let entries = journal.requests().entries();
    let body = &entries[0].request().unwrap().body;
    assert_eq!((body.bytes().len(), body.whole_len(), body.is_cut()), (65_536, long.len() as u64, true));
    assert_eq!(journal.dropped().bytes, long.len() as u64 - 65_536);
    assert_eq!(control(&server, "GET /journal", "").json()["dropped"]["bytes"], long.len() - 65_536);
}

#[test]
fn the_oldest_make_room_and_a_journal_can_be_off() {
    let with = |entries: usize, bytes: usize| {
        let mut limits = Limits::default();
        (limits.journal_entries, limits.journal_bytes) = (entries, bytes);
        MockServer::builder().limits(limits).start().unwrap()
    };
    let few = with(3, 1 << 20);
    for n in 0..5 {
        call(&few, &format!("GET /sessions?limit={}", n + 1), "");
    }
    let told = control(&few, "GET /journal", "").json();
    assert_eq!((&told["dropped"]["entries"], &told["last"], &told["matching"]), (&json!(2), &json!(5), &json!(3)));
    assert_eq!(few.journal().entries()[0].number, 3);
    let small = with(1000, 2000);
    for _ in 0..20 {
        call(&small, "GET /sessions", "");
    }
    let left = small.journal().entries().len();
    assert!((1..20).contains(&left) && small.journal().dropped().entries == 20 - left as u64, "{left}");
    for off in [with(0, 1 << 20), with(10, 0)] {
        call(&off, "GET /sessions", "");
        assert_eq!(off.journal().entries(), []);
    }
}

#[test]
fn what_is_no_http_and_what_is_strict_is_no_trouble() {
    let server = MockServer::builder().contract(Contract::Strict).demo_seed().start().unwrap();
    assert_eq!(raw(&server, b"NONSENSE\r\n\r\n").status, 400);
    call(&server, "POST /sessions/sess_abc123/close", "");
    assert_eq!(server.journal().requests().status(200).len(), 1);
    let events: Vec<_> = server.journal().events().entries();
    assert_eq!(events.len(), server.events().len());
    let Kind::Event(last) = &events.last().unwrap().kind else { panic!() };
    assert_eq!((last.kind.as_str(), last.session_id.as_ref().unwrap().as_str()), ("session.closed", "sess_abc123"));
}
