//! How far a conversation is scrolled up. What is being read stays where it is while others write below it.

use std::cell::{Cell, RefCell};

use pocketping_sdk::SessionId;

/// How many lines a key scrolls.
const STEP: usize = 10;

/// The place in a conversation; it follows the last line until it is scrolled up.
#[derive(Debug, Default)]
pub(super) struct Scroll {
    /// How many lines are hidden below.
    up: Cell<usize>,
    /// What was drawn.
    drawn: RefCell<Drawn>,
}

/// Lines of a session's conversation, and how wide they are: others have nothing to do with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawn {
    pub(super) session: Option<SessionId>,
    pub(super) width: u16,
    pub(super) lines: usize,
}

impl Scroll {
    pub(super) fn up(&self) {
        self.up.set(self.up.get().saturating_add(STEP));
    }

    pub(super) fn down(&self) {
        self.up.set(self.up.get().saturating_sub(STEP));
    }

    /// To the last line.
    pub(super) fn end(&self) {
        self.up.set(0);
    }

    /// The first line that is shown of what is to be drawn, where there is room for `height`.
    pub(super) fn first(&self, drawn: Drawn, height: usize) -> usize {
        let hidden = drawn.lines.saturating_sub(height);
        let before = self.drawn.replace(drawn.clone());
        let is_same = (before.session, before.width) == (drawn.session, drawn.width);
        let more = if is_same { drawn.lines.saturating_sub(before.lines) } else { 0 };
        let up = match self.up.get() {
            0 => 0,
            up => up.saturating_add(more).min(hidden),
        };
        self.up.set(up);
        hidden - up
    }

    /// The same of a conversation of which not all is there for now: that changes nothing.
    pub(super) fn first_for_now(&self, lines: usize, height: usize) -> usize {
        lines.saturating_sub(height).saturating_sub(self.up.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(scroll: &Scroll, session: &str, width: u16, lines: usize) -> usize {
        scroll.first(Drawn { session: Some(session.into()), width, lines }, 20)
    }

    #[test]
    fn what_is_read_stays_and_the_end_is_followed() {
        let scroll = Scroll::default();
        let first = |lines| first(&scroll, "s", 80, lines);
        assert_eq!([first(5), first(100), first(103)], [0, 80, 83]);
        scroll.up();
        assert_eq!([first(103), first(110), first(110)], [73, 73, 73]);
        scroll.down();
        assert_eq!(first(110), 83);
        (0..50).for_each(|_| scroll.up());
        assert_eq!(first(110), 0, "not past the first line");
        scroll.down();
        assert_eq!(first(110), 10, "one key is one step, however often the other one was pressed");
        scroll.end();
        assert_eq!([first(110), first(112)], [90, 92]);
    }

    #[test]
    fn only_what_was_written_below_is_more() {
        let scroll = Scroll::default();
        first(&scroll, "s", 80, 100);
        scroll.up();
        assert_eq!(first(&scroll, "s", 80, 100), 70);
        assert_eq!([first(&scroll, "s", 40, 200), first(&scroll, "s", 80, 100)], [170, 70], "as far from its end");
        assert_eq!([scroll.first_for_now(1, 20), first(&scroll, "s", 80, 100)], [0, 70], "while it is read again");
        assert_eq!(first(&scroll, "another", 80, 300), 270);
    }
}
