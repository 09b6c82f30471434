//! Sending a message so that it is there once: what became of a send that failed without a word is read back. Time is
//! paused: waits are exact and take none.

use std::time::Duration;

use pocketping_sdk::{Client, Message, NewMessage, Outcome, Pacing, Response, Result, RetryPolicy};
use tokio::time::Instant;

use crate::scripted::{Script, Step, answer, with};

const EMPTY: &str = r#"{"messages":[]}"#;
const THERE: &str =
    r#"{"messages":[{"id":"mine","content":"Hello","type":"operator","createdAt":"2024-01-15T10:30:00Z"}]}"#;
const OLDER: &str =
    r#"{"messages":[{"id":"old","content":"Hello","type":"operator","createdAt":"2024-01-15T10:29:00Z"}]}"#;
const FAILED: &str = r#"{"error":"Internal server error","message":"no","code":"INTERNAL_ERROR"}"#;
const POST: &str = "POST /sessions/s/messages";
const LIST: &str = "GET /sessions/s/messages";
const CREATED: &str = r#"{"id":"mine","content":"Hello","type":"operator"}"#;

fn list(body: &'static str) -> Step {
    answer(200, body)
}

async fn send(client: &Client) -> Result<Response<Message>> {
    client.session("s").messages().send(NewMessage::operator("Hello")).with_response().await
}

