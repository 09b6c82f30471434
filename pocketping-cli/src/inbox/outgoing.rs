//! What was written and is not sent yet: in order, one text of a session at a time.

use std::collections::{BTreeMap, VecDeque};

use pocketping_sdk::SessionId;

/// The texts to all sessions.
#[derive(Debug, Default)]
pub(super) struct Outgoing(BTreeMap<SessionId, Texts>);

/// Those to one session.
#[derive(Debug, Default)]
struct Texts {
    waiting: VecDeque<String>,
    /// Whether the first one is under way.
    is_sending: bool,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, id: SessionId, text: String) {
        self.0.entry(id).or_default().waiting.push_back(text);
    }

    /// The texts to a session, the one that is under way first.
    pub(super) fn to(&self, id: &SessionId) -> impl Iterator<Item = &str> {
        self.0.get(id).into_iter().flat_map(|texts| texts.waiting.iter().map(String::as_str))
    }

    /// A text to a session to which none is under way; it is then.
    pub(super) fn next(&mut self) -> Option<(SessionId, String)> {
        let (id, texts) = self.0.iter_mut().find(|(_, texts)| !texts.is_sending)?;
        texts.is_sending = true;
        Some((id.clone(), texts.waiting.front()?.clone()))
    }

    /// The one that was under way is there.
    pub(super) fn sent(&mut self, id: &SessionId) {
        let Some(texts) = self.0.get_mut(id) else { return };
        texts.waiting.pop_front();
        texts.is_sending = false;
        if texts.waiting.is_empty() {
            self.0.remove(id);
        }
    }

    /// The one that was under way was not taken: it and those behind it, which would be out of order without it.
    pub(super) fn take_back(&mut self, id: &SessionId) -> Vec<String> {
        self.0.remove(id).map(|texts| texts.waiting.into()).unwrap_or_default()
    }

    /// Everything that was not sent, and whether it may be on its way.
    pub(super) fn undone(&self) -> impl Iterator<Item = (&SessionId, &str, bool)> {
        self.0.iter().flat_map(|(id, texts)| {
            let first = if texts.is_sending { 0 } else { usize::MAX };
            texts.waiting.iter().enumerate().map(move |(at, text)| (id, text.as_str(), at == first))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_after_the_other_and_each_once() {
        let mut outgoing = Outgoing::default();
        let (a, b) = (SessionId::from("a"), SessionId::from("b"));
        for (id, text) in [(&a, "1"), (&a, "2"), (&b, "3")] {
            outgoing.push(id.clone(), text.to_owned());
        }
        assert_eq!(outgoing.next(), Some((a.clone(), "1".to_owned())));
        assert_eq!(outgoing.next(), Some((b.clone(), "3".to_owned())));
        assert_eq!(outgoing.next(), None, "each of them has one under way");
        assert_eq!(outgoing.to(&a).collect::<Vec<_>>(), ["1", "2"]);
        outgoing.sent(&a);
        assert_eq!(outgoing.next(), Some((a.clone(), "2".to_owned())));
        outgoing.sent(&a);
        assert_eq!(outgoing.undone().collect::<Vec<_>>(), [(&b, "3", true)]);
        outgoing.sent(&b);
        assert!(outgoing.is_empty() && outgoing.next().is_none());
    }

    #[test]
    fn what_was_refused_comes_back_with_what_stood_behind_it() {
        let mut outgoing = Outgoing::default();
        let a = SessionId::from("a");
        outgoing.push(a.clone(), "1".to_owned());
        assert!(outgoing.next().is_some());
        outgoing.push(a.clone(), "2".to_owned());
        let undone: Vec<_> = outgoing.undone().map(|(_, text, is_sending)| (text, is_sending)).collect();
        assert_eq!(undone, [("1", true), ("2", false)]);
        assert_eq!(outgoing.take_back(&a), ["1", "2"]);
        assert!(outgoing.is_empty());
    }
}
