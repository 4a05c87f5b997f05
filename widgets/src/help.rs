//! All keys, in groups.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::{StatefulWidget, Widget};

use crate::frame::{Panel, centred, inner};
use crate::pen::{Pen, cells, line};

/// Keys that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HelpGroup {
    /// What they have in common.
    pub title: String,
    /// Each key and what it does.
    pub keys: Vec<(String, String)>,
}

/// The first row shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HelpState {
    offset: usize,
    last: usize,
}

impl HelpState {
    /// Scrolls by rows and stops at the ends.
    pub fn scroll(&mut self, rows: isize) {
        self.offset = self.offset.saturating_add_signed(rows).min(self.last);
    }
}

/// Draws the groups in a popup, in as many columns as fit.
#[derive(Debug, Clone)]
pub struct HelpOverlay<'a> {
    theme: &'a Theme,
    groups: &'a [HelpGroup],
}

enum Row<'a> {
    Title(&'a str),
    Key(&'a str, &'a str),
    Blank,
}

impl<'a> HelpOverlay<'a> {
    /// The popup.
    pub fn new(theme: &'a Theme, groups: &'a [HelpGroup]) -> Self {
        Self { theme, groups }
    }

    fn column(groups: &'a [HelpGroup]) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        for group in groups {
            if !rows.is_empty() {
                rows.push(Row::Blank);
            }
            rows.push(Row::Title(&group.title));
            rows.extend(group.keys.iter().map(|(key, label)| Row::Key(key, label)));
        }
        rows
    }

    /// The groups dealt to `count` columns in order, each about as long as the others.
    fn columns(&self, count: usize) -> Vec<Vec<Row<'a>>> {
        let length = |group: &HelpGroup| group.keys.len() + 2;
        let total: usize = self.groups.iter().map(length).sum();
        let (mut columns, mut rest) = (Vec::new(), self.groups);
        for left in (1..=count).rev() {
            let target = rest.iter().map(length).sum::<usize>().div_ceil(left).min(total);
            let mut sum = 0;
            let take = rest.iter().take_while(|group| {
                let fits = sum == 0 || sum + length(group) / 2 <= target;
                sum += length(group);
                fits
            });
            let (now, later) = rest.split_at(take.count());
            columns.push(Self::column(now));
            rest = later;
        }
        if let Some(last) = columns.last_mut().filter(|_| !rest.is_empty()) {
            last.push(Row::Blank);
            last.extend(Self::column(rest));
        }
        columns
    }

    fn widest(&self, of: impl Fn(&(String, String)) -> u16) -> u16 {
        self.groups.iter().flat_map(|group| &group.keys).map(of).max().unwrap_or(0)
    }

    fn draw_row(&self, row: &Row, place: Rect, key: u16, buf: &mut Buffer) {
        let mut pen = Pen::new(buf, place, self.theme.glyphs().ellipsis);
        match row {
            Row::Title(title) => {
                pen.text(title, self.theme.strong());
            }
            Row::Key(name, label) => {
                pen.column_right(key, name, self.theme.key()).skip(2).text(label, self.theme.key_label());
            }
            Row::Blank => {}
        }
    }
}

impl StatefulWidget for HelpOverlay<'_> {
    type State = HelpState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut HelpState) {
        let area = area.intersection(buf.area);
        let key = self.widest(|(key, _)| cells(key)).min(16);
        let column = (key + 2 + self.widest(|(_, label)| cells(label))).clamp(12, 46) + 3;
        let count = (area.width.saturating_sub(4) / column).clamp(1, 3).min(self.groups.len().max(1) as u16);
        let columns = self.columns(usize::from(count));
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let popup = centred(area, column * count + 4, u16::try_from(rows + 2).unwrap_or(u16::MAX));
        let inside = inner(popup);
        state.last = rows.saturating_sub(usize::from(inside.height));
        state.offset = state.offset.min(state.last);
        let status = if state.last > 0 { "j k to scroll · esc to close" } else { "esc to close" };
        Panel::new(self.theme).title("Help").status(status).focused(true).popup().render(popup, buf);
        for (index, rows) in columns.iter().enumerate() {
            let x = (column * index as u16 + 1).min(inside.width);
            let place = Rect { x: inside.x + x, width: (column - 2).min(inside.width - x), ..inside };
            for (at, row) in rows.iter().skip(state.offset).take(usize::from(inside.height)).enumerate() {
                self.draw_row(row, line(place, at as u16), key, buf);
            }
        }
    }
}
