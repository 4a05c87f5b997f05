//! A menu of what can be done here.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::{StatefulWidget, Widget};

use crate::frame::{Panel, centred, inner};
use crate::list::Window;
use crate::pen::{Pen, cells, line, part};
use crate::text::put;

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MenuItem {
    /// The key that does it.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// More about it: the command line that does the same.
    pub about: String,
    /// Whether it destroys something.
    pub danger: bool,
}

/// Draws the actions in a popup; the state is which one is selected.
#[derive(Debug, Clone)]
pub struct MenuList<'a> {
    theme: &'a Theme,
    title: &'a str,
    items: &'a [MenuItem],
}

impl<'a> MenuList<'a> {
    /// A menu.
    pub fn new(theme: &'a Theme, title: &'a str, items: &'a [MenuItem]) -> Self {
        Self { theme, title, items }
    }

    fn widest(&self, of: impl Fn(&MenuItem) -> u16) -> u16 {
        self.items.iter().map(of).max().unwrap_or(0)
    }
}

impl StatefulWidget for MenuList<'_> {
    type State = Window;

    fn render(self, area: Rect, buf: &mut Buffer, window: &mut Window) {
        let area = area.intersection(buf.area);
        let theme = self.theme;
        let (key, label) =
            (self.widest(|item| cells(&item.key)).min(12), self.widest(|item| cells(&item.label)).min(40));
        let about = self.widest(|item| cells(&item.about)).min(60);
        let width = (key + label + about).saturating_add(9).max(cells(self.title).saturating_add(6));
        let popup = centred(area, width, u16::try_from(self.items.len() + 2).unwrap_or(u16::MAX));
        Panel::new(theme).title(self.title).focused(true).popup().render(popup, buf);
        let inside = inner(popup);
        for (index, row) in window.show(inside, self.items.len()).enumerate() {
            let (place, item) = (line(inside, index as u16), &self.items[row]);
            if window.selected() == Some(row) {
                buf.set_style(place, theme.selection(true));
                put(buf, part(place, 0, 1), theme.glyphs().marker, theme.marker());
            }
            let style = if item.danger { theme.bad() } else { theme.text() };
            let mut pen = Pen::new(buf, place, theme.glyphs().ellipsis);
            pen.skip(2).column_right(key, &item.key, theme.key()).skip(2).column(label, &item.label, style);
            pen.skip(2).text(&item.about, theme.muted());
        }
    }
}
