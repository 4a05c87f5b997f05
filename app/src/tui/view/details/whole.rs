//! The whole of what a row above shows cut.

use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::text::{fit, fit_middle, put, rows, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// A pane of fewer rows has none to spare.
const LEAST: u16 = 9;

/// Whether there is room for it in a frame.
pub fn fits(area: Rect) -> bool {
    area.height >= LEAST
}

/// Draws a text at the bottom of a frame, in as many rows as it takes, but less than half of them. Returns what is left
/// above it.
pub fn draw(theme: &Theme, focused: bool, title: &str, text: &str, style: Style, area: Rect, buf: &mut Buffer) -> Rect {
    let inside = inner(area);
    if !fits(area) {
        return inside;
    }
    // A cell stays free at either side.
    let room = usize::from(inside.width.saturating_sub(2));
    let most = usize::from(inside.height * 2 / 5);
    let mut shown: Vec<String> = rows(text, room).take(most + 1).collect();
    let ellipsis = theme.glyphs().ellipsis;
    if shown.len() > most {
        shown.truncate(most);
        if let Some(last) = shown.last_mut() {
            *last = fit(last, room.saturating_sub(width(ellipsis)), "").into_owned() + ellipsis;
        }
    }
    let count = (shown.len() as u16).max(1);
    let below = Rect { y: area.bottom() - count - 2, height: count + 2, ..area };
    let title = fit_middle(title, room, ellipsis);
    Panel::new(theme).title(&title).focused(focused).render(below, buf);
    for (row, y) in shown.iter().zip(below.y + 1..) {
        let place = Rect { x: inside.x + 1, y, width: inside.width.saturating_sub(2), height: 1 };
        put(buf, place, row, style);
    }
    Rect { height: inside.height - count - 1, ..inside }
}
