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
        format!("{:?}", session.metadata),
        format!("{:?}", serde_json::from_str::<pocketping_sdk::ReplyTo>(r#"{"id":"m","content":"hunter2"}"#).unwrap()),
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

#[test]
fn a_url_with_a_secret_is_not_repeated() {
    for url in ["https://user:hunter2@example.com", "nonsense:hunter2@", "https://example.com/?key=hunter2"] {
        let builder = Client::builder().base_url(url).api_key("k");
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        let proxy = Client::builder().base_url("http://h").api_key("k").proxy(format!(":{url}")).build();
        for shown in [shown, format!("{error} {error:?}"), format!("{proxy:?}")] {
            assert_masked(&shown);
        }
    }
}

/// The WebSocket library logs the frames it sends, at its lowest level.
#[tokio::test]
async fn the_sockets_key_is_in_no_log() {
    use std::sync::Mutex;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Lines;
    impl log::Log for Lines {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            LINES.lock().unwrap().push(record.args().to_string());
        }
        fn flush(&self) {}
    }
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    let server = pocketping_mock_server::MockServer::builder().api_key("sk_hunter2").start().unwrap();
    let client = Client::new(server.url(), server.api_key()).unwrap();
    let events = client.events().connect().await.unwrap();
    events.close().await;
    let lines = LINES.lock().unwrap().join("\n");
    // The server's side runs in this process too, and reads the frame; what is sent is the client's.
    let sent: Vec<_> =
        lines.lines().filter(|line| line.starts_with("Sending frame") || line.starts_with("writing")).collect();
    assert!(!sent.is_empty(), "the library logs what it sends");
    assert!(!sent.iter().any(|line| line.contains("hunter2")), "{sent:?}");
}
