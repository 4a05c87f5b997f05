//! A table whose frame costs only the rows that are seen.

use std::borrow::Cow;

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use crate::columns::{self, Place};
use crate::list::Window;
use crate::pen::{Pen, line, part};
use crate::text::{fit, fit_middle, put, put_right};

pub use crate::columns::Column;

/// The content of one cell.
#[derive(Debug, Clone)]
pub struct CellText<'a> {
    text: Cow<'a, str>,
    style: Option<Style>,
    middle: bool,
}

impl<'a> CellText<'a> {
    /// Plain text.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), style: None, middle: false }
    }

    /// A style of its own, upon the row's.
    pub fn style(mut self, style: Style) -> Self {
        self.style = Some(style);
        self
    }

    /// Cut in the middle when too long: for paths and digests.
    pub fn middle(mut self) -> Self {
        self.middle = true;
        self
    }
}

/// The rows of a table, asked for only as far as they are seen.
pub trait Rows {
    /// How many there are.
    fn len(&self) -> usize;
    /// The cell at a row and a column.
    fn cell(&self, row: usize, column: usize) -> CellText<'_>;
    /// Whether the row is marked for a bulk action.
    fn marked(&self, _row: usize) -> bool {
        false
    }
    /// Whether the row matters less than the others.
    fn dim(&self, _row: usize) -> bool {
        false
    }
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// By which column the rows are sorted; shown in the head, done by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub column: usize,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What a mouse position falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableHit {
    /// The head of a column.
    Header(usize),
    /// A row.
    Row(usize),
}

/// Selection and scroll position.
#[derive(Debug, Clone, Default)]
pub struct TableState {
    /// Which row is selected and which rows are seen.
    pub window: Window,
    /// The sort indicator.
    pub sort: Option<Sort>,
    head: Rect,
    places: Vec<Option<Place>>,
}

impl TableState {
    /// What lies at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<TableHit> {
        if self.head.contains(at) {
            let x = at.x - self.head.x;
            let column = self
                .places
                .iter()
                .position(|place| place.is_some_and(|place| (place.x..=place.x + place.width).contains(&x)));
            return column.map(TableHit::Header);
        }
        self.window.hit(at).map(TableHit::Row)
    }
}

/// A table of [`Rows`].
pub struct Table<'a, R: ?Sized> {
    theme: &'a Theme,
    columns: &'a [Column],
    rows: &'a R,
    focused: bool,
    empty: &'a str,
}

impl<'a, R: Rows + ?Sized> Table<'a, R> {
    /// A table.
    pub fn new(theme: &'a Theme, columns: &'a [Column], rows: &'a R) -> Self {
        Self { theme, columns, rows, focused: false, empty: "" }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    /// What to say when there are no rows.
    pub fn empty(mut self, text: &'a str) -> Self {
        self.empty = text;
        self
    }

    fn draw_head(&self, area: Rect, buf: &mut Buffer, state: &TableState) {
        let glyphs = self.theme.glyphs();
        for (index, (column, place)) in self.columns.iter().zip(&state.places).enumerate() {
            let Some(place) = place else { continue };
            let sorted = state.sort.filter(|sort| sort.column == index);
            let arrow = sorted.map_or("", |sort| if sort.descending { glyphs.descending } else { glyphs.ascending });
            let title = if arrow.is_empty() { column.title.into() } else { format!("{}{arrow}", column.title) };
            let style = if sorted.is_some() { self.theme.accent() } else { self.theme.header() };
            self.put(buf, place.of(area), &title, style, column, false);
        }
    }

    fn draw_row(&self, row: usize, area: Rect, buf: &mut Buffer, places: &[Option<Place>], selected: bool) {
        let base = match (selected, self.rows.dim(row)) {
            (true, _) => self.theme.selection(self.focused),
            (false, true) => self.theme.muted(),
            (false, false) => self.theme.text(),
        };
        if selected {
            buf.set_style(area, base);
        }
        let glyphs = self.theme.glyphs();
        let margin = match (selected, self.rows.marked(row)) {
            (true, _) => glyphs.marker,
            (false, true) => glyphs.mark,
            (false, false) => "",
        };
        put(buf, part(area, 0, 1), margin, self.theme.marker());
        if selected && self.rows.marked(row) {
            put(buf, part(area, 1, 1), glyphs.mark, self.theme.marker());
        }
        for (index, (column, place)) in self.columns.iter().zip(places).enumerate() {
            let Some(place) = place else { continue };
            let cell = self.rows.cell(row, index);
            let style = cell.style.map_or(base, |style| base.patch(style));
            self.put(buf, place.of(area), &cell.text, style, column, cell.middle);
        }
    }

    fn put(&self, buf: &mut Buffer, area: Rect, text: &str, style: Style, column: &Column, middle: bool) {
        let ellipsis = self.theme.glyphs().ellipsis;
        let cut = if middle { fit_middle } else { fit };
        let text = cut(text, usize::from(area.width), ellipsis);
        if column.right {
            put_right(buf, area, &text, style, ellipsis);
        } else {
            put(buf, area, &text, style);
        }
    }
}

impl<R: Rows + ?Sized> StatefulWidget for Table<'_, R> {
    type State = TableState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut TableState) {
        let area = area.intersection(buf.area);
        state.head = Rect { height: area.height.min(1), ..area };
        let body = Rect { y: area.y + state.head.height, height: area.height - state.head.height, ..area };
        state.places = columns::arrange(self.columns, area.width);
        let rows = state.window.show(body, self.rows.len());
        if area.is_empty() {
            return;
        }
        self.draw_head(state.head, buf, state);
        if self.rows.is_empty() {
            let place = line(body, u16::from(body.height > 2));
            Pen::new(buf, place, self.theme.glyphs().ellipsis).skip(2).text(self.empty, self.theme.muted());
        }
        for (index, row) in rows.enumerate() {
            self.draw_row(row, line(body, index as u16), buf, &state.places, state.window.selected() == Some(row));
        }
    }
}

/// The right-aligned position in a list, for a pane's status: `3/120`.
pub fn position_text(selected: Option<usize>, len: usize) -> String {
    match selected {
        Some(row) if len > 0 => format!("{}/{}", row.min(len - 1) + 1, crate::number(len)),
        _ => crate::number(len),
    }
}
