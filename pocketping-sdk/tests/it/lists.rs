//! List filters: the same answer whether the server filters or the client must.

use futures::TryStreamExt;
use pocketping_mock_server::{Contract, MockServer, Seed};
use pocketping_sdk::{Client, ListSessions, Session};

use crate::scripted::{Script, answer};

const SEED: &str = r#"{"sessions": [
    {"id": "oldest", "status": "closed", "createdAt": "2024-01-15T08:00:00Z", "lastActivity": "2024-01-15T09:00:00Z",
     "messages": [{"content": "Invoice please", "type": "visitor"}, {"content": "Done", "type": "operator"}]},
    {"id": "middle", "projectId": "proj_b", "createdAt": "2024-01-15T09:00:00Z", "lastActivity": "2024-01-15T10:00:00Z",
     "metadata": {"pageUrl": "https://example.com/Pricing"},
     "messages": [{"content": "Anyone?", "type": "visitor"}]},
    {"id": "newest", "createdAt": "2024-01-15T10:00:00Z", "lastActivity": "2024-01-15T10:10:00Z",
     "messages": [{"content": "Where is my INVOICE", "type": "visitor"}, {"content": "Hm", "type": "system"}]}]}"#;

type Case = (&'static str, fn(ListSessions) -> ListSessions, &'static [&'static str]);

const CASES: [Case; 10] = [
    ("all", |list| list, &["newest", "middle", "oldest"]),
    ("status", |list| list.status("closed"), &["oldest"]),
    ("project", |list| list.project("proj_b"), &["middle"]),
    ("since is inclusive", |list| list.since("2024-01-15T10:00:00Z".parse().unwrap()), &["newest", "middle"]),
    ("unanswered", ListSessions::unanswered, &["newest", "middle"]),
    ("text in messages, any case", |list| list.search("invoice"), &["newest", "oldest"]),
    ("text in the page", |list| list.search("pricing"), &["middle"]),
    ("text nowhere", |list| list.search("refund"), &[]),
    ("limit", |list| list.limit(2), &["newest", "middle"]),
    ("all together", |list| list.unanswered().search("invoice").status("active").limit(1), &["newest"]),
];

fn ids(sessions: &[Session]) -> Vec<&str> {
    sessions.iter().map(|session| session.id.as_str()).collect()
}

#[tokio::test]
async fn filters_give_the_same_on_both_contracts_awaited_and_streamed() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).seed(Seed::from_json(SEED).unwrap()).start().unwrap();
        let client = Client::new(server.url(), server.api_key()).unwrap();
        for (name, filter, expected) in CASES {
            let list = filter(client.sessions().list()).await.unwrap();
            assert_eq!(ids(&list.sessions), expected, "{contract:?}, {name}, awaited");
            assert!(!list.truncated, "{name}");
            let streamed: Vec<_> = filter(client.sessions().list()).stream().try_collect().await.unwrap();
            assert_eq!(ids(&streamed), expected, "{contract:?}, {name}, streamed");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_reads_too_many_sessions_says_that_it_stopped() {
    let sessions: Vec<_> = (0..300).map(|n| format!(r#"{{"id":"s{n}"}}"#)).collect();
    let list: &'static str = format!(r#"{{"sessions":[{}]}}"#, sessions.join(",")).leak();
    let messages = answer(200, r#"{"messages":[{"id":"m","type":"visitor","content":"x"}]}"#);
    let script = Script::new(std::iter::once(answer(200, list)).chain(std::iter::repeat_n(messages.clone(), 300)));
    let answer_list = script.client().sessions().list().unanswered().await.unwrap();
    assert_eq!((answer_list.sessions.len(), answer_list.truncated), (200, true));
    assert_eq!(script.lines().len(), 201, "one list and 200 reads");

    let script = Script::new(std::iter::once(answer(200, list)).chain(std::iter::repeat_n(messages, 300)));
    let streamed: Vec<_> = script.client().sessions().list().unanswered().stream().try_collect().await.unwrap();
    assert_eq!(streamed.len(), 300, "a stream reads as far as it is polled");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_its_cursor_does_not_make_an_endless_list() {
    let page = answer(200, r#"{"sessions":[{"id":"s"}],"nextCursor":"c"}"#);
    let script = Script::new(vec![page; 5]);
    let result: Result<Vec<_>, _> = script.client().sessions().list().stream().try_collect().await;
    assert!(result.unwrap_err().to_string().contains("cursor"));
    assert_eq!(script.lines().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_vanishes_while_it_is_filtered_is_left_out() {
    let script = Script::new([
        answer(200, r#"{"sessions":[{"id":"gone"}]}"#),
        answer(404, r#"{"error":"Not found","message":"Session not found","code":"SESSION_NOT_FOUND"}"#),
    ]);
    assert!(script.client().sessions().list().unanswered().await.unwrap().sessions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_meets_the_rate_limit_stops_and_says_so() {
    let script = Script::new([
        answer(200, r#"{"sessions":[{"id":"a","unanswered":true},{"id":"b"},{"id":"c"}]}"#),
        crate::scripted::with(429, "retry-after", "3600", ""),
        crate::scripted::with(429, "retry-after", "3600", ""),
    ]);
    let list = script.client().sessions().list().unanswered().await.unwrap();
    assert_eq!((ids(&list.sessions), list.truncated), (vec!["a"], true));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cuts_at_the_limit_without_pages_is_read_again_without_one() {
    let cut = answer(200, r#"{"sessions":[{"id":"new","status":"active"},{"id":"old","status":"closed"}]}"#);
    let whole = answer(
        200,
        r#"{"sessions":[{"id":"new","status":"active"},{"id":"old","status":"closed"},{"id":"x","status":"closed"}]}"#,
    );
    let script = Script::new([cut, whole]);
    let list = script.client().sessions().list().status("closed").limit(2).await.unwrap();
    assert_eq!(ids(&list.sessions), ["old", "x"]);
    assert_eq!(script.lines(), ["GET /sessions?status=closed&limit=2", "GET /sessions?status=closed"]);

    // A last page that is just full is the last page all the same.
    let script = Script::new([answer(200, r#"{"sessions":[{"id":"x","status":"closed"}]}"#)]);
    let page = script.client().sessions().list().limit(1).cursor("c").await.unwrap();
    assert_eq!((ids(&page.sessions), script.lines().len()), (vec!["x"], 1));

    let hundred: Vec<_> = (0..100).map(|n| format!(r#"{{"id":"s{n}"}}"#)).collect();
    let hundred: &'static str = format!(r#"{{"sessions":[{}]}}"#, hundred.join(",")).leak();
    let more: &'static str = hundred.replace("[{", r#"[{"id":"more"},{"#).leak();
    let script = Script::new([answer(200, hundred), answer(200, more)]);
    let streamed: Vec<_> = script.client().sessions().list().stream().try_collect().await.unwrap();
    assert_eq!(streamed.len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_limit_no_server_takes_is_refused_before_anything_is_sent() {
    let script = Script::new([]);
    for limit in [0, 1001] {
        let sessions = script.client().sessions().list().limit(limit).await.unwrap_err();
        let messages = script.client().session("s").messages().list().limit(limit).await.unwrap_err();
        for error in [sessions, messages] {
            assert!(error.to_string().contains(&format!("the limit {limit} is not from 1 to 1000")), "{error}");
        }
    }
    assert!(script.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_come_oldest_first_whatever_the_server_does() {
    let newest_first = answer(
        200,
        r#"{"messages":[
        {"id":"two","type":"operator","content":"x","createdAt":"2024-01-15T10:31:00Z"},
        {"id":"one","type":"visitor","content":"x","createdAt":"2024-01-15T10:30:00Z"}]}"#,
    );
    let script = Script::new([newest_first]);
    let list = script.client().session("s").messages().list().await.unwrap();
    assert_eq!([list.messages[0].id.as_str(), list.messages[1].id.as_str()], ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_empty_pages_ends() {
    // Each with a cursor of its own.
    let pages = (0..200).map(|n| answer(200, format!(r#"{{"sessions":[],"nextCursor":"c{n}"}}"#).leak()));
    let script = Script::new(pages);
    let listed: Result<Vec<_>, _> = script.client().sessions().list().stream().try_collect().await;
    let error = listed.unwrap_err().to_string();
    assert!(error.contains("one empty page after the other") && script.lines().len() == 101, "{error}");
}
