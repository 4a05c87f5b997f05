//! The first line of the screen and the last: where one is, and the keys of the moment.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::Widget;

use crate::pen::{Pen, cells, part};
use crate::text::{fit_last_facts, put_right};

/// Cells between two things in a bar.
const GAP: u16 = 3;

/// A key and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyHint {
    /// The key as shown.
    pub key: String,
    /// What it does; may be empty.
    pub label: String,
}

impl KeyHint {
    /// A key and what it does.
    pub fn new(key: impl Into<String>, label: impl Into<String>) -> Self {
        Self { key: key.into(), label: label.into() }
    }

    fn cells(&self) -> u16 {
        cells(&self.key) + if self.label.is_empty() { 0 } else { cells(&self.label) + 1 }
    }
}

/// The last line: keys, the most important first; what does not fit is left out, but the last one always shows.
#[derive(Debug, Clone)]
pub struct KeyBar<'a> {
    theme: &'a Theme,
    hints: &'a [KeyHint],
}

impl<'a> KeyBar<'a> {
    /// A bar of keys. The last is the one that leads to all others: help.
    pub fn new(theme: &'a Theme, hints: &'a [KeyHint]) -> Self {
        Self { theme, hints }
    }

    /// The hints that fit into `width` cells.
    fn fitting(&self, width: u16) -> impl Iterator<Item = &'a KeyHint> {
        let (last, others) = match self.hints.split_last() {
            Some((last, others)) => (Some(last), others),
            None => (None, self.hints),
        };
        let mut left = width.saturating_sub(2 + last.map_or(0, KeyHint::cells));
        let fits = move |hint: &&KeyHint| match left.checked_sub(hint.cells() + GAP) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        others.iter().take_while(fits).chain(last)
    }
}

impl Widget for KeyBar<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = part(area.intersection(buf.area), 0, u16::MAX);
        let mut pen = Pen::new(buf, area, self.theme.glyphs().ellipsis);
        pen.skip(1);
        for hint in self.fitting(area.width) {
            pen.text(&hint.key, self.theme.key());
            if !hint.label.is_empty() {
                pen.skip(1).text(&hint.label, self.theme.key_label());
            }
            pen.skip(GAP);
        }
    }
}

/// A view that one can switch to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tab {
    /// The key that opens it.
    pub key: String,
    /// Its name.
    pub title: String,
    /// A shorter name, for where there is little room.
    pub short: String,
}

impl Tab {
    /// A view.
    pub fn new(key: impl Into<String>, title: impl Into<String>) -> Self {
        let title = title.into();
        Self { key: key.into(), short: title.clone(), title }
    }

    /// What it is called where there is little room.
    pub fn short(mut self, name: impl Into<String>) -> Self {
        self.short = name.into();
        self
    }
}

/// How much is said of the views that are not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    Long,
    Short,
    KeyOnly,
}

/// The first line: the program's name, the views, and a summary at the right.
#[derive(Debug, Clone)]
pub struct StatusBar<'a> {
    theme: &'a Theme,
    brand: &'a str,
    tabs: &'a [Tab],
    active: usize,
    summary: &'a str,
}

impl<'a> StatusBar<'a> {
    /// A bar with the program's name and its views, of which one is open. The name gives way to the summary.
    pub fn new(theme: &'a Theme, brand: &'a str, tabs: &'a [Tab], active: usize) -> Self {
        Self { theme, brand, tabs, active, summary: "" }
    }

    /// Facts at the right, the most important last; the first ones give way to the views.
    pub fn summary(mut self, text: &'a str) -> Self {
        self.summary = text;
        self
    }

    /// The view at a screen position, when the bar is drawn in `area`.
    pub fn tab_at(&self, area: Rect, at: Position) -> Option<usize> {
        let places = self.places(area.width);
        let x = at.x.checked_sub(area.x).filter(|_| at.y == area.y)?;
        places.iter().position(|(start, width, _)| (*start..start + width).contains(&x))
    }

    /// Start, width and text of each view. When all names do not fit, those of the others are shorter, or left out.
    fn places(&self, width: u16) -> Vec<(u16, u16, String)> {
        let brand = self.brand_width(width);
        let fits =
            |places: &Vec<(u16, u16, String)>| places.last().is_none_or(|(start, cells, _)| start + cells < width);
        let named = [Naming::Long, Naming::Short].map(|naming| self.named(brand, naming)).into_iter().find(fits);
        named.unwrap_or_else(|| self.named(brand, Naming::KeyOnly))
    }

