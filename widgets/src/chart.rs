//! Charts for what changes over time: CPU, memory, bytes.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::widgets::Widget;

use crate::pen::{Pen, cells, line, part};
use crate::text::{put, put_right};

/// Draws values, the newest at the right edge; in more than one row the bars are taller. A 0 is a faint line, what is not
/// a number is a gap.
#[derive(Debug, Clone)]
pub struct Sparkline<'a> {
    theme: &'a Theme,
    values: &'a [f32],
    max: Option<f32>,
}

impl<'a> Sparkline<'a> {
    /// A chart as high as its highest value.
    pub fn new(theme: &'a Theme, values: &'a [f32]) -> Self {
        Self { theme, values, max: None }
    }

    /// The value of a full bar.
    pub fn max(mut self, max: f32) -> Self {
        self.max = Some(max);
        self
    }

    /// A value in eighths of a row; something above nothing is always seen.
    fn eighths(value: f32, max: f32, rows: u16) -> usize {
        let whole = f32::from(rows) * 8.0;
        let part = value / max * whole;
        if part.is_nan() || part <= 0.0 { 0 } else { part.round().clamp(1.0, whole) as usize }
    }
}

impl Widget for Sparkline<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let shown = &self.values[self.values.len().saturating_sub(usize::from(area.width))..];
        let max = self.max.unwrap_or_else(|| shown.iter().copied().fold(0.0, f32::max));
        let left = area.width - shown.len() as u16;
        for (index, value) in shown.iter().enumerate() {
            let eighths = Self::eighths(*value, max, area.height);
            for row in 0..area.height {
                let above = 8 * usize::from(area.height - 1 - row);
                let level = eighths.saturating_sub(above).min(8);
                let zero = above == 0 && *value == 0.0;
                let (level, style) = if zero { (1, self.theme.faint()) } else { (level, self.theme.chart()) };
                let place = Rect { y: area.y + row, height: 1, ..area };
                put(buf, part(place, left + index as u16, 1), self.theme.glyphs().levels[level], style);
            }
        }
    }
}

/// The columns of a figure in one row: what it is, what it is now, of how much.
const TITLE: u16 = 11;
const VALUE: u16 = 9;
const LIMIT: u16 = 14;
/// The column of the scale, with the line that stands beside it.
const SCALE: u16 = 8;
/// A chart in a row needs so many cells, or the figure goes without.
const LEAST: u16 = 8;

/// A figure and its course: what it is, what it is now, of how much, and what it was.
///
/// ```text
/// memory  48 M  of 64 M                peak 51 M
///   64 M │            ▂▄▅▅
///        │      ▁▂▄▆██████▇▆
///      0 │▁▃▅▇██████████████
/// ```
///
/// In one row the course stands behind the figure.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    theme: &'a Theme,
    title: &'a str,
    value: &'a str,
    style: Option<Style>,
    limit: &'a str,
    note: &'a str,
    values: &'a [f32],
    max: f32,
    scale: &'a str,
}

impl<'a> Chart<'a> {
    /// A figure by its name, and what it is now.
    pub fn new(theme: &'a Theme, title: &'a str, value: &'a str) -> Self {
        Self { theme, title, value, style: None, limit: "", note: "", values: &[], max: 1.0, scale: "" }
    }

    /// What the present value means.
    pub fn style(mut self, style: Style) -> Self {
        self.style = Some(style);
        self
    }

    /// Of how much it is: `of 64 M`.
    pub fn limit(mut self, text: &'a str) -> Self {
        self.limit = text;
        self
    }

    /// A fact at the right, where there is room for it.
    pub fn note(mut self, text: &'a str) -> Self {
        self.note = text;
        self
    }

    /// Its course, the newest value last; see [`Chart::columns`].
    pub fn course(mut self, values: &'a [f32]) -> Self {
        self.values = values;
        self
    }

    /// The value of a full bar, and how that reads.
    pub fn scale(mut self, max: f32, text: &'a str) -> Self {
        (self.max, self.scale) = (max, text);
        self
    }

    /// How many values a chart of this size shows.
    pub fn columns(width: u16, height: u16) -> usize {
        let room = match height {
            0 => 0,
            1 => width.saturating_sub(TITLE + VALUE + LIMIT + 1),
            _ => width.saturating_sub(SCALE + 1),
        };
        usize::from(if height == 1 && room < LEAST { 0 } else { room })
    }

    fn head(&self, place: Rect, buf: &mut Buffer) {
        let theme = self.theme;
        let value = self.style.unwrap_or_else(|| theme.strong());
        let mut pen = Pen::new(buf, place, theme.glyphs().ellipsis);
        pen.skip(1).text(self.title, theme.muted()).skip(2).text(self.value, value);
        pen.skip(1).text(self.limit, theme.muted());
        let (used, note) = (pen.x() + 2, cells(self.note));
        if used + note < place.width {
            let right = part(place, used, place.width - used - 1);
            put_right(buf, right, self.note, theme.muted(), theme.glyphs().ellipsis);
        }
    }

    fn axis(&self, area: Rect, buf: &mut Buffer) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let last = area.height.saturating_sub(1);
        for row in 0..area.height {
            let label = match row {
                0 => self.scale,
                row if row == last => "0",
                _ => "",
            };
            let mut pen = Pen::new(buf, line(area, row), glyphs.ellipsis);
            pen.column_right(SCALE - 2, label, theme.muted()).skip(1).text(glyphs.borders.vertical, theme.faint());
        }
    }
}

impl Widget for Chart<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let theme = self.theme;
        let columns = Self::columns(area.width, area.height) as u16;
        let course = Sparkline::new(theme, self.values).max(self.max);
        if area.height == 1 {
            let mut pen = Pen::new(buf, area, theme.glyphs().ellipsis);
            let value = self.style.unwrap_or_else(|| theme.strong());
            pen.skip(1).column(TITLE - 1, self.title, theme.muted()).column_right(VALUE - 1, self.value, value);
            pen.skip(1).column(LIMIT - 1, self.limit, theme.muted());
            return course.render(part(area, TITLE + VALUE + LIMIT, columns), buf);
        }
        self.head(line(area, 0), buf);
        let body = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
        self.axis(body, buf);
        course.render(Rect { x: body.x + SCALE.min(body.width), width: columns, ..body }, buf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_eighths() {
        assert_eq!(Sparkline::eighths(0.0, 10.0, 1), 0);
        assert_eq!(Sparkline::eighths(0.01, 10.0, 1), 1);
        assert_eq!(Sparkline::eighths(5.0, 10.0, 1), 4);
        assert_eq!(Sparkline::eighths(50.0, 10.0, 1), 8);
        assert_eq!(Sparkline::eighths(10.0, 10.0, 3), 24);
        assert_eq!(Sparkline::eighths(f32::NAN, 10.0, 3), 0);
        assert_eq!(Sparkline::eighths(1.0, 0.0, 1), 8);
    }
    #[test]
    fn a_chart_says_how_much_it_shows() {
        assert_eq!(Chart::columns(60, 4), 51);
        assert_eq!(Chart::columns(60, 1), 25);
        assert_eq!(Chart::columns(40, 1), 0);
        assert_eq!(Chart::columns(5, 3), 0);
    }
}