fn posts(script: &Script) -> usize {
    script.lines().iter().filter(|line| line.starts_with("POST")).count()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_arrived_is_found_however_its_answer_was_lost() {
    for lost in [
        Step::Reset,
        Step::Truncated,
        Step::Stalled(201),
        answer(502, "<html>"),
        answer(504, ""),
        answer(200, "<html>"),
    ] {
        let script = Script::new([lost.clone()]).otherwise(list(THERE));
        let response = send(&script.client()).await.unwrap();
        assert_eq!(
            (response.value().id.as_str(), response.is_confirmed(), posts(&script), response.attempts()),
            ("mine", true, 1, 1),
            "{lost:?}"
        );
    }
    let script = Script::new([answer(201, CREATED)]);
    assert!(!send(&script.client()).await.unwrap().is_confirmed());
    assert_eq!(script.lines().len(), 1, "the happy path reads nothing");
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_may_apply_it_late() {
    let script = Script::new([Step::Reset, list(EMPTY), list(OLDER), answer(503, "")]).otherwise(list(THERE));
    let client = script.client();
    assert_eq!(send(&client).await.unwrap().into_value().id, "mine");
    assert_eq!(posts(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_in_trouble_is_not_flooded_with_looks() {
    let started = Instant::now();
    let script = Script::new([Step::Reset]).otherwise(answer(503, ""));
    assert_eq!(send(&script.client()).await.unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!((script.lines().len(), started.elapsed()), (8, Duration::from_secs(5)));

    // A wait that it asks for is kept, even one beyond the time to settle.
    let started = Instant::now();
    let script = Script::new([Step::Reset, with(503, "retry-after", "20", "")]).otherwise(list(THERE));
    assert!(send(&script.client()).await.unwrap().is_confirmed());
    assert_eq!((script.lines().len(), started.elapsed()), (3, Duration::from_secs(20)));
    let script = Script::new([Step::Reset]).otherwise(with(503, "retry-after", "3600", ""));
    assert_eq!(send(&script.client()).await.unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!(script.lines().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_appear_stays_unknown_and_is_not_sent_again() {
    let script = Script::new([Step::Reset]).otherwise(list(OLDER));
    let started = Instant::now();
    let error = send(&script.client()).await.unwrap_err();
    assert_eq!((error.outcome(), posts(&script)), (Outcome::Unknown, 1));
    assert!(started.elapsed() >= Duration::from_secs(5) && started.elapsed() < Duration::from_secs(6));

    let script = Script::new([Step::Reset]).otherwise(list(EMPTY));
    let started = Instant::now();
    let client = script.client();
    let call = client.session("s").messages().send(NewMessage::operator("Hello")).settle(Duration::ZERO);
    assert_eq!(call.await.unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!((started.elapsed(), script.lines().len()), (Duration::ZERO, 2), "it is looked for once");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_said_itself_that_it_failed_is_asked_again_once_it_settled() {
    let script = Script::new([answer(500, FAILED), list(EMPTY), answer(201, CREATED)]);
    let client = script.builder().settle(Duration::ZERO).build().unwrap();
    assert_eq!(send(&client).await.unwrap().into_value().id, "mine");
    assert_eq!(posts(&script), 2);
    let keys: Vec<_> = script.sent().into_iter().filter_map(|sent| sent.key).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "one key for all that a call sends");

    // A gateway that answers in JSON is still a gateway.
    for gateway in [answer(504, FAILED), answer(503, FAILED), answer(500, r#"{"error":"Gateway Timeout"}"#)] {
        let script = Script::new([gateway.clone()]).otherwise(list(EMPTY));
        let client = script.builder().settle(Duration::ZERO).build().unwrap();
        assert_eq!((send(&client).await.unwrap_err().outcome(), posts(&script)), (Outcome::Unknown, 1), "{gateway:?}");
    }

    // Who wants every request sent once gets that.
    let script = Script::new([answer(500, FAILED)]).otherwise(list(EMPTY));
    let client = script.builder().settle(Duration::ZERO).retry(RetryPolicy::none()).build().unwrap();
    assert_eq!((send(&client).await.unwrap_err().attempts(), posts(&script)), (1, 1));

    // It may have failed after it did the work.
    let script = Script::new([answer(500, FAILED)]).otherwise(list(THERE));
    assert!(send(&script.client()).await.unwrap().is_confirmed());
    assert_eq!(posts(&script), 1);

    // What cannot be read back cannot be sent again.
    let script = Script::new([answer(500, FAILED)]).otherwise(answer(503, ""));
    let error = send(&script.client()).await.unwrap_err();
    assert_eq!((error.outcome(), posts(&script)), (Outcome::Unknown, 1));

    // A resend that is not sent does not undo what the first may have done.
    let script = Script::new([answer(500, FAILED), list(EMPTY)]).otherwise(Step::Refused);
    let client = script.builder().settle(Duration::ZERO).build().unwrap();
    assert_eq!(send(&client).await.unwrap_err().outcome(), Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_turns_out_to_know_keys_is_asked_again_at_once() {
    let extended = |status, body| with(status, "x-pocketping-contract", "extended", body);
    // The first call of a client, as each one of a script is.
    for lost in [Step::Reset, answer(502, "<html>")] {
        for told in [extended(200, EMPTY), extended(200, THERE), extended(404, "{}")] {
            let script = Script::new([lost.clone(), told, extended(201, CREATED)]).otherwise(answer(500, ""));
            let response = send(&script.client()).await.unwrap();
            assert_eq!((response.is_confirmed(), response.attempts()), (false, 2));
            assert_eq!(script.lines(), [POST, LIST, POST]);
            let keys: Vec<_> = script.sent().into_iter().filter_map(|sent| sent.key).collect();
            assert!(keys.len() == 2 && keys[0] == keys[1], "one key for all that a call sends");
        }
    }
    // What becomes of the repetition does not undo the first one: it is asked for by its key again where something looks like it.
    for refusal in [extended(400, "{}"), answer(404, "<html>")] {
        let steps = |last| [Step::Reset, extended(200, EMPTY), refusal.clone(), extended(200, THERE), last];
        let script = Script::new(steps(extended(201, CREATED))).otherwise(answer(500, ""));
        assert!(!send(&script.client()).await.unwrap().is_confirmed(), "{refusal:?}");
        let script = Script::new(steps(extended(400, "{}"))).otherwise(extended(200, THERE));
        let error = send(&script.client()).await.unwrap_err();
        assert_eq!((error.outcome(), posts(&script)), (Outcome::Unknown, 3), "{refusal:?}");
    }
    for refusal in [extended(400, "{}"), answer(404, "<html>"), Step::Hang] {
        let script = Script::new([Step::Reset, extended(200, EMPTY), refusal.clone()]).otherwise(extended(200, EMPTY));
        let error = send(&script.client()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{refusal:?}");
    }
    // No more often than asked for.
    let script = Script::new([Step::Reset, extended(200, EMPTY)]).otherwise(answer(503, ""));
    assert_eq!((send(&script.client()).await.unwrap_err().attempts(), posts(&script)), (4, 4));
    let script = Script::new([Step::Reset]).otherwise(extended(200, EMPTY));
    let client = script.builder().retry(RetryPolicy::none()).build().unwrap();
    assert_eq!((send(&client).await.unwrap_err().outcome(), posts(&script)), (Outcome::Unknown, 1));
    for (then, most) in [(EMPTY, 2), (THERE, 3)] {
        let script = Script::new([Step::Reset]).otherwise(extended(200, then));
        let client = script.builder().retry(RetryPolicy::default().max_attempts(2)).build().unwrap();
        let error = send(&client).await.unwrap_err();
        assert_eq!((error.outcome(), error.attempts(), posts(&script)), (Outcome::Unknown, most, most as usize));
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_without_the_header_is_of_a_server_that_knows_no_keys() {
    // Another machine of the same service may know them: that does not help with what this one did.
    for lost in [Step::Truncated, Step::Stalled(201), answer(200, "<html>")] {
        let there = Script::new([lost.clone()]).otherwise(with(200, "x-pocketping-contract", "extended", THERE));
        assert!(send(&there.client()).await.unwrap().is_confirmed(), "{lost:?}");
        let empty = Script::new([lost.clone()]).otherwise(with(200, "x-pocketping-contract", "extended", EMPTY));
        assert_eq!(send(&empty.client()).await.unwrap_err().outcome(), Outcome::Unknown, "{lost:?}");
        assert_eq!((posts(&there), posts(&empty)), (1, 1), "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_sent_again_no_sooner_than_its_failure_allows() {
    let extended = |status, body| with(status, "x-pocketping-contract", "extended", body);
    let busy = |seconds| with(503, "retry-after", seconds, "");
    let started = Instant::now();
    let script = Script::new([busy("30"), extended(200, EMPTY), extended(201, CREATED)]);
    assert_eq!(send(&script.client()).await.unwrap().attempts(), 2);
    assert_eq!(started.elapsed(), Duration::from_secs(30));

    // Where that is past the deadline, it is told what went wrong, at once.
    let started = Instant::now();
    let script = Script::new([busy("3600")]).otherwise(extended(200, EMPTY));
    let error = send(&script.client()).await.unwrap_err();
    assert_eq!((error.status(), error.outcome(), posts(&script)), (Some(503), Outcome::Unknown, 1));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_that_gets_no_turn_hides_nothing() {
    let extended = |status, body| with(status, "x-pocketping-contract", "extended", body);
    for (lost, status, told) in [
        (Step::Reset, None, extended(200, EMPTY)),
        (answer(502, ""), Some(502), extended(200, EMPTY)),
        (answer(500, FAILED), Some(500), list(EMPTY)),
    ] {
        let script = Script::new([lost.clone(), told]);
        // The reading has the second turn, and the third one is past the deadline.
        let pacing = Pacing::PerMinute(1);
        let client = script.builder().pacing(pacing).settle(Duration::ZERO).build().unwrap();
        let error = send(&client).await.unwrap_err();
        assert_eq!((error.outcome(), error.status(), error.attempts()), (Outcome::Unknown, status, 1), "{lost:?}");
        assert!(!error.is_rate_limited(), "{error}");
        assert_eq!(script.lines(), [POST, LIST], "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_keys_are_known_a_message_that_looks_like_it_proves_nothing() {
    let extended = |status, body| with(status, "x-pocketping-contract", "extended", body);
    let lost = || [extended(200, r#"{"id":"s"}"#), Step::Reset, Step::Reset, Step::Reset, Step::Reset];
    let run = async |then: Vec<Step>| {
        let script = Script::new(lost().into_iter().chain(then)).otherwise(extended(200, THERE));
        let client = script.client();
        client.session("s").get().await.unwrap();
        (send(&client).await, posts(&script))
    };
    // Another process may have sent the same text: the key tells.
    let (sent, posts) = run(vec![extended(200, THERE), extended(201, CREATED)]).await;
    assert_eq!((sent.unwrap().is_confirmed(), posts), (false, 5));
    let (sent, posts) = run(vec![extended(200, THERE), Step::Reset]).await;
    assert_eq!((sent.unwrap_err().outcome(), posts), (Outcome::Unknown, 5));
    // A server whose failures showed that it knows keys was asked as often as the policy says.
    let script = Script::new(vec![extended(500, FAILED); 4]).otherwise(extended(200, EMPTY));
    assert_eq!(send(&script.client()).await.unwrap_err().attempts(), 4);
    assert_eq!(script.lines().iter().filter(|line| **line == POST).count(), 4);
    // Who wants one attempt has what reading tells.
    let script = Script::new([extended(200, r#"{"id":"s"}"#), Step::Reset]).otherwise(extended(200, THERE));
    let client = script.builder().retry(RetryPolicy::none()).build().unwrap();
    client.session("s").get().await.unwrap();
    assert_eq!((send(&client).await.unwrap().is_confirmed(), self::posts(&script)), (true, 1));
    // Nothing looks like it: nothing is asked.
    let (sent, posts) = run(vec![extended(200, EMPTY); 9]).await;
    assert_eq!((sent.unwrap_err().outcome(), posts), (Outcome::Unknown, 4));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_that_was_refused_does_not_undo_the_first_one() {
    const CLOSED: &str = r#"{"error":"Bad request","message":"The session is closed","code":"SESSION_CLOSED"}"#;
    let extended = |status, body| with(status, "x-pocketping-contract", "extended", body);
    let run = async |refusal: Step, list: Step| {
        let script = Script::new([extended(200, r#"{"id":"s"}"#), Step::Reset, refusal]).otherwise(list);
        let client = script.client();
        client.session("s").get().await.unwrap();
        let sent = send(&client).await;
        assert_eq!(posts(&script), 2);
        sent
    };
    // By the server itself, which the first one may still be on its way to, or by a gateway.
    for refusal in [extended(400, CLOSED), answer(404, "<html>"), answer(400, r#"{"error":"Bad request"}"#)] {
        let error = run(refusal.clone(), list(EMPTY)).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{refusal:?}");
        assert!(error.status().is_some_and(|status| status < 500), "why it was refused is told: {error}");
        assert!(run(refusal, list(THERE)).await.unwrap().is_confirmed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_prefer_twice_to_not_at_all() {
    let script = Script::new([Step::Reset, list(EMPTY), answer(201, CREATED)]);
    let client = script.builder().settle(Duration::ZERO).build().unwrap();
    let call = client.session("s").messages().send(NewMessage::operator("Hello")).resend_after_settle();
    assert_eq!(call.await.unwrap().id, "mine");
    assert_eq!(posts(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn without_the_servers_clock_what_was_there_before_tells_the_message_apart() {
    // The first answer of all shows that there is no `Date`; from then on one read precedes each send.
    let two = r#"{"messages":[{"id":"old","content":"Hello","type":"operator"},{"id":"mine","content":"Hello","type":"operator"}]}"#;
    let undated = |body| Step::Undated(200, body);
    let script = Script::new([undated(EMPTY), undated(OLDER), Step::Reset, undated(OLDER)]).otherwise(undated(two));
    let client = script.client();
    client.session("s").messages().list().await.unwrap();
    let found = send(&client).await.unwrap();
    assert_eq!((found.value().id.as_str(), posts(&script)), ("mine", 1));

    // When it cannot be read, nothing is sent.
    let script = Script::new([undated(EMPTY)]).otherwise(Step::Undated(404, ""));
    let client = script.client();
    client.session("s").messages().list().await.unwrap();
    assert_eq!((send(&client).await.unwrap_err().outcome(), posts(&script)), (Outcome::NotSent, 0));

    // A server nobody has heard of yet: a message that cannot be told apart is not taken for ours.
    let script = Script::new([Step::Reset]).otherwise(undated(two));
    assert_eq!(send(&script.client()).await.unwrap_err().outcome(), Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn two_equal_sends_are_never_taken_for_one() {
    let both = r#"{"messages":[{"id":"a","content":"Hello","type":"operator","createdAt":"2024-01-15T10:30:00Z"},
                               {"id":"b","content":"Hello","type":"operator","createdAt":"2024-01-15T10:30:00Z"}]}"#;
    for (held, applied) in [(both, 2), (THERE, 1), (EMPTY, 0)] {
        let script = Script::new([Step::Reset, Step::Reset]).otherwise(list(held));
        let client = script.client();
        let (one, two) = tokio::join!(send(&client), send(&client));
        let mut ids: Vec<_> = [one, two].into_iter().flatten().map(|found| found.into_value().id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), posts(&script)), (applied, 2));
    }

    // One is answered, late; the other one must not take its message.
    let script = Script::new([Step::Reset, Step::Hang]).otherwise(list(THERE));
    let client = script.client();
    let hanging = client
        .session("s")
        .messages()
        .send(NewMessage::operator("Hello"))
        .timeout(Duration::from_secs(20))
        .settle(Duration::ZERO);
    let (lost, found) = tokio::join!(send(&client), hanging);
    assert_eq!(lost.unwrap_err().outcome(), Outcome::Unknown, "the message may be the other one's");
    assert_eq!(found.unwrap().id, "mine");
}

#[tokio::test(start_paused = true)]
async fn a_list_in_pages_is_read_to_its_end() {
    let first = r#"{"messages":[{"id":"x","content":"Hi","type":"visitor"}],"nextCursor":"c"}"#;
    let script = Script::new([Step::Reset, list(first), list(THERE)]);
    assert_eq!(send(&script.client()).await.unwrap().value().id, "mine");
    assert!(script.lines()[2].ends_with("?cursor=c"), "{:?}", script.lines());
    let endless = Script::new([answer(500, FAILED)]).otherwise(list(first));
    let client = endless.builder().settle(Duration::ZERO).build().unwrap();
    assert_eq!((send(&client).await.unwrap_err().outcome(), posts(&endless)), (Outcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn a_send_nobody_asked_the_id_of_is_not_taken_for_a_later_one() {
    for raw in [false, true] {
        let script = Script::new([answer(200, r#"{"ok":true}"#), Step::Reset]).otherwise(list(THERE));
        let client = script.client();
        let first = client.session("s").messages().send(NewMessage::operator("Hello"));
        if raw {
            first.raw().await.unwrap();
        } else {
            first.ack_only().await.unwrap();
        }
        let error = send(&client).await.unwrap_err();
        assert_eq!((error.outcome(), posts(&script)), (Outcome::Unknown, 2), "the message may be the first one's");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_need_be_unique_within_their_session_only() {
    let one = r#"{"messages":[{"id":"1","content":"Hello","type":"operator","createdAt":"2024-01-15T10:30:00Z"}]}"#;
    let script = Script::new([Step::Reset, list(one), Step::Reset, list(one)]);
    let client = script.client();
    for session in ["a", "b"] {
        let sent = client.session(session).messages().send(NewMessage::operator("Hello")).await.unwrap();
        assert_eq!(sent.id, "1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_say_who_wrote_it_cannot_be_told() {
    let untyped = r#"{"messages":[{"id":"x","content":"Hello","createdAt":"2024-01-15T10:30:00Z"}]}"#;
    let script = Script::new([answer(500, FAILED)]).otherwise(list(untyped));
    let client = script.builder().settle(Duration::ZERO).build().unwrap();
    assert_eq!((send(&client).await.unwrap_err().outcome(), posts(&script)), (Outcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_message_may_appear_late() {
    let ack = answer(200, r#"{"ok":true}"#);
    let script = Script::new([ack.clone(), list(EMPTY), list(OLDER)]).otherwise(list(THERE));
    let response = send(&script.client()).await.unwrap();
    assert_eq!((response.value().id.as_str(), response.is_confirmed(), posts(&script)), ("mine", false, 1));
    let script = Script::new([ack]).otherwise(list(EMPTY));
    assert_eq!(send(&script.client()).await.unwrap_err().outcome(), Outcome::Applied);
}
