//! The frame around a pane: title and tabs at the left of the top border, facts at its right.
//!
//! Panes whose areas overlap by one row or column share that border: lines that meet are joined (├ ┤ ┬ ┴ ┼), so
//! stacking panes is nothing but [`stack`]ing areas and drawing each.

use porthole_themes::{Borders, Theme};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Position, Rect, Spacing};
use ratatui_core::style::Style;
use ratatui_core::widgets::Widget;

use crate::pen::{cells, part};
use crate::text::{fit, fit_first_facts, put, put_right, width};

/// A title gives way to tabs down to this width.
const SHORT_TITLE: u16 = 12;

/// The frame of a pane.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    theme: &'a Theme,
    title: &'a str,
    tabs: &'a [&'a str],
    shown: usize,
    status: &'a str,
    focused: bool,
    popup: bool,
}

impl<'a> Panel<'a> {
    /// A frame without title.
    pub fn new(theme: &'a Theme) -> Self {
        Self { theme, title: "", tabs: &[], shown: 0, status: "", focused: false, popup: false }
    }

    /// The title, at the left of the top border.
    pub fn title(mut self, title: &'a str) -> Self {
        self.title = title;
        self
    }

    /// Views that this pane can show, named behind the title, and which of them it shows.
    pub fn tabs(mut self, tabs: &'a [&'a str], shown: usize) -> Self {
        (self.tabs, self.shown) = (tabs, shown);
        self
    }

    /// Facts at the right of the top border; they give way to title and tabs.
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

    /// Where each tab lies that has room, when the frame is drawn in `area`.
    pub fn tab_places(&self, area: Rect) -> Vec<(Rect, usize)> {
        let (_, tabs) = self.arrange(caption(area).width);
        tabs.into_iter().map(|(x, width, index)| (part(caption(area), x, width), index)).collect()
    }

    /// The cells of the title, and start, cells and index of each tab. Of too many tabs the one that shows stays, with
    /// as many before and then behind it as fit.
    fn arrange(&self, room: u16) -> (u16, Vec<(u16, u16, usize)>) {
        // A line stays free at the right.
        let room = room.saturating_sub(1);
        let padded = |text: &str| if text.is_empty() { 0 } else { cells(text).saturating_add(2).min(room) };
        let Some(shown) = self.tabs.get(self.shown) else { return (padded(self.title), Vec::new()) };
        // Each has a line before it, which the first does without when there is no title.
        let widths: Vec<u16> = self.tabs.iter().map(|tab| padded(tab) + 1).collect();
        let all = widths.iter().fold(0, |sum: u16, width| sum.saturating_add(*width));
        let title = padded(self.title).min(room.saturating_sub(all).max(SHORT_TITLE));
        let title = title.min(room.saturating_sub(padded(shown) + 1));
        let title = if title > 3 { title } else { 0 };
        let mut x = title + u16::from(title > 0);
        let mut left = room + 1 - x;
        let mut fits = |index: &usize| {
            let rest = left.checked_sub(widths[*index]);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let before = (0..=self.shown).rev().take_while(&mut fits).count();
        let behind = (self.shown + 1..self.tabs.len()).take_while(&mut fits).count();
        let place = |index: usize| {
            let place = (x, widths[index] - 1, index);
            x += widths[index];
            place
        };
        (title, (self.shown + 1 - before..=self.shown + behind).map(place).collect())
    }

    fn draw_caption(&self, area: Rect, buf: &mut Buffer) {
        let ellipsis = self.theme.glyphs().ellipsis;
        let caption = caption(area);
        if caption.width < 3 {
            return;
        }
        let (title, tabs) = self.arrange(caption.width);
        let used = tabs.last().map_or(title, |(x, cells, _)| x + cells);
        let mut name = |x, cells: u16, text: &str, style| {
            // Spaces of their own: the line of a tab that shows goes under its name only.
            put(buf, part(caption, x, cells), &" ".repeat(usize::from(cells)), self.theme.tab());
            let text = fit(text, usize::from(cells.saturating_sub(2)), ellipsis);
            put(buf, part(caption, x + 1, cells.saturating_sub(1)), &text, style);
        };
        if title > 0 {
            name(0, title, self.title, self.theme.title(self.focused));
        }
        for (x, cells, index) in tabs {
            let style = if index == self.shown { self.theme.tab_active() } else { self.theme.tab() };
            name(x, cells, self.tabs[index], style);
        }
        // A line stands between what is at the left and what is at the right.
        let left = caption.width.saturating_sub(used + 1);
        if !self.status.is_empty() && left > 8 {
            let wanted = (width(self.status) as u16 + 2).min(left);
            let status = format!(" {} ", fit_first_facts(self.status, usize::from(wanted - 2), ellipsis));
            let place = part(caption, caption.width - wanted, wanted);
            put_right(buf, place, &status, self.theme.panel_status(), ellipsis);
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

/// The part of the top border between its corners.
fn caption(area: Rect) -> Rect {
    part(area, 1, area.width.saturating_sub(2))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABS: [&str; 4] = ["logs", "stats", "top", "inspect"];

    fn names(width: u16, title: &str, shown: usize) -> String {
        let theme = Theme::default();
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 2));
        Panel::new(&theme).title(title).tabs(&TABS, shown).status("12 lines").render(buf.area, &mut buf);
        (0..width).map(|x| buf[(x, 0)].symbol()).collect()
    }

    #[test]
    fn tabs_stand_behind_the_title_and_the_one_that_shows_stays() {
        assert_eq!(names(50, "web", 0), "╭ web ─ logs ─ stats ─ top ─ inspect ── 12 lines ╮");
        assert_eq!(names(38, "a-rather-long-name", 0), "╭ a-rather-… ─ logs ─ stats ─ top ───╮");
        assert_eq!(names(28, "web", 3), "╭ web ─ top ─ inspect ─────╮");
        assert_eq!(names(20, "web", 3), "╭ web ─ inspect ───╮");
        assert_eq!(names(14, "web", 3), "╭ inspect ───╮");
        assert_eq!(names(8, "web", 3), "╭ in… ─╮");
    }

    proptest! {
        #[test]
        fn the_tab_that_shows_has_a_place_and_none_lies_upon_another(
            width in 5u16..90, title in "[a-z]{0,30}", shown in 0usize..4,
        ) {
            let theme = Theme::default();
            let area = Rect::new(3, 2, width, 4);
            let places = Panel::new(&theme).title(&title).tabs(&TABS, shown).tab_places(area);
            prop_assert!(places.iter().any(|(place, index)| *index == shown && place.width > 0));
            for pair in places.windows(2) {
                prop_assert!(pair[0].0.right() < pair[1].0.x && pair[0].1 + 1 == pair[1].1);
            }
            prop_assert!(places.iter().all(|(place, _)| place.x > area.x && place.right() + 1 < area.right()));
        }
    }
}
