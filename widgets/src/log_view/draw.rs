//! Drawing the rows that are seen.

use std::ops::Range;

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use super::copy::{Drawn, Screen, Spot};
use super::ring::{Stored, Stream};
use super::rows::LineRows;
use super::{Anchor, LogView};
use crate::pen::{Pen, line, part};
use crate::text::{Sgr, Token, put, put_glyph, tokens};

/// `12:01:07` and two spaces.
const TIME: u16 = 10;
/// Narrower windows show no times.
const NARROW: u16 = 30;

/// Draws a [`LogView`].
#[derive(Debug, Clone)]
pub struct LogPane<'a> {
    theme: &'a Theme,
    empty: &'a str,
}

impl<'a> LogPane<'a> {
    /// The pane.
    pub fn new(theme: &'a Theme) -> Self {
        Self { theme, empty: "" }
    }

    /// What to say while there is no line.
    pub fn empty(mut self, text: &'a str) -> Self {
        self.empty = text;
        self
    }

    fn style(&self, sgr: Sgr) -> Style {
        let mut style = sgr.style();
        style.fg = style.fg.map(|colour| self.theme.adapt(colour));
        style.bg = style.bg.map(|colour| self.theme.adapt(colour));
        self.theme.text().patch(style)
    }

    fn draw_margin(&self, log: &LogView, stored: &Stored, first: bool, margin: Rect, buf: &mut Buffer) {
        if stored.stream == Stream::Stderr {
            put(buf, part(margin, 0, 1), self.theme.glyphs().stderr, self.theme.stderr());
        }
        if let Some(time) = stored.time.filter(|_| first && margin.width > 1) {
            put(buf, part(margin, 1, u16::MAX), &clock(time, log.utc_offset), self.theme.timestamp());
        }
    }

    /// Draws the glyphs of `bytes` and returns the bytes that were drawn.
    fn draw_text(&self, row: &RowText, place: Rect, buf: &mut Buffer) -> Range<usize> {
        let (mut sgr, mut column) = (row.sgr, 0usize);
        let mut base = self.style(sgr);
        let (mut start, mut end) = (row.bytes.end, row.bytes.end);
        for token in tokens(&row.text[row.bytes.clone()]) {
            let glyph = match token {
                Token::Sgr(parameters) => {
                    sgr.apply(parameters);
                    base = self.style(sgr);
                    continue;
                }
                Token::Glyph(glyph) => glyph,
            };
            let offset = row.bytes.start + glyph.offset;
            let at = column;
            column += glyph.width;
            if at < row.skip {
                continue;
            }
            if column > row.skip + usize::from(place.width) {
                end = offset;
                break;
            }
            start = start.min(offset);
            let style = row.emphasis(offset, self.theme).map_or(base, |style| base.patch(style));
            let position = Position { x: place.x + (at - row.skip) as u16, y: place.y };
            put_glyph(buf, position, glyph, style);
        }
        start..end
    }
}

/// A row to draw.
struct RowText<'a> {
    text: &'a str,
    bytes: Range<usize>,
    sgr: Sgr,
    /// Cells out of sight at the left.
    skip: usize,
    matches: Vec<Range<usize>>,
    current: bool,
    selected: &'a dyn Fn(usize) -> bool,
}

impl RowText<'_> {
    fn emphasis(&self, offset: usize, theme: &Theme) -> Option<Style> {
        if (self.selected)(offset) {
            return Some(theme.selected_text());
        }
        let found = self.matches.iter().any(|range| range.contains(&offset));
        found.then(|| if self.current { theme.found_current() } else { theme.found() })
    }
}

impl LogView {
    /// The matches in a row; those that reach over from the rows beside it are found too.
    fn matches_in(&self, text: &str, rows: &LineRows, row: usize) -> Vec<Range<usize>> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        let from = rows.row(row.saturating_sub(1)).0.start;
        let to = rows.row((row + 1).min(rows.count() - 1)).0.end;
        let ranges = search.pattern.ranges(&text[from..to]);
        ranges.into_iter().map(|range| range.start + from..range.end + from).collect()
    }
}

impl StatefulWidget for LogPane<'_> {
    type State = LogView;

    fn render(self, area: Rect, buf: &mut Buffer, log: &mut LogView) {
        let area = area.intersection(buf.area);
        let times = log.timestamps && area.width >= NARROW;
        let margin = (1 + if times { TIME } else { 0 }).min(area.width);
        let body = Rect { x: area.x + margin, width: area.width - margin, ..area };
        log.cache.set_width(log.wrap.then_some(usize::from(body.width)));
        log.screen = Screen { area: body, rows: std::mem::take(&mut log.screen.rows) };
        log.screen.rows.clear();
        if log.at_or_after(0).is_none() {
            let text = if log.filter.is_some() { "no line passes the filter" } else { self.empty };
            Pen::new(buf, area, self.theme.glyphs().ellipsis).skip(1).text(text, self.theme.muted());
            return;
        }
        let mut next: Option<Anchor> = Some(log.window_top());
        for y in 0..area.height {
            let Some(at) = next else { break };
            let rows = log.rows_of(at.id);
            let row = at.row.min(rows.count() - 1);
            let Some(stored) = log.ring.get(at.id) else {
                break;
            };
            self.draw_margin(log, stored, row == 0, part(line(area, y), 0, margin), buf);
            let (bytes, sgr) = rows.row(row);
            // A plain line's columns are its bytes: what is out of sight at the left need not be read.
            let jump = if stored.plain { log.column.min(bytes.len()) } else { 0 };
            let selected = |offset| log.selection.is_some_and(|selection| selection.holds(Spot { id: at.id, offset }));
            let window = if stored.plain {
                bytes.start + jump..bytes.end.min(bytes.start + jump + usize::from(body.width))
            } else {
                bytes.clone()
            };
            let text = RowText {
                text: &stored.text,
                matches: if log.wrap {
                    log.matches_in(&stored.text, &rows, row)
                } else {
                    log.matches_near(stored, &window)
                },
                bytes: window,
                sgr,
                skip: log.column - jump,
                current: log.search.as_ref().is_some_and(|search| search.current == Some(at.id)),
                selected: &selected,
            };
            let drawn = self.draw_text(&text, line(body, y), buf);
            log.screen.rows.push(Drawn { id: at.id, start: drawn.start, end: drawn.end });
            next = log.row_after(Anchor { row, ..at });
        }
    }
}

impl LogView {
    /// The matches in the part of an unwrapped line that is seen.
    fn matches_near(&self, line: &Stored, window: &Range<usize>) -> Vec<Range<usize>> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        let reach = if line.plain { search.pattern.text().len() } else { 0 };
        let from = window.start.saturating_sub(reach);
        let to = line.text.len().min(window.end + reach);
        let ranges = search.pattern.ranges(&line.text[from..to]);
        ranges.into_iter().map(|range| range.start + from..range.end + from).collect()
    }
}

/// The time of day of a moment in milliseconds since the epoch: `12:01:07`.
fn clock(time: i64, utc_offset: i32) -> String {
    let seconds = (time.div_euclid(1000) + i64::from(utc_offset)).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
