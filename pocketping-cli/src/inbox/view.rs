//! How the inbox looks: sessions, a conversation, an answer, the keys. Nothing a visitor wrote steers the terminal.

use pocketping_sdk::{Message, Session};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, List, ListItem, ListState, Paragraph};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::model::{Focus, Inbox, is_closed};
use super::scroll::Drawn;
use crate::output::safe;
use crate::time::{clock, day_of};

/// Under this a terminal shows the list or the conversation, not both.
const NARROW: u16 = 60;
/// How many lines what a person should know may have.
const MOST_SAID: usize = 4;
/// How wide the list is.
const LIST: u16 = 26;

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Draws all of it.
pub(super) fn draw(inbox: &Inbox, frame: &mut Frame<'_>) {
    let said = wrapped(&safe(&inbox.status()), usize::from(frame.area().width));
    let said: Vec<_> = said.into_iter().take(MOST_SAID).map(Line::from).collect();
    let rows = [Constraint::Min(0), Constraint::Length(u16::try_from(said.len()).unwrap_or(1)), Constraint::Length(1)];
    let [main, status, keys] = Layout::vertical(rows).areas(frame.area());
    let is_narrow = main.width < NARROW;
    let [list, right] = match inbox.focus {
        Focus::List if is_narrow => [main, Rect::default()],
        Focus::Answer if is_narrow => [Rect::default(), main],
        _ => Layout::horizontal([Constraint::Length(LIST), Constraint::Min(0)]).areas(main),
    };
    if list.area() > 0 {
        sessions(inbox, list, frame);
    }
    if right.area() > 0 {
        let [conversation, answer] = Layout::vertical([Constraint::Min(0), Constraint::Length(3)]).areas(right);
        self::conversation(inbox, conversation, frame);
        self::answer(inbox, answer, frame);
    }
    frame.render_widget(Paragraph::new(said), status);
    let words = match inbox.focus {
        Focus::List => "↑↓ choose  Enter answer  a AI on/off  c close  PgUp PgDn scroll  q quit",
        Focus::Answer => "Enter send  Alt-Enter new line  Esc list  PgUp PgDn scroll  Ctrl-U empty",
    };
    frame.render_widget(Paragraph::new(words).style(Style::new().add_modifier(Modifier::REVERSED)), keys);
}

fn sessions(inbox: &Inbox, area: Rect, frame: &mut Frame<'_>) {
    let count = inbox.sessions().len();
    let more = if inbox.is_cut { "+" } else { "" };
    let title = format!(" Sessions {count}{more} ");
    let items: Vec<_> = inbox.sessions().iter().map(|session| ListItem::new(entry(session))).collect();
    let is_focused = inbox.focus == Focus::List;
    let highlight = Style::new().add_modifier(if is_focused { Modifier::REVERSED } else { Modifier::BOLD });
    let list = List::new(items).block(Block::bordered().title(title)).highlight_style(highlight);
    let mut state = ListState::default().with_selected(inbox.position());
    frame.render_stateful_widget(list, area, &mut state);
}

/// `!` is waiting for an answer, `x` closed.
fn entry(session: &Session) -> Line<'static> {
    let mark = match session.unanswered {
        _ if is_closed(session) => "x ",
        Some(true) => "! ",
        _ => "  ",
    };
    let style = if session.unanswered == Some(true) { bold() } else { Style::new() };
    let name = name(session);
    let name = safe(&name);
    // The ends of ids tell them apart.
    let room = usize::from(LIST) - 4;
    let skipped = if session.identity.is_none() { name.chars().count().saturating_sub(room) } else { 0 };
    let shown = match skipped {
        0 => name.into_owned(),
        skipped => format!("…{}", name.chars().skip(skipped + 1).collect::<String>()),
    };
    Line::from(Span::styled(format!("{mark}{shown}"), style))
}

fn name(session: &Session) -> String {
    let identity = session.identity.as_ref();
    let name = identity.and_then(|identity| identity.name.as_ref().or(identity.email.as_ref()));
    name.cloned().unwrap_or_else(|| session.id.to_string())
}

