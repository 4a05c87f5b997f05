//! The log of the selection.

use crate::tui::model::Model;
use crate::tui::source::Since;
use porthole_widgets::log_view::LogPane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

/// Draws the log.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let empty = match model.detail.since {
        _ if model.detail.loading => String::new(),
        Since::Minutes(minutes) => format!("it has not said anything in the last {minutes} min"),
        _ => "it has not said anything yet".to_owned(),
    };
    LogPane::new(&model.theme).empty(&empty).render(area, buf, &mut model.detail.text);
}

/// What is searched and shown.
pub fn status(model: &Model) -> String {
    let text = &model.detail.text;
    let mut facts = Vec::new();
    if let Some(search) = text.search_text() {
        facts.push(format!("/{search}"));
    }
    if let Some(filter) = text.filter_text() {
        facts.push(format!("only {filter}"));
    }
    facts.extend(model.detail.since.text());
    facts.push(text.status());
    facts.join(" · ")
}
