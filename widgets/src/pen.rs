//! Writing one thing after the other along a row.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::text::{fit, fit_middle, put, put_right, width};

/// A part of the first row of `area`, never beyond it.
pub(crate) fn part(area: Rect, x: u16, width: u16) -> Rect {
    let x = x.min(area.width);
    Rect { x: area.x + x, width: width.min(area.width - x), height: area.height.min(1), ..area }
}

/// A row of `area`; empty when that lies below it.
pub(crate) fn line(area: Rect, row: u16) -> Rect {
    let row = row.min(area.height);
    Rect { y: area.y + row, height: u16::from(row < area.height), ..area }
}

/// The cells of a text, as the unit of areas.
pub(crate) fn cells(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}

/// A place in a row that moves to the right as it writes.
pub(crate) struct Pen<'b> {
    pub(crate) buf: &'b mut Buffer,
    line: Rect,
    x: u16,
    ellipsis: &'static str,
}

impl<'b> Pen<'b> {
    pub(crate) fn new(buf: &'b mut Buffer, line: Rect, ellipsis: &'static str) -> Self {
        Self { buf, line, x: 0, ellipsis }
    }

    /// The cells left.
    pub(crate) fn left(&self) -> u16 {
        self.line.width.saturating_sub(self.x)
    }

    /// How far it has come.
    pub(crate) fn x(&self) -> u16 {
        self.x
    }

    /// Moves to the right without writing.
    pub(crate) fn skip(&mut self, cells: u16) -> &mut Self {
        self.x = self.x.saturating_add(cells);
        self
    }

    /// Writes a text and moves behind it.
    pub(crate) fn text(&mut self, text: &str, style: impl Into<Style>) -> &mut Self {
        let place = part(self.line, self.x, u16::MAX);
        let text = fit(text, usize::from(place.width), self.ellipsis);
        let used = put(self.buf, place, &text, style);
        self.skip(used)
    }

    /// Writes a text into a column and moves behind the column.
    pub(crate) fn column(&mut self, cells: u16, text: &str, style: impl Into<Style>) -> &mut Self {
        let place = part(self.line, self.x, cells);
        put(self.buf, place, &fit(text, usize::from(place.width), self.ellipsis), style);
        self.skip(cells)
    }

    /// The same, cut in the middle when too long.
    pub(crate) fn column_middle(&mut self, cells: u16, text: &str, style: impl Into<Style>) -> &mut Self {
        let place = part(self.line, self.x, cells);
        put(self.buf, place, &fit_middle(text, usize::from(place.width), self.ellipsis), style);
        self.skip(cells)
    }

    /// The same, aligned at the right.
    pub(crate) fn column_right(&mut self, cells: u16, text: &str, style: impl Into<Style>) -> &mut Self {
        put_right(self.buf, part(self.line, self.x, cells), text, style, self.ellipsis);
        self.skip(cells)
    }
}
