//! Tables for people, tab-separated fields for pipes.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::safe;

/// A list: a table on a terminal, in a pipe a line of fields each, without heads. After the columns come those that can be
/// spared, in the order in which they are.
pub(super) fn list(
    out: &mut dyn Write,
    columns: (&[&str], &[&str]),
    rows: &[Vec<String>],
    is_terminal: bool,
    color: bool,
) -> io::Result<()> {
    if !is_terminal {
        return rows.iter().try_for_each(|row| tabs(out, row));
    }
    let width = terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| width);
    table(out, columns, rows, width, color)
}

/// The least the last column of a table is worth.
const LAST_COLUMN: usize = 12;
/// The least it is worth when it can be spared.
const LAST_SPARE_COLUMN: usize = 24;

/// The columns of a table, by their places: those nothing stands in are left out, and of those that may be, as many as must be
/// for it to fit. Nothing when it never does.
fn columns_that_fit(columns: &[&str], spare: &[&str], rows: &[Vec<String>], width: Option<u16>) -> Option<Vec<usize>> {
    // What is printed counts: escapes are longer than what they stand for, and some characters are wider than others.
    let printed = |cell: &String| lines(cell).lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    let widest = |n: &usize| rows.iter().map(|row| printed(&row[*n])).max().max(Some(columns[*n].len())).unwrap_or(0);
    let mut used: Vec<_> = (0..columns.len()).filter(|n| rows.iter().any(|row| !row[*n].is_empty())).collect();
    let mut left_out = spare.iter();
    loop {
        let (last, unfolded) = used.split_last()?;
        let taken: usize = unfolded.iter().map(|n| widest(n) + 2).sum();
        let worth = if spare.contains(&columns[*last]) { LAST_SPARE_COLUMN } else { LAST_COLUMN };
        if width.is_none_or(|width| taken + worth.min(widest(last)) <= usize::from(width)) {
            return Some(used);
        }
        let left_out = left_out.next()?;
        used.retain(|n| columns[*n] != *left_out);
    }
}

