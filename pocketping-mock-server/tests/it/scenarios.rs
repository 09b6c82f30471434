//! Scenarios: the stories that come with the server, what goes wrong, and conversations made into one.

use std::time::Duration;

use pocketping_mock_server::{Clock, Contract, MockServer, Scenario, Visit};
use serde_json::{Value, json};

use crate::wire::{call, send};

const BOTH: [Contract; 2] = [Contract::Strict, Contract::Extended];

fn scenario(steps: &Value) -> Scenario {
    Scenario::from_json(&json!({"steps": steps}).to_string()).unwrap()
}

#[tokio::test]
async fn every_story_goes_as_it_says_in_both_contracts() {
    for contract in BOTH {
        for name in Scenario::stock_names() {
            let server = MockServer::builder().contract(contract).start().unwrap();
            let story = Scenario::stock(name).unwrap();
            let played = server.play(&story).await.unwrap_or_else(|error| panic!("{contract:?} {name}: {error}"));
            assert!(played.steps.len() > 5, "{name}");
        }
    }
    assert_eq!(Scenario::stock("nope"), None);
}

#[tokio::test]
async fn a_step_that_fails_is_named_with_what_differs() {
    let visit = json!({"visit": {"as": "ann"}});
    for (steps, step, what) in [
        (json!([{"say": {"as": "ann", "text": "x"}}]), 1, "\"ann\" has not come yet"),
        (json!([visit, {"say": {"as": "ann", "text": " "}}]), 2, "`content` is blank"),
        (json!([visit, {"edit": {"as": "ann", "text": "x"}}]), 2, "wrote nothing yet"),
        (json!([visit, {"rate": {"as": "ann", "score": 9}}]), 2, "`score`"),
        (json!([visit, {"close": {"in": "ann"}}, {"reply": {"to": "ann", "text": "x"}}]), 3, "is closed"),
        (json!([{"restore": "nope"}]), 1, "no snapshot"),
        (json!([{"revoke-key": "nope"}]), 1, "was not taken"),
        (json!([{"webhook": {"url": "x", "events": []}}]), 1, "`url`"),
        (
            json!([visit, {"expect": {"in": "ann", "count": 1}}]),
            2,
            "line 1: not all is as expected\n  - count: 1\n  + count: 0",
        ),
        (
            json!([visit, {"expect": {"in": "ann", "session": {"status": "closed"}}}]),
            2,
            "\n  - session.status: \"closed\"\n  + session.status: \"active\"",
        ),
        (json!([visit, {"expect": {"events": ["session.closed"]}}]), 2, "- events[0]: \"session.closed\""),
        (json!([{"expect": {"deliveries": {"failed": 1}}}]), 1, "- deliveries.failed: 1"),
    ] {
        let error = MockServer::start().play(&scenario(&steps)).await.unwrap_err();
        assert_eq!(error.step(), Some(step), "{steps}: {error}");
        assert!(error.to_string().contains(what), "{steps}: {error}");
        assert_eq!(error.played().len(), step - 1);
    }
}

#[tokio::test]
async fn a_fault_of_a_scenario_hits_whoever_calls_next() {
    let server = MockServer::start();
    let fault = json!({"on": {"method": "GET", "route": "/sessions"}, "do": {"kind": "status", "status": 418}});
    server.play(&scenario(&json!([{"fault": fault}]))).await.unwrap();
    assert_eq!((call(&server, "GET /sessions", "").status, call(&server, "GET /sessions", "").status), (418, 200));
    let never = scenario(&json!([{"fault": {"on": {"key": "nobody's"}, "do": {"kind": "reset"}}}]));
    let refused = server.play(&never).await.unwrap_err().to_string();
    assert_eq!(refused, "step 1, line 1: `fault.on.key` must be a key that this server takes");
    assert_eq!(server.faults_left(), 0);
    let wrong = json!({"steps": [{"fault": {"do": {"kind": "earthquake"}}}]}).to_string();
    assert!(Scenario::from_json(&wrong).unwrap_err().to_string().contains("`fault.do.kind`: must be one of"));
}

#[tokio::test]
async fn a_key_is_taken_and_taken_no_more() {
    let server = MockServer::start();
    let with = |key: &str| send(&server, "GET /sessions", &[("Authorization", &format!("Bearer {key}"))], "").status;
    assert_eq!((with("test_key"), with("next")), (200, 401));
    server.play(&scenario(&json!([{"allow-key": "sk_next_one"}, {"revoke-key": "test_key"}]))).await.unwrap();
    assert_eq!((with("test_key"), with("sk_next_one")), (401, 200));
    // From then on the journal shows it nowhere, not even where it was written by mistake.
    server.visitor_says(&server.visitor_opens_session(Visit::new()).id, "my code is sk_next_one");
    let told = server.journal().with_personal_data().to_ndjson();
    assert!(told.contains("my code is") && !told.contains("sk_next_one"), "{told}");
}