    fn named(&self, start: u16, others: Naming) -> Vec<(u16, u16, String)> {
        let mut x = start;
        let place = |(index, tab): (usize, &Tab)| {
            let text = match others {
                _ if index == self.active => format!("{} {}", tab.key, tab.title),
                Naming::Long => format!("{} {}", tab.key, tab.title),
                Naming::Short => format!("{} {}", tab.key, tab.short),
                Naming::KeyOnly => tab.key.clone(),
            };
            let width = cells(&text);
            let place = (x, width, text);
            x = x.saturating_add(width + 2);
            place
        };
        self.tabs.iter().enumerate().map(place).collect()
    }

    fn brand_width(&self, width: u16) -> u16 {
        let brand = cells(self.brand) + 1 + GAP;
        let views = self.named(brand, Naming::Long).last().map_or(brand, |(start, cells, _)| start + cells);
        let summary = if self.summary.is_empty() { 0 } else { cells(self.summary) + GAP + 1 };
        if views.saturating_add(summary) <= width { brand } else { 1 }
    }
}

impl Widget for StatusBar<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = part(area.intersection(buf.area), 0, u16::MAX);
        let ellipsis = self.theme.glyphs().ellipsis;
        if self.brand_width(area.width) > 1 {
            Pen::new(buf, area, ellipsis).skip(1).text(self.brand, self.theme.brand());
        }
        let mut end = self.brand_width(area.width);
        for (index, (start, width, text)) in self.places(area.width).into_iter().enumerate() {
            let style = if index == self.active { self.theme.tab_active() } else { self.theme.tab() };
            Pen::new(buf, part(area, start, width), ellipsis).text(&text, style);
            end = start + width;
        }
        let left = area.width.saturating_sub(end + GAP + 1);
        let summary = fit_last_facts(self.summary, usize::from(left));
        put_right(buf, part(area, end + GAP, left), &summary, self.theme.muted(), ellipsis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_bar_keeps_the_first_keys_and_help() {
        let theme = Theme::default();
        let hints = ["inspect", "logs", "shell", "help"].map(|label| KeyHint::new("x", label));
        let labels =
            |width| KeyBar::new(&theme, &hints).fitting(width).map(|hint| hint.label.as_str()).collect::<Vec<_>>();
        assert_eq!(labels(80), ["inspect", "logs", "shell", "help"]);
        assert_eq!(labels(30), ["inspect", "logs", "help"]);
        assert_eq!(labels(5), ["help"]);
    }

    #[test]
    fn the_name_gives_way_to_the_summary() {
        let theme = Theme::default();
        let tabs = [Tab::new("1", "Containers"), Tab::new("2", "Images")];
        let row = |width: u16| {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
            StatusBar::new(&theme, "porthole", &tabs, 0).summary("docker0 · 2 up").render(buf.area, &mut buf);
            (0..width).map(|x| buf[(x, 0)].symbol()).collect::<String>()
        };
        assert_eq!(row(52), " porthole   1 Containers  2 Images   docker0 · 2 up ");
        assert_eq!(row(51), " 1 Containers  2 Images             docker0 · 2 up ");
        assert_eq!(row(34), " 1 Containers  2 Images      2 up ");
    }

    #[test]
    fn names_of_views_give_way_to_each_other() {
        let theme = Theme::default();
        let tabs =
            [Tab::new("1", "Containers").short("Cont"), Tab::new("2", "Images").short("Img"), Tab::new("3", "Events")];
        let row = |width: u16, active| {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
            StatusBar::new(&theme, "porthole", &tabs, active).render(buf.area, &mut buf);
            (0..width).map(|x| buf[(x, 0)].symbol()).collect::<String>()
        };
        assert_eq!(row(34, 1), " 1 Containers  2 Images  3 Events ");
        assert_eq!(row(33, 1), " 1 Cont  2 Images  3 Events      ");
        assert_eq!(row(30, 0), " 1 Containers  2  3           ");
    }

    #[test]
    fn clicks_find_the_view() {
        let theme = Theme::default();
        let tabs = [Tab::new("1", "Containers"), Tab::new("2", "Images")];
        let bar = StatusBar::new(&theme, "porthole", &tabs, 0);
        let area = Rect::new(0, 0, 80, 1);
        assert_eq!(bar.tab_at(area, Position::new(12, 0)), Some(0));
        assert_eq!(bar.tab_at(area, Position::new(27, 0)), Some(1));
        assert_eq!(bar.tab_at(area, Position::new(70, 0)), None);
        assert_eq!(bar.tab_at(area, Position::new(12, 1)), None);
    }
}
