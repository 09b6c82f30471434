//! Seeds, and what is wrong with them.

use pocketping_mock_server::{ApiKey, MockServer, Seed, Visit};

use crate::wire::call;

fn start(json: &str) -> Result<MockServer, String> {
    let seed = Seed::from_json(json).map_err(|error| error.to_string())?;
    MockServer::builder().seed(seed).start().map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_is_filled_in() {
    let server = start(
        r#"{"sessions": [{"messages": [{"content": "Hello", "type": "visitor"}]}, {"id": "mine", "status": "closed"}],
            "webhooks": [{"url": "https://a.test/", "events": ["message.created"], "secret": "long enough"}]}"#,
    )
    .unwrap();
    let sessions = server.sessions();
    assert_eq!([sessions[0].id.as_str(), sessions[1].id.as_str()], ["mine", "sess_1"]);
    assert!(sessions[0].closed_at.is_some());
    assert_eq!((sessions[1].unanswered, sessions[1].status.as_str()), (Some(true), "active"));
    assert_eq!(server.messages(&sessions[1].id)[0].created_at, sessions[1].created_at);
}

#[test]
fn whatever_happened_last_is_a_sessions_last_activity_and_no_time_goes_back() {
    let last = |fields: &str| {
        let session = format!(r#"{{"sessions": [{{"id": "s", "createdAt": "2024-01-15T09:00:00Z", {fields}}}]}}"#);
        let server = start(&session).unwrap();
        let before = server.sessions()[0].last_activity;
        // The clock stands at 10:30.
        let said = call(&server, "POST /sessions/s/messages", r#"{"content":"Hi"}"#).json();
        assert_eq!(said["createdAt"], "2024-01-15T11:00:00Z");
        before.unwrap().to_string()
    };
    let eleven = "2024-01-15T11:00:00Z";
    for changed in ["editedAt", "deliveredAt", "readAt", "updatedAt"] {
        let message = format!(
            r#""messages": [{{"content": "x", "createdAt": "2024-01-15T10:00:00Z", "{changed}": "{eleven}"}}]"#
        );
        assert_eq!(last(&message), eleven, "{changed}");
    }
    assert_eq!(last(&format!(r#""csat": {{"score": 4, "at": "{eleven}"}}"#)), eleven);
}

#[test]
fn what_the_server_prints_can_be_seeded_again() {
    let server = MockServer::start();
    let session = server.visitor_opens_session(Visit::new().page_url("https://a/")).id;
    let said = server.visitor_says(&session, "Hello");
    server.operator().reads(&session);
    let reply = call(&server, "POST /sessions/sess_1/messages", r#"{"content":"Hi"}"#).json();
    server.operator().edits(&session, &reply["id"].as_str().unwrap().into(), "Hi there");
    call(&server, "POST /sessions/sess_1/identify", r#"{"name":"Ann"}"#);
    let printed = |server: &MockServer| {
        let mut sessions = call(server, "GET /sessions", "").json();
        sessions["sessions"][0]["messages"] =
            call(server, "GET /sessions/sess_1/messages", "").json()["messages"].take();
        sessions
    };
    let before = printed(&server);
    assert!(before["sessions"][0]["messages"][0]["readAt"].is_string(), "{before}");
    let again = start(&before.to_string()).unwrap();
    assert_eq!(printed(&again), before);
    assert_eq!(again.messages(&session)[0].id, said.id);
    let rated = before.to_string().replace(r#""unanswered""#, r#""csat":{"score":4,"comment":"ok"},"unanswered""#);
    assert_eq!(start(&rated).unwrap().sessions()[0].csat.as_ref().unwrap().score, Some(4));
}

#[test]
fn what_contradicts_itself_is_refused_with_its_place() {
    for (json, place) in [
        (r#"{"sessions": [{"id": "a"}, {"id": "a"}]}"#, "sessions[1].id"),
        (r#"{"sessions": [{"id": ""}]}"#, "sessions[0].id"),
        (r#"{"sessions": [{"id": "a\nb"}]}"#, "sessions[0].id"),
        (r#"{"sessions": [{"projectId": ""}]}"#, "sessions[0].projectId"),
        (r#"{"sessions": [{"visitorId": "a\u0000"}]}"#, "sessions[0].visitorId"),
        (r#"{"sessions": [{"id": ".."}]}"#, "sessions[0].id"),
        (r#"{"sessions": [{"closedAt": "2024-01-15T10:30:00Z"}]}"#, "sessions[0].closedAt"),
        (r#"{"sessions": [{"identity": {"emial": "a@b"}}]}"#, "sessions[0].identity.emial"),
        (r#"{"sessions": [{"identity": {"email": "nobody"}}]}"#, "sessions[0].identity"),
        (r#"{"sessions": [{"messages": [{"content": "  "}]}]}"#, "sessions[0].messages[0].content"),
        (
            r#"{"sessions": [{"messages": [{"content": "x", "createdAt": "2024-01-15T10:30:01Z"},
                                           {"content": "y", "createdAt": "2024-01-15T10:30:00Z"}]}]}"#,
            "sessions[0].messages[1].createdAt",
        ),
        (
            r#"{"webhooks": [{"url": "http://a/", "events": ["message.created"]},
                             {"url": "http://a/", "events": ["message.created"]}]}"#,
            "webhooks[1].url",
        ),
        (r#"{"sessions": [{"status": "open"}]}"#, "sessions[0].status"),
        (r#"{"sessions": [{"messages": [{"content": "x", "type": "robot"}]}]}"#, "sessions[0].messages[0].type"),
        (
            r#"{"sessions": [{"messages": [{"id": "m", "content": "x"}, {"id": "m", "content": "y"}]}]}"#,
            "sessions[0].messages[1].id",
        ),
        (r#"{"sessions": [{"csat": {"score": 6}}]}"#, "sessions[0].csat"),
        (
            r#"{"sessions": [{"messages": [{"content": "x", "sessionId": "other"}]}]}"#,
            "sessions[0].messages[0].sessionId",
        ),
        (r#"{"sessions": [{"messages": [{"content": "x", "replyTo": "m"}]}]}"#, "sessions[0].messages[0].replyTo"),
        (
            r#"{"sessions": [{"messages": [{"content": "x", "attachments": []}]}]}"#,
            "sessions[0].messages[0].attachments",
        ),
        (
            r#"{"sessions": [{"messages": [{"content": "x", "deletedAt": "2024-01-15T10:30:00Z"}]}]}"#,
            "sessions[0].messages[0].content",
        ),
        (r#"{"webhooks": [{"url": "nope", "events": ["message.created"]}]}"#, "webhooks[0]"),
    ] {
        let error = start(json).unwrap_err();
        assert!(error.contains(place) && !error.contains('\n'), "{json}: {error}");
    }
}

#[test]
fn keys_and_addresses_that_cannot_be_are_refused() {
    let start = |builder: pocketping_mock_server::MockServerBuilder| builder.start().unwrap_err().to_string();
    assert!(start(MockServer::builder().api_key("")).contains("API key"));
    assert!("=tenant".parse::<ApiKey>().unwrap_err().contains("API key"));
    let twice = ["k=a", "k=b"].map(|key| key.parse::<ApiKey>().unwrap());
    let [one, two] = twice;
    assert!(start(MockServer::builder().key(one).key(two)).contains("two tenants"));
    let taken = MockServer::start();
    assert!(start(MockServer::builder().address(taken.address())).contains(&taken.address().to_string()));
}

#[test]
fn what_is_made_does_not_take_the_place_of_what_was_given() {
    let server = start(
        r#"{"sessions": [{"messages": [{"content": "x"}]}, {"id": "sess_1", "messages": [{"id": "msg_1", "content": "y"}]}],
            "webhooks": null}"#,
    )
    .unwrap();
    let new = server.visitor_opens_session(Visit::new());
    let said = server.visitor_says(&"sess_1".into(), "Hello");
    let ids: Vec<_> = server.sessions().into_iter().map(|session| session.id.into_string()).collect();
    assert_eq!(ids, [new.id.as_str(), "sess_1", "sess_2"]);
    assert_eq!(server.messages(&"sess_1".into()).last().unwrap().id, said.id);
    assert_ne!(said.id, "msg_1");
    let server = start(r#"{"sessions": [{"id": "a"}, {"id": "b", "visitorId": "vis_1"}]}"#).unwrap();
    server.visitor_opens_session(Visit::new());
    let mut visitors: Vec<_> = server.sessions().into_iter().filter_map(|session| session.visitor_id).collect();
    visitors.sort();
    visitors.dedup();
    assert_eq!(visitors.len(), 3, "a stranger is not the seeded visitor");
}

#[test]
fn what_a_seed_or_visit_brings_must_fit_an_event() {
    let large = "y".repeat(40_000);
    let error = start(&format!(r#"{{"sessions": [{{"metadata": {{"x": "{large}"}}}}]}}"#)).unwrap_err();
    assert!(error.contains("sessions[0].metadata"), "{error:.100}");
    let server = MockServer::start();
    let visit = std::panic::AssertUnwindSafe(|| server.visitor_opens_session(Visit::new().metadata("x", large)));
    assert!(std::panic::catch_unwind(visit).is_err());
    assert!(server.sessions().is_empty());
}
