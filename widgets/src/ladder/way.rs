//! The way from outside to the container: a node for each tap, with names and addresses above.
//!
//! ```text
//!   outside             uplink               docker0
//!   10.88.0.2           10.88.0.1            172.17.0.1
//!      ○────────────────────○══════ DNAT ═══════●
//! ```

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::Widget;

use super::{ChangeKind, LadderTap, Seen};
use crate::pen::{line, part};
use crate::text::{fit, put, width};

/// Narrower columns than this have no room for names: then only the selected tap is named.
const NARROW: u16 = 11;
/// Where a node stands within its column.
const NODE: u16 = 4;

/// What the way consists of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way<'a> {
    /// The taps in order.
    pub taps: &'a [LadderTap],
    /// What is changed between each tap and the next.
    pub links: &'a [Option<ChangeKind>],
    /// Where the selected packet was seen; empty when none is selected.
    pub seen: &'a [Seen],
    /// The selected tap.
    pub selected: Option<usize>,
}

impl Way<'_> {
    /// The rows that the picture takes.
    pub const HEIGHT: u16 = 3;

    /// The tap at a screen position, when the picture was drawn in `area`.
    pub fn hit(&self, area: Rect, at: Position) -> Option<usize> {
        let column = column_width(area, self.taps.len());
        let inside = area.contains(at) && column > 0;
        let tap = inside.then(|| usize::from((at.x - area.x) / column))?;
        (tap < self.taps.len()).then_some(tap)
    }
}

/// Draws a [`Way`].
#[derive(Debug, Clone)]
pub struct WayPicture<'a> {
    theme: &'a Theme,
    way: Way<'a>,
}

impl<'a> WayPicture<'a> {
    /// The picture of a way.
    pub fn new(theme: &'a Theme, way: Way<'a>) -> Self {
        Self { theme, way }
    }

    fn draw_names(&self, area: Rect, column: u16, buf: &mut Buffer) {
        for (index, tap) in self.way.taps.iter().enumerate() {
            let place = part(area, column * index as u16 + 2, column - 2);
            self.draw_name(place, tap, self.way.selected == Some(index), buf);
            self.draw_subtitle(part(line(area, 1), column * index as u16 + 2, column - 2), tap, buf);
        }
    }

    fn draw_name(&self, place: Rect, tap: &LadderTap, selected: bool, buf: &mut Buffer) {
        let ellipsis = self.theme.glyphs().ellipsis;
        let room = usize::from(place.width.saturating_sub(1));
        let style = if selected { self.theme.strong() } else { self.theme.text() };
        let used = put(buf, place, &fit(&tap.title, room, ellipsis), style);
        if usize::from(used) + 2 + width(&tap.detail) <= room {
            put(buf, part(place, used + 2, place.width - used - 2), &tap.detail, self.theme.faint());
        }
    }

    fn draw_subtitle(&self, place: Rect, tap: &LadderTap, buf: &mut Buffer) {
        let room = usize::from(place.width.saturating_sub(1));
        put(buf, place, &fit(&tap.subtitle, room, self.theme.glyphs().ellipsis), self.theme.muted());
    }

    fn draw_line(&self, row: Rect, column: u16, node: u16, buf: &mut Buffer) {
        let count = self.way.taps.len();
        for index in 0..count {
            let x = column * index as u16 + node;
            if index + 1 < count {
                let link = self.way.links.get(index).copied().flatten();
                self.draw_link(part(row, x + 1, column.saturating_sub(1)), link, buf);
            }
            self.draw_node(part(row, x, 1), index, buf);
        }
    }

    fn draw_link(&self, place: Rect, change: Option<ChangeKind>, buf: &mut Buffer) {
        let glyphs = self.theme.glyphs();
        let (glyph, style) = match change {
            Some(kind) => (glyphs.link_nat, kind.style(self.theme)),
            None => (glyphs.link, self.theme.faint()),
        };
        put(buf, place, &glyph.repeat(usize::from(place.width)), style);
        let Some(kind) = change else { return };
        if place.width >= 8 {
            let start = (place.width - 6) / 2;
            put(buf, part(place, start, 6), &format!(" {} ", kind.label()), style);
        }
    }

    fn draw_node(&self, place: Rect, index: usize, buf: &mut Buffer) {
        let glyphs = self.theme.glyphs();
        let selected = self.way.selected == Some(index);
        let node = if selected { glyphs.node_full } else { glyphs.node };
        let (glyph, style) = match self.way.seen.get(index) {
            Some(Seen::No) => (if selected { glyphs.node } else { glyphs.unseen }, self.theme.unseen()),
            Some(Seen::Unsure) => (glyphs.unsure, self.theme.warn()),
            Some(Seen::Dropped) => (glyphs.dropped, self.theme.bad()),
            Some(Seen::Yes) => (node, self.theme.flow()),
            None => (node, self.theme.text()),
        };
        put(buf, place, glyph, if selected { style.patch(self.theme.marker()) } else { style });
    }
}

impl Widget for WayPicture<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let column = column_width(area, self.way.taps.len());
        if area.is_empty() || column == 0 {
            return;
        }
        if column >= NARROW {
            self.draw_names(area, column, buf);
            self.draw_line(line(area, 2), column, NODE, buf);
            return;
        }
        self.draw_line(line(area, 0), column, 0, buf);
        if let Some((index, tap)) = self.way.selected.and_then(|index| Some((index, self.way.taps.get(index)?))) {
            self.draw_name(line(area, 1), tap, self.way.selected == Some(index), buf);
            self.draw_subtitle(line(area, 2), tap, buf);
        }
    }
}

fn column_width(area: Rect, taps: usize) -> u16 {
    let taps = u16::try_from(taps).unwrap_or(u16::MAX);
    // The last column needs no more than the others, so that nodes stand evenly.
    area.width.checked_div(taps).map_or(0, |width| width.min(28))
}
