//! Receiving webhooks: the three envelopes, signatures, and what goes wrong with them.

use std::time::Duration;

use pocketping_sdk::http::{HeaderMap, HeaderValue};
use pocketping_sdk::webhooks::{self, DeployedEvent, Payload, Verifier, VerifyError, sign};
use pocketping_sdk::{MessageKind, Timestamp};

const DOCUMENTED: &str = include_str!("../contract/webhook_payload.json");
/// A delivery of a real bridge server, as it was captured, and its signature under the secret `s3cret`.
const CAPTURED: &[u8] = br#"{"data":{"online":true},"sentAt":"2026-11-22T07:13:45Z","type":"operator_status"}"#;
const CAPTURED_SIGNATURE: &str = "sha256=4dbbec12776eb4eec1f422940c276b343a8a64e7774251858cc9f33f743b5ae1";

fn at(time: &'static str) -> impl Fn() -> Timestamp + Send + Sync {
    move || time.parse().unwrap()
}

/// A verifier at the time of the captured delivery.
fn verifier() -> Verifier {
    Verifier::new("s3cret").clock(at("2026-11-22T07:14:00Z"))
}

fn refused(verifier: &Verifier, signature: Option<&str>, body: &[u8]) -> VerifyError {
    verifier.verify(signature, body).unwrap_err()
}

#[test]
fn a_captured_delivery_verifies_and_signs_the_same() {
    assert_eq!(sign("s3cret", CAPTURED), CAPTURED_SIGNATURE);
    let verified = verifier().verify(Some(CAPTURED_SIGNATURE), CAPTURED).unwrap();
    let Payload::Deployed(payload) = verified.payload() else { panic!("a deployment's envelope") };
    assert_eq!((&payload.event, &payload.data["online"]), (&DeployedEvent::OperatorStatus, &true.into()));
    assert_eq!((verified.secret(), verified.is_repeat()), ("default", false));
    let upper = CAPTURED_SIGNATURE.to_uppercase().replace("SHA256", "sha256");
    assert!(verifier().verify(Some(&upper), CAPTURED).is_ok());
}

#[test]
fn each_failure_names_its_cause() {
    let verifier = verifier();
    for (signature, expected) in [
        (None, VerifyError::MissingHeader),
        (Some(""), VerifyError::MissingHeader),
        (Some("4dbbec12"), VerifyError::BadPrefix),
        (Some("sha1=4dbbec12"), VerifyError::BadPrefix),
        (Some("sha256="), VerifyError::BadHex),
        (Some("sha256=4dbb"), VerifyError::BadHex),
        (Some("sha256=zz"), VerifyError::BadHex),
        (Some(sign("other", CAPTURED).as_str()), VerifyError::WrongKey),
    ] {
        assert_eq!(refused(&verifier, signature, CAPTURED), expected, "{signature:?}");
        assert!(expected.is_forgery());
    }
    let tampered = String::from_utf8_lossy(CAPTURED).replace("true", "false");
    assert_eq!(refused(&verifier, Some(CAPTURED_SIGNATURE), tampered.as_bytes()), VerifyError::WrongKey);
    assert_eq!(refused(&verifier, Some(CAPTURED_SIGNATURE), b"\xff\xfe"), VerifyError::WrongKey);

    for respelled in [
        "{\n  \"data\": {\n    \"online\": true\n  },\n  \"sentAt\": \"2026-11-22T07:13:45Z\",\n  \"type\": \"operator_status\"\n}",
        r#"{"data": {"online": true}, "sentAt": "2026-11-22T07:13:45Z", "type": "operator_status"}"#,
    ] {
        assert_eq!(refused(&verifier, Some(CAPTURED_SIGNATURE), respelled.as_bytes()), VerifyError::Reserialised);
    }
    let spaced = br#"{"type": "test", "data": {"a": "b: c,d \" {"}, "sentAt": "2026-11-22T07:13:45Z"}"#;
    let compact = br#"{"type":"test","data":{"a":"b: c,d \" {"},"sentAt":"2026-11-22T07:13:45Z"}"#;
    assert_eq!(refused(&verifier, Some(&sign("s3cret", spaced)), compact), VerifyError::Reserialised);

    let not_json = b"hello";
    assert!(matches!(refused(&verifier, Some(&sign("s3cret", not_json)), not_json), VerifyError::NotAPayload(_)));
    let timeless = br#"{"type":"test","data":{}}"#;
    assert_eq!(refused(&verifier, Some(&sign("s3cret", timeless)), timeless), VerifyError::NoTime);
    assert!(verifier.allow_stale().verify(Some(&sign("s3cret", timeless)), timeless).is_ok());
}

