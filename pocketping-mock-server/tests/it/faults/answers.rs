//! Answers as a fault makes them, or spoils them, byte by byte.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pocketping_mock_server::{Contract, MockServer};
use serde_json::{Value, json};

use super::{BOTH, KEYED, SEND, attempt, inject, is_normal_again, sent, stands, start};
use crate::wire::{Answer, answer, begin, call, request, send};

/// The id of the fault that an answer is owed to.
fn fault_of(answer: &Answer) -> Option<&str> {
    answer.header("x-pocketping-mock-fault")
}

fn sending(act: &str) -> String {
    format!(r#"{{"on": {{"method": "POST", "route": "/sessions/:sessionId/messages"}}, "do": {act}}}"#)
}

/// Injects what happens to the next send, and sends.
fn with(server: &MockServer, act: &str) -> (Answer, String) {
    let id = inject(server, &sending(act));
    let got = answer(&attempt(server));
    assert_eq!(stands(server, &id), (json!(1), json!(0)), "{act}");
    (got, id)
}

#[test]
fn a_status_has_the_body_and_the_headers_that_were_said() {
    for contract in BOTH {
        let server = start(contract);
        let (got, id) =
            with(&server, r#"{"kind": "status", "status": 503, "body": {"a": [1]}, "headers": {"X-A": "b"}}"#);
        assert_eq!((got.status, got.header("x-a"), got.json()), (503, Some("b"), json!({"a": [1]})));
        assert_eq!((got.header("content-type"), fault_of(&got)), (Some("application/json"), Some(id.as_str())));
        let (got, _) = with(&server, r#"{"kind": "status", "status": 502, "body": "oh no"}"#);
        assert_eq!((got.status, got.body.as_str()), (502, "oh no"));
        assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
        let (got, _) = with(
            &server,
            r#"{"kind": "status", "status": 400, "body": "{", "headers": {"content-type": "application/problem+json"}}"#,
        );
        assert_eq!((got.body.as_str(), got.header("content-type")), ("{", Some("application/problem+json")));
        assert_eq!(sent(&server), 0, "{contract:?}");
        let (got, _) = with(&server, r#"{"kind": "status", "status": 500, "after": "apply"}"#);
        assert_eq!((got.status, sent(&server)), (500, 1));
        is_normal_again(&server, contract);
    }
}

#[test]
fn a_429_comes_in_every_form() {
    for contract in BOTH {
        let server = MockServer::builder().contract(contract).demo_seed().rate_limit(1000).start().unwrap();
        let with = |more: &str| with(&server, &format!(r#"{{"kind": "status", "status": 429{more}}}"#)).0;
        let has_limit = |answer: &Answer| {
            ["limit", "remaining", "reset"].map(|name| answer.header(&format!("ratelimit-{name}")).is_some())
        };
        let is_extended = contract == Contract::Extended;
        let bare = with("");
        assert_eq!((bare.status, bare.header("retry-after"), has_limit(&bare)), (429, None, [is_extended; 3]));
        assert_eq!(bare.json()["code"], "RATE_LIMITED");
        assert_eq!(with(r#", "retryAfter": 7"#).header("retry-after"), Some("7"));
        let date = with(r#", "retryAfterDate": 90"#);
        assert_eq!(date.header("retry-after"), Some("Mon, 15 Jan 2024 10:31:30 GMT"));
        assert_eq!(date.header("date"), Some("Mon, 15 Jan 2024 10:30:00 GMT"));
        let limited = with(r#", "retryAfter": 7, "rateLimit": true"#);
        let header = |name: &str| limited.header(&format!("ratelimit-{name}"));
        assert_eq!([header("limit"), header("remaining"), header("reset")], [Some("100"), Some("0"), Some("7")]);
        assert_eq!(has_limit(&with(r#", "rateLimit": false"#)), [false; 3]);
        let empty = with(r#", "body": """#);
        assert_eq!((empty.status, empty.body.as_str(), empty.header("content-length")), (429, "", Some("0")));
        assert_eq!(sent(&server), 0);
    }
}

#[test]
fn a_page_of_a_gateway_owns_up_to_nothing() {
    for contract in BOTH {
        let server = start(contract);
        for (status, act) in [
            (502, r#"{"kind": "gateway"}"#),
            (200, r#"{"kind": "gateway", "status": 200}"#),
            (504, r#"{"kind": "status", "status": 504}"#),
        ] {
            let (got, _) = with(&server, act);
            assert_eq!((got.status, got.header("content-type"), fault_of(&got)), (status, Some("text/html"), None));
            assert!(got.body.starts_with("<html>") && got.header("x-pocketping-contract").is_none());
        }
        assert_eq!(sent(&server), 0);
        is_normal_again(&server, contract);
    }
}

#[test]
fn half_an_answer_is_whole_to_http_and_no_json() {
    for contract in BOTH {
        let server = start(contract);
        let (got, id) = with(&server, r#"{"kind": "malformed-json"}"#);
        assert_eq!(got.status, if contract == Contract::Extended { 201 } else { 200 });
        assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
        assert!(got.body.starts_with('{') && serde_json::from_str::<Value>(&got.body).is_err(), "{got:?}");
        assert_eq!((got.header("content-type"), fault_of(&got)), (Some("application/json"), Some(id.as_str())));
        assert_eq!(sent(&server), 1);
        is_normal_again(&server, contract);
    }
}

#[test]
fn an_answer_says_that_it_is_something_else() {
    for contract in BOTH {
        let server = start(contract);
        let (got, id) = with(&server, r#"{"kind": "wrong-content-type"}"#);
        assert_eq!((got.header("content-type"), fault_of(&got)), (Some("text/html"), Some(id.as_str())));
        assert!(got.json().is_object());
        let (got, _) = with(&server, r#"{"kind": "wrong-content-type", "contentType": "application/xml"}"#);
        assert_eq!((got.header("content-type"), got.json().is_object()), (Some("application/xml"), true));
        assert_eq!(sent(&server), if contract == Contract::Extended { 1 } else { 2 }, "extended has a key");
        is_normal_again(&server, contract);
    }
}

/// How a connection ends without an answer: `true` when it is reset.
fn is_reset(mut stream: TcpStream) -> bool {
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Ok(0) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        other => panic!("{other:?} {got:?}"),
    }
}

#[test]
fn a_connection_is_reset_or_ended_before_it_is_applied_or_after() {
    for contract in BOTH {
        let server = start(contract);
        let mut messages = 0;
        for (act, reset, applied) in [
            (r#"{"kind": "reset"}"#, true, 0),
            (r#"{"kind": "reset", "after": "apply"}"#, true, 1),
            (r#"{"kind": "cut-before"}"#, false, 0),
            (r#"{"kind": "apply-then-drop"}"#, false, 1),
        ] {
            inject(&server, &sending(act));
            let bearer = [("Authorization", "Bearer test_key")];
            assert_eq!(is_reset(begin(&server, &request(SEND, &bearer, r#"{"content":"Hi"}"#))), reset, "{act}");
            messages += applied;
            assert_eq!(sent(&server), messages, "{contract:?} {act}");
        }
        is_normal_again(&server, contract);
    }
}

#[tokio::test]
async fn a_slow_answer_comes_drop_by_drop() {
    for contract in BOTH {
        let server = start(contract);
        let whole = call(&server, "GET /sessions/sess_abc123", "").body;
        inject(
            &server,
            r#"{"on": {"route": "/sessions/:sessionId"}, "do": {"kind": "slow-drip", "bytes": 5, "barrier": "tap"}}"#,
        );
        let mut stream = begin(&server, &request("GET /sessions/sess_abc123", KEYED, ""));
        server.held("tap", 1).await;
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with("\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            text.push(byte[0] as char);
        }
        assert!(text.to_lowercase().contains(&format!("content-length: {}", whole.len())), "{text}");
        let mut drops = 0;
        let mut rest = whole.as_bytes();
        loop {
            let mut drop = vec![0; rest.len().min(5)];
            stream.read_exact(&mut drop).unwrap();
            assert_eq!(drop, rest[..drop.len()]);
            (rest, drops) = (&rest[drop.len()..], drops + 1);
            if rest.is_empty() {
                break;
            }
            stream.set_nonblocking(true).unwrap();
            assert_eq!(stream.read(&mut byte).unwrap_err().kind(), ErrorKind::WouldBlock, "nothing before the release");
            stream.set_nonblocking(false).unwrap();
            server.held("tap", 1).await;
            assert_eq!(server.release("tap"), 1);
        }
        assert_eq!(drops, whole.len().div_ceil(5));

        inject(
            &server,
            r#"{"on": {"route": "/sessions/:sessionId"}, "do": {"kind": "slow-drip", "bytes": 100, "every": "20ms"}}"#,
        );
        let begun = Instant::now();
        assert_eq!(call(&server, "GET /sessions/sess_abc123", "").body, whole);
        let waits = u32::try_from(whole.len().div_ceil(100) - 1).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(20) * waits, "{:?}", begun.elapsed());
    }
}

#[test]
fn latency_is_fixed_or_drawn_from_a_range_or_from_percentiles() {
    for contract in BOTH {
        let server = start(contract);
        for act in [
            r#"{"kind": "latency", "time": "60ms"}"#,
            r#"{"kind": "latency", "from": "60ms", "to": "80ms", "seed": 7}"#,
            r#"{"kind": "latency", "percentiles": {"50": "60ms", "99": "70ms"}, "seed": 7}"#,
            r#"{"kind": "latency", "time": "60ms", "after": "apply"}"#,
            r#"{"kind": "hold-then-apply", "time": "60ms"}"#,
        ] {
            let id = inject(&server, &sending(act));
            let begun = Instant::now();
            let got = call(&server, SEND, r#"{"content":"Hi"}"#);
            assert!(begun.elapsed() >= Duration::from_millis(60), "{act}: {:?}", begun.elapsed());
            assert_eq!((got.status / 100, fault_of(&got)), (2, Some(id.as_str())));
        }
        assert_eq!(sent(&server), 5, "{contract:?}");
    }
}

#[test]
fn a_call_is_met_by_its_key_header_body_and_turn() {
    for contract in BOTH {
        let server = MockServer::builder().contract(contract).api_key("a").api_key("b").start().unwrap();
        let ask = |key: &str, test: &str, line: &str, body: &str| {
            let headers = [("Authorization", format!("Bearer {key}")), ("X-Test", test.to_owned())];
            send(&server, line, &headers.each_ref().map(|(name, value)| (*name, value.as_str())), body).status
        };
        inject(&server, r#"{"on": {"key": "b"}, "do": {"kind": "status", "status": 418}}"#);
        assert_eq!((ask("a", "", "GET /sessions", ""), ask("b", "", "GET /sessions", "")), (200, 418));
        inject(&server, r#"{"on": {"header": {"x-test": "1"}}, "do": {"kind": "status", "status": 418}}"#);
        assert_eq!((ask("a", "2", "GET /sessions", ""), ask("a", "1", "GET /sessions", "")), (200, 418));
        inject(&server, r#"{"on": {"body": "needle"}, "do": {"kind": "status", "status": 418}}"#);
        assert_eq!(ask("a", "", "POST /sessions/nope/messages", r#"{"content":"hay"}"#), 404);
        assert_eq!(ask("a", "", "POST /sessions/nope/messages", r#"{"content":"a needle"}"#), 418);
        let third = inject(&server, r#"{"on": {"nth": 3}, "do": {"kind": "status", "status": 418}, "times": 2}"#);
        let asked: Vec<_> = (0..6).map(|_| ask("a", "", "GET /sessions", "")).collect();
        assert_eq!(asked, [200, 200, 418, 418, 200, 200]);
        assert_eq!(stands(&server, &third), (json!(2), json!(0)));
    }
}

#[test]
fn a_seed_gives_the_same_course_again() {
    let course = |seed: u64, contract: Contract| {
        let server = start(contract);
        let fault = format!(
            r#"{{"on": {{"probability": 0.3, "seed": {seed}}}, "do": {{"kind": "status", "status": 500}}, "times": "always"}}"#
        );
        let id = inject(&server, &fault);
        let course: Vec<_> = (0..40).map(|_| call(&server, "GET /sessions", "").status).collect();
        let failed = course.iter().filter(|status| **status == 500).count();
        assert_eq!(stands(&server, &id), (json!(failed), json!("always")));
        assert!((3..25).contains(&failed), "{failed}");
        course
    };
    let [extended, strict] = BOTH.map(|contract| course(7, contract));
    assert_eq!((&extended, &extended), (&strict, &course(7, Contract::Extended)));
    assert_ne!(extended, course(8, Contract::Extended));
}

#[test]
fn an_answer_that_can_have_no_body_has_none() {
    let server = start(Contract::Extended);
    for status in [204, 205, 304] {
        inject(&server, &format!(r#"{{"do": {{"kind": "status", "status": {status}}}}}"#));
        let got = call(&server, "GET /sessions", "");
        let length = got.header("content-length").unwrap_or("0");
        assert_eq!((got.status, length, &*got.body, got.header("content-type")), (status, "0", "", None));
    }
}
