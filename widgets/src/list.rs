//! The window through which a long list is seen: what is selected, and which rows show.

use std::ops::Range;

use ratatui_core::layout::{Position, Rect};

/// Selection and scroll position of a list of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    selected: Option<usize>,
    offset: usize,
    area: Rect,
    len: usize,
}

impl Window {
    /// The selected row, as of the last frame or selection.
    pub fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// Selects a row, or none.
    pub fn select(&mut self, row: Option<usize>) {
        self.selected = row;
    }

    /// Moves the selection by rows and stops at the ends.
    pub fn step(&mut self, rows: isize, len: usize) {
        let from = self.selected.unwrap_or(0);
        let to = if self.selected.is_none() { from } else { from.saturating_add_signed(rows) };
        self.selected = len.checked_sub(1).map(|last| to.min(last));
    }

    /// So many rows are gone from the start: what is selected and seen stays, as far as it is still there.
    pub fn drop_first(&mut self, rows: usize) {
        self.selected = self.selected.map(|row| row.saturating_sub(rows));
        self.offset = self.offset.saturating_sub(rows);
    }

    /// Moves the selection by fractions of a page: 1.0 is a page down, -0.5 half a page up.
    pub fn page(&mut self, pages: f32, len: usize) {
        let rows = (pages * f32::from(self.area.height.max(1))) as isize;
        self.step(if rows == 0 { pages.signum() as isize } else { rows }, len);
    }

    /// Selects the first row.
    pub fn first(&mut self, len: usize) {
        self.selected = (len > 0).then_some(0);
    }

    /// Selects the last row.
    pub fn last(&mut self, len: usize) {
        self.selected = len.checked_sub(1);
    }

    /// The first row seen.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Has a row seen too, as far as the selected one stays in sight. Before the first frame nothing is in sight yet.
    pub(crate) fn see(&mut self, row: usize) {
        if !self.area.is_empty() {
            let offset = (row + 1).saturating_sub(usize::from(self.area.height));
            self.offset = self.offset.max(offset.min(self.selected.unwrap_or(offset)));
        }
    }

    /// Where the rows were in the last frame.
    pub(crate) fn area(&self) -> Rect {
        self.area
    }

    /// The row at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<usize> {
        if !self.area.contains(at) {
            return None;
        }
        let row = self.offset + usize::from(at.y - self.area.y);
        (row < self.len).then_some(row)
    }

    /// Fits selection and offset to `len` rows seen through `area`; returns the rows that show.
    pub(crate) fn show(&mut self, area: Rect, len: usize) -> Range<usize> {
        let height = usize::from(area.height);
        (self.area, self.len) = (area, len);
        self.selected = self.selected.and_then(|row| Some(row.min(len.checked_sub(1)?)));
        self.offset = self.offset.min(len.saturating_sub(height));
        if let Some(row) = self.selected {
            self.offset = self.offset.clamp((row + 1).saturating_sub(height.max(1)), row);
        }
        self.offset..len.min(self.offset + height)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_selection_stays_in_sight() {
        let mut window = Window::default();
        window.select(Some(50));
        assert_eq!(window.show(Rect::new(0, 0, 10, 10), 100), 41..51);
        window.step(-5, 100);
        assert_eq!(window.show(Rect::new(0, 0, 10, 10), 100), 41..51);
        window.step(-10, 100);
        assert_eq!(window.show(Rect::new(0, 0, 10, 10), 100), 35..45);
        assert_eq!(window.show(Rect::new(0, 0, 10, 10), 3), 0..3);
        assert_eq!(window.selected(), Some(2));
    }

    #[test]
    fn rows_that_go_at_the_start_take_nothing_out_of_sight() {
        let mut window = Window::default();
        window.select(Some(50));
        assert_eq!(window.show(Rect::new(0, 0, 10, 10), 100), 41..51);
        window.drop_first(5);
        assert_eq!((window.selected(), window.show(Rect::new(0, 0, 10, 10), 100)), (Some(45), 36..46));
        window.drop_first(99);
        assert_eq!((window.selected(), window.show(Rect::new(0, 0, 10, 10), 100)), (Some(0), 0..10));
    }

    #[test]
    fn positions_find_rows() {
        let mut window = Window::default();
        window.select(Some(20));
        window.show(Rect::new(2, 3, 10, 5), 22);
        assert_eq!(window.hit(Position::new(2, 3)), Some(16));
        assert_eq!(window.hit(Position::new(1, 3)), None);
        window.show(Rect::new(2, 3, 10, 5), 2);
        assert_eq!(window.hit(Position::new(2, 6)), None);
    }

    proptest! {
        #[test]
        fn what_shows_exists(row in 0usize..50, step in -60isize..60, len in 0usize..40, height in 0u16..20) {
            let mut window = Window::default();
            window.select(Some(row));
            window.step(step, len);
            let shown = window.show(Rect::new(0, 0, 1, height), len);
            prop_assert!(shown.end <= len && shown.len() <= usize::from(height));
            prop_assert!(height == 0 || window.selected().is_none_or(|row| shown.contains(&row)));
        }
    }
}
