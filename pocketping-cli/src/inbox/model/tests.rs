//! What keys do, and what stays of what servers tell.

use serde_json::json;

use super::*;

fn session(id: &str, last: &str, unanswered: Option<bool>) -> Session {
    let time = format!("2024-01-15T{last}:00Z");
    serde_json::from_value(json!({"id": id, "lastActivity": time, "unanswered": unanswered})).unwrap()
}

fn message(id: &str, session: &str, kind: &str) -> Message {
    let message =
        json!({"id": id, "sessionId": session, "content": "x", "type": kind, "createdAt": "2024-01-15T12:00:00Z"});
    serde_json::from_value(message).unwrap()
}

fn inbox() -> Inbox {
    let sessions = [("a", "10:00", false), ("b", "09:00", true), ("c", "11:00", false)];
    Inbox::new(sessions.map(|(id, last, waits)| session(id, last, Some(waits))).into(), false)
}

fn ids(inbox: &Inbox) -> Vec<&str> {
    inbox.sessions().iter().map(|session| session.id.as_str()).collect()
}

fn type_in(inbox: &mut Inbox, text: &str) {
    for c in text.chars() {
        assert_eq!(inbox.press(Key::Char(c)), None);
    }
}

/// The next text to be sent, as it goes out.
fn next(inbox: &mut Inbox) -> Option<(String, String)> {
    inbox.outgoing.next().map(|(id, text)| (id.to_string(), text))
}

fn draft(inbox: &Inbox) -> &str {
    inbox.draft().map_or("", Draft::text)
}

#[test]
fn those_nobody_answered_are_first_and_the_choice_stays() {
    let mut inbox = inbox();
    assert_eq!(ids(&inbox), ["b", "c", "a"]);
    inbox.press(Key::Down);
    inbox.said(message("m1", "a", "visitor"), true);
    inbox.said(message("m2", "b", "operator"), true);
    assert_eq!(ids(&inbox), ["a", "b", "c"]);
    assert_eq!(inbox.selected, Some("c".into()), "wherever it stands now");
    inbox.said(message("m3", "new", "visitor"), true);
    assert_eq!(inbox.next_to_look(), Some("new".into()));
}

#[test]
fn a_receipt_or_an_edit_is_no_answer_and_asks_for_none() {
    let mut inbox = inbox();
    inbox.said(message("m1", "b", "operator"), false);
    inbox.said(message("m2", "c", "visitor"), false);
    let waits = |id: &str| inbox.sessions().iter().find(|session| session.id.as_str() == id).unwrap().unanswered;
    assert_eq!((waits("b"), waits("c")), (Some(true), Some(false)));
}

#[test]
fn what_a_strict_server_does_not_tell_is_worked_out_and_kept() {
    let mut inbox = Inbox::new(vec![session("a", "10:00", None)], false);
    assert_eq!(inbox.next_to_read(), Some("a".into()));
    inbox.read(&"a".into(), Ok(vec![message("m1", "a", "visitor")]));
    assert_eq!(inbox.sessions()[0].unanswered, Some(true));
    assert_eq!(inbox.press(Key::Char('a')), Some(Effect::Ai("a".into(), false)));
    inbox.switched(session("a", "10:01", None), false);
    assert_eq!(inbox.press(Key::Char('a')), Some(Effect::Ai("a".into(), true)), "it is off now");
    inbox.saw(session("a", "10:02", None));
    assert_eq!((inbox.sessions()[0].unanswered, inbox.sessions()[0].ai_enabled), (Some(true), Some(false)));
}

#[test]
fn a_draft_is_its_session_s_and_goes_with_enter() {
    let mut inbox = inbox();
    inbox.press(Key::Enter);
    type_in(&mut inbox, "for b");
    inbox.press(Key::Escape);
    inbox.press(Key::Down);
    assert!(inbox.draft().is_none());
    inbox.press(Key::Tab);
    type_in(&mut inbox, "for c");
    inbox.press(Key::Enter);
    inbox.press(Key::Enter);
    type_in(&mut inbox, "and more");
    assert_eq!(next(&mut inbox), Some(("c".to_owned(), "for c".to_owned())));
    inbox.press(Key::Enter);
    assert_eq!((next(&mut inbox), draft(&inbox)), (None, ""), "in order: the first is under way, and once");
    inbox.sent(&"c".into(), message("m1", "c", "operator"));
    assert_eq!(next(&mut inbox), Some(("c".to_owned(), "and more".to_owned())));
    inbox.press(Key::Escape);
    inbox.press(Key::Up);
    assert_eq!(draft(&inbox), "for b");
}

#[test]
fn what_was_refused_is_a_draft_again_with_all_that_stood_behind_it() {
    let mut inbox = inbox();
    inbox.press(Key::Enter);
    for text in ["one", "two"] {
        type_in(&mut inbox, text);
        inbox.press(Key::Enter);
    }
    type_in(&mut inbox, "three");
    assert!(next(&mut inbox).is_some());
    inbox.not_sent(&"b".into(), false);
    assert_eq!((next(&mut inbox), draft(&inbox)), (None, "one\ntwo\nthree"));
    assert_eq!(inbox.undone().collect::<Vec<_>>(), [(&"b".into(), "one\ntwo\nthree", false)]);
}

