//! What the ledger knows, and what it forgets.

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "times are optional wherever they are compared")]
fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(seconds * 1000).unwrap())
}

fn told(session: &str, message: &str, time: i64) -> Mark {
    Mark::Told { session: session.into(), what: What::Message(message.into()), time: at(time), stamp: 0 }
}

fn heard(id: &str, time: i64) -> Mark {
    Mark::Heard { id: Some(id.into()), seq: None, time: at(time) }
}

#[test]
fn what_was_told_is_known_until_the_socket_has_passed_it_too() {
    let mut ledger = Ledger::beginning();
    ledger.apply(&told("s", "a", 100));
    ledger.apply(&told("s", "b", 110));
    ledger.apply(&heard("evt_1", 110));
    ledger.prune(at(101));
    assert!(ledger.seen(&"s".into(), &What::Message("a".into())).is_some(), "its frame may still come");
    ledger.prune(at(110));
    assert!(ledger.seen(&"s".into(), &What::Message("a".into())).is_none());
    assert!(ledger.seen(&"s".into(), &What::Message("b".into())).is_some());
    assert_eq!((ledger.latest(), ledger.cut()), (at(110), at(105)));
}

#[test]
fn time_stands_still_while_something_is_owed() {
    let mut ledger = Ledger::beginning();
    ledger.apply(&told("s", "a", 100));
    ledger.apply(&heard("evt_1", 100));
    ledger.apply(&Mark::Began { with_list: true });
    ledger.apply(&told("s", "b", 200));
    ledger.apply(&heard("evt_2", 150));
    ledger.apply(&Mark::Owes("t".into()));
    ledger.apply(&Mark::Finished);
    assert_eq!((ledger.latest(), ledger.position()), (at(100), None));
    ledger.apply(&Mark::Paid("t".into()));
    ledger.apply(&Mark::Finished);
    assert_eq!(ledger.latest(), at(150), "a reading may be ahead of the others, the socket is not");
    assert_eq!(ledger.position().unwrap().id, "evt_2");
    ledger.apply(&Mark::Began { with_list: true });
    ledger.apply(&Mark::Finished);
    assert_eq!(ledger.latest(), at(200), "told before this reading began");
}

#[test]
fn a_close_is_known_while_it_may_be_told_again() {
    let closed = |session: &str, time| Mark::Closed { session: session.into(), time };
    let mut ledger = Ledger::beginning();
    for mark in [closed("old", at(100)), closed("new", at(110)), closed("undated", None), heard("evt_1", 110)] {
        ledger.apply(&mark);
    }
    ledger.prune(at(104));
    assert!(ledger.is_closed(&"old".into()) && !ledger.has_settled(), "its frame may still come");
    ledger.prune(at(110));
    assert!(!ledger.is_closed(&"old".into()) && ledger.has_settled());
    let rest: Vec<_> = ledger.closed().map(SessionId::as_str).collect();
    assert_eq!(rest, ["new", "undated"]);
    // The last time counts.
    ledger.apply(&closed("new", at(200)));
    ledger.apply(&heard("evt_2", 150));
    ledger.prune(at(150));
    assert!(ledger.is_closed(&"new".into()) && !ledger.is_opened_by(&"new".into(), at(160)));
    ledger.apply(&Mark::Open("new".into()));
    assert_eq!(ledger.closed().count(), 1);
    assert!(Ledger::since(at(1).unwrap()).has_settled() && !Ledger::beginning().has_settled());
}

#[test]
fn memory_of_sessions_is_bounded_too() {
    let mut ledger = Ledger::beginning();
    let session = |n: usize| SessionId::from(n.to_string());
    for n in 0..=MOST_SEEN {
        assert!(!ledger.has_settled() && !ledger.has_forgotten());
        ledger.apply(&Mark::Closed { session: session(n), time: None });
        ledger.apply(&Mark::Told { session: session(n), what: What::Created, time: None, stamp: 0 });
    }
    assert!(ledger.has_settled() && ledger.has_forgotten());
    assert_eq!((ledger.closed().count(), ledger.undated().len()), (MOST_SEEN, MOST_SEEN));
    assert!(!ledger.is_closed(&session(0)) && ledger.is_closed(&session(1)));
    for n in 0..=MOST_SEEN {
        ledger.apply(&Mark::Open(session(n)));
        ledger.apply(&Mark::Doubted(session(n)));
    }
    assert_eq!((ledger.open().len(), ledger.doubted().len(), ledger.closed().count()), (MOST_SEEN, MOST_SEEN, 0));
}

#[test]
fn memory_is_bounded_and_forgetting_is_known() {
    let mut ledger = Ledger::beginning();
    for n in 0..=MOST_SEEN {
        ledger.apply(&told("s", &n.to_string(), 100));
    }
    assert!(ledger.has_forgotten());
    assert_eq!(ledger.window().count(), MOST_SEEN);
}
