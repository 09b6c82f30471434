//! Seeds, and what is wrong with them.

use pocketping_mock_server::{ApiKey, MockServer, Seed};

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
fn what_contradicts_itself_is_refused_with_its_place() {
    for (json, place) in [
        (r#"{"sessions": [{"id": "a"}, {"id": "a"}]}"#, "sessions[1].id"),
        (r#"{"sessions": [{"id": ""}]}"#, "sessions[0].id"),
        (r#"{"sessions": [{"status": "open"}]}"#, "sessions[0].status"),
        (r#"{"sessions": [{"messages": [{"content": "x", "type": "robot"}]}]}"#, "sessions[0].messages[0].type"),
        (
            r#"{"sessions": [{"messages": [{"id": "m", "content": "x"}, {"id": "m", "content": "y"}]}]}"#,
            "sessions[0].messages",
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
    assert!("k=".parse::<ApiKey>().unwrap_err().contains("tenant"));
    let taken = MockServer::start();
    assert!(start(MockServer::builder().address(taken.address())).contains(&taken.address().to_string()));
}
