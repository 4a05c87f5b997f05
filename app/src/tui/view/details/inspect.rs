//! All that is known of the selection, as a tree, with the selected value whole below it.

use super::whole;
use crate::tui::human;
use crate::tui::model::{Focus, Model};
use porthole_widgets::tree::TreeView;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

/// Draws tree and value into a frame.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let Some(inspect) = model.inspect() else { return };
    let focused = model.focus == Focus::Detail;
    let (text, style) = match inspect.tree.leaf() {
        Some(text) if text.is_empty() => ("an empty text".to_owned(), model.theme.muted()),
        Some(text) => (text, model.theme.text()),
        None => (human::count(inspect.tree.held(), "value", "values"), model.theme.muted()),
    };
    let path = inspect.path();
    let above = whole::draw(&model.theme, focused, &path, &text, style, area, buf);
    TreeView::new(&model.theme).focused(focused).render(above, buf, &mut model.detail.inspect.tree);
}

/// What is searched; and the path where it does not stand below.
pub fn status(model: &Model, area: Rect) -> String {
    let Some(inspect) = model.inspect() else { return String::new() };
    let mut facts = Vec::new();
    if let (Some(wanted), Some((at, count))) = (inspect.tree.search_text(), inspect.tree.search_position()) {
        facts.push(match (at, count) {
            (_, 0) => format!("/{wanted} not found"),
            (0, count) => format!("/{wanted} {count}"),
            (at, count) => format!("/{wanted} {at} of {count}"),
        });
    }
    if !whole::fits(area) {
        facts.push(inspect.path());
    }
    facts.join(" · ")
}
