//! Moving the window.

use super::rows::LineRows;
use super::{Anchor, LogView};

impl LogView {
    /// Scrolls by rows, down when positive. Going up stops following; reaching the end resumes it.
    pub fn scroll_lines(&mut self, rows: isize) {
        self.set_follow(false);
        let mut top = self.settle(self.top);
        for _ in 0..rows.unsigned_abs() {
            let moved = if rows > 0 { self.row_after(top) } else { self.row_before(top) };
            let Some(next) = moved else { break };
            top = next;
        }
        self.go_to(top, rows >= 0);
    }

    /// Scrolls by fractions of the window: 1.0 is a page down, -0.5 half a page up.
    pub fn scroll_pages(&mut self, pages: f32) {
        let rows = (pages * f32::from(self.screen.height().max(1))) as isize;
        self.scroll_lines(if rows == 0 { pages.signum() as isize } else { rows });
    }

    /// Scrolls sideways, when lines are not wrapped.
    pub fn scroll_columns(&mut self, columns: isize) {
        if !self.wrap {
            self.column = self.column.saturating_add_signed(columns).min(u32::MAX as usize);
        }
    }

    /// Goes to the oldest line.
    pub fn to_start(&mut self) {
        self.follow = false;
        self.top = Anchor { id: self.at_or_after(0).unwrap_or_default(), row: 0 };
    }

    /// Goes to the newest line and follows.
    pub fn to_end(&mut self) {
        self.follow = true;
    }

    /// Stands at `top`, or at the end when that is less far; there, following resumes when going down.
    fn go_to(&mut self, top: Anchor, resume: bool) {
        let bottom = self.bottom();
        self.top = top.min(bottom);
        self.follow = resume && top >= bottom;
    }

    /// Scrolls so that a line is seen, about a third down, unless it is seen already.
    pub(super) fn reveal(&mut self, id: u64) {
        if self.screen.shows(id) && !self.follow {
            return;
        }
        let mut top = Anchor { id, row: 0 };
        for _ in 0..self.screen.height() / 3 {
            let Some(above) = self.row_before(top) else {
                break;
            };
            top = above;
        }
        self.go_to(top, false);
    }

    /// Where the window stands now: the end when following.
    pub(super) fn window_top(&mut self) -> Anchor {
        if self.follow { self.bottom() } else { self.settle(self.top) }
    }

    /// The lowest place of the window's top: the last rows fill it.
    pub(super) fn bottom(&mut self) -> Anchor {
        let Some(id) = self.before(u64::MAX) else {
            return Anchor::default();
        };
        let mut top = Anchor { id, row: self.rows_of(id).count() - 1 };
        let mut left = usize::from(self.screen.height()).saturating_sub(1);
        // Whole lines at a time: a very long one must not be walked row by row.
        while left > top.row {
            left -= top.row + 1;
            let Some(above) = self.before(top.id) else {
                return Anchor { id: top.id, row: 0 };
            };
            top = Anchor { id: above, row: self.rows_of(above).count() - 1 };
        }
        Anchor { row: top.row - left, ..top }
    }

    pub(super) fn rows_of(&mut self, id: u64) -> LineRows {
        match self.ring.get(id) {
            Some(line) => self.cache.rows(id, line),
            None => LineRows::Plain { len: 0, width: 1 },
        }
    }

    pub(super) fn row_after(&mut self, at: Anchor) -> Option<Anchor> {
        if at.row + 1 < self.rows_of(at.id).count() {
            return Some(Anchor { row: at.row + 1, ..at });
        }
        self.at_or_after(at.id + 1).map(|id| Anchor { id, row: 0 })
    }

    fn row_before(&mut self, at: Anchor) -> Option<Anchor> {
        if at.row > 0 {
            return Some(Anchor { row: at.row - 1, ..at });
        }
        let id = self.before(at.id)?;
        Some(Anchor { id, row: self.rows_of(id).count() - 1 })
    }
}
