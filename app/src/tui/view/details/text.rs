//! Views of the selection that are text: the log, and pages.

use crate::tui::model::Model;
use crate::tui::model::detail::View;
use crate::tui::source::Since;
use porthole_widgets::log_view::LogPane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

/// Draws the text.
pub fn draw(model: &mut Model, view: View, area: Rect, buf: &mut Buffer) {
    let empty = match (view, model.detail.since) {
        _ if model.detail.loading => String::new(),
        (View::Log, Since::Minutes(minutes)) => format!("it has not said anything in the last {minutes} min"),
        (View::Log, _) => "it has not said anything yet".to_owned(),
        _ => "it does not run".to_owned(),
    };
    LogPane::new(&model.theme).empty(&empty).render(area, buf, &mut model.detail.text);
}

/// What is searched and shown.
pub fn status(model: &Model, view: View) -> String {
    let text = &model.detail.text;
    let mut facts = Vec::new();
    if let Some(search) = text.search_text() {
        facts.push(format!("/{search}"));
    }
    if let Some(filter) = text.filter_text() {
        facts.push(format!("only {filter}"));
    }
    if view == View::Log {
        facts.extend(model.detail.since.text());
        facts.push(text.status());
    }
    facts.join(" · ")
}
