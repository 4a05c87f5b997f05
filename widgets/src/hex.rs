//! The bytes of a packet or a file: offset, hexadecimal, text.

use std::ops::Range;

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::widgets::Widget;

use crate::text::put;

/// Draws bytes from an offset on.
#[derive(Debug, Clone)]
pub struct HexView<'a> {
    theme: &'a Theme,
    bytes: &'a [u8],
    row: usize,
    highlight: Range<usize>,
}

impl<'a> HexView<'a> {
    /// All bytes.
    pub fn new(theme: &'a Theme, bytes: &'a [u8]) -> Self {
        Self { theme, bytes, row: 0, highlight: 0..0 }
    }

    /// The first row to show.
    pub fn row(mut self, row: usize) -> Self {
        self.row = row;
        self
    }

    /// Bytes to point out.
    pub fn highlight(mut self, bytes: Range<usize>) -> Self {
        self.highlight = bytes;
        self
    }

    /// The rows that `len` bytes take at a width.
    pub fn rows(len: usize, width: u16) -> usize {
        len.div_ceil(per_row(width))
    }
}

/// 6 cells of offset, 3 a byte with a gap after every eighth, 1 a byte of text.
fn per_row(width: u16) -> usize {
    match width {
        75.. => 16,
        41.. => 8,
        _ => 4,
    }
}

impl Widget for HexView<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let count = per_row(area.width);
        let rows = self.bytes.chunks(count).enumerate().skip(self.row).take(usize::from(area.height));
        let mut put_at = |x: usize, y: u16, text: &str, style: Style| {
            let x = u16::try_from(x).unwrap_or(u16::MAX).min(area.width);
            put(buf, Rect { x: area.x + x, y, width: area.width - x, height: 1 }, text, style);
        };
        let ascii = 8 + 3 * count + count / 8;
        for (line, (row, chunk)) in rows.enumerate() {
            let y = area.y + line as u16;
            put_at(1, y, &format!("{:04x}", row * count), self.theme.faint());
            for (column, byte) in chunk.iter().enumerate() {
                let style = self.style(row * count + column, *byte);
                put_at(7 + 3 * column + column / 8, y, &format!("{byte:02x}"), style);
                let printable = (0x20..0x7f).contains(byte);
                let text =
                    if printable { char::from(*byte).to_string() } else { self.theme.glyphs().unprintable.into() };
                put_at(ascii + column, y, &text, style);
            }
        }
    }
}

impl HexView<'_> {
    fn style(&self, index: usize, byte: u8) -> Style {
        if self.highlight.contains(&index) {
            self.theme.found()
        } else if byte == 0 {
            self.theme.faint()
        } else {
            self.theme.text()
        }
    }
}
