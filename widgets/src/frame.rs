//! The frame around a pane: title at the left of the top border, facts at its right.
//!
//! Panes whose areas overlap by one row or column share that border: lines that meet are joined (├ ┤ ┬ ┴ ┼), so
//! stacking panes is nothing but [`stack`]ing areas and drawing each.

use porthole_themes::{Borders, Theme};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Position, Rect, Spacing};
use ratatui_core::style::Style;
use ratatui_core::widgets::Widget;

use crate::text::{fit, fit_first_facts, put, put_right, width};

/// The frame of a pane.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    theme: &'a Theme,
    title: &'a str,
    status: &'a str,
    focused: bool,
    popup: bool,
}

impl<'a> Panel<'a> {
    /// A frame without title.
    pub fn new(theme: &'a Theme) -> Self {
        Self { theme, title: "", status: "", focused: false, popup: false }
    }

    /// The title, at the left of the top border.
    pub fn title(mut self, title: &'a str) -> Self {
        self.title = title;
        self
    }

    /// Facts at the right of the top border; they give way to the title.
    pub fn status(mut self, status: &'a str) -> Self {
        self.status = status;
        self
    }

    /// Whether keys go to this pane.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    /// Lies above the panes: whatever is below is cleared.
    pub fn popup(mut self) -> Self {
        self.popup = true;
        self
    }

    /// What the frame leaves for content.
    pub fn inner(&self, area: Rect) -> Rect {
        inner(area)
    }

    fn draw_caption(&self, area: Rect, buf: &mut Buffer) {
        let ellipsis = self.theme.glyphs().ellipsis;
        // A corner and a line at either end stay free: ╭ title ─ status ╮
        let Some(room) = area.width.checked_sub(4).filter(|room| *room > 0) else {
            return;
        };
        let place = |x, width| Rect { x, width, ..area };
        let mut used = 0;
        if !self.title.is_empty() {
            let title = format!(" {} ", fit(self.title, usize::from(room.saturating_sub(2)), ellipsis));
            used = put(buf, place(area.x + 1, room + 2), &title, self.theme.title(self.focused));
        }
        let left = (room + 1).saturating_sub(used);
        if !self.status.is_empty() && left > 8 {
            let wanted = (width(self.status) as u16 + 2).min(left);
            let status = format!(" {} ", fit_first_facts(self.status, usize::from(wanted - 2), ellipsis));
            let end = area.right() - 1;
            put_right(buf, place(end - wanted, wanted), &status, self.theme.panel_status(), ellipsis);
        }
    }
}

impl Widget for Panel<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        if self.popup {
            clear(area, buf, self.theme.popup());
        }
        let style = self.theme.border(self.focused);
        draw_box(area, buf, &self.theme.glyphs().borders, style);
        self.draw_caption(area, buf);
    }
}

/// What a frame leaves for content.
pub fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x + 1.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Areas one above the other that share their borders.
pub fn stack(area: Rect, heights: impl IntoIterator<Item = Constraint>) -> Vec<Rect> {
    Layout::vertical(heights).spacing(Spacing::Overlap(1)).split(area).to_vec()
}

/// Areas side by side that share their borders.
pub fn row(area: Rect, widths: impl IntoIterator<Item = Constraint>) -> Vec<Rect> {
    Layout::horizontal(widths).spacing(Spacing::Overlap(1)).split(area).to_vec()
}

/// An area of at most `width` × `height` in the middle of `area`.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Empties an area and gives it a style.
pub fn clear(area: Rect, buf: &mut Buffer, style: Style) {
    let area = area.intersection(buf.area);
    for position in area.positions() {
        buf[position].reset();
    }
    buf.set_style(area, style);
}

/// The arms of a line glyph, as bits.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

fn draw_box(area: Rect, buf: &mut Buffer, borders: &Borders, style: Style) {
    for position in area.positions() {
        let arms = arms_at(area, position);
        if arms == 0 {
            continue;
        }
        let cell = &mut buf[position];
        let joined = arms | arms_of(cell.symbol(), borders);
        cell.set_symbol(glyph_of(joined, borders)).set_style(style);
    }
}

/// The arms that the outline of `area` has at one of its cells; none inside.
fn arms_at(area: Rect, Position { x, y }: Position) -> u8 {
    let (left, right, top, bottom) = (area.x, area.right() - 1, area.y, area.bottom() - 1);
    let mut arms = 0;
    if y == top || y == bottom {
        arms |= if x > left { LEFT } else { 0 } | if x < right { RIGHT } else { 0 };
    }
    if x == left || x == right {
        arms |= if y > top { UP } else { 0 } | if y < bottom { DOWN } else { 0 };
    }
    arms
}

fn arms_of(symbol: &str, borders: &Borders) -> u8 {
    table(borders).iter().find(|(_, glyph)| *glyph == symbol).map_or(0, |(arms, _)| *arms)
}

fn glyph_of(arms: u8, borders: &Borders) -> &'static str {
    let exact = table(borders).iter().find(|(other, _)| *other == arms).map(|(_, glyph)| *glyph);
    exact.unwrap_or(if arms & (LEFT | RIGHT) != 0 { borders.horizontal } else { borders.vertical })
}

fn table(borders: &Borders) -> [(u8, &'static str); 11] {
    [
        (LEFT | RIGHT, borders.horizontal),
        (UP | DOWN, borders.vertical),
        (DOWN | RIGHT, borders.top_left),
        (DOWN | LEFT, borders.top_right),
        (UP | RIGHT, borders.bottom_left),
        (UP | LEFT, borders.bottom_right),
        (UP | DOWN | RIGHT, borders.tee_right),
        (UP | DOWN | LEFT, borders.tee_left),
        (LEFT | RIGHT | DOWN, borders.tee_down),
        (LEFT | RIGHT | UP, borders.tee_up),
        (UP | DOWN | LEFT | RIGHT, borders.cross),
    ]
}
