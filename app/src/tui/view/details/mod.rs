//! The pane of details: one view of the selection, the others as tabs in its frame.

mod failure;
mod files;
mod inspect;
pub mod stats;
mod text;
mod top;
mod whole;

use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Screen};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::text::put;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Draws the pane.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let Some(view) = model.view() else { return };
    frame(model, view, area, buf);
    let inside = inner(area);
    let empty = match view {
        View::Log => model.detail.text.is_empty(),
        View::Top => model.detail.processes.list.all().is_empty(),
        View::Stats => false,
        View::Files => model.detail.files.stack().is_none(),
        View::Inspect | View::Links | View::Rules | View::Map => model.detail.inspect.tree.is_empty(),
    };
    if let Some(problem) = model.detail.problem.as_ref().filter(|_| empty) {
        return put_problem(model, problem, inside, buf);
    }
    match view {
        View::Log if model.shows_failure() => {
            let log = failure::draw(model, area, buf);
            text::draw(model, log, buf);
        }
        View::Log => text::draw(model, inside, buf),
        View::Top => top::draw(model, area, buf),
        View::Stats => stats::draw(model, inside, buf),
        View::Files => files::draw(model, area, buf),
        View::Inspect | View::Links | View::Rules | View::Map => inspect::draw(model, area, buf),
    }
}

/// The frame with the name of the selection and the tabs, whose places are noted.
fn frame(model: &mut Model, view: View, area: Rect, buf: &mut Buffer) {
    let views = model.views();
    let names: Vec<&str> = views.iter().map(|view| view.name()).collect();
    let shown = views.iter().position(|other| *other == view).unwrap_or(0);
    let status = match view {
        View::Log => text::status(model),
        View::Top => top::status(model),
        View::Stats if model.shows_ended() => String::new(),
        View::Stats => stats::status(inner(area)),
        View::Files if area.width >= files::WIDE => String::new(),
        View::Files => files::status(model),
        View::Inspect | View::Links | View::Rules | View::Map => inspect::status(model, area),
    };
    let subject = subject(model).to_owned();
    let panel = Panel::new(&model.theme).title(&subject).tabs(&names, shown);
    let panel = panel.status(&status).focused(model.focus == Focus::Detail);
    model.places.views = panel.tab_places(area).into_iter().map(|(place, tab)| (place, views[tab])).collect();
    panel.render(area, buf);
}

/// What is selected.
fn subject(model: &Model) -> &str {
    match model.screen {
        Screen::Images => model.images.selected().map_or("", |image| image.reference()),
        Screen::Volumes => model.volumes.selected().map_or("", |volume| volume.name.as_str()),
        Screen::Networks if model.view() == Some(View::Map) => "the host",
        Screen::Networks if model.view() != Some(View::Links) => {
            model.networks.selected_network().map_or("", |network| network.name.as_str())
        }
        _ => model.current().map_or("", |container| container.name.as_str()),
    }
}

fn put_problem(model: &Model, problem: &str, inside: Rect, buf: &mut Buffer) {
    let line = Rect {
        x: inside.x + 1.min(inside.width),
        width: inside.width.saturating_sub(2),
        height: inside.height.min(1),
        ..inside
    };
    put(buf, line, problem, model.theme.bad());
}
