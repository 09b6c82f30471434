//! A line that is being typed.

/// A text and where the next character goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    text: String,
    /// In bytes, between two characters.
    cursor: usize,
}

impl Draft {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub(super) fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or(&self.text)
    }

    fn previous(&self) -> usize {
        self.before().char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        let rest = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + rest.chars().next().map_or(0, char::len_utf8)
    }

    pub(super) fn insert(&mut self, c: char) {
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    pub(super) fn erase(&mut self) {
        let from = self.previous();
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    pub(super) fn delete(&mut self) {
        let to = self.next();
        self.text.replace_range(self.cursor..to, "");
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.previous();
    }

    pub(super) fn right(&mut self) {
        self.cursor = self.next();
    }

    pub(super) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_whole() {
        let mut draft = Draft::default();
        "aé👋".chars().for_each(|c| draft.insert(c));
        draft.left();
        draft.erase();
        assert_eq!((draft.text(), draft.before()), ("a👋", "a"));
        draft.delete();
        draft.delete();
        draft.home();
        draft.erase();
        draft.left();
        draft.insert('x');
        draft.end();
        draft.right();
        draft.insert('y');
        assert_eq!(draft.text(), "xay");
        draft.clear();
        assert_eq!((draft.text(), draft.before()), ("", ""));
    }
}
