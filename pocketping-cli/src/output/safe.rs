//! Text of visitors on a terminal: nothing in it may steer the terminal or hide what it says.

use std::borrow::Cow;

/// Shows control characters, and those that reorder or hide text, as `\u{…}`; line breaks and tabs as `\n` and `\t`.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, DEL, C1), bidirectional controls, and what has no width. The two joiners pass: scripts and
/// emoji are written with them; so does the variation selector of emoji.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        for text in ["Grüße 👋 日本", "👩\u{200d}💻", "می\u{200c}خواهم", "❤\u{fe0f}"] {
            assert_eq!(safe(text), text);
        }
        assert_eq!(safe("a\u{e0041}b\u{ad}c"), r"a\u{e0041}b\u{ad}c");
        assert_eq!(safe("\u{1b}[2J\u{9b}31m\u{7}"), r"\u{1b}[2J\u{9b}31m\u{7}");
        assert_eq!(safe("x\u{1bca0}y"), r"x\u{1bca0}y");
        assert_eq!(safe("two\nlines\tand\r"), r"two\nlines\tand\r");
        assert_eq!(safe("\u{202e}gpj.exe\u{200b}"), r"\u{202e}gpj.exe\u{200b}");
    }
}
