//! Drawing the lines that are seen.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::widgets::StatefulWidget;

use super::cells::{byte_of, cells, column_of};
use super::syntax::Span;
use super::{Severity, Source};
use crate::pen::{Pen, line, part};
use crate::text::{Glyph, is_plain, put, put_glyph, put_right, wrap};

/// Rows of the message below the text.
const FOOT: u16 = 2;
/// Lower windows have no message.
const LOW: u16 = 4;
/// Narrower windows have no line numbers.
const NARROW: u16 = 16;
/// Cells that stay seen beside the cursor.
const MARGIN: usize = 4;

/// Draws a [`Source`].
#[derive(Debug, Clone)]
pub struct SourcePane<'a> {
    theme: &'a Theme,
    focused: bool,
}

impl<'a> SourcePane<'a> {
    /// The pane.
    pub fn new(theme: &'a Theme) -> Self {
        Self { theme, focused: false }
    }

    /// Whether keys go here: the cursor shows.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match severity {
            Severity::Error => (self.theme.glyphs().cross, self.theme.bad()),
            Severity::Warning => (self.theme.glyphs().warning, self.theme.warn()),
        }
    }

    fn draw_gutter(&self, source: &Source, row: usize, gutter: Rect, buf: &mut Buffer) {
        let mark = source.marks.beginning_at(row).map(|severity| self.severity(severity));
        let current = row == source.cursor().0;
        let style = if current { self.theme.text() } else { self.theme.faint() };
        let number = part(gutter, 0, gutter.width.saturating_sub(2));
        put_right(buf, number, &(row + 1).to_string(), mark.map_or(style, |(_, style)| style), "");
        if let Some((glyph, style)) = mark {
            put(buf, part(gutter, gutter.width.saturating_sub(1), 1), glyph, style);
        }
    }

    fn draw_line(
        &self,
        text: &str,
        spans: &[Span],
        marked: &[(usize, Severity)],
        left: usize,
        place: Rect,
        buf: &mut Buffer,
    ) {
        let width = usize::from(place.width);
        let mut spans = spans.iter().peekable();
        let mut draw = |glyph: Glyph<'_>, column: usize| {
            while spans.next_if(|(range, _)| range.end <= glyph.offset).is_some() {}
            let ink = spans.peek().filter(|(range, _)| range.start <= glyph.offset);
            let mut style = ink.map_or(self.theme.text(), |(_, ink)| ink.style(self.theme));
            if let Some((_, severity)) = marked.iter().find(|(from, _)| within_word(text, *from, glyph.offset)) {
                style = style.patch(self.severity(*severity).1).add_modifier(Modifier::UNDERLINED);
            }
            // The row's own background stays.
            style.bg = None;
            put_glyph(buf, Position { x: place.x + (column - left) as u16, y: place.y }, glyph, style);
        };
        if is_plain(text.as_bytes()) {
            // A plain line's columns are its bytes: what is out of sight need not be read.
            for at in left..text.len().min(left + width) {
                draw(Glyph { text: &text[at..at + 1], width: 1, offset: at }, at);
            }
            return;
        }
        let mut column = 0;
        for glyph in cells(text) {
            if column + glyph.width > left + width {
                break;
            }
            if column >= left {
                draw(glyph, column);
            }
            column += glyph.width;
        }
    }

    fn draw_cursor(&self, source: &Source, body: Rect, buf: &mut Buffer) {
        let (row, character) = source.cursor();
        let text = &source.lines()[row];
        let column = column_of(text, byte_of(text, character));
        let Some((x, y)) = column.checked_sub(source.left).zip(row.checked_sub(source.top)) else { return };
        if x < usize::from(body.width) && y < usize::from(body.height) {
            buf.set_style(
                Rect { x: body.x + x as u16, y: body.y + y as u16, width: 1, height: 1 },
                self.theme.cursor(),
            );
        }
    }

    /// What is told of the cursor's line, or where the next mark is.
    fn draw_foot(&self, source: &Source, foot: Rect, buf: &mut Buffer) {
        let row = source.cursor().0;
        let marks = source.marks.at(row);
        let (text, style) = match marks.first() {
            Some(mark) => {
                let more = if marks.len() > 1 { format!(" (and {} more)", marks.len() - 1) } else { String::new() };
                (format!("{}{more}", mark.message), self.severity(mark.severity).1)
            }
            None => match source.marks.next(row) {
                Some(mark) => (format!("line {}: {}", mark.lines.start() + 1, mark.message), self.theme.muted()),
                None => return,
            },
        };
        let width = usize::from(foot.width.saturating_sub(2));
        let ellipsis = self.theme.glyphs().ellipsis;
        for (row, text) in (0..).zip(wrap(&text, width, usize::from(foot.height), ellipsis)) {
            Pen::new(buf, line(foot, row), ellipsis).skip(1).text(&text, style);
        }
    }
}

/// Whether a byte belongs to the word that begins at character `from`.
fn within_word(text: &str, from: usize, byte: usize) -> bool {
    let start = byte_of(text, from);
    let word = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
    (start..start + word.max(1)).contains(&byte)
}

impl Source {
    /// Scrolls so that the cursor is seen through a window.
    fn show(&mut self, body: Rect) {
        let (width, height) = (usize::from(body.width), usize::from(body.height));
        let (row, character) = self.cursor();
        self.area = body;
        self.top = self.top.min(self.lines().len().saturating_sub(height));
        self.top = self.top.clamp((row + 1).saturating_sub(height.max(1)), row);
        let text = &self.lines()[row];
        let column = column_of(text, byte_of(text, character));
        let margin = MARGIN.min(width / 4);
        let least = (column + margin + 1).saturating_sub(width.max(1));
        self.left = self.left.clamp(least, column.saturating_sub(margin).max(least));
    }
}

impl StatefulWidget for SourcePane<'_> {
    type State = Source;

    fn render(self, area: Rect, buf: &mut Buffer, source: &mut Source) {
        let area = area.intersection(buf.area);
        let foot = if source.marks().is_empty() || area.height < LOW + FOOT { 0 } else { FOOT };
        let digits = source.lines().len().to_string().len().max(2) as u16;
        // A blank, the number, a blank, the mark, and a blank before the text.
        let gutter = if area.width < NARROW { 0 } else { (digits + 4).min(area.width) };
        let body = Rect { x: area.x + gutter, width: area.width - gutter, height: area.height - foot, ..area };
        source.show(body);
        let rows = source.top..source.lines().len().min(source.top + usize::from(body.height));
        for (y, row) in (0..).zip(rows) {
            let place = line(body, y);
            if row == source.cursor().0 && self.focused {
                buf.set_style(Rect { x: area.x, width: area.width, ..place }, self.theme.row());
            }
            self.draw_gutter(source, row, part(line(area, y), 1, gutter.saturating_sub(2)), buf);
            let spans = source.inks.of(source.editor.lines(), row);
            let marked: Vec<_> = source.marks.columns(row).collect();
            self.draw_line(&source.lines()[row], &spans, &marked, source.left, place, buf);
        }
        if self.focused {
            self.draw_cursor(source, body, buf);
        }
        let foot = Rect { y: body.bottom(), height: foot, ..area };
        self.draw_foot(source, foot, buf);
    }
}