#[tokio::test]
async fn a_conversation_can_be_played_again() {
    let server = MockServer::start();
    let session = server.visitor_opens_session(Visit::new().page_url("https://a/").metadata("plan", "pro"));
    server.visitor_says(&session.id, "Hello");
    server.clock().advance(Duration::from_millis(1500));
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#);
    call(&server, "POST /sessions/sess_1/messages", r#"{"content":"I am a robot","type":"ai"}"#);
    call(&server, "POST /sessions/sess_1/identify", r#"{"name":"Ann"}"#);
    call(&server, "POST /sessions/sess_1/close", "");
    let exported = Scenario::of_conversation(&server.sessions()[0], &server.messages(&session.id));
    let steps: Value = serde_json::from_str::<Value>(&exported).unwrap()["steps"].clone();
    assert_eq!(steps[0], json!({"visit": {"as": "visitor", "page": "https://a/", "metadata": {"plan": "pro"}}}));
    assert_eq!(steps[2], json!({"wait": "1500ms"}));
    let left_out = Scenario::left_out_of(&server.sessions()[0], &server.messages(&session.id));
    assert_eq!(left_out, ["the visitor's identity is said at the end"]);
    let again = MockServer::start();
    again.play(&Scenario::from_json(&exported).unwrap()).await.unwrap();
    let told = |server: &MockServer| {
        let messages = server.messages(&session.id);
        messages.iter().map(|it| (it.kind.clone(), it.content.clone(), it.created_at)).collect::<Vec<_>>()
    };
    assert_eq!(told(&again), told(&server));

    // However long somebody was silent.
    server.visitor_says(&session.id, "Me again");
    for _ in 0..3 {
        server.clock().advance(Duration::from_secs(25 * 24 * 3600));
    }
    server.visitor_says(&session.id, "And again");
    let exported = Scenario::of_conversation(&server.sessions()[0], &server.messages(&session.id));
    assert_eq!(exported.matches(r#""wait": "2592000000ms""#).count(), 2, "{exported}");
    let again = MockServer::start();
    again.play(&Scenario::from_json(&exported).unwrap()).await.unwrap();
    assert_eq!(told(&again), told(&server));
}

#[tokio::test]
async fn a_wait_moves_a_clock_that_runs_and_a_pause_really_passes() {
    let server = MockServer::builder().clock(Clock::system()).start().unwrap();
    let before = server.clock().now();
    let steps = json!([{"wait": "720h"}, {"advance": "90s"}, {"pause": "1ms"}]);
    let played = server.play(&scenario(&steps)).await.unwrap();
    assert_eq!(played.steps, ["30d later", "1m 30s later", "nothing for 1ms"]);
    assert!(!server.clock().is_frozen());
    assert!(server.clock().now().since(before) >= Duration::from_secs(30 * 24 * 3600 + 90));
}

#[tokio::test]
async fn one_is_no_many() {
    let steps = json!([
        {"visit": {"as": "ann"}}, {"say": {"as": "ann", "text": "1"}}, {"operator-reads": {"in": "ann"}},
        {"reply": {"to": "ann", "text": "2"}}, {"reply": {"to": "ann", "text": "3"}}, {"read": {"as": "ann"}}
    ]);
    let played = MockServer::start().play(&scenario(&steps)).await.unwrap();
    assert_eq!((&*played.steps[2], &*played.steps[5]), ("the operator reads 1 message of ann", "ann reads 2 messages"));
}

#[test]
fn a_scenario_is_played_over_control() {
    let server = MockServer::start();
    let mock = |line: &str, body: &str| send(&server, line, &[], body);
    let good = json!({"steps": [{"visit": {"as": "ann"}}, {"say": {"as": "ann", "text": "Hello"}}]}).to_string();
    let played = mock("POST /_mock/scenarios", &good);
    assert_eq!(played.status, 200);
    assert_eq!(played.json()["steps"], json!(["ann opens sess_1", "ann writes: Hello"]));
    let failed = mock("POST /_mock/scenarios", "{\"steps\": [\n{\"expect\": {\"events\": [\"session.closed\"]}}]}");
    let expected = json!({
        "error": "Scenario failed", "message": "step 1, line 2: not all is as expected", "code": "SCENARIO_FAILED",
        "step": 1, "line": 2, "steps": [],
        "differences": ["- events[1]: \"session.closed\"", "+ events[1]: \"message.created\""],
    });
    assert_eq!((failed.status, failed.json()), (422, expected));
    let wrong = mock("POST /_mock/scenarios", r#"{"steps": [{"say": {}}]}"#);
    assert_eq!(wrong.status, 400);
    let said = "the scenario cannot be read: step 1, line 1: `say`: missing field `as`";
    assert_eq!(wrong.json()["message"], said, "{wrong:?}");
    let stock = mock("GET /_mock/scenarios", "").json();
    assert!(stock["scenarios"].as_array().unwrap().contains(&json!("rush-hour")));
    assert_eq!(mock("POST /_mock/scenarios/demo", "").status, 200);
    assert_eq!(mock("POST /_mock/scenarios/nope", "").status, 404);
    let exported = mock("GET /_mock/sessions/sess_1/scenario", "").json();
    assert_eq!(exported["steps"][1], json!({"say": {"as": "visitor", "text": "Hello"}}));
}

#[test]
fn whoever_plays_a_story_over_control_is_told_how_it_went_also_when_it_cuts_all_connections() {
    let server = MockServer::start();
    let cut = r#"{"steps": [{"visit": {"as": "ann"}}, {"cut-connections": true}, {"pause": "1ms"},
                            {"say": {"as": "ann", "text": "Still here"}}]}"#;
    let played = send(&server, "POST /_mock/scenarios", &[], cut);
    assert_eq!((played.status, played.json()["steps"].as_array().unwrap().len()), (200, 4), "{played:?}");
    for story in ["flaky-network", "reconnect-storm"] {
        let played = send(&server, &format!("POST /_mock/scenarios/{story}"), &[], "");
        assert_eq!(played.status, 200, "{story}: {played:?}");
    }
    assert_eq!(send(&server, "GET /_mock/faults", &[], "").json(), json!({"faults": []}));
}

#[test]
fn yaml_is_posted_as_what_it_is() {
    let server = MockServer::start();
    let post = |kind: &str, body: &str| send(&server, "POST /_mock/scenarios", &[("Content-Type", kind)], body);
    let yaml = "steps:\n  - visit: {as: ann}\n  - clear-faults\n";
    for kind in ["application/yaml", "application/x-yaml", "text/yaml; charset=utf-8", "Text/YAML"] {
        let answer = post(kind, yaml);
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        if cfg!(feature = "yaml") {
            assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        } else {
            assert_eq!(
                (answer.status, &*message),
                (400, "the body is YAML, which this server was built without; send it as JSON")
            );
        }
    }
    let refused = post("application/json", yaml);
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(refused.status, 400);
    assert!(message.ends_with("; YAML is sent with the content type application/yaml"), "{message}");
    let wrong = post("application/yaml", "steps:\n  - say:\n      as: ann\n");
    let said = "the scenario cannot be read: step 1, line 3: `say`: missing field `text`";
    assert!(wrong.json()["message"] == said || !cfg!(feature = "yaml"), "{wrong:?}");
}

#[tokio::test]
async fn what_no_step_can_say_is_left_out_and_named() {
    let server = MockServer::start();
    let session = server.visitor_opens_session(Visit::new());
    let export = || {
        let (session, messages) = (&server.sessions()[0], server.messages(&session.id));
        (Scenario::of_conversation(session, &messages), Scenario::left_out_of(session, &messages))
    };
    let (empty, left_out) = export();
    assert_eq!(left_out, [""; 0]);
    MockServer::start().play(&Scenario::from_json(&empty).unwrap()).await.unwrap();
    for text in ["one", "two", "three"] {
        server.visitor_says(&session.id, text);
    }
    let edit = r#"{"sessionId":"sess_1","content":"Two"}"#;
    assert_eq!(send(&server, "PATCH /pocketping/message/msg_2", &[], edit).status, 200);
    assert_eq!(send(&server, "DELETE /pocketping/message/msg_3?sessionId=sess_1", &[], "").status, 200);
    server.operator().reads(&session.id);
    call(&server, "POST /sessions/sess_1/ai", r#"{"enabled":false}"#);
    let (played, left_out) = export();
    let expected = [
        "1 deleted message is left out",
        "1 edited message is said as it is now",
        "2 receipts are left out",
        "that the AI is off is left out",
    ];
    assert_eq!(left_out, expected);
    MockServer::start().play(&Scenario::from_json(&played).unwrap()).await.unwrap();
}
