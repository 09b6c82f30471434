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