#[test]
fn a_paste_is_a_text_and_never_a_command() {
    let mut inbox = inbox();
    inbox.paste("success\rqa\n");
    assert_eq!((inbox.undone().count(), inbox.status().as_str()), (0, "press Enter first, then paste the answer"));
    inbox.press(Key::Enter);
    inbox.paste("one\r\ntwo\rthree");
    inbox.press(Key::NewLine);
    inbox.press(Key::Enter);
    assert_eq!(next(&mut inbox), Some(("b".to_owned(), "one\ntwo\nthree\n".to_owned())));
}

#[test]
fn one_conversation_is_read_at_a_time_and_the_chosen_one_next() {
    let mut inbox = inbox();
    assert_eq!(inbox.next_to_read(), Some("b".into()));
    inbox.press(Key::Down);
    inbox.press(Key::Down);
    assert_eq!(inbox.next_to_read(), None, "one is being read");
    inbox.read(&"b".into(), Ok(Vec::new()));
    assert_eq!(inbox.next_to_read(), Some("a".into()), "not the one that was passed");
    inbox.read(&"a".into(), Err("away".to_owned()));
    assert_eq!(inbox.next_to_read(), None, "it is not asked for over and over");
    inbox.press(Key::Enter);
    assert_eq!(inbox.next_to_read(), Some("a".into()), "but when a person asks");
    inbox.forget();
    inbox.read(&"a".into(), Ok(Vec::new()));
    assert_eq!(inbox.next_to_read(), Some("a".into()), "it was read before what was missed");
}

#[test]
fn looks_are_one_after_the_other_and_the_last_one_is_after_the_last_message() {
    let mut inbox = inbox();
    inbox.look("a".into());
    inbox.look("a".into());
    inbox.look("b".into());
    assert_eq!((inbox.next_to_look(), inbox.next_to_look()), (Some("a".into()), None));
    inbox.said(message("m1", "a", "visitor"), true);
    inbox.looked();
    assert_eq!(inbox.next_to_look(), Some("b".into()));
    inbox.looked();
    assert_eq!(inbox.next_to_look(), Some("a".into()), "the first look may have been before the message");
    inbox.looked();
    assert_eq!(inbox.next_to_look(), None);
}

#[test]
fn closing_takes_two_keys_and_letters_in_the_answer_are_letters() {
    let mut inbox = inbox();
    assert_eq!(inbox.press(Key::Char('c')), None);
    assert_eq!(inbox.status(), "c once more closes b");
    assert_eq!(inbox.press(Key::Down), None);
    assert_eq!(
        (inbox.press(Key::Char('c')), inbox.status().as_str()),
        (None, "c once more closes c"),
        "another session"
    );
    assert_eq!(inbox.press(Key::Char('c')), Some(Effect::Close("c".into())));
    assert_eq!(inbox.press(Key::Char('a')), Some(Effect::Ai("c".into(), false)));
    inbox.press(Key::Enter);
    type_in(&mut inbox, "qac");
    assert_eq!(inbox.press(Key::Interrupt), Some(Effect::Interrupt));
}

#[test]
fn leaving_waits_for_what_is_under_way_unless_it_is_asked_for_twice() {
    let mut inbox = inbox();
    inbox.press(Key::Enter);
    type_in(&mut inbox, "bye");
    inbox.press(Key::Enter);
    inbox.press(Key::Escape);
    assert!(next(&mut inbox).is_some());
    assert_eq!((inbox.press(Key::Char('q')), inbox.is_leaving), (None, true));
    assert_eq!(inbox.undone().collect::<Vec<_>>(), [(&"b".into(), "bye", true)]);
    assert_eq!(inbox.press(Key::Char('q')), Some(Effect::Quit));
    inbox.press(Key::Char('q'));
    inbox.press(Key::Down);
    assert_eq!((inbox.is_leaving, inbox.press(Key::Char('q'))), (false, None), "whoever goes on does not leave");
    inbox.not_sent(&"b".into(), true);
    assert!(!inbox.is_leaving, "it is to be seen");
    assert_eq!(inbox.undone().collect::<Vec<_>>(), [(&"b".into(), "bye", true)]);
    inbox.press(Key::Up);
    inbox.press(Key::Enter);
    inbox.press(Key::Clear);
    type_in(&mut inbox, "another");
    assert_eq!(inbox.undone().collect::<Vec<_>>(), [(&"b".into(), "another", false)]);
}

#[test]
fn what_failed_stays_until_something_else_is_asked_for() {
    let mut inbox = inbox();
    inbox.outcome = "error: it failed".to_owned();
    inbox.saw(session("a", "12:00", Some(false)));
    inbox.link = Some("the link is down".to_owned());
    inbox.press(Key::Char('c'));
    assert_eq!(inbox.status(), "c once more closes b | error: it failed | the link is down");
    inbox.press(Key::Escape);
    inbox.link = None;
    assert_eq!(inbox.status(), "");
}

#[test]
fn nothing_there_is_no_reason_to_fail() {
    let mut inbox = Inbox::new(Vec::new(), false);
    for key in [Key::Up, Key::Down, Key::End, Key::Enter, Key::Char('a'), Key::Char('c'), Key::PageUp, Key::Tab] {
        assert_eq!(inbox.press(key), None);
    }
    assert_eq!((inbox.next_to_read(), inbox.next_to_look()), (None, None));
    inbox.saw(session("a", "10:00", None));
    assert_eq!(inbox.selected, Some("a".into()));
}
