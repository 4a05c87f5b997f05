//! What was drawn last, and the text selected in it.

use ratatui_core::layout::{Position, Rect};

use super::LogView;
use crate::text::{glyphs, sanitise};

/// A place in the log: a line and a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) id: u64,
    pub(super) offset: usize,
}

/// From where the mouse went down to where it is; the end is not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    from: Spot,
    to: Spot,
}

impl Selection {
    pub(super) fn holds(&self, spot: Spot) -> bool {
        self.from.min(self.to) <= spot && spot < self.from.max(self.to)
    }
}

/// A row on the screen: the part of a line that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) id: u64,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The last frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Screen {
    /// Where the text of the lines was, without their times.
    pub(super) area: Rect,
    pub(super) rows: Vec<Drawn>,
}

impl Screen {
    pub(super) fn height(&self) -> u16 {
        self.area.height
    }

    pub(super) fn last_id(&self) -> Option<u64> {
        self.rows.last().map(|row| row.id)
    }

    pub(super) fn shows(&self, id: u64) -> bool {
        self.rows.iter().any(|row| row.id == id)
    }
}

impl LogView {
    /// Starts to select at a screen position.
    pub fn select_from(&mut self, at: Position) {
        self.selection = self.spot(at).map(|spot| Selection { from: spot, to: spot });
    }

    /// Extends the selection to a screen position.
    pub fn select_to(&mut self, at: Position) {
        let to = self.spot(at);
        if let (Some(selection), Some(to)) = (&mut self.selection, to) {
            selection.to = to;
        }
    }

    /// Selects nothing.
    pub fn clear_selection(&mut self) {
        self.selection = None;
    }

    /// The text selected, as it is drawn, without colours.
    pub fn selected_text(&self) -> Option<String> {
        let Selection { from, to } = self.selection.filter(|selection| selection.from != selection.to)?;
        let (from, to) = (from.min(to), from.max(to));
        let mut lines = Vec::new();
        let mut next = self.at_or_after(from.id);
        while let Some(id) = next.filter(|id| *id <= to.id) {
            let line = self.ring.get(id)?;
            let start = if id == from.id { from.offset } else { 0 };
            let end = if id == to.id { to.offset } else { line.text.len() };
            lines.push(sanitise(line.text.get(start..end).unwrap_or_default()));
            next = self.at_or_after(id + 1);
        }
        Some(lines.join("\n"))
    }

    /// The text in the window, without colours; a wrapped line is whole again.
    pub fn visible_text(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for row in &self.screen.rows {
            if last.is_some_and(|last| last != row.id) {
                text.push('\n');
            }
            let line = self.ring.get(row.id).and_then(|line| line.text.get(row.start..row.end));
            text.push_str(&sanitise(line.unwrap_or_default()));
            last = Some(row.id);
        }
        text
    }

    /// The place in the log at a screen position; positions outside count as the nearest inside.
    fn spot(&self, at: Position) -> Option<Spot> {
        let area = self.screen.area;
        let last = self.screen.rows.len().checked_sub(1)?;
        let index = usize::from(at.y.saturating_sub(area.y));
        let row = self.screen.rows[index.min(last)];
        if index > last {
            return Some(Spot { id: row.id, offset: row.end });
        }
        let text = self.ring.get(row.id)?.text.get(row.start..row.end)?;
        let wanted = usize::from(at.x.saturating_sub(area.x));
        let mut column = 0;
        for glyph in glyphs(text) {
            if column + glyph.width > wanted {
                return Some(Spot { id: row.id, offset: row.start + glyph.offset });
            }
            column += glyph.width;
        }
        Some(Spot { id: row.id, offset: row.end })
    }
}