/// A table; only its last column is folded, because a broken id or time is good for nothing. Where that leaves no room for it,
/// columns that can be spared are left out, and where there are none, the objects are printed one by one.
fn table(
    out: &mut dyn Write,
    (columns, spare): (&[&str], &[&str]),
    rows: &[Vec<String>],
    width: Option<u16>,
    color: bool,
) -> io::Result<()> {
    let Some(used) = columns_that_fit(columns, spare, rows, width) else {
        let used: Vec<_> = (0..columns.len()).filter(|n| rows.iter().any(|row| !row[*n].is_empty())).collect();
        for (n, row) in rows.iter().enumerate() {
            if n > 0 {
                writeln!(out)?;
            }
            let details: Vec<_> = used.iter().map(|n| (columns[*n], row[*n].clone())).collect();
            item(out, &details, true, color)?;
        }
        return Ok(());
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
    }
    table.set_header(used.iter().map(|n| columns[*n].to_uppercase()));
    for row in rows {
        table.add_row(used.iter().map(|n| lines(&row[*n])));
    }
    for (n, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if n + 1 < used.len() {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for (n, line) in table.to_string().lines().enumerate() {
        writeln!(out, "{}", bold(line.trim_end(), color && n == 0))?;
    }
    Ok(())
}

/// The lines of a table that is drawn anew and anew: as many as the terminal has room for.
pub(super) fn frame(columns: (&[&str], &[&str]), rows: &[Vec<String>], color: bool) -> io::Result<Vec<String>> {
    let size = terminal_size::terminal_size();
    let (width, height) = size.map_or((None, 24), |(width, height)| (Some(width.0), usize::from(height.0)));
    frame_of(columns, rows, width, height, color)
}

fn frame_of(
    columns: (&[&str], &[&str]),
    rows: &[Vec<String>],
    width: Option<u16>,
    height: usize,
    color: bool,
) -> io::Result<Vec<String>> {
    // The cursor stands on the line below.
    let room = height.saturating_sub(1).max(1);
    let first = |count| {
        let mut text = Vec::new();
        table(&mut text, columns, &rows[..count], width, color)?;
        // A line that the terminal folded would be two to go up.
        let text = String::from_utf8_lossy(&text);
        Ok::<Vec<_>, io::Error>(text.lines().flat_map(|line| folded(line, width)).collect())
    };
    let mut all = first(rows.len())?;
    if all.is_empty() {
        all.push("nothing yet".to_owned());
    }
    if all.len() > room {
        // Rows may have several lines each.
        for count in (1..rows.len().min(room)).rev() {
            let mut lines = first(count)?;
            if lines.len() < room {
                lines.push(format!("… {} more", rows.len() - count));
                return Ok(lines);
            }
        }
        all.truncate(room);
    }
    Ok(all)
}

/// A line as a terminal of this width folds it; escapes of ours take no room.
fn folded(line: &str, width: Option<u16>) -> Vec<String> {
    let (room, mut taken, mut is_escape) = (width.map_or(usize::MAX, usize::from), 0, false);
    let mut lines = vec![String::new()];
    for c in line.chars() {
        let mut wide = 0;
        if is_escape || c == '\u{1b}' {
            is_escape = !c.is_ascii_alphabetic();
        } else {
            wide = c.width().unwrap_or(0);
        }
        if taken > 0 && taken + wide > room {
            lines.push(String::new());
            taken = 0;
        }
        taken += wide;
        if let Some(last) = lines.last_mut() {
            last.push(c);
        }
    }
    lines
}

/// One object: a field a line.
pub(super) fn item(out: &mut dyn Write, details: &[(&str, String)], is_terminal: bool, color: bool) -> io::Result<()> {
    let width = details.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in details {
        if is_terminal {
            let value = lines(value).replace('\n', &format!("\n{:width$}  ", ""));
            writeln!(out, "{}{:gap$}{value}", bold(name, color), "", gap = width - name.len() + 2)?;
        } else {
            tabs(out, &[(*name).to_owned(), value.clone()])?;
        }
    }
    Ok(())
}

/// One of many that come over time.
pub(super) fn line(out: &mut dyn Write, cells: &[String], is_terminal: bool) -> io::Result<()> {
    if !is_terminal {
        return tabs(out, cells);
    }
    let shown: Vec<_> = cells.iter().filter(|cell| !cell.is_empty()).map(|cell| safe(cell)).collect();
    writeln!(out, "{}", shown.join("  "))
}

/// A text for a terminal, with the line breaks it has.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| safe(line.strip_suffix('\r').unwrap_or(line))).collect();
    lines.join("\n")
}

/// Fields for a pipe: what would break a line or a field is escaped, and so is the backslash that says so.
pub(super) fn tabs(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let shown: Vec<_> = cells.iter().map(|cell| safe(&cell.replace('\\', r"\\")).into_owned()).collect();
    writeln!(out, "{}", shown.join("\t"))
}

pub(super) fn bold(text: &str, color: bool) -> String {
    if color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

pub(super) fn red(text: &str, color: bool) -> String {
    if color { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_one_line_and_can_undo_what_was_escaped() {
        let mut out = Vec::new();
        tabs(&mut out, &["a\tb".into(), "two\nlines".into(), r"C:\new".into()]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\\tb\ttwo\\nlines\tC:\\\\new\n");
    }

    #[test]
    fn a_terminal_gets_the_lines_there_are_and_nothing_that_steers_it() {
        let mut out = Vec::new();
        item(&mut out, &[("text", "one\r\ntwo\u{1b}[2J".into())], true, false).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "text  one\n      two\\u{1b}[2J\n");
    }

    #[test]
    fn a_frame_is_never_higher_than_the_terminal() {
        let rows = vec![vec!["a".to_owned(), "b\u{1b}[2J".to_owned(), "c".to_owned()]; 5];
        let frame = |rows, height| frame_of((&["id", "name", "text"], &[]), rows, Some(60), height, false).unwrap();
        assert_eq!(frame(&rows[..], 3), ["ID  NAME        TEXT", r"a   b\u{1b}[2J  c"]);
        assert_eq!(frame(&rows[..], 24).len(), 6);
        assert_eq!(frame(&[], 24), ["nothing yet"]);
    }

    fn printed(rows: &[Vec<String>], width: u16) -> String {
        let mut out = Vec::new();
        table(&mut out, (&["id", "name", "text"], &[]), rows, Some(width), false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_can_be_spared_is_left_out_where_there_is_no_room() {
        let rows = [["an-id", "yes", "Ann Lee", "https://example.com"].map(str::to_owned).into()];
        let heads = |width, spare: &[&str]| {
            let mut out = Vec::new();
            table(&mut out, (&["id", "waits", "name", "page"], spare), &rows, Some(width), false).unwrap();
            String::from_utf8(out).unwrap().lines().next().unwrap().to_owned()
        };
        assert_eq!(heads(42, &["page", "waits"]), "ID     WAITS  NAME     PAGE");
        assert_eq!(heads(41, &["page", "waits"]), "ID     WAITS  NAME");
        assert_eq!(heads(35, &[]), "ID     WAITS  NAME     PAGE");
        assert_eq!(heads(20, &["page", "waits"]), "ID     NAME");
        assert_eq!(heads(20, &["page"]), "id     an-id");
    }

    #[test]
    fn a_frame_counts_the_lines_that_a_terminal_folds() {
        let rows = vec![vec!["an-id-of-twenty-chars".to_owned(), "日本語の長い名前がここ".to_owned(), "c".to_owned()]];
        let frame = frame_of((&["id", "name", "text"], &[]), &rows, Some(20), 24, true).unwrap();
        assert_eq!(frame[..2], ["\u{1b}[1mid\u{1b}[0m    an-id-of-twent", "y-chars"]);
        assert_eq!(frame[2..], ["\u{1b}[1mname\u{1b}[0m  日本語の長い名", "前がここ", "\u{1b}[1mtext\u{1b}[0m  c"]);
    }

    #[test]
    fn a_frame_says_how_many_rows_have_no_room() {
        let rows: Vec<_> = (1..=9).map(|n| vec![format!("sess_{n}"), "a text of some words".to_owned()]).collect();
        let frame = |width, height| frame_of((&["id", "text"], &[]), &rows, Some(width), height, false).unwrap();
        assert_eq!(frame(80, 11).last().unwrap(), "sess_9  a text of some words");
        let cut = frame(80, 10);
        assert_eq!((cut.len(), cut[7].as_str(), cut[8].as_str()), (9, "sess_7  a text of some words", "… 2 more"));
        let narrow = frame(22, 6);
        assert_eq!((narrow.len() <= 5, narrow.last().unwrap().as_str()), (true, "… 8 more"), "{narrow:#?}");
        assert_eq!(frame(22, 2).len(), 1);
    }

    #[test]
    fn ids_are_never_broken_and_empty_columns_are_left_out() {
        let rows = [vec!["an-id-of-twenty-chars".into(), String::new(), "a text that must be folded\nsecond".into()]];
        let wide = printed(&rows, 44);
        assert_eq!(wide.lines().next().unwrap(), "ID                     TEXT", "{wide}");
        assert!(wide.contains("an-id-of-twenty-chars  a text") && wide.lines().count() == 4, "{wide}");
        for wide in ["\u{1b}".repeat(7), "日本語の長い名前がここ".to_owned()] {
            let stacked = printed(&[vec!["id".into(), wide.clone(), "text".into()]], 30);
            assert!(stacked.starts_with("id    id\nname  "), "{stacked}");
        }
        assert_eq!(printed(&rows, 30), "id    an-id-of-twenty-chars\ntext  a text that must be folded\n      second\n");
    }
}
