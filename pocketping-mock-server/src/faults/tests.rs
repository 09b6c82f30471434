//! Whose turn it is, and what JSON says so.

use http::HeaderMap;

use super::*;

const LINE: &str = "/sessions/:sessionId/messages";

fn call<'a>(method: &'a str, path: &'a str, headers: &'a HeaderMap, body: &'a [u8]) -> CallFacts<'a> {
    CallFacts { surface: Surface::Contract, method, path, headers, body }
}

fn meets(faults: &Faults, method: &str, path: &str) -> bool {
    faults.on_call(&call(method, path, &HeaderMap::new(), b"")).is_some()
}

fn on_event(faults: &Faults) -> Option<SocketFault> {
    let frame = Bytes::from_static(br#"{"type":"message.created"}"#);
    faults.on_frame(Surface::Contract, Over::WebSocket, &frame).map(|met| met.act)
}

#[test]
fn a_fault_lets_some_by_then_happens_so_often() {
    let faults = Faults::default();
    faults.inject(Fault::http(HttpFault::CutBefore).route("POST", LINE).after(1).times(2));
    let call = |path| meets(&faults, "POST", path);
    assert!(!call("/sessions/1/messages"));
    assert!(!call("/webhooks"), "another route is no chance");
    assert!(call("/sessions/1/messages") && call("/v1/sessions/2/messages") && !call("/sessions/1/messages"));
    assert_eq!(faults.left(), 0);
    assert_eq!((&faults.list()[0]["happened"], &faults.list()[0]["left"]), (&json!(2), &json!(0)));
}

#[test]
fn of_several_that_are_due_the_first_goes_first_and_all_of_them_count() {
    let faults = Faults::default();
    for (code, after) in [(1, 1), (2, 1), (3, 3)] {
        faults.inject(Fault::socket(SocketFault::Close(code)).after(after));
    }
    let happened: Vec<_> = (0..5).map(|_| on_event(&faults)).collect();
    let close = |code| Some(SocketFault::Close(code));
    assert_eq!(happened, [None, close(1), close(2), close(3), None]);
}

#[test]
fn each_kind_has_chances_of_its_own() {
    let faults = Faults::default();
    faults.inject(Fault::socket(SocketFault::RefuseAuth(4401)));
    faults.inject(Fault::socket(SocketFault::RefuseUpgrade { status: 503, retry_after: Some(1) }));
    faults.inject(Fault::http(HttpFault::CutInBody));
    faults.inject(Fault::socket(SocketFault::Skip).times(0));
    faults.inject(Fault::webhook(WebhookFault::Lost));
    assert_eq!((faults.left(), on_event(&faults)), (4, None));
    assert_eq!((faults.on_auth().map(|met| met.act), faults.on_auth().is_none()), (Some(4401), true));
    assert!(faults.on_upgrade(Surface::Widget).is_none());
    assert_eq!(faults.on_upgrade(Surface::Contract).map(|met| met.act), Some((503, Some(1))));
    assert!(faults.on_upgrade(Surface::Contract).is_none());
    assert!(meets(&faults, "GET", "/sessions") && !meets(&faults, "GET", "/sessions"));
    assert_eq!(faults.on_delivery("message.created", b"").map(|met| met.act), Some(WebhookFault::Lost));
    faults.inject(Fault::socket(SocketFault::Cut).times(9));
    faults.clear();
    assert_eq!((faults.left(), on_event(&faults)), (0, None));
}

#[test]
fn what_is_over_is_remembered_and_not_for_ever() {
    let faults = Faults::default();
    faults.inject(Fault::http(HttpFault::CutBefore).route("GET", "/stays"));
    for _ in 0..300 {
        faults.inject(Fault::http(HttpFault::CutBefore));
        assert!(meets(&faults, "GET", "/sessions"));
    }
    let list = faults.list();
    assert_eq!((list.len(), &list[0]["id"], &list[1]["id"]), (101, &json!("fault_1"), &json!("fault_202")));
    assert!(faults.remove("fault_1") && !faults.remove("fault_1"));
    assert_eq!((faults.clear(), faults.list().len()), (100, 0));
}

#[test]
fn a_probability_is_a_course_that_its_seed_repeats() {
    let course = |seed| {
        let faults = Faults::default();
        faults.inject(Fault::http(HttpFault::CutBefore).probability(0.2, seed).always());
        (0..500).map(|_| meets(&faults, "GET", "/sessions")).collect::<Vec<_>>()
    };
    assert!(course(7) == course(7) && course(7) != course(8));
    let happened = course(7).iter().filter(|met| **met).count();
    assert!((60..140).contains(&happened), "{happened}");
}

#[test]
fn every_condition_must_be_true() {
    let faults = Faults::default();
    let json = r#"{"on": {"key": "k", "header": {"X-Test": "1"}, "body": "needle"}, "do": {"kind": "reset"},
                   "times": "always"}"#;
    faults.inject(json.parse().unwrap());
    let meets = |key: &str, test: &'static str, body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, key.parse().unwrap());
        headers.insert("x-test", http::HeaderValue::from_static(test));
        faults.on_call(&call("POST", "/sessions", &headers, body.as_bytes())).is_some()
    };
    assert!(meets("Bearer k", "1", "hay needle hay") && meets("bearer k", "1", "needle"));
    assert!(!meets("Bearer other", "1", "needle") && !meets("Bearer k", "2", "needle") && !meets("Bearer k", "1", "x"));
    assert_eq!(faults.list()[0]["on"]["key"], "<masked>");
    assert!(!format!("{faults:?}").contains("\"k\""));
}

