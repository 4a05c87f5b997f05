//! The pane of details: log, inspect, processes.

use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Screen};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::log_view::LogPane;
use porthole_widgets::text::put;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};

/// Draws the pane.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Detail;
    let (title, status) = (title(model), status(model));
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    let (inside, detail) = (inner(area), &mut model.detail);
    if let Some(problem) = detail.problem.as_ref().filter(|_| detail.text.is_empty()) {
        let line = Rect {
            x: inside.x + 1.min(inside.width),
            width: inside.width.saturating_sub(2),
            height: inside.height.min(1),
            ..inside
        };
        put(buf, line, problem, model.theme.bad());
        return;
    }
    let empty = empty(model);
    LogPane::new(&model.theme).empty(empty).render(inside, buf, &mut model.detail.text);
}

fn title(model: &Model) -> String {
    let separator = model.theme.glyphs().separator;
    match model.screen {
        Screen::Images => {
            format!("{} {separator} inspect", model.images.selected().map_or("", |image| image.reference()))
        }
        _ => {
            let name = model.containers.selected().map_or("", |container| container.name.as_str());
            format!("{name} {separator} {}", model.detail.view.name())
        }
    }
}

fn status(model: &Model) -> String {
    let text = &model.detail.text;
    let mut facts = Vec::new();
    if let Some(search) = text.search_text() {
        facts.push(format!("/{search}"));
    }
    if let Some(filter) = text.filter_text() {
        facts.push(format!("only {filter}"));
    }
    if model.shows_log() {
        facts.extend(model.detail.since.text());
        facts.push(text.status());
    }
    facts.join(" · ")
}

fn empty(model: &Model) -> &'static str {
    if model.detail.loading {
        return "";
    }
    match (model.screen, model.detail.view) {
        (Screen::Containers, View::Log) => "it has not said anything yet",
        (Screen::Containers, View::Top) => "it does not run",
        _ => "",
    }
}
