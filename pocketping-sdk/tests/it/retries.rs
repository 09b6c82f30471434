//! Retries that cannot hurt, and the outcome of what failed. Time is paused: waits are exact and take none.

use std::time::Duration;

use pocketping_sdk::{ErrorKind, NewMessage, Outcome, Pacing, RetryPolicy};
use tokio::time::Instant;

use crate::scripted::{Script, Step, answer, with};

const OK: &str = r#"{"id":"s","metadata":{}}"#;
const MESSAGE: &str = r#"{"id":"msg_1","content":"x","type":"operator"}"#;
const EXTENDED: &str = "x-pocketping-contract";

#[tokio::test(start_paused = true)]
async fn reads_and_state_setting_writes_repeat_freely() {
    for failure in
        [answer(503, ""), answer(500, ""), answer(502, "<html>"), Step::Reset, Step::Refused, Step::Truncated]
    {
        let script = Script::new([failure.clone(), failure.clone(), answer(200, OK)]);
        let response = script.client().session("s").get().with_response().await.unwrap();
        assert_eq!(response.attempts(), 3, "{failure:?}");
        let script = Script::new([failure.clone(), answer(200, OK)]);
        script.client().session("s").close().await.unwrap();
        let sent = script.sent();
        assert_eq!(sent.len(), 2, "{failure:?}");
        assert_eq!(sent[0], sent[1], "the same key in every attempt");
    }
}