#[test]
fn a_delivery_is_fresh_for_as_long_as_a_server_retries() {
    let at_time = |time| Verifier::new("s3cret").clock(at(time)).verify(Some(CAPTURED_SIGNATURE), CAPTURED);
    for fresh in ["2026-11-22T07:13:45Z", "2026-11-22T07:33:45Z", "2026-11-22T06:53:45Z"] {
        assert!(at_time(fresh).is_ok(), "{fresh}");
    }
    for stale in ["2026-11-22T07:33:46Z", "2026-11-22T06:53:44Z", "2027-01-01T00:00:00Z"] {
        let error = at_time(stale).unwrap_err();
        assert!(matches!(error, VerifyError::Stale { .. }) && !error.is_forgery(), "{stale}: {error}");
    }
    let strict = verifier().freshness(Duration::from_secs(10));
    assert!(matches!(strict.verify(Some(CAPTURED_SIGNATURE), CAPTURED), Err(VerifyError::Stale { .. })));
    assert!(
        verifier().clock(at("2030-01-01T00:00:00Z")).allow_stale().verify(Some(CAPTURED_SIGNATURE), CAPTURED).is_ok()
    );
}

#[test]
fn secrets_are_rotated_by_their_labels() {
    let both = Verifier::new("new").secret("old", "s3cret").clock(at("2026-11-22T07:14:00Z"));
    assert_eq!(both.verify(Some(CAPTURED_SIGNATURE), CAPTURED).unwrap().secret(), "old");
    assert_eq!(both.verify(Some(&sign("new", CAPTURED)), CAPTURED).unwrap().secret(), "default");
    let shown = format!("{both:?}");
    assert!(shown.contains("old") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn an_empty_secret_verifies_nothing() {
    let unset = Verifier::new("").clock(at("2026-11-22T07:14:00Z"));
    assert_eq!(refused(&unset, Some(&sign("", CAPTURED)), CAPTURED), VerifyError::WrongKey);
}

#[test]
fn a_repetition_is_one_only_after_the_first_was_handled() {
    let verifier = verifier();
    let verify = |verifier: &Verifier| verifier.verify(Some(CAPTURED_SIGNATURE), CAPTURED).unwrap();
    // The handler fails: nothing is remembered.
    drop(verify(&verifier));
    let first = verify(&verifier);
    assert!(!first.is_repeat());
    first.done();
    assert!(verify(&verifier.clone()).is_repeat(), "clones share their memory");

    // With an id the body may differ, as between two attempts.
    let event =
        |n: u32| format!(r#"{{"event":"message.created","timestamp":"2026-11-22T07:14:00Z","id":"evt_7","n":{n}}}"#);
    let verify_event = |n| verifier.verify(Some(&sign("s3cret", event(n).as_bytes())), event(n).as_bytes()).unwrap();
    verify_event(1).done();
    assert!(verify_event(2).is_repeat());
    // An empty one tells nothing apart.
    let unnamed = |n: u32| event(n).replace("evt_7", "");
    let verify_unnamed =
        |n| verifier.verify(Some(&sign("s3cret", unnamed(n).as_bytes())), unnamed(n).as_bytes()).unwrap();
    verify_unnamed(1).done();
    assert!(!verify_unnamed(2).is_repeat() && verify_unnamed(1).is_repeat());

    let forgetful = Verifier::new("s3cret").clock(at("2026-11-22T07:14:00Z")).remember(1);
    verify(&forgetful).done();
    let other = br#"{"type":"test","data":{},"sentAt":"2026-11-22T07:14:00Z"}"#;
    forgetful.verify(Some(&sign("s3cret", other)), other).unwrap().done();
    assert!(!verify(&forgetful).is_repeat(), "the oldest was forgotten");
}

#[test]
fn the_three_envelopes_are_told_apart() {
    let documented = webhooks::parse(DOCUMENTED.as_bytes()).unwrap();
    assert!(matches!(documented, Payload::Documented(_)));
    assert_eq!((documented.name(), documented.session_id()), ("message.created", Some("sess_abc123")));
    assert_eq!(documented.message().unwrap().content, "Hello!");
    assert_eq!(documented.time().unwrap().to_string(), "2024-01-15T10:30:00Z");

    let message = webhooks::parse(
        br#"{"type":"visitor_message","data":{"message":{"id":"m","sessionId":"s","content":"Hi","sender":"visitor",
            "timestamp":"2026-11-22T07:13:45.123456+00:00"},"session":{"id":"s","visitorId":"v","createdAt":"0001-01-01T00:00:00Z",
            "metadata":{"url":"https://e.com/"},"telegramTopicId":7}},"sentAt":"2026-11-22T07:13:45Z"}"#,
    )
    .unwrap();
    assert_eq!((message.name(), message.session_id()), ("visitor_message", Some("s")));
    assert_eq!(message.message().unwrap().kind, MessageKind::Visitor);
    assert_eq!(message.session().unwrap().metadata.page_url.as_deref(), Some("https://e.com/"));

    let custom = webhooks::parse(
        br#"{"event":{"name":"clicked_cta","data":{"x":1},"timestamp":"2026-11-22T07:16:24.117Z","sessionId":"s"},
            "session":{"id":"s","visitorId":"v","metadata":null,"identity":null},"sentAt":"2026-11-22T07:16:25Z"}"#,
    )
    .unwrap();
    assert!(matches!(custom, Payload::Sdk(_)));
    assert_eq!((custom.name(), custom.session_id()), ("clicked_cta", Some("s")));
    assert_eq!(custom.time().unwrap().to_string(), "2026-11-22T07:16:25Z");
}