fn conversation(inbox: &Inbox, area: Rect, frame: &mut Frame<'_>) {
    let Some(session) = inbox.session() else {
        let nothing = Paragraph::new("No sessions yet. They appear here as visitors come.");
        frame.render_widget(nothing.block(Block::bordered()), area);
        return;
    };
    let ai = match session.ai_enabled {
        Some(true) => ", AI on",
        Some(false) => ", AI off",
        None => "",
    };
    let title = format!(" {} ({}{ai}) ", safe(&name(session)), safe(session.status.as_str()));
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let mut lines = Vec::new();
    if let Some(page) = &session.metadata.page_url {
        lines.push(Line::from(safe(page).into_owned()));
    }
    if let Some(known) = inbox.conversation() {
        if known.is_being_read() {
            lines.push(Line::from("reading …"));
        }
        if let Some(why) = known.failure() {
            lines.extend(block_of(&safe(why), inner.width));
            lines.push(Line::from("  Enter reads it again"));
        }
        let mut day = None;
        for message in known.messages() {
            let its = day_of(message);
            if its.is_some() && its != day {
                lines.push(Line::from(format!("── {} ──", its.as_deref().unwrap_or_default())));
                day = its;
            }
            lines.extend(said(message, inner.width));
        }
    }
    for text in inbox.outgoing.to(&session.id) {
        lines.push(Line::from(vec![Span::styled("operator", bold()), Span::raw(" sending …")]));
        lines.extend(text.lines().flat_map(|line| block_of(&safe(line), inner.width)));
    }
    let height = usize::from(inner.height);
    let first = if inbox.conversation().is_some_and(|known| !known.is_being_read()) {
        let drawn = Drawn { session: inbox.selected.clone(), width: inner.width, lines: lines.len() };
        inbox.scroll.first(drawn, height)
    } else {
        inbox.scroll.first_for_now(lines.len(), height)
    };
    let shown: Vec<_> = lines.into_iter().skip(first).take(usize::from(inner.height)).collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

/// A message: who and when, then what.
fn said(message: &Message, width: u16) -> Vec<Line<'static>> {
    let time = clock(message);
    let mut lines = vec![Line::from(vec![
        Span::styled(safe(message.kind.as_str()).into_owned(), bold()),
        Span::raw(format!(" {time}")),
    ])];
    if message.deleted_at.is_some() {
        lines.push(Line::from("  (deleted)"));
        return lines;
    }
    lines.extend(message.content.lines().flat_map(|line| block_of(&safe(line), width)));
    lines
}

/// A line of a text, as lines of a width that are set in.
fn block_of(line: &str, width: u16) -> Vec<Line<'static>> {
    let parts = wrapped(line, usize::from(width).saturating_sub(2));
    parts.into_iter().map(|part| Line::from(format!("  {part}"))).collect()
}

/// A line in parts of a width, broken at blanks where there are any.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let (mut parts, mut part, mut taken) = (Vec::new(), String::new(), 0);
    for word in line.split_inclusive(' ') {
        let length = word.width();
        if taken > 0 && taken + word.trim_end().width() > width {
            parts.push(std::mem::take(&mut part));
            taken = 0;
        }
        if length <= width {
            part.push_str(word);
            taken += length;
            continue;
        }
        for character in word.graphemes(true) {
            let length = character.width();
            if taken + length > width && taken > 0 {
                parts.push(std::mem::take(&mut part));
                taken = 0;
            }
            part.push_str(character);
            taken += length;
        }
    }
    parts.push(part);
    parts
}

/// What is typed, on one line: a line break is a sign in it.
fn typed(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("↵")
}

fn answer(inbox: &Inbox, area: Rect, frame: &mut Frame<'_>) {
    let Some(id) = &inbox.selected else { return };
    let block = Block::bordered().title(format!(" Answer {} ", safe(id.as_str())));
    let inner = block.inner(area);
    let (text, before) = inbox.draft().map_or(("", ""), |draft| (draft.text(), draft.before()));
    let (text, before) = (typed(text), typed(before));
    // What is around the cursor is seen.
    let column = before.width();
    let room = usize::from(inner.width).saturating_sub(1);
    let skipped = column.saturating_sub(room);
    let mut passed = 0;
    let shown: String = text
        .graphemes(true)
        .skip_while(|character| {
            let is_hidden = passed < skipped;
            passed += character.width();
            is_hidden
        })
        .collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
    if inbox.focus == Focus::Answer && inner.area() > 0 {
        let at = u16::try_from(column - skipped).unwrap_or(u16::MAX).min(inner.width.saturating_sub(1));
        frame.set_cursor_position(Position::new(inner.x + at, inner.y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks_and_nothing_is_lost() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("e\u{301}e\u{301}👩\u{200d}💻", 2), ["e\u{301}e\u{301}", "👩\u{200d}💻"]);
        for width in 0..20 {
            let text = "a bb  ccc 日本 dddddddddd";
            assert_eq!(wrapped(text, width).concat(), text, "{width}");
        }
    }
}