/// What every call of the library does after a failure that says nothing of its effect. A new one belongs here.
#[tokio::test(start_paused = true)]
async fn what_would_be_done_twice_is_never_repeated() {
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use pocketping_sdk::{Client, EventKind, Identify, NewWebhook};

    type Made = fn(&Client) -> BoxFuture<'static, bool>;
    const ONCE: bool = true;
    const AGAIN: bool = false;
    let calls: [(&str, bool, Made); 10] = [
        ("GET /sessions", AGAIN, |client| client.sessions().list().into_future().map(|it| it.is_ok()).boxed()),
        ("GET /sessions/:sessionId", AGAIN, |client| {
            client.session("s").get().into_future().map(|it| it.is_ok()).boxed()
        }),
        ("POST /sessions/:sessionId/close", AGAIN, |client| {
            client.session("s").close().into_future().map(|it| it.is_ok()).boxed()
        }),
        ("POST /sessions/:sessionId/identify", AGAIN, |client| {
            client.session("s").identify(Identify::new().name("A")).into_future().map(|it| it.is_ok()).boxed()
        }),
        ("POST /sessions/:sessionId/ai", AGAIN, |client| {
            client.session("s").set_ai(true).into_future().map(|it| it.is_ok()).boxed()
        }),
        ("GET /sessions/:sessionId/messages", AGAIN, |client| {
            client.session("s").messages().list().into_future().map(|it| it.is_ok()).boxed()
        }),
        ("POST /sessions/:sessionId/messages", ONCE, |client| {
            let send = client.session("s").messages().send(NewMessage::operator("x"));
            send.into_future().map(|it| it.is_ok()).boxed()
        }),
        // A server knows a webhook by its address.
        ("POST /webhooks", AGAIN, |client| {
            let new = NewWebhook::new("https://a.test/", [EventKind::MessageCreated]);
            client.webhooks().create(new).into_future().map(|it| it.is_ok()).boxed()
        }),
        ("GET /webhooks", AGAIN, |client| client.webhooks().list().into_future().map(|it| it.is_ok()).boxed()),
        ("DELETE /webhooks/:webhookId", AGAIN, |client| {
            client.webhooks().delete("w").into_future().map(|it| it.is_ok()).boxed()
        }),
    ];
    for (call, is_once, made) in calls {
        let script = Script::new([]).otherwise(answer(502, "<html>"));
        assert!(!made(&script.client()).await, "{call}");
        let (method, route) = call.split_once(' ').unwrap();
        let line = format!("{method} {}", route.replace(":sessionId", "s").replace(":webhookId", "w"));
        let sent = script.lines().iter().filter(|sent| **sent == line).count();
        assert_eq!(sent, if is_once { 1 } else { 4 }, "{call}: {:?}", script.lines());
    }
    // Nothing is left out.
    let mut found = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api");
    for file in std::fs::read_dir(folder).unwrap() {
        let code = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let mut before = "";
        for text in code.split('"') {
            if text.starts_with("/sessions") || text.starts_with("/webhooks") {
                // The method stands before the route; where it does not, a function that posts is called.
                let named = before.trim_end_matches([',', ' ']).rsplit("Method::").next().unwrap();
                let method = if ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&named) { named } else { "POST" };
                let call = format!("{method} {text}");
                assert!(calls.iter().any(|(known, ..)| *known == call), "{call} is not in the table");
                found.push(call);
            }
            before = text;
        }
    }
    assert!(calls.iter().all(|(call, ..)| found.iter().any(|found| found == call)), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_send_is_repeated_only_when_nothing_was_done() {
    let send = async |steps: Vec<Step>| {
        let script = Script::new(steps).otherwise(answer(200, r#"{"messages":[]}"#));
        let result = script.client().session("s").messages().send(NewMessage::operator("x")).await;
        (result, script.lines().iter().filter(|line| line.starts_with("POST")).count())
    };
    for nothing_done in [Step::Refused, answer(429, "")] {
        let (result, requests) = send(vec![nothing_done, answer(201, MESSAGE)]).await;
        assert_eq!((result.unwrap().id.as_str(), requests), ("msg_1", 2));
    }
    for unknown in [Step::Reset, answer(500, ""), answer(502, ""), answer(503, ""), answer(504, ""), Step::Hang] {
        let (result, requests) = send(vec![unknown.clone()]).await;
        let error = result.unwrap_err();
        assert_eq!((error.outcome(), requests), (Outcome::Unknown, 1), "{unknown:?}");
    }
    let (result, requests) = send(vec![answer(400, r#"{"code":"SESSION_CLOSED"}"#)]).await;
    assert_eq!((result.unwrap_err().outcome(), requests), (Outcome::Rejected, 1));
    let (result, requests) = send(vec![Step::Refused; 4]).await;
    let error = result.unwrap_err();
    assert_eq!(
        (error.outcome(), error.kind(), error.attempts(), requests),
        (Outcome::NotSent, ErrorKind::Connect, 4, 4)
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_idempotency_keys_makes_every_repeat_safe() {
    let script = Script::new([
        with(200, EXTENDED, "extended", OK),
        Step::Reset,
        with(409, EXTENDED, "extended", r#"{"code":"IDEMPOTENCY_IN_PROGRESS"}"#),
        with(201, EXTENDED, "extended", MESSAGE),
    ]);
    let client = script.client();
    client.session("s").get().await.unwrap();
    client.session("s").messages().send(NewMessage::operator("x")).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent[1].key.is_some() && sent[1..].iter().all(|it| it == &sent[1]), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_may_have_arrived_decides_the_outcome() {
    let script =
        Script::new([with(200, EXTENDED, "extended", OK), Step::Reset, Step::Refused, Step::Refused, Step::Refused])
            .otherwise(answer(200, r#"{"messages":[]}"#));
    let client = script.client();
    client.session("s").get().await.unwrap();
    let error = client.session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Connect, Outcome::Unknown, 4));
}

#[tokio::test(start_paused = true)]
async fn retries_are_bounded_by_count_and_by_deadline() {
    let script = Script::new(vec![answer(503, ""); 10]);
    let error = script.client().session("s").get().await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(503), 4));

    let started = Instant::now();
    let script = Script::new(vec![answer(503, ""); 1000]);
    let policy = RetryPolicy::default().max_attempts(1000);
    let call = script.client().session("s").get().retry(policy).deadline(Duration::from_secs(20));
    let error = call.await.unwrap_err();
    assert_eq!(error.status(), Some(503), "the cause, not a bare timeout");
    assert!(started.elapsed() <= Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(error.attempts() > 4);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor_and_one_past_the_deadline_fails_at_once() {
    let date = |seconds: u64| {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(1_705_314_600 + seconds);
        httpdate::fmt_http_date(at)
    };
    let dated = Step::Answer(503, vec![("retry-after", date(7)), ("date", date(0))], "");
    for step in [with(429, "retry-after", "7", ""), dated] {
        let started = Instant::now();
        Script::new([step, answer(200, OK)]).client().session("s").get().await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(7));
    }
    // A whole window of a rate limit, which is a minute, is within the default deadline.
    let started = Instant::now();
    Script::new([with(429, "retry-after", "60", ""), answer(200, OK)]).client().session("s").get().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(60));
    let started = Instant::now();
    let script = Script::new([with(429, "retry-after", "3600", "")]);
    let error = script.client().session("s").get().await.unwrap_err();
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!((error.retry_after(), error.attempts()), (Some(Duration::from_secs(3600)), 1));
    assert!(error.is_rate_limited() && error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn timeouts_hold_per_attempt_and_for_the_whole_call() {
    let script = Script::new([Step::Hang, answer(200, OK)]);
    let started = Instant::now();
    script.client().session("s").get().timeout(Duration::from_secs(3)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(3) && started.elapsed() < Duration::from_secs(4));

    let script = Script::new([Step::Hang, Step::Hang]);
    let started = Instant::now();
    let error = script.client().session("s").get().deadline(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed()), (ErrorKind::Timeout, Duration::from_secs(5)));
    assert!(error.is_timeout() && error.to_string().contains("deadline"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_thin_acknowledgement_is_completed_under_the_same_deadline() {
    for ack in ["", "{}", r#"{"ok":true}"#] {
        let script = Script::new([answer(200, ack), answer(503, ""), answer(200, OK)]);
        script.client().session("s").close().await.unwrap();
        assert_eq!(script.lines(), ["POST /sessions/s/close", "GET /sessions/s", "GET /sessions/s"]);
    }
    let script = Script::new([answer(204, ""), Step::Hang]);
    let started = Instant::now();
    let error = script.client().session("s").close().deadline(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Incomplete, Outcome::Applied));
    assert_eq!(started.elapsed(), Duration::from_secs(5));

    let script = Script::new([answer(204, ""), answer(404, "")]);
    let error = script.client().session("s").set_ai(true).await.unwrap_err();
    assert_eq!((error.outcome(), error.status(), error.is_not_found()), (Outcome::Applied, None, false));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("GET /sessions/:sessionId: 404"), "{cause}");

    let script = Script::new([answer(200, r#"{"ok":true}"#)]);
    script.client().session("s").close().ack_only().await.unwrap();
    assert_eq!(script.lines().len(), 1, "nothing is read back");
}

#[tokio::test(start_paused = true)]
async fn a_thinly_acknowledged_send_finds_its_own_message() {
    const LIST: &str = r#"{"messages":[
        {"id":"old","content":"Hello","type":"operator","createdAt":"2024-01-15T10:29:00Z"},
        {"id":"kind","content":"Hello","type":"visitor","createdAt":"2024-01-15T10:30:00Z"},
        {"id":"text","content":"Hello!","type":"operator","createdAt":"2024-01-15T10:30:00Z"},
        {"id":"one","content":"Hello","type":"operator","createdAt":"2024-01-15T10:30:00Z"},
        {"id":"two","content":"Hello\r\n","type":"operator","createdAt":"2024-01-15T10:30:00Z"}]}"#;
    let ack = || answer(200, r#"{"ok":true}"#);
    let list = || answer(200, LIST);
    let script = Script::new([ack(), list(), ack(), list(), ack()]).otherwise(list());
    let client = script.client();
    let send = || client.session("s").messages().send(NewMessage::operator("Hello"));
    let first = send().await.unwrap();
    let second = send().await.unwrap();
    assert_eq!([first.id.as_str(), second.id.as_str()], ["two", "one"], "two equal texts stay two");
    let third = send().await.unwrap_err();
    assert_eq!(third.outcome(), Outcome::Applied, "the one before the send is not taken for it");
}

#[tokio::test(start_paused = true)]
async fn pacing_keeps_under_the_limit_and_fails_at_once_past_the_deadline() {
    let script = Script::new(vec![answer(200, OK); 200]);
    let client = script.builder().pacing(Pacing::PerMinute(60)).build().unwrap();
    let started = Instant::now();
    for _ in 0..60 {
        client.session("s").get().await.unwrap();
    }
    // A burst of 6, then 54 a minute.
    assert!(started.elapsed() >= Duration::from_secs(59), "{:?}", started.elapsed());
    let before = script.sent().len();
    let asked = Instant::now();
    let error = client.session("s").get().deadline(Duration::from_millis(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
    assert_eq!((script.sent().len(), error.attempts(), asked.elapsed()), (before, 0, Duration::ZERO));

    // A process that stood still while it waited for its turn has sent nothing.
    let script = Script::new(vec![answer(201, MESSAGE); 9]);
    let client = script.builder().pacing(Pacing::PerMinute(60)).build().unwrap();
    for _ in 0..6 {
        client.session("s").messages().send(NewMessage::operator("x")).await.unwrap();
    }
    let before = script.sent().len();
    let send = client.session("s").messages().send(NewMessage::operator("x")).deadline(Duration::from_secs(5));
    let sending = tokio::spawn(send.into_future());
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(70)).await;
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome(), script.sent().len()), (ErrorKind::Timeout, Outcome::NotSent, before));

    let script = Script::new([answer(503, "")]);
    let client = script.builder().pacing(Pacing::PerMinute(1)).build().unwrap();
    let error = client.session("s").get().deadline(Duration::from_secs(9)).await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(503), 1), "what went wrong is the better answer");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_contract_is_an_error_with_its_status() {
    let send = async |step: Step| {
        let script = Script::new([step]).otherwise(answer(500, ""));
        script.client().session("s").messages().send(NewMessage::operator("x")).await.unwrap_err()
    };
    let portal = send(with(200, "content-type", "text/html", "<html>Please log in</html>")).await;
    assert_eq!((portal.kind(), portal.outcome()), (ErrorKind::Decode, Outcome::Unknown));
    assert!(portal.hint().unwrap().contains("web page"), "{:?}", portal.hint());
    let refused = send(with(404, "content-type", "text/plain", "404 page not found\n")).await;
    assert_eq!((refused.status(), refused.outcome()), (Some(404), Outcome::Rejected));
    assert!(refused.hint().unwrap().contains("Go bridge"));

    let script = Script::new([answer(200, OK)]);
    let client = script.builder().max_answer_bytes(10).build().unwrap();
    let error = client.session("s").get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("`max_answer_bytes`"), "{error}");
    let script = Script::new([answer(200, r#"{"sessions":[]}"#)]);
    let client = script.builder().max_list_bytes(10).build().unwrap();
    assert!(client.sessions().list().await.unwrap_err().to_string().contains("`max_list_bytes`"));
}

#[tokio::test(start_paused = true)]
async fn redirects_stay_within_the_origin() {
    let script = Script::new([with(302, "location", "/v2/sessions/s", ""), answer(200, OK)]);
    script.client().session("s").get().await.unwrap();
    assert_eq!(script.lines(), ["GET /sessions/s", "GET /v2/sessions/s"]);

    let script = Script::new([with(302, "location", "http://elsewhere.test/x", "")]);
    let error = script.client().session("s").get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert!(error.to_string().contains("http://elsewhere.test/x"), "{error}");

    let script = Script::new([with(307, "location", "/v2/x", ""), answer(200, OK)]);
    script.client().session("s").close().await.unwrap();
    assert_eq!(script.lines()[1], "POST /v2/x");
    let script = Script::new([with(302, "location", "/v2/x", "")]);
    assert_eq!(script.client().session("s").close().await.unwrap_err().kind(), ErrorKind::Redirect);
    let script = Script::new(vec![with(302, "location", "/x", ""); 20]);
    assert!(script.client().session("s").get().await.unwrap_err().to_string().contains("redirects"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_still_in_use_leaves_the_outcome_open() {
    let running = || with(409, EXTENDED, "extended", r#"{"code":"IDEMPOTENCY_IN_PROGRESS"}"#);
    let script = Script::new([running(), running(), running(), running()]).otherwise(answer(200, r#"{"messages":[]}"#));
    let client = script.client();
    let error = client.session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
    assert_eq!((error.status(), error.outcome()), (Some(409), Outcome::Unknown));
    assert!(error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn what_a_server_once_spoke_is_not_leaned_on_after_a_success_without_it() {
    let script =
        Script::new([with(200, EXTENDED, "extended", OK), answer(200, OK), Step::Reset]).otherwise(answer(500, ""));
    let client = script.client();
    client.session("s").get().await.unwrap();
    client.session("s").get().await.unwrap();
    let error = client.session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_stalls_keeps_its_status_and_is_judged_by_it() {
    let script = Script::new([Step::Stalled(429), answer(201, MESSAGE)]);
    script.client().session("s").messages().send(NewMessage::operator("x")).await.unwrap();
    let script = Script::new([Step::Stalled(401)]);
    assert!(script.client().session("s").get().timeout(Duration::from_secs(1)).await.unwrap_err().is_unauthorized());
    let script = Script::new([Step::Stalled(201)]).otherwise(answer(500, ""));
    let error = script.client().session("s").messages().send(NewMessage::operator("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.outcome()), (ErrorKind::Timeout, Some(201), Outcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_first_bytes_of_a_large_refusal_are_kept() {
    let page: &'static str = format!("<html>{}", "x".repeat(200 << 10)).leak();
    let script = Script::new([with(500, "content-type", "text/html", page)]);
    let error = script.client().session("s").get().retry(RetryPolicy::none()).await.unwrap_err();
    assert!(error.api().unwrap().body.starts_with("<html>x") && error.hint().is_some(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_led_elsewhere_may_have_been_done() {
    for status in [301, 302, 303] {
        let script = Script::new([with(status, "location", "/done", "")]);
        let error = script.client().session("s").close().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Redirect, Outcome::Unknown), "{status}");
        assert!(error.hint().unwrap().contains("307"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_takes_an_acknowledgement_and_nothing_else() {
    for done in [answer(204, ""), answer(200, "{}"), answer(200, r#"{"ok":true}"#)] {
        Script::new([done]).client().webhooks().delete("wh_1").await.unwrap();
    }
    for junk in ["[]", "\"login\"", r#"{"error":"no"}"#, r#"{"ok":false}"#] {
        let error = Script::new([answer(200, junk)]).client().webhooks().delete("wh_1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{junk}");
    }
}
