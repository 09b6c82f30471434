//! Tables for people, tab-separated fields for pipes.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::safe;

/// A list: a table on a terminal, in a pipe a line of fields each, without heads.
pub(super) fn list(
    out: &mut dyn Write,
    columns: &[&str],
    rows: Vec<Vec<String>>,
    is_terminal: bool,
    color: bool,
) -> io::Result<()> {
    if !is_terminal {
        return rows.iter().try_for_each(|row| tabs(out, row));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size() {
        table.set_width(width);
    }
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| safe(cell).into_owned()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let printed = table.to_string();
    for (n, line) in printed.lines().enumerate() {
        writeln!(out, "{}", bold(line.trim_end(), color && n == 0))?;
    }
    Ok(())
}

/// One object: a field a line.
pub(super) fn item(
    out: &mut dyn Write,
    details: &[(&'static str, String)],
    is_terminal: bool,
    color: bool,
) -> io::Result<()> {
    let width = details.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in details {
        if is_terminal {
            writeln!(out, "{}{:gap$}{}", bold(name, color), "", safe(value), gap = width - name.len() + 2)?;
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

fn tabs(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let shown: Vec<_> = cells.iter().map(|cell| safe(cell)).collect();
    writeln!(out, "{}", shown.join("\t"))
}

pub(super) fn bold(text: &str, color: bool) -> String {
    if color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

pub(super) fn red(text: &str, color: bool) -> String {
    if color { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_owned() }
}
