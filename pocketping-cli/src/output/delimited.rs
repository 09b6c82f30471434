//! CSV and TSV, with a line of heads: for spreadsheets and for programs that know neither JSON nor our columns.

use std::borrow::Cow;
use std::io::{self, Write};

use super::human::tabs;
use super::safe::is_unsafe;

/// How fields are told from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimited {
    /// RFC 4180: commas, quotes where they are needed, and line breaks as they are.
    Csv,
    /// Tabs; what would break a line or a field is escaped.
    Tsv,
}

impl Delimited {
    /// The heads: names without spaces.
    pub(super) fn heads(self, out: &mut dyn Write, columns: &[&str]) -> io::Result<()> {
        let heads: Vec<_> = columns.iter().map(|column| column.replace(' ', "_")).collect();
        self.row(out, &heads)
    }

    pub(super) fn row(self, out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
        match self {
            Self::Tsv => tabs(out, cells),
            Self::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?;
                writer.flush()
            }
        }
    }
}

/// As other texts, save that what CSV can hold stays as it is: line breaks and tabs. A carriage return by itself is none: a
/// terminal would write over what stands before it.
fn harmless(cell: &str) -> Cow<'_, str> {
    if !cell.contains(is_unsafe) {
        return Cow::Borrowed(cell);
    }
    let mut shown = String::with_capacity(cell.len() + 16);
    let mut chars = cell.chars().peekable();
    while let Some(c) = chars.next() {
        let is_kept = matches!(c, '\n' | '\t') || (c == '\r' && chars.peek() == Some(&'\n'));
        if is_unsafe(c) && !is_kept { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_it_must_and_steers_no_terminal() {
        let mut out = Vec::new();
        Delimited::Csv.heads(&mut out, &["id", "last activity"]).unwrap();
        let cells = ["a,\"b\"", "two\r\nlines\u{1b}[2J\rover"].map(str::to_owned);
        Delimited::Csv.row(&mut out, &cells).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert_eq!(printed, "id,last_activity\n\"a,\"\"b\"\"\",\"two\r\nlines\\u{1b}[2J\\rover\"\n");
    }
}
