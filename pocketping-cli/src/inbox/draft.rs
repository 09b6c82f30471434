//! A line that is being typed.

use unicode_segmentation::UnicodeSegmentation;

/// A text and where the next character goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    text: String,
    /// In bytes, between two characters as a person counts them: a letter and its accents, an emoji and what makes it one.
    cursor: usize,
    /// Whether nobody knows if it, or the beginning of it, was sent already.
    may_be_sent: bool,
}

impl Draft {
    pub(super) fn may_be_sent(&self) -> bool {
        self.may_be_sent && !self.text.trim().is_empty()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub(super) fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or(&self.text)
    }

    fn previous(&self) -> usize {
        self.before().grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        let rest = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + rest.graphemes(true).next().map_or(0, str::len)
    }

    pub(super) fn insert(&mut self, c: char) {
        self.may_be_sent = self.may_be_sent();
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    pub(super) fn insert_all(&mut self, text: &str) {
        self.may_be_sent = self.may_be_sent();
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Puts a text before all of it, on lines of its own; the cursor stays where it is.
    pub(super) fn put_before(&mut self, text: &str, may_be_sent: bool) {
        self.may_be_sent = may_be_sent || self.may_be_sent();
        let text = if self.text.is_empty() { text.to_owned() } else { format!("{text}\n") };
        self.text.insert_str(0, &text);
        self.cursor += text.len();
    }

    /// The text, which is gone from here then.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(self).text
    }

    pub(super) fn erase_word(&mut self) {
        let words = self.before().trim_end();
        let blank = words.char_indices().rev().find(|(_, c)| c.is_whitespace());
        let from = blank.map_or(0, |(at, c)| at + c.len_utf8());
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
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
        draft.insert_all("a👨\u{200d}👩\u{200d}👧e\u{301}क्षि");
        for left in ["a👨\u{200d}👩\u{200d}👧e\u{301}", "a👨\u{200d}👩\u{200d}👧", "a"] {
            draft.erase();
            assert_eq!(draft.text(), left);
        }
        draft.insert_all("👍🏽b");
        draft.home();
        draft.right();
        draft.delete();
        assert_eq!((draft.text(), draft.before()), ("ab", "a"));
    }
    #[test]
    fn words_go_whole_and_texts_come_whole() {
        let mut draft = Draft::default();
        draft.insert_all("one two\u{3000}drei  ");
        draft.erase_word();
        assert_eq!(draft.before(), "one two\u{3000}");
        draft.erase_word();
        assert_eq!(draft.before(), "one ");
        draft.insert_all("1\n2");
        draft.put_before("first", false);
        assert_eq!((draft.text(), draft.before()), ("first\none 1\n2", "first\none 1\n2"));
        assert_eq!(draft.take(), "first\none 1\n2");
        draft.erase_word();
        draft.put_before("back", false);
        assert_eq!((draft.text(), draft.before()), ("back", "back"));
        draft.put_before("lost", true);
        draft.put_before("refused", false);
        assert!(draft.may_be_sent());
        draft.take();
        draft.put_before("new", false);
        assert!(!draft.may_be_sent());
    }
}
