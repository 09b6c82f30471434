//! Paging: under load nothing is skipped or repeated, and no cursor leads nowhere.

use pocketping_mock_server::{Contract, MockServer, Visit};
use proptest::prelude::*;

use crate::wire::call;

fn page(server: &MockServer, path: &str, key: &str) -> (Vec<String>, Option<String>) {
    let json = call(server, &format!("GET {path}"), "").json();
    let ids = json[key].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    (ids, json["nextCursor"].as_str().map(str::to_owned))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sessions_that_exist_during_the_whole_walk_appear_exactly_once(
        sessions in 0usize..30, limit in 1usize..12, grows in 0usize..3,
    ) {
        let server = MockServer::start();
        let mut expected: Vec<_> =
            (0..sessions).map(|_| server.visitor_opens_session(Visit::new()).id.into_string()).collect();
        expected.reverse();
        let mut walked = Vec::new();
        let mut cursor = None;
        loop {
            let at = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let (ids, next) = page(&server, &format!("/sessions?limit={limit}{at}"), "sessions");
            prop_assert!(next.is_none() || ids.len() == limit, "a page with a next one is full");
            prop_assert!(!ids.is_empty() || expected.is_empty(), "no cursor leads to an empty page");
            walked.extend(ids);
            for _ in 0..grows {
                server.visitor_opens_session(Visit::new());
            }
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(walked, expected);
    }
}

#[test]
fn a_filtered_walk_ends_with_its_last_match() {
    let server = MockServer::start();
    let asking: Vec<_> = (0..1500).map(|n| (n, server.visitor_opens_session(Visit::new()).id)).collect();
    for (n, id) in &asking {
        if n % 700 == 3 {
            server.visitor_says(id, "needle");
        }
    }
    let (ids, next) = page(&server, "/sessions?q=NEEDLE&limit=2", "sessions");
    assert_eq!((ids, next.is_some()), (vec!["sess_1404".to_owned(), "sess_704".to_owned()], true));
    let (ids, last) = page(&server, &format!("/sessions?q=NEEDLE&limit=2&cursor={}", next.unwrap()), "sessions");
    assert_eq!((ids, last), (vec!["sess_4".to_owned()], None));
    let (ids, none) = page(&server, "/sessions?q=NEEDLE&limit=3", "sessions");
    assert_eq!((ids.len(), none), (3, None), "an exact fit has no next page");
    assert_eq!(page(&server, "/sessions", "sessions").0.len(), 1500, "without a limit: everything");
}

#[test]
fn a_long_list_is_sent_as_it_is_made_and_misses_nothing() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        for (held, is_long) in [(512, false), (513, true), (1024, true), (1025, true)] {
            while server.sessions().len() < held {
                server.visitor_opens_session(Visit::new());
            }
            let answer = call(&server, "GET /sessions", "");
            let json = answer.json();
            let ids = json["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap());
            let newest_first: Vec<_> = (1..=held).rev().map(|n| format!("sess_{n}")).collect();
            assert!(ids.eq(newest_first), "{held}");
            assert_eq!(json.as_object().unwrap().len(), 1, "no cursor: {held}");
            assert_eq!(answer.header("content-length").is_none(), is_long, "{held}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
    }
}

#[test]
fn messages_page_forward_in_commit_order() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    for n in 0..5 {
        server.clock().advance(std::time::Duration::from_secs(1));
        server.visitor_says(&id, n.to_string());
    }
    let path = format!("/sessions/{id}/messages");
    let (first, next) = page(&server, &format!("{path}?limit=3"), "messages");
    assert_eq!(first, ["msg_1", "msg_2", "msg_3"]);
    let (rest, end) = page(&server, &format!("{path}?limit=3&cursor={}", next.unwrap()), "messages");
    assert_eq!((rest, end), (vec!["msg_4".to_owned(), "msg_5".to_owned()], None));
    let (recent, _) = page(&server, &format!("{path}?since=2024-01-15T10:30:04Z"), "messages");
    assert_eq!(recent, ["msg_4", "msg_5"], "inclusive");
}
