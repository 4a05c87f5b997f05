//! The palette: type a little of anything, choose from what fits.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::{StatefulWidget, Widget};

use crate::frame::{Panel, centred, inner};
use crate::fuzzy;
use crate::input::{Input, InputEvent, InputLine};
use crate::key::{Key, KeyCode, Modifiers};
use crate::list::Window;
use crate::pen::{Pen, cells, line, part};
use crate::text::put;

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaletteItem {
    /// What it is called; what is typed is matched against this.
    pub name: String,
    /// What it does.
    pub about: String,
    /// The key that does the same.
    pub key: String,
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaletteEvent {
    /// The item at this index was chosen.
    Chosen(usize),
    /// Escape.
    Closed,
    /// Still open.
    Open,
}

/// The items, what is typed, and which of them fit.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    items: Vec<PaletteItem>,
    input: Input,
    fits: Vec<usize>,
    window: Window,
}

impl Palette {
    /// A palette of items, in the order shown while nothing is typed.
    pub fn new(items: Vec<PaletteItem>) -> Self {
        let mut palette = Self { items, ..Self::default() };
        palette.refresh();
        palette
    }

    /// What is typed.
    pub fn query(&self) -> &str {
        self.input.text()
    }

    /// The items that fit, best first.
    pub fn fits(&self) -> &[usize] {
        &self.fits
    }

    /// The item at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<usize> {
        self.window.hit(at).map(|row| self.fits[row])
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key) -> PaletteEvent {
        let len = self.fits.len();
        match (key.code, key.modifiers) {
            (KeyCode::Up, _) | (KeyCode::Char('p' | 'k'), Modifiers::CTRL) => self.window.step(-1, len),
            (KeyCode::Down, _) | (KeyCode::Char('n' | 'j'), Modifiers::CTRL) => self.window.step(1, len),
            (KeyCode::PageUp, _) => self.window.page(-1.0, len),
            (KeyCode::PageDown, _) => self.window.page(1.0, len),
            (KeyCode::Enter, _) => {
                let chosen = self.window.selected().and_then(|row| self.fits.get(row));
                return chosen.map_or(PaletteEvent::Open, |item| PaletteEvent::Chosen(*item));
            }
            _ => match self.input.key(key) {
                InputEvent::Cancelled => return PaletteEvent::Closed,
                InputEvent::Changed => self.refresh(),
                InputEvent::Submitted(_) | InputEvent::Ignored => {}
            },
        }
        PaletteEvent::Open
    }

    fn refresh(&mut self) {
        let query = self.input.text();
        let score = |(index, item): (usize, &PaletteItem)| Some((fuzzy::score(query, &item.name)?, index));
        let mut fits: Vec<(i32, usize)> = self.items.iter().enumerate().filter_map(score).collect();
        fits.sort_by_key(|(score, index)| (-score, *index));
        self.fits = fits.into_iter().map(|(_, index)| index).collect();
        self.window.first(self.fits.len());
    }
}

/// Draws a [`Palette`] as a popup in the upper half of the screen.
#[derive(Debug, Clone)]
pub struct PaletteView<'a> {
    theme: &'a Theme,
    title: &'a str,
}

impl<'a> PaletteView<'a> {
    /// A popup with a title.
    pub fn new(theme: &'a Theme, title: &'a str) -> Self {
        Self { theme, title }
    }

    fn draw_item(&self, palette: &Palette, row: usize, place: Rect, name: u16, buf: &mut Buffer) {
        let (theme, item) = (self.theme, &palette.items[palette.fits[row]]);
        let selected = palette.window.selected() == Some(row);
        if selected {
            buf.set_style(place, theme.selection(true));
            put(buf, part(place, 0, 1), theme.glyphs().marker, theme.marker());
        }
        let key = cells(&item.key);
        let mut pen = Pen::new(buf, part(place, 0, place.width.saturating_sub(key + 2)), theme.glyphs().ellipsis);
        let base = if selected { theme.selection(true) } else { theme.text() };
        pen.skip(2).column(name, &item.name, base).skip(2).text(&item.about, theme.muted());
        put(buf, part(place, place.width.saturating_sub(key + 1), key), &item.key, theme.key());
        self.draw_matches(palette.query(), &item.name, part(place, 2, name), buf);
    }

    fn draw_matches(&self, query: &str, name: &str, place: Rect, buf: &mut Buffer) {
        let Some((_, found)) = fuzzy::positions(query, name) else {
            return;
        };
        // Names are the program's own words: one cell a character.
        for index in found {
            buf.set_style(part(place, u16::try_from(index).unwrap_or(u16::MAX), 1), self.theme.accent());
        }
    }
}

impl StatefulWidget for PaletteView<'_> {
    type State = Palette;

    fn render(self, area: Rect, buf: &mut Buffer, palette: &mut Palette) {
        let area = area.intersection(buf.area);
        let height = (palette.items.len() as u16).saturating_add(4).min(area.height * 2 / 3).max(area.height.min(6));
        let popup = Rect { y: area.y + area.height.saturating_sub(height) / 4, ..centred(area, 84, height) };
        let status = format!("{} of {}", palette.fits.len(), palette.items.len());
        Panel::new(self.theme).title(self.title).status(&status).focused(true).popup().render(popup, buf);
        let inside = inner(popup);
        let field = part(line(inside, 0), 1, u16::MAX);
        let prompt = format!("{} ", self.theme.glyphs().prompt);
        InputLine::new(self.theme, &palette.input).prompt(&prompt).placeholder("type to search").render(field, buf);
        let list = Rect { y: inside.y + 1.min(inside.height), height: inside.height.saturating_sub(1), ..inside };
        let shown = palette.window.show(list, palette.fits.len());
        let widest = palette.items.iter().map(|item| cells(&item.name)).max().unwrap_or(0);
        let explained = palette.items.iter().any(|item| !item.about.is_empty());
        let name = widest.min(if explained { list.width / 2 } else { list.width.saturating_sub(4) });
        for (index, row) in shown.enumerate() {
            self.draw_item(palette, row, line(list, index as u16), name, buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette() -> Palette {
        let item = |name: &str| PaletteItem { name: name.into(), ..PaletteItem::default() };
        Palette::new(vec![item("start container"), item("stop container"), item("remove image")])
    }

    #[test]
    fn typing_narrows_and_enter_chooses() {
        let mut palette = palette();
        assert_eq!(palette.fits(), [0, 1, 2]);
        "stop".chars().for_each(|c| {
            palette.key(Key::char(c));
        });
        assert_eq!(palette.key(KeyCode::Enter.into()), PaletteEvent::Chosen(1));
        assert_eq!(palette.key(KeyCode::Esc.into()), PaletteEvent::Closed);
    }

    #[test]
    fn nothing_fits_nothing_is_chosen() {
        let mut palette = palette();
        palette.key(Key::char('z'));
        assert_eq!(palette.key(KeyCode::Enter.into()), PaletteEvent::Open);
    }
}
