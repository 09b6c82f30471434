//! Faults as data: injected, seen and taken back over `/_mock`, and what is none.

use pocketping_mock_server::{Contract, Fault, HttpFault, MockServer};
use serde_json::json;

use super::{inject, start};
use crate::wire::{call, send};

#[test]
fn faults_are_injected_seen_and_taken_back() {
    let server = MockServer::start();
    let mock = |line: &str, body: &str| send(&server, line, &[], body);
    let said = r#"{"on": {"surface": "contract", "method": "GET", "route": "/sessions/:sessionId", "nth": 2},
                   "do": {"kind": "status", "status": 503, "body": "later"}, "times": 2}"#;
    let made = mock("POST /_mock/faults", said);
    assert_eq!(made.status, 201);
    let mut expected: serde_json::Value = serde_json::from_str(said).unwrap();
    expected.as_object_mut().unwrap().remove("times");
    (expected["id"], expected["happened"], expected["left"]) = (json!("fault_1"), json!(0), json!(2));
    assert_eq!(made.json(), expected);
    assert_eq!(mock("GET /_mock/faults", "").json(), json!({"faults": [expected]}));
    assert_eq!(call(&server, "GET /sessions/nope", "").status, 404, "the first goes by");
    let met = call(&server, "GET /sessions/nope", "");
    assert_eq!((met.status, met.header("x-pocketping-mock-fault")), (503, Some("fault_1")));
    let seen = mock("GET /_mock/faults", "").json()["faults"][0].clone();
    assert_eq!((&seen["happened"], &seen["left"], &seen["on"]["nth"]), (&json!(1), &json!(1), &json!(2)));

    inject(&server, r#"{"do": {"kind": "cut-before"}, "times": "always"}"#);
    assert_eq!(mock("DELETE /_mock/faults/fault_1", "").json(), json!({"ok": true}));
    let none = mock("DELETE /_mock/faults/fault_1", "");
    assert_eq!((none.status, &none.json()["code"]), (404, &json!("FAULT_NOT_FOUND")));
    assert_eq!(mock("DELETE /_mock/faults", "").json(), json!({"removed": 1}));
    assert_eq!(mock("GET /_mock/faults", "").json(), json!({"faults": []}));
    assert_eq!((call(&server, "GET /sessions/nope", "").status, server.faults_left()), (404, 0));
}

const STATUS: &str = r#""do": {"kind": "status", "status": 500}"#;

/// Refused over HTTP and by the library in the same words; nothing is changed.
#[track_caller]
fn all_refused(wrong: &[(String, &str, &str)]) {
    let server = start(Contract::Extended);
    for (text, field, what) in wrong {
        let refused = send(&server, "POST /_mock/faults", &[], text);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("INVALID_REQUEST")), "{text}");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(field) && message.contains(what), "{text}: {message}");
        assert_eq!(text.parse::<Fault>().unwrap_err().to_string(), message, "the same words");
    }
    assert_eq!(send(&server, "GET /_mock/faults", &[], "").json(), json!({"faults": []}));
    assert_eq!(call(&server, "GET /sessions", "").status, 200);
}

