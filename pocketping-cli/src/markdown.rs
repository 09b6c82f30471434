//! Text of visitors in Markdown: it says what they wrote and does nothing else.

use crate::output::safe;

/// A text on one line.
pub(crate) fn inline(text: &str) -> String {
    escaped(safe(&text.replace('\t', " ")).trim())
}

/// A text as a quote. Its line breaks stay.
pub(crate) fn quote(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| inline(line.strip_suffix('\r').unwrap_or(line))).collect();
    let mut quote = String::new();
    for (n, line) in lines.iter().enumerate() {
        // Two spaces at the end break a line.
        let is_broken = lines.get(n + 1).is_some_and(|next| !next.is_empty());
        let parts = match (line.is_empty(), is_broken) {
            (true, _) => [">", "", "\n"],
            (false, true) => ["> ", line, "  \n"],
            (false, false) => ["> ", line, "\n"],
        };
        quote.extend(parts);
    }
    quote
}

/// What could begin something: HTML, a link, an emphasis, a list, a heading, a rule.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 8);
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    for (n, (at, c)) in line.char_indices().enumerate() {
        match c {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' | '$' => text.extend(['\\', c]),
            '#' | '+' | '-' | '=' | ':' if n == 0 => text.extend(['\\', c]),
            '.' | ')' if n == digits && digits > 0 => text.extend(['\\', c]),
            // No link is made of an address by itself.
            '@' => text.push_str("&#64;"),
            '.' if is_www(&line[..at]) => text.push_str("&#46;"),
            ':' if line.chars().skip(n + 1).take(2).eq("//".chars()) => text.push_str("&#58;"),
            _ => text.push(c),
        }
    }
    text
}

fn is_www(before: &str) -> bool {
    before.len() >= 3 && before.as_bytes()[before.len() - 3..].eq_ignore_ascii_case(b"www")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markdown() {
        for (text, shown) in [
            ("Hello. How are you?", "Hello. How are you?"),
            ("<script>&", "&lt;script&gt;&amp;"),
            ("![x](y) [a](http://b)", r"!\[x\](y) \[a\](http&#58;//b)"),
            ("see WWW.evil.example or a@b.example", "see WWW&#46;evil.example or a&#64;b.example"),
            ("one\ttwo", "one two"),
            ("# no", r"\# no"),
            ("1. one", r"1\. one"),
            ("12) one 3) two", r"12\) one 3) two"),
            ("--- -", r"\--- -"),
            ("    code", "code"),
            ("a\u{1b}[2J`b`\u{202e}", r"a\\u{1b}\[2J\`b\`\\u{202e}"),
        ] {
            assert_eq!(inline(text), shown, "{text}");
        }
        assert_eq!(quote("one\r\n===\n\n> two"), "> one  \n> \\===\n>\n> &gt; two\n");
    }
}
