//! A card of facts: what each is, its value before and after, and why it changed.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;

use crate::pen::{Pen, cells, line};
use crate::text::width;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailRow {
    /// What it is: `destination`.
    pub key: String,
    /// Its value, or the value before.
    pub before: String,
    /// The value after, when there is one.
    pub after: Option<String>,
    /// Why: `DNAT`, `the host routed`.
    pub note: String,
}

impl DetailRow {
    /// A fact that does not change.
    pub fn fact(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), before: value.into(), ..Self::default() }
    }

    /// A value before and after, and why it changed.
    pub fn change(
        key: impl Into<String>,
        before: impl Into<String>,
        after: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), before: before.into(), after: Some(after.into()), note: note.into() }
    }

    /// Whether the values differ.
    pub fn changed(&self) -> bool {
        self.after.as_ref().is_some_and(|after| *after != self.before)
    }
}

/// Draws [`DetailRow`]s, aligned.
#[derive(Debug, Clone)]
pub struct DetailCard<'a> {
    theme: &'a Theme,
    rows: &'a [DetailRow],
    offset: usize,
}

impl<'a> DetailCard<'a> {
    /// A card.
    pub fn new(theme: &'a Theme, rows: &'a [DetailRow]) -> Self {
        Self { theme, rows, offset: 0 }
    }

    /// The first row to show.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    fn widest(&self, of: impl Fn(&DetailRow) -> usize) -> u16 {
        self.rows.iter().map(of).max().unwrap_or(0).min(usize::from(u16::MAX)) as u16
    }
}

impl Widget for DetailCard<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        // A cell stays free at the right, as one does at the left.
        let area = Rect { width: area.width.saturating_sub(1), ..area };
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let key = self.widest(|row| width(&row.key)).min(area.width / 3);
        let pair = |row: &DetailRow| row.after.is_some();
        let before = self.widest(|row| if pair(row) { width(&row.before) } else { 0 });
        let after = self.widest(|row| row.after.as_deref().map_or(0, width));
        let room = area.width.saturating_sub(key + 3);
        // An arrow with a space on either side stands between before and after.
        let before = before.min(room.saturating_sub(3) / 2);
        let after = after.min(room.saturating_sub(before + 3));
        for (index, row) in self.rows.iter().skip(self.offset).take(usize::from(area.height)).enumerate() {
            let mut pen = Pen::new(buf, line(area, index as u16), glyphs.ellipsis);
            pen.skip(1).column(key, &row.key, theme.muted()).skip(2);
            match &row.after {
                None => {
                    let value = cells(&row.before).min(pen.left());
                    pen.column_middle(value, &row.before, theme.text());
                }
                Some(value) => {
                    let (arrow, style) =
                        if row.changed() { (glyphs.arrow, theme.changed()) } else { ("", theme.text()) };
                    pen.column_middle(before, &row.before, theme.text()).skip(1);
                    pen.column(1, arrow, theme.muted()).skip(1).column_middle(after, value, style);
                }
            }
            pen.skip(3).text(&row.note, theme.muted());
        }
    }
}