#[test]
fn a_wrong_fault_names_its_field_and_changes_nothing() {
    let act = |act: &str| format!(r#"{{"do": {act}}}"#);
    all_refused(&[
        (String::new(), "the fault", "cannot be read as JSON"),
        ("{".to_owned(), "the fault", "line 1"),
        ("[]".to_owned(), "the fault", "must be a JSON object"),
        ("{}".to_owned(), "`do`", "is missing"),
        (act("[]"), "`do`", "must be an object"),
        (act("{}"), "`do.kind`", "is missing"),
        (act(r#"{"kind": "explode"}"#), "`do.kind`", "must be one of status, gateway"),
        (act(r#"{"kind": "status"}"#), "`do.status`", "is missing"),
        (act(r#"{"kind": "status", "status": 99}"#), "`do.status`", "from 200 to 599"),
        (act(r#"{"kind": "status", "status": "500"}"#), "`do.status`", "whole number"),
        (act(r#"{"kind": "status", "status": 500, "boddy": 1}"#), "`do.boddy`", "is no field of status"),
        (act(r#"{"kind": "status", "status": 500, "headers": {"a b": "c"}}"#), "`do.headers.a b`", "no header's name"),
        (act(r#"{"kind": "status", "status": 500, "headers": {"a": "b\nc"}}"#), "`do.headers.a`", "header can have"),
        (
            act(r#"{"kind": "status", "status": 500, "headers": {"Content-Length": "5"}}"#),
            "`do.headers.content-length`",
            "the server writes itself",
        ),
        (
            act(r#"{"kind": "status", "status": 200, "headers": {"x-a": "b", "transfer-encoding": "chunked"}}"#),
            "`do.headers.transfer-encoding`",
            "the server writes itself",
        ),
        (act(r#"{"kind": "status", "status": 205, "body": "x"}"#), "`do.body`", "cannot be sent with 205"),
        (act(r#"{"kind": "status", "status": 500, "headers": {"X-A": "1", "x-a": "2"}}"#), "`do.headers.x-a`", "twice"),
        (act(r#"{"kind": "gateway", "status": 304}"#), "`do.status`", "has no page"),
        (act(r#"{"kind": "reset", "kind": "hold"}"#), "the fault", "`kind` is there twice"),
        (act(r#"{"kind": "latency", "time": "3601s"}"#), "`do.time`", "at most 1h"),
        (act(r#"{"kind": "latency", "percentiles": {"50": "2h"}}"#), "`do.percentiles.50`", "at most 1h"),
        (act(r#"{"kind": "status", "status": 429, "retryAfter": -1}"#), "`do.retryAfter`", "whole number"),
        (
            act(r#"{"kind": "status", "status": 429, "retryAfter": 1, "retryAfterDate": 1}"#),
            "`do.retryAfterDate`",
            "exclude each other",
        ),
        (act(r#"{"kind": "status", "status": 429, "rateLimit": 1}"#), "`do.rateLimit`", "true or false"),
        (act(r#"{"kind": "status", "status": 500, "after": true}"#), "`do.after`", "\"apply\" or false"),
        (act(r#"{"kind": "cut-before", "status": 500}"#), "`do.status`", "is no field of cut-before"),
        (act(r#"{"kind": "latency"}"#), "`do.time`", "is missing"),
        (act(r#"{"kind": "latency", "time": 5}"#), "`do.time`", "number with its unit"),
        (act(r#"{"kind": "latency", "from": "1s"}"#), "`do.to`", "is missing"),
        (act(r#"{"kind": "latency", "from": "2s", "to": "1s"}"#), "`do.to`", "shorter than from"),
        (act(r#"{"kind": "latency", "time": "1s", "to": "2s"}"#), "`do.time`", "exclude each other"),
        (act(r#"{"kind": "latency", "time": "1s", "seed": 1}"#), "`do.seed`", "is no field of latency"),
        (act(r#"{"kind": "latency", "percentiles": {}}"#), "`do.percentiles.50`", "is missing"),
        (act(r#"{"kind": "latency", "percentiles": {"x": "1s"}}"#), "`do.percentiles.x`", "percentile"),
        (act(r#"{"kind": "latency", "percentiles": {"101": "1s"}}"#), "`do.percentiles.101`", "percentile"),
        (act(r#"{"kind": "latency", "percentiles": {"50": "2s", "99": "1s"}}"#), "`do.percentiles.99`", "shorter"),
        (act(r#"{"kind": "hold"}"#), "`do.barrier`", "is missing"),
        (act(r#"{"kind": "hold", "barrier": "a/b"}"#), "`do.barrier`", "without /"),
        (act(r#"{"kind": "slow-drip"}"#), "`do.every`", "is missing; or a barrier"),
        (act(r#"{"kind": "slow-drip", "bytes": 0, "every": "1s"}"#), "`do.bytes`", "from 1"),
        (act(r#"{"kind": "wrong-content-type", "contentType": "a\nb"}"#), "`do.contentType`", "header"),
        (act(r#"{"kind": "close", "code": 1006}"#), "`do.code`", "close frame"),
        (act(r#"{"kind": "refuse-upgrade", "status": 200}"#), "`do.status`", "from 400"),
        (act(r#"{"kind": "delay", "time": "0s"}"#), "`do.time`", "longer than zero"),
        (format!(r#"{{{STATUS}, "times": 0}}"#), "`times`", "\"always\""),
        (format!(r#"{{{STATUS}, "times": "often"}}"#), "`times`", "\"always\""),
        (format!(r#"{{{STATUS}, "time": 1}}"#), "`time`", "is no field of a fault"),
        (format!("{{{STATUS}}} x"), "the fault", "cannot be read as JSON"),
    ]);
}

#[test]
fn what_it_cannot_happen_to_is_named_with_what_there_is() {
    let on = |on: &str| format!(r#"{{"on": {on}, {STATUS}}}"#);
    all_refused(&[
        (on("1"), "`on`", "must be an object"),
        (on(r#"{"surface": "moon"}"#), "`on.surface`", "contract, widget, management, webhook"),
        (on(r#"{"surface": "webhook"}"#), "`on.surface`", "cannot happen"),
        (on(r#"{"rute": "/"}"#), "`on.rute`", "is no field of what status happens to"),
        (on(r#"{"route": "sessions"}"#), "`on.route`", "begin with /"),
        (on(r#"{"method": "post"}"#), "`on.method`", "must be one of DELETE, GET, HEAD, POST, which contract has"),
        (
            on(r#"{"method": "PUT", "route": "/sessions/:sessionId/messages"}"#),
            "`on.method`",
            "must be one of GET, HEAD, POST, which /sessions/:sessionId/messages has",
        ),
        (on(r#"{"route": "/nope"}"#), "`on.route`", "must be one of /sessions, /sessions/:sessionId, "),
        (on(r#"{"route": "/health"}"#), "`on.route`", "must be one of /sessions"),
        (on(r#"{"route": "/message"}"#), "`on.route`", "is a route of widget: say so with `on.surface`"),
        (on(r#"{"route": "/pocketping/nope"}"#), "`on.route`", "must be one of /connect, "),
        (on(r#"{"route": "/_mock/reset"}"#), "`on.route`", "where nothing goes wrong"),
        (on(r#"{"surface": "contract", "route": "/pocketping/message"}"#), "`on.route`", "must be one of /sessions"),
        (
            r#"{"on": {"route": "/pocketping/stream"}, "do": {"kind": "cut-in-body"}}"#.to_owned(),
            "`on.route`",
            "has no end",
        ),
        (
            r#"{"on": {"event": "message.creatd"}, "do": {"kind": "skip"}}"#.to_owned(),
            "`on.event`",
            "must be one of session.created, message.created, session.closed, session.updated, message.updated",
        ),
        (
            r#"{"on": {"surface": "widget", "event": "message.created"}, "do": {"kind": "skip"}}"#.to_owned(),
            "`on.event`",
            "must be one of ai_takeover, ",
        ),
        (r#"{"on": {"event": "typing"}, "do": {"kind": "lost"}}"#.to_owned(), "`on.event`", "new_session"),
        (
            r#"{"on": {"surface": "widget", "over": "sse"}, "do": {"kind": "swap"}}"#.to_owned(),
            "`on.over`",
            "only cut, delay, duplicate and skip",
        ),
        (on(r#"{"surface": "widget", "key": "k"}"#), "`on.key`", "is no field"),
        (on(r#"{"header": {"x": 1}}"#), "`on.header.x`", "text"),
        (on(r#"{"event": "typing"}"#), "`on.event`", "is no field"),
        (on(r#"{"nth": 0}"#), "`on.nth`", "from 1"),
        (on(r#"{"probability": 0}"#), "`on.probability`", "above 0"),
        (on(r#"{"probability": 1.5, "seed": 1}"#), "`on.probability`", "1 at most"),
        (on(r#"{"seed": 1}"#), "`on.seed`", "is no field"),
        (r#"{"on": {"method": "GET"}, "do": {"kind": "skip"}}"#.to_owned(), "`on.method`", "is no field"),
        (r#"{"on": {"surface": "management"}, "do": {"kind": "skip"}}"#.to_owned(), "`on.surface`", "cannot happen"),
        (r#"{"on": {"surface": "contract"}, "do": {"kind": "lost"}}"#.to_owned(), "`on.surface`", "cannot happen"),
        (r#"{"on": {"over": "sse"}, "do": {"kind": "skip"}}"#.to_owned(), "`on.over`", "is no field"),
        (
            r#"{"on": {"surface": "widget"}, "do": {"kind": "refuse-auth", "code": 4401}}"#.to_owned(),
            "`on.surface`",
            "cannot happen",
        ),
    ]);
}

#[test]
fn a_route_is_meant_however_it_is_written() {
    let server = start(Contract::Extended);
    for (on, shown, line) in [
        (r#"{"route": "/sessions/{sessionId}"}"#, "/sessions/:sessionId", "GET /sessions/sess_abc123"),
        (r#"{"route": "/v1/sessions/sess_abc123"}"#, "/sessions/sess_abc123", "GET /sessions/sess_abc123"),
        (r#"{"route": "/pocketping/presence"}"#, "/presence", "GET /pocketping/presence"),
        (r#"{"route": "/api/widget/:projectId/presence"}"#, "/presence", "GET /api/widget/proj_def456/presence"),
        (r#"{"surface": "widget", "route": "/presence", "method": "GET"}"#, "/presence", "GET /pocketping/presence"),
        (r#"{"route": "/api/v1/projects/{id}"}"#, "/projects/:id", "GET /api/v1/projects/proj_def456"),
    ] {
        let fault = format!(r#"{{"on": {on}, "do": {{"kind": "status", "status": 418}}}}"#);
        let id = inject(&server, &fault);
        let seen = send(&server, "GET /_mock/faults", &[], "").json();
        let seen = seen["faults"].as_array().unwrap().iter().find(|fault| fault["id"] == id.as_str()).unwrap().clone();
        assert_eq!(seen["on"]["route"], shown, "{on}");
        assert_eq!(call(&server, line, "").status, 418, "{on}");
    }
    // What is made in Rust is compared in the same way.
    server.inject(Fault::http(HttpFault::CutBefore).route("get", "/v1/sessions/{id}"));
    assert_eq!((call(&server, "GET /sessions", "").status, server.faults_left()), (200, 1));
    assert_eq!(
        crate::wire::rest(crate::wire::begin(
            &server,
            &crate::wire::request("GET /sessions/sess_abc123", &[("Authorization", "Bearer test_key")], "")
        )),
        ""
    );
}

#[test]
fn what_this_server_has_not_is_refused_by_it() {
    let strict = start(Contract::Strict);
    let any = MockServer::builder().any_key().start().unwrap();
    let deployed = MockServer::builder().events_webhook("http://127.0.0.1:9/", None).start().unwrap();
    for (server, fault, said) in [
        (
            &strict,
            r#"{"on": {"key": "nobody's"}, "do": {"kind": "reset"}}"#,
            Some("`on.key` must be a key that this server takes"),
        ),
        (&strict, r#"{"on": {"key": "test_key"}, "do": {"kind": "reset"}}"#, None),
        (&any, r#"{"on": {"key": "nobody's"}, "do": {"kind": "reset"}}"#, None),
        (
            &strict,
            r#"{"on": {"route": "/webhooks/:webhookId"}, "do": {"kind": "reset"}}"#,
            Some("`on.route` is served by the extended contract only"),
        ),
        (&any, r#"{"on": {"route": "/webhooks/:webhookId"}, "do": {"kind": "reset"}}"#, None),
        (
            &strict,
            r#"{"on": {"method": "GET", "route": "/webhooks"}, "do": {"kind": "reset"}}"#,
            Some("`on.method` must be one of POST, which /webhooks has"),
        ),
        (
            &strict,
            r#"{"on": {"event": "message.updated"}, "do": {"kind": "skip"}}"#,
            Some("`on.event` must be one of session.created, message.created, session.closed, which contract has"),
        ),
        (
            &any,
            r#"{"on": {"event": "new_session"}, "do": {"kind": "lost"}}"#,
            Some(
                "`on.event` must be one of session.created, message.created, session.closed, session.updated, \
                 message.updated, which webhook has",
            ),
        ),
        (&deployed, r#"{"on": {"event": "new_session"}, "do": {"kind": "lost"}}"#, None),
    ] {
        let answer = send(server, "POST /_mock/faults", &[], fault);
        let message = answer.json()["message"].as_str().map(str::to_owned);
        assert_eq!((answer.status, message.as_deref()), (if said.is_some() { 400 } else { 201 }, said), "{fault}");
        let from_the_start = MockServer::builder().contract(Contract::Strict).fault(fault.parse().unwrap()).start();
        if std::ptr::eq(server, &raw const strict) {
            assert_eq!(from_the_start.is_err(), said.is_some(), "{fault}");
        }
    }
    assert_eq!(strict.faults_left(), 1);
}
