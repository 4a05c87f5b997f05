//! Drawing the grid of cells.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::Term;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::color::Colors;
use alacritty_terminal::vte::ansi::{Color as TermColour, NamedColor};
use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::widgets::Widget;

use super::TermEmulator;
use crate::pen::part;
use crate::text::{Glyph, is_plain, put, put_glyph};

/// Draws an emulator, and its cursor when keys go to it.
pub struct TermPane<'a> {
    theme: &'a Theme,
    emulator: &'a dyn TermEmulator,
    focused: bool,
}

impl<'a> TermPane<'a> {
    /// The pane.
    pub fn new(theme: &'a Theme, emulator: &'a dyn TermEmulator) -> Self {
        Self { theme, emulator, focused: false }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }
}

impl Widget for TermPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        self.emulator.draw(self.theme, area, buf);
        if let Some(cursor) = self.emulator.cursor().filter(|cursor| self.focused && cursor.y < area.height) {
            let row = Rect { y: area.y + cursor.y, height: 1, ..area };
            buf.set_style(part(row, cursor.x, 1), self.theme.cursor());
        }
    }
}

/// Draws what the terminal shows now.
pub(super) fn grid<T>(term: &Term<T>, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    let grid = term.grid();
    let offset = grid.display_offset() as i32;
    let rows = term.screen_lines().min(usize::from(area.height));
    let columns = term.columns().min(usize::from(area.width));
    for y in 0..rows {
        let row = &grid[Line(y as i32 - offset)];
        let place = Rect { y: area.y + y as u16, height: 1, ..area };
        for x in 0..columns {
            draw_cell(&row[Column(x)], term.colors(), theme, part(place, x as u16, 2), buf);
        }
    }
}

fn draw_cell(cell: &Cell, colours: &Colors, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let spacer = Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER;
    if cell.flags.intersects(spacer) {
        return;
    }
    let (style, mut text) = (style(cell, colours, theme), [0; 4]);
    // The emulator leaves the tab itself in the first of the cells that it skips.
    let blank = cell.c == '\t' || cell.flags.contains(Flags::HIDDEN);
    let c = if blank { ' ' } else { cell.c };
    let (text, width): (&str, u16) =
        (c.encode_utf8(&mut text), if cell.flags.contains(Flags::WIDE_CHAR) { 2 } else { 1 });
    match cell.zerowidth() {
        None if is_plain(text.as_bytes()) && !place.is_empty() => {
            put_glyph(buf, place.as_position(), Glyph { text, width: 1, offset: 0 }, style);
        }
        None => {
            put(buf, part(place, 0, width), text, style);
        }
        Some(marks) => {
            let text: String = text.chars().chain(marks.iter().copied()).collect();
            put(buf, part(place, 0, width), &text, style);
        }
    }
}

fn style(cell: &Cell, colours: &Colors, theme: &Theme) -> Style {
    let mut style = Style::new();
    style.fg = colour(cell.fg, colours).map(|colour| theme.adapt(colour));
    style.bg = colour(cell.bg, colours).map(|colour| theme.adapt(colour));
    let dim_name = matches!(cell.fg, TermColour::Named(name) if is_dim(name));
    for (flags, modifier) in [
        (Flags::BOLD, Modifier::BOLD),
        (Flags::DIM, Modifier::DIM),
        (Flags::ITALIC, Modifier::ITALIC),
        (Flags::ALL_UNDERLINES, Modifier::UNDERLINED),
        (Flags::INVERSE, Modifier::REVERSED),
        (Flags::STRIKEOUT, Modifier::CROSSED_OUT),
    ] {
        if cell.flags.intersects(flags) {
            style.add_modifier |= modifier;
        }
    }
    if dim_name {
        style.add_modifier |= Modifier::DIM;
    }
    style
}

fn is_dim(name: NamedColor) -> bool {
    (NamedColor::DimBlack as usize..=NamedColor::DimWhite as usize).contains(&(name as usize))
        || name == NamedColor::DimForeground
}

/// `None` is the theme's own foreground or background.
fn colour(colour: TermColour, colours: &Colors) -> Option<Color> {
    let index = match colour {
        TermColour::Spec(rgb) => return Some(Color::Rgb(rgb.r, rgb.g, rgb.b)),
        TermColour::Indexed(index) => usize::from(index),
        TermColour::Named(name) if is_dim(name) && name != NamedColor::DimForeground => {
            name as usize - NamedColor::DimBlack as usize
        }
        TermColour::Named(name) => name as usize,
    };
    // The program may have redefined the colour (OSC 4).
    if let Some(rgb) = colours[index] {
        return Some(Color::Rgb(rgb.r, rgb.g, rgb.b));
    }
    u8::try_from(index).ok().map(Color::Indexed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{Alacritty, TermOptions};

    fn drawn(bytes: &str) -> Buffer {
        let mut terminal = Alacritty::new(12, 2, TermOptions::default());
        terminal.feed(bytes.as_bytes());
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 2));
        TermPane::new(&Theme::default(), &terminal).render(buf.area, &mut buf);
        buf
    }

    #[test]
    fn colours_and_attributes_are_drawn() {
        let buf = drawn("\x1b[31;1mr\x1b[0m\x1b[38;5;208mo\x1b[48;2;1;2;3mt\x1b[0;7mi\x1b[0mn");
        assert_eq!((buf[(0, 0)].fg, buf[(0, 0)].modifier), (Theme::default().adapt(Color::Red), Modifier::BOLD));
        assert_eq!(buf[(1, 0)].fg, Color::Indexed(208));
        assert_eq!(buf[(2, 0)].bg, Color::Rgb(1, 2, 3));
        assert_eq!(buf[(3, 0)].modifier, Modifier::REVERSED);
        assert_eq!((buf[(4, 0)].fg, buf[(4, 0)].bg), (Color::Reset, Color::Reset));
    }

    #[test]
    fn wide_characters_accents_and_tabs_take_their_cells() {
        let buf = drawn("漢e\u{301}x\ty");
        let symbol = |x: u16| buf[(x, 0)].symbol();
        assert_eq!((symbol(0), symbol(2), symbol(3), symbol(4), symbol(8)), ("漢", "e\u{301}", "x", " ", "y"));
    }
}
