//! Drawing text into a buffer.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::Span;

use super::{fit, glyphs, width};

/// Draws a text at the left of `area`'s first row, cut at its right edge. Returns the cells used.
pub fn put(buf: &mut Buffer, area: Rect, text: &str, style: impl Into<Style>) -> u16 {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return 0;
    }
    let (style, mut x) = (style.into(), area.x);
    for glyph in glyphs(text) {
        let cells = glyph.width as u16;
        if cells > area.right() - x {
            break;
        }
        buf[(x, area.y)].set_symbol(glyph.text).set_style(style);
        if cells == 2 {
            // The right half of a wide character is drawn by the left one.
            buf[(x + 1, area.y)].set_symbol(" ").set_style(style);
        }
        x += cells;
    }
    x - area.x
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