#[test]
fn every_event_of_a_deployment_has_its_type_and_finds_its_session() {
    let nested = r#"{"event":{"type":"x","sessionId":"s"}}"#;
    for (name, event, data, session) in [
        ("new_session", DeployedEvent::NewSession, r#"{"session":{"id":"s"},"isBot":true}"#, Some("s")),
        ("visitor_message", DeployedEvent::VisitorMessage, r#"{"message":{"id":"m","sessionId":"s"}}"#, Some("s")),
        (
            "visitor_message_edited",
            DeployedEvent::VisitorMessageEdited,
            r#"{"sessionId":"s","messageId":"m"}"#,
            Some("s"),
        ),
        ("visitor_message_deleted", DeployedEvent::VisitorMessageDeleted, r#"{"sessionId":"s"}"#, Some("s")),
        ("message_read", DeployedEvent::MessageRead, r#"{"sessionId":"s","messageIds":["m"]}"#, Some("s")),
        ("operator_status", DeployedEvent::OperatorStatus, r#"{"online":true}"#, None),
        ("ai_takeover", DeployedEvent::AiTakeover, r#"{"session":{"id":"s"},"reason":"timeout"}"#, Some("s")),
        ("custom_event", DeployedEvent::CustomEvent, r#"{"event":{"name":"x"},"session":{"id":"s"}}"#, Some("s")),
        ("identity_update", DeployedEvent::IdentityUpdate, r#"{"session":{"id":"s"}}"#, Some("s")),
        ("visitor_disconnect", DeployedEvent::VisitorDisconnect, r#"{"session":{"id":"s"},"duration":7}"#, Some("s")),
        ("csat_submitted", DeployedEvent::CsatSubmitted, r#"{"sessionId":"s","score":5,"comment":null}"#, Some("s")),
        ("operator_message", DeployedEvent::OperatorMessage, nested, Some("s")),
        ("operator_message_edited", DeployedEvent::OperatorMessageEdited, nested, Some("s")),
        ("operator_message_deleted", DeployedEvent::OperatorMessageDeleted, nested, Some("s")),
        ("csat_request", DeployedEvent::CsatRequest, nested, Some("s")),
        ("test", DeployedEvent::Test, "{}", None),
        ("brand_new", DeployedEvent::Other("brand_new".into()), r#"{"session":"not an object"}"#, None),
    ] {
        let body = format!(r#"{{"type":"{name}","data":{data},"sentAt":"2026-11-22T07:13:45Z"}}"#);
        let payload = webhooks::parse(body.as_bytes()).unwrap();
        assert_eq!((payload.name(), payload.session_id()), (name, session));
        let Payload::Deployed(deployed) = payload else { panic!("{name}") };
        assert_eq!(deployed.event, event);
    }
    assert_eq!(DeployedEvent::KNOWN.len(), 16);
}

#[test]
fn what_is_no_payload_is_refused_without_repeating_it() {
    for body in [
        "",
        "hunter2",
        "[]",
        r#"{"hunter2":1}"#,
        r#"{"event":7}"#,
        r#"{"event":"x","timestamp":"hunter2"}"#,
        r#"{"type":7}"#,
        r#"{"type":"x","data":"my `hunter2` is"}"#,
    ] {
        let error = webhooks::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{body}: {error}");
    }
}

#[test]
fn headers_may_be_spelled_in_any_case_and_stand_once() {
    let mut headers = HeaderMap::new();
    headers.insert("X-Pocketping-Signature", HeaderValue::from_static(CAPTURED_SIGNATURE));
    verifier().verify_request(&headers, CAPTURED).unwrap().done();
    headers.append("x-pocketping-signature", HeaderValue::from_static(CAPTURED_SIGNATURE));
    assert_eq!(verifier().verify_request(&headers, CAPTURED).unwrap_err(), VerifyError::BadPrefix);
    assert_eq!(verifier().verify_request(&HeaderMap::new(), CAPTURED).unwrap_err(), VerifyError::MissingHeader);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_axum_handler_gets_genuine_deliveries_only() {
    use pocketping_sdk::http::Method;
    use pocketping_sdk::webhooks::Verified;
    use std::sync::{Arc, Mutex};

    let handled: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&handled);
    let take = async move |verified: Verified| {
        if !verified.is_repeat() {
            log.lock().unwrap().push(verified.payload().name().to_owned());
        }
        verified.done();
    };
    let app = axum::Router::new().route("/hook", axum::routing::post(take)).with_state(verifier());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let client = pocketping_sdk::Client::new(url, "unused").unwrap();
    let body: serde_json::Value = serde_json::from_slice(CAPTURED).unwrap();
    let post = |signature: &str| {
        let call = client.call::<serde_json::Value>(Method::POST, "/hook", &[]).json(&body);
        call.header("x-pocketping-signature", signature).retry(pocketping_sdk::RetryPolicy::none()).raw()
    };
    for _ in 0..2 {
        assert_eq!(post(CAPTURED_SIGNATURE).await.unwrap().status(), 200);
    }
    assert_eq!(*handled.lock().unwrap(), ["operator_status"], "the second one was a repetition");
    assert_eq!(post("sha256=00").await.unwrap_err().status(), Some(401));
}
