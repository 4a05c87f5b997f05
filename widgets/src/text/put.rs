//! Drawing text into a buffer.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::text::Span;

use super::{Glyph, fit, glyphs, width};

/// Draws a text at the left of `area`'s first row, cut at its right edge. Returns the cells used.
pub fn put(buf: &mut Buffer, area: Rect, text: &str, style: impl Into<Style>) -> u16 {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return 0;
    }
    let (style, mut x) = (style.into(), area.x);
    for glyph in glyphs(text) {
        if glyph.width as u16 > area.right() - x {
            break;
        }
        put_glyph(buf, Position { x, ..area.as_position() }, glyph, style);
        x += glyph.width as u16;
    }
    x - area.x
}

/// Draws one glyph, for which there has to be room.
pub(crate) fn put_glyph(buf: &mut Buffer, at: Position, glyph: Glyph, style: Style) {
    buf[at].set_symbol(glyph.text).set_style(style);
    if glyph.width == 2 {
        // The right half of a wide character is drawn by the left one.
        buf[(at.x + 1, at.y)].set_symbol(" ").set_style(style);
    }
}

/// Draws a text so that it ends at the right edge of `area`'s first row, cut with `ellipsis`. Returns the cells used.
pub fn put_right(buf: &mut Buffer, area: Rect, text: &str, style: impl Into<Style>, ellipsis: &str) -> u16 {
    let text = fit(text, usize::from(area.width), ellipsis);
    let cells = width(&text) as u16;
    let area = Rect { x: area.right() - cells, width: cells, ..area };
    put(buf, area, &text, style)
}

/// Draws spans one after the other at the left of `area`'s first row. Returns the cells used.
pub fn put_spans<'a>(buf: &mut Buffer, area: Rect, spans: impl IntoIterator<Item = &'a Span<'a>>) -> u16 {
    let mut used = 0;
    for span in spans {
        let rest = Rect { x: area.x + used, width: area.width - used, ..area };
        used += put(buf, rest, &span.content, span.style);
        if used >= area.width {
            break;
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_control_character_reaches_a_cell(text in any::<String>(), x in 0u16..30, width in 0u16..30) {
            let mut buf = Buffer::empty(Rect::new(0, 0, 20, 1));
            put(&mut buf, Rect::new(x, 0, width, 1), &text, Style::new());
            for cell in buf.content() {
                prop_assert!(!cell.symbol().chars().any(char::is_control));
            }
        }
    }
}
