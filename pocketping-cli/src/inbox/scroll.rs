//! How far a conversation is scrolled up. What is being read stays where it is while others write below it.

use std::cell::Cell;

/// How many lines a key scrolls.
const STEP: usize = 10;

/// The place in a conversation; it follows the last line until it is scrolled up.
#[derive(Debug, Default)]
pub(super) struct Scroll {
    /// How many lines are hidden below.
    up: Cell<usize>,
    /// How many lines there were when it was drawn.
    lines: Cell<usize>,
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

    /// The first line that is shown, of so many where there is room for `height`.
    pub(super) fn first(&self, lines: usize, height: usize) -> usize {
        let hidden = lines.saturating_sub(height);
        let more = lines.saturating_sub(self.lines.replace(lines));
        let up = match self.up.get() {
            0 => 0,
            up => up.saturating_add(more).min(hidden),
        };
        self.up.set(up);
        hidden - up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_and_the_end_is_followed() {
        let scroll = Scroll::default();
        assert_eq!([scroll.first(5, 20), scroll.first(100, 20), scroll.first(103, 20)], [0, 80, 83]);
        scroll.up();
        assert_eq!([scroll.first(103, 20), scroll.first(110, 20), scroll.first(110, 20)], [73, 73, 73]);
        scroll.down();
        assert_eq!(scroll.first(110, 20), 83);
        (0..50).for_each(|_| scroll.up());
        assert_eq!(scroll.first(110, 20), 0, "not past the first line");
        scroll.down();
        assert_eq!(scroll.first(110, 20), 10, "one key is one step, however often the other one was pressed");
        scroll.end();
        assert_eq!([scroll.first(110, 20), scroll.first(112, 20)], [90, 92]);
    }
}
