//! A terminal that may draw what visitors write wider or narrower than it is thought to be: scripts whose letters combine, and
//! emoji made of several, are as wide as the terminal and its font say. What stands beside them keeps its place, and nothing of
//! them stays behind.

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use unicode_width::UnicodeWidthStr;

/// A backend that draws rows with such characters in them anew when anything in them changes, piece by piece.
pub(super) struct Screen<B> {
    backend: B,
    /// What was drawn, row by row.
    rows: Vec<Vec<Cell>>,
}

impl<B: Backend> Screen<B> {
    pub(super) fn new(backend: B) -> Self {
        Self { backend, rows: Vec::new() }
    }

    fn row(&mut self, y: u16) -> &mut Vec<Cell> {
        let y = usize::from(y);
        if self.rows.len() <= y {
            self.rows.resize_with(y + 1, Vec::new);
        }
        &mut self.rows[y]
    }

    fn piece(&mut self, cells: &[(u16, u16, &Cell)]) -> Result<(), B::Error> {
        self.backend.draw(cells.iter().copied())
    }

    fn draw_row(&mut self, y: u16) -> Result<(), B::Error> {
        let cells = std::mem::take(self.row(y));
        let (mut run, mut x) = (Vec::new(), 0);
        while let Some(cell) = cells.get(usize::from(x)) {
            // What it covers is not drawn.
            let width = u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
            if is_sure(cell) {
                run.push((x, y, cell));
            } else {
                self.piece(&std::mem::take(&mut run))?;
                let blank = Cell::default();
                self.piece(&(x..x + width).map(|x| (x, y, &blank)).collect::<Vec<_>>())?;
                // Wherever it leaves the cursor: the next piece begins in its own place.
                self.piece(&[(x, y, cell)])?;
            }
            x += width;
        }
        self.piece(&run)?;
        *self.row(y) = cells;
        Ok(())
    }
}

/// Whether every terminal draws it as wide as it is thought to be.
fn is_sure(cell: &Cell) -> bool {
    let mut chars = cell.symbol().chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return cell.symbol().is_empty() };
    matches!(
        c,
        // Latin; Greek, Cyrillic and Armenian; punctuation; arrows; boxes and blocks
        ..'\u{300}' | '\u{370}'..'\u{590}' | '\u{2010}'..='\u{2027}' | '\u{2190}'..='\u{21ff}' | '\u{2500}'..='\u{259f}'
        // Kana; Chinese characters; Hangul
        | '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
    )
}

impl<B: Backend> Backend for Screen<B> {
    type Error = B::Error;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Self::Error>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let changes: Vec<_> = content.collect();
        for changes in changes.chunk_by(|(_, one, _), (_, other, _)| one == other) {
            let y = changes[0].1;
            let row = self.row(y);
            let was_sure = row.iter().all(is_sure);
            for (x, _, cell) in changes {
                let x = usize::from(*x);
                if row.len() <= x {
                    row.resize_with(x + 1, Cell::default);
                }
                row[x] = (*cell).clone();
                // What it covers is blank when it goes, and nobody says so.
                let end = (x + cell.symbol().width().max(1)).min(row.len());
                row[x + 1..end].fill(Cell::default());
            }
            if was_sure && row.iter().all(is_sure) {
                self.piece(changes)?;
            } else {
                self.draw_row(y)?;
            }
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Self::Error> {
        self.rows.clear();
        self.backend.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Self::Error> {
        // Only what is drawn anew as a whole is cleared here.
        self.rows.clear();
        self.backend.clear_region(region)
    }

    fn hide_cursor(&mut self) -> Result<(), Self::Error> {
        self.backend.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Self::Error> {
        self.backend.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Self::Error> {
        self.backend.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Self::Error> {
        self.backend.set_cursor_position(position)
    }

    fn size(&self) -> Result<Size, Self::Error> {
        self.backend.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Self::Error> {
        self.backend.window_size()
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.backend.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;

    use proptest::prelude::*;
    use ratatui::backend::CrosstermBackend;
    use ratatui::layout::Rect;
    use ratatui::widgets::Paragraph;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    use super::*;

    const SIZE: (u16, u16) = (2, 12);

    /// What was written to a terminal.
    #[derive(Clone, Default)]
    struct Wire(Rc<RefCell<Vec<u8>>>);

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The screen after these texts were drawn one after the other.
    fn seen(texts: &[String]) -> Vec<String> {
        let wire = Wire::default();
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, SIZE.1, SIZE.0)) };
        let backend = Screen::new(CrosstermBackend::new(wire.clone()));
        let mut terminal = Terminal::with_options(backend, options).unwrap();
        for text in texts {
            terminal.draw(|frame| frame.render_widget(Paragraph::new(text.as_str()), frame.area())).unwrap();
        }
        let mut parser = vt100::Parser::new(SIZE.0, SIZE.1, 0);
        parser.process(&wire.0.borrow());
        parser.screen().rows(0, SIZE.1).map(|row| row.trim_end().to_owned()).collect()
    }

    #[test]
    fn nothing_stays_of_what_a_wide_character_covered() {
        let texts = ["ab      😀", "日      😀", "c       😀"].map(str::to_owned);
        assert_eq!(seen(&texts), seen(&texts[2..]));
        assert_eq!(seen(&texts)[0], "c       😀");
    }

    proptest! {
        #[test]
        fn what_is_seen_does_not_depend_on_what_was_there(
            texts in prop::collection::vec("[ab日😀👍é  \u{301}\n]{0,14}", 1..7)
        ) {
            prop_assert_eq!(seen(&texts), seen(&texts[texts.len() - 1..]));
        }
    }
}
