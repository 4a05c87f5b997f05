//! The pane of details: one view of the selection, the others as tabs in its frame.

mod build;
mod failure;
mod files;
mod inspect;
mod sheet;
pub mod stats;
mod text;
mod top;
mod whole;

use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Screen};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::text::{fit, put};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Longer names of steps leave no room for what is said of them.
const LONGEST_STEP: usize = 32;

/// Draws the pane.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let Some(view) = model.view() else { return };
    frame(model, view, area, buf);
    let inside = inner(area);
    let empty = match view {
        View::Log => model.detail.text.is_empty(),
        View::Top => model.detail.processes.list.all().is_empty(),
        View::Stats | View::Yaml | View::Config => false,
        View::Files => model.detail.files.stack().is_none(),
        View::Inspect | View::Links | View::Rules | View::Map => model.detail.inspect.tree.is_empty(),
        View::Output | View::Dockerfile => false,
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
        View::Yaml | View::Config => sheet::draw(model, view, inside, buf),
        View::Inspect | View::Links | View::Rules | View::Map => inspect::draw(model, area, buf),
        View::Output => build::draw_output(model, area, buf),
        View::Dockerfile => build::draw_editor(model, area, buf),
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
        View::Yaml | View::Config => sheet::status(model, view),
        View::Inspect | View::Links | View::Rules | View::Map => inspect::status(model, area),
        View::Output => build::output_status(model),
        View::Dockerfile => build::editor_status(model),
    };
    let subject = subject(model);
    let panel = Panel::new(&model.theme).title(&subject).tabs(&names, shown);
    let panel = panel.status(&status).focused(model.focus == Focus::Detail);
    model.places.views = panel.tab_places(area).into_iter().map(|(place, tab)| (place, views[tab])).collect();
    panel.render(area, buf);
}

/// What is selected.
fn subject(model: &Model) -> String {
    let name = match model.screen {
        Screen::Images => model.images.selected().map_or("", |image| image.reference()),
        Screen::Volumes => model.volumes.selected().map_or("", |volume| volume.name.as_str()),
        Screen::Builds => return build_subject(model),
        Screen::Networks if model.view() == Some(View::Map) => "the host",
        Screen::Networks if model.view() != Some(View::Links) => {
            model.networks.selected_network().map_or("", |network| network.name.as_str())
        }
        Screen::Projects => match (model.projects.selected(), model.projects.selected_service()) {
            (_, Some(service)) => &service.described.name,
            (project, None) => project.map_or("", |project| project.name.as_str()),
        },
        _ => model.current().map_or("", |container| container.name.as_str()),
    };
    name.to_owned()
}

/// The selected step, or the Dockerfile.
fn build_subject(model: &Model) -> String {
    let Some(build) = model.builds.shown() else { return String::new() };
    if model.view() == Some(View::Dockerfile) {
        return last_names(&build.request.dockerfile.to_string_lossy()).to_owned();
    }
    let step = build.selected().map_or(build.request.name.as_str(), |step| step.what());
    fit(step, LONGEST_STEP, model.theme.glyphs().ellipsis).into_owned()
}

/// A file and its folder, without the way there.
fn last_names(path: &str) -> &str {
    path.rmatch_indices('/').nth(1).map_or(path, |(at, _)| &path[at + 1..])
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
