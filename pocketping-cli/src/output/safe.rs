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

/// Control characters (C0, DEL, C1), bidirectional controls, and characters without width.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(safe("Grüße 👋 日本"), "Grüße 👋 日本");
        assert_eq!(safe("\u{1b}[2J\u{9b}31m\u{7}"), r"\u{1b}[2J\u{9b}31m\u{7}");
        assert_eq!(safe("two\nlines\tand\r"), r"two\nlines\tand\r");
        assert_eq!(safe("\u{202e}gpj.exe\u{200b}"), r"\u{202e}gpj.exe\u{200b}");
    }
}
