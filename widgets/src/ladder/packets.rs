//! The list of packets: an arrow for each hop, and what was changed between them.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::StatefulWidget;

use super::{LadderRow, Packets, hop_glyph};
use crate::list::Window;
use crate::pen::{Pen, cells, part};
use crate::text::put;

/// Widest that one end of a packet gets: an IPv6 address in full with its port is cut.
const MAX_ENDPOINT: u16 = 30;
const MAX_CHANGE: u16 = 30;
const MAX_NOTE: u16 = 24;

/// Which packet and which of its hops are selected.
#[derive(Debug, Clone, Default)]
pub struct LadderState {
    /// Which packet is selected and which are seen.
    pub window: Window,
    hop: usize,
    /// The widest of each part so far: columns widen, but do not jump back when a long one leaves the window.
    widest: Parts,
}

impl LadderState {
    /// The selected hop: the index of a tap.
    pub fn hop(&self) -> usize {
        self.hop
    }

    /// Selects a hop.
    pub fn select_hop(&mut self, hop: usize) {
        self.hop = hop;
    }

    /// Moves along the way and stops at its ends.
    pub fn step_hop(&mut self, hops: isize, taps: usize) {
        self.hop = self.hop.saturating_add_signed(hops).min(taps.saturating_sub(1));
    }

    /// The packet at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<usize> {
        self.window.hit(at)
    }
}

/// The width of each part of a row; 0 when it is not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parts {
    number: u16,
    flags: u16,
    outer: u16,
    inner: u16,
    hops: u16,
    label: u16,
    change: u16,
    latency: u16,
    note: u16,
}

impl Parts {
    fn widen(&mut self, row: &LadderRow) {
        let cells = |text: &str, max: u16| cells(text).min(max);
        let mut grow = |part: fn(&mut Self) -> &mut u16, cells: u16| *part(self) = cells.max(*part(self));
        grow(|parts| &mut parts.number, cells(&row.number.to_string(), 9).max(2));
        grow(|parts| &mut parts.flags, cells(&row.flags, 12));
        grow(|parts| &mut parts.outer, cells(&row.outer, MAX_ENDPOINT));
        grow(|parts| &mut parts.inner, cells(&row.inner, MAX_ENDPOINT));
        grow(|parts| &mut parts.hops, (row.hops.len() as u16).saturating_mul(2).saturating_sub(1));
        grow(|parts| &mut parts.latency, cells(&row.latency, 10));
        grow(|parts| &mut parts.note, cells(&row.note, MAX_NOTE));
        for change in row.hops.iter().filter_map(|hop| hop.change.as_ref()) {
            grow(|parts| &mut parts.label, 4);
            grow(|parts| &mut parts.change, cells(&change.text, MAX_CHANGE));
        }
    }

    /// The parts that fit, the most telling first.
    fn within(self, room: u16) -> Self {
        let mut shown = Self { number: self.number, hops: self.hops, ..Self::default() };
        let mut left = room.saturating_sub(2 + self.number + 2 + self.hops + 1);
        let mut take = |cells: u16, gap: u16| {
            let fits = cells > 0 && cells + gap <= left;
            if fits {
                left -= cells + gap;
            }
            fits
        };
        if take(self.flags, 2) {
            shown.flags = self.flags;
        }
        if take(self.label, 1) {
            shown.label = self.label;
        }
        if take(self.latency, 2) {
            shown.latency = self.latency;
        }
        if shown.label > 0 && take(self.change, 1) {
            shown.change = self.change;
        }
        if take(self.outer + self.inner, 5) {
            (shown.outer, shown.inner) = (self.outer, self.inner);
        }
        if take(self.note, 2) {
            shown.note = self.note;
        }
        shown
    }
}

/// Draws [`Packets`].
pub struct PacketList<'a, P: ?Sized> {
    theme: &'a Theme,
    packets: &'a P,
    focused: bool,
    empty: &'a str,
}

impl<'a, P: Packets + ?Sized> PacketList<'a, P> {
    /// A list of packets.
    pub fn new(theme: &'a Theme, packets: &'a P) -> Self {
        Self { theme, packets, focused: false, empty: "" }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    /// What to say when there are none.
    pub fn empty(mut self, text: &'a str) -> Self {
        self.empty = text;
        self
    }

    fn draw_row(&self, row: &LadderRow, line: Rect, parts: Parts, selected: Option<usize>, buf: &mut Buffer) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let base = if selected.is_some() { theme.selection(self.focused) } else { theme.text() };
        if selected.is_some() {
            buf.set_style(line, base);
            put(buf, part(line, 0, 1), glyphs.marker, theme.marker());
        }
        let mut pen = Pen::new(buf, line, glyphs.ellipsis);
        pen.skip(2).column_right(parts.number, &row.number.to_string(), theme.muted()).skip(2);
        if parts.flags > 0 {
            pen.column(parts.flags, &row.flags, base).skip(2);
        }
        if parts.outer > 0 {
            let arrow = if row.back { glyphs.arrow_back } else { glyphs.arrow };
            pen.column(parts.outer, &row.outer, base).skip(1).column(1, arrow, theme.muted()).skip(1);
            pen.column(parts.inner, &row.inner, base).skip(2);
        }
        self.draw_hops(row, parts, selected, &mut pen);
        let note = line.width.saturating_sub(parts.note + 1);
        let latency = note.saturating_sub(parts.latency + if parts.note > 0 { 2 } else { 0 });
        let mut pen = Pen::new(buf, line, glyphs.ellipsis);
        pen.skip(latency).column_right(parts.latency, &row.latency, base);
        pen.skip(note - pen.x()).column(parts.note, &row.note, theme.muted());
    }

    fn draw_hops(&self, row: &LadderRow, parts: Parts, selected: Option<usize>, pen: &mut Pen) {
        for (index, hop) in row.hops.iter().enumerate() {
            let (glyph, style) = hop_glyph(hop, row.back, self.theme);
            let style = if selected == Some(index) { self.theme.found_current() } else { style };
            pen.column(1, glyph, style).skip(1);
            let Some(change) = hop.change.as_ref().filter(|_| parts.label > 0) else {
                continue;
            };
            let style = change.kind.style(self.theme);
            pen.column(parts.label, change.kind.label(), style).skip(1);
            if parts.change > 0 {
                pen.column(cells(&change.text).min(parts.change), &change.text, style).skip(1);
            }
        }
    }
}

impl<P: Packets + ?Sized> StatefulWidget for PacketList<'_, P> {
    type State = LadderState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut LadderState) {
        let area = area.intersection(buf.area);
        let shown = state.window.show(area, self.packets.len());
        if area.is_empty() {
            return;
        }
        if self.packets.is_empty() {
            Pen::new(buf, area, self.theme.glyphs().ellipsis).skip(2).text(self.empty, self.theme.muted());
            return;
        }
        let rows: Vec<_> = shown.clone().map(|index| self.packets.row(index)).collect();
        rows.iter().for_each(|row| state.widest.widen(row));
        let parts = state.widest.within(area.width);
        for (line, (index, row)) in shown.zip(&rows).enumerate() {
            let place = Rect { y: area.y + line as u16, height: 1, ..area };
            let selected = (state.window.selected() == Some(index)).then_some(state.hop);
            self.draw_row(row, place, parts, selected, buf);
        }
    }
}