#[test]
fn what_was_read_is_shown_as_it_was_said_and_can_be_said_again() {
    let text = |value: Value| value.to_string();
    for (wanted, on) in [
        (
            json!({"kind": "status", "status": 503, "body": {"a": 1}, "headers": {"x-a": "b"}, "retryAfterDate": 9,
                "rateLimit": true, "after": "apply"}),
            json!({"surface": "management", "method": "GET", "nth": 3}),
        ),
        (json!({"kind": "status", "status": 429, "body": "", "retryAfter": 7}), json!({"surface": "widget"})),
        (json!({"kind": "gateway", "status": 200}), json!({"surface": "contract", "probability": 0.5, "seed": 7})),
        (json!({"kind": "latency", "time": "300ms"}), json!({"surface": "contract", "route": LINE})),
        (json!({"kind": "latency", "from": "1ms", "to": "2000ms", "seed": 4}), json!({"surface": "contract"})),
        (
            json!({"kind": "latency", "percentiles": {"50": "1ms", "99.9": "2000ms"}, "seed": 0, "after": "apply"}),
            json!({"surface": "contract", "body": "b", "header": {"x-test": "1"}}),
        ),
        (json!({"kind": "hold", "barrier": "b"}), json!({"surface": "contract"})),
        (json!({"kind": "hold", "barrier": "b", "after": "apply"}), json!({"surface": "contract"})),
        (json!({"kind": "cut-before"}), json!({"surface": "contract"})),
        (json!({"kind": "apply-then-drop"}), json!({"surface": "contract"})),
        (json!({"kind": "hold-then-apply", "time": "5ms"}), json!({"surface": "contract"})),
        (json!({"kind": "cut-in-body"}), json!({"surface": "contract"})),
        (json!({"kind": "reset"}), json!({"surface": "contract"})),
        (json!({"kind": "reset", "after": "apply"}), json!({"surface": "contract"})),
        (json!({"kind": "malformed-json"}), json!({"surface": "contract"})),
        (json!({"kind": "wrong-content-type"}), json!({"surface": "contract"})),
        (json!({"kind": "wrong-content-type", "contentType": "text/x"}), json!({"surface": "contract"})),
        (json!({"kind": "slow-drip", "bytes": 3, "every": "10ms"}), json!({"surface": "contract"})),
        (json!({"kind": "slow-drip", "bytes": 1, "barrier": "b"}), json!({"surface": "contract"})),
        (json!({"kind": "close", "code": 4321}), json!({"surface": "widget", "over": "websocket", "event": "typing"})),
        (json!({"kind": "cut"}), json!({"surface": "widget", "over": "sse"})),
        (json!({"kind": "silent"}), json!({"surface": "contract"})),
        (json!({"kind": "duplicate"}), json!({"surface": "contract", "event": "message.created", "body": "x"})),
        (json!({"kind": "swap"}), json!({"surface": "contract"})),
        (json!({"kind": "skip"}), json!({"surface": "contract"})),
        (json!({"kind": "corrupt"}), json!({"surface": "contract"})),
        (json!({"kind": "garble"}), json!({"surface": "contract"})),
        (json!({"kind": "delay", "time": "20ms"}), json!({"surface": "contract"})),
        (json!({"kind": "refuse-auth", "code": 4401}), json!({"surface": "contract"})),
        (json!({"kind": "refuse-upgrade", "status": 503, "retryAfter": 1}), json!({"surface": "widget"})),
        (json!({"kind": "lost"}), json!({"surface": "webhook", "event": "message.created"})),
        (json!({"kind": "sent-twice"}), json!({"surface": "webhook"})),
    ] {
        let fault: Fault = text(json!({"on": on, "do": wanted})).parse().unwrap();
        assert_eq!(fault.to_json(), json!({"on": on, "do": wanted}));
    }
}
