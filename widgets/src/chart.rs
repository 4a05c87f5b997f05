//! A chart of one row for what changes over time: CPU, memory, bytes.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;

use crate::pen::part;
use crate::text::put;

/// Draws values, the newest at the right edge; in more than one row the bars are taller.
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
                let place = Rect { y: area.y + row, height: 1, ..area };
                put(buf, part(place, left + index as u16, 1), self.theme.glyphs().levels[level], self.theme.chart());
            }
        }
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
}
