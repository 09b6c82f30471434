//! What is said in a chat, and who said it, never shows in `Debug`, errors or spans.

use pocketping_sdk::{Client, Event, Identify, Message, NewMessage, Session, Webhook};

const SECRETS: [&str; 4] = ["hunter2", "zoe@example.com", "Zoe", "whsec_"];

fn assert_masked(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn debug_masks_personal_data() {
    let session: Session = serde_json::from_str(
        r#"{"id":"sess_1","metadata":{"pageUrl":"https://e.com/?token=hunter2","name":"Zoe"},
            "identity":{"email":"zoe@example.com","name":"Zoe"},"note":"hunter2",
            "messages":[{"id":"m","content":"hunter2"}]}"#,
    )
    .unwrap();
    let message: Message = serde_json::from_str(r#"{"id":"msg_1","content":"hunter2","x":"Zoe"}"#).unwrap();
    let event: Event =
        serde_json::from_str(r#"{"type":"message.created","message":{"id":"msg_1","content":"hunter2"},"x":"Zoe"}"#)
            .unwrap();
    let unknown: Event = serde_json::from_str(r#"{"type":"typing","preview":"hunter2"}"#).unwrap();
    let webhook: Webhook = serde_json::from_str(r#"{"url":"u","events":[],"secret":"whsec_1"}"#).unwrap();
    for shown in [
        format!("{session:?}"),
        format!("{message:?}"),
        format!("{event:?}"),
        format!("{unknown:?}"),
        format!("{webhook:?}"),
        format!("{:?}", Identify::new().email("zoe@example.com").metadata("password", "hunter2")),
        format!("{:?}", NewMessage::operator("hunter2")),
    ] {
        assert_masked(&shown);
    }
    assert!(format!("{session:?}").contains("sess_1"), "ids are shown");
}

#[tokio::test]
async fn the_key_shows_nowhere() {
    let client = Client::builder().base_url("http://127.0.0.1:1").api_key("hunter2").build().unwrap();
    let error = client.sessions().list().call().retry(pocketping_sdk::RetryPolicy::none()).await.unwrap_err();
    let call = client.session("sess_1").messages().send(NewMessage::operator("Zoe"));
    for shown in [format!("{client:?}"), format!("{error} {error:?}"), format!("{call:?}")] {
        assert_masked(&shown);
    }
}
