//! The mouse: a click focuses and selects, the wheel moves what is under it.

use super::moves::{self, Motion};
use super::{areas, builds, projects, shells};
use crate::tui::message::Effect;
use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Screen};
use porthole_widgets::frame;
use porthole_widgets::key::{Mouse, MouseButton, MouseKind};
use porthole_widgets::table::TableHit;
use ratatui::layout::{Position, Rect};

/// Lines that one notch of the wheel moves.
const NOTCH: isize = 3;

pub fn mouse(model: &mut Model, event: Mouse) -> Vec<Effect> {
    let at = Position::new(event.column, event.row);
    if model.modal.is_some() {
        return Vec::new();
    }
    let areas = areas(model);
    let inside = |area: Option<Rect>| area.is_some_and(|area| area.contains(at));
    if inside(areas.shell) {
        return in_shell(model, event, frame::inner(areas.shell.unwrap_or_default()));
    }
    match event.kind {
        MouseKind::Down(MouseButton::Left) if inside(areas.detail) => {
            model.focus = Focus::Detail;
            if let Some((_, view)) = model.places.views.iter().find(|(area, _)| area.contains(at)) {
                model.detail.view = *view;
            } else {
                select_in_detail(model, at);
            }
        }
        MouseKind::Down(MouseButton::Left) if inside(areas.list) => {
            model.focus = Focus::List;
            select(model, at);
        }
        MouseKind::Down(MouseButton::Left) => {
            if let Some((_, screen)) = model.places.tabs.iter().find(|(area, _)| area.contains(at)) {
                model.open(*screen);
            }
        }
        MouseKind::ScrollUp | MouseKind::ScrollDown => {
            let lines = if event.kind == MouseKind::ScrollUp { -NOTCH } else { NOTCH };
            let pane = if inside(areas.detail) { Focus::Detail } else { Focus::List };
            // Where the selection moves with the wheel, a notch is one row.
            let is_source = model.view() == Some(View::Dockerfile) || projects::sheet(model).is_some();
            let scrolls = pane == Focus::Detail && (model.text().is_some() || is_source);
            let lines = if scrolls { lines } else { lines.signum() };
            moves::in_pane(model, pane, Motion::Lines(lines));
        }
        _ => {}
    }
    Vec::new()
}

fn select_in_detail(model: &mut Model, at: Position) {
    if model.view() == Some(View::Dockerfile) {
        if let Some(source) = builds::source(model) {
            source.click(at);
        }
    } else if let Some(inspect) = model.inspect_mut() {
        inspect.tree.click(at);
    } else if let Some(source) = projects::sheet_mut(model).and_then(|sheet| sheet.source.as_mut()) {
        source.click(at);
    } else if model.view() == Some(View::Files) {
        let files = &mut model.detail.files;
        if let Some(TableHit::Row(row)) = files.layers.hit(at) {
            files.select_layer(row);
        } else if let Some(TableHit::Row(row)) = files.table.hit(at) {
            files.table.window.select(Some(row));
        }
    } else if model.view() == Some(View::Top) {
        let list = &mut model.detail.processes.list;
        match list.table.hit(at) {
            Some(TableHit::Row(row)) => list.table.window.select(Some(row)),
            Some(TableHit::Header(column)) => list.sort_by(column),
            None => {}
        }
    }
}

fn select(model: &mut Model, at: Position) {
    match model.screen {
        Screen::Containers => match model.containers.table.hit(at) {
            Some(TableHit::Row(row)) => model.containers.table.window.select(Some(row)),
            Some(TableHit::Header(column @ 0..5)) => model.containers.sort_by(column),
            _ => {}
        },
        Screen::Images => match model.images.table.hit(at) {
            Some(TableHit::Row(row)) => model.images.table.window.select(Some(row)),
            Some(TableHit::Header(column)) => model.images.sort_by(column),
            None => {}
        },
        Screen::Volumes => match model.volumes.table.hit(at) {
            Some(TableHit::Row(row)) => model.volumes.table.window.select(Some(row)),
            Some(TableHit::Header(column)) => model.volumes.sort_by(column),
            None => {}
        },
        Screen::Events => {
            if let Some(TableHit::Row(row)) = model.events.table.hit(at) {
                model.events.select(row);
            }
        }
        Screen::Builds => {
            if let Some(TableHit::Row(row)) = model.builds.table.hit(at) {
                model.builds.show(model.builds.all().len() - 1 - row);
            } else if let Some(build) = model.builds.shown_mut()
                && let Some(TableHit::Row(row)) = build.table.hit(at)
            {
                build.select(|window, _| window.select(Some(row)));
            }
        }
        Screen::Trace => model.trace.click(at, &model.places),
        Screen::Projects => {
            if let Some(row) = model.projects.state.hit(at) {
                model.projects.state.window.select(Some(row));
            }
        }
        Screen::Networks => {
            if let Some(row) = model.networks.state.hit(at) {
                model.networks.state.window.select(Some(row));
            }
        }
    }
}

fn in_shell(model: &mut Model, event: Mouse, inner: Rect) -> Vec<Effect> {
    let at = Position::new(event.column, event.row);
    if event.kind == MouseKind::Down(MouseButton::Left) {
        model.focus = Focus::Shell;
        if let Some((_, index)) = model.places.shell_tabs.iter().find(|(area, _)| area.contains(at)) {
            model.shells.show(*index);
            return Vec::new();
        }
    }
    if !inner.contains(at) {
        return Vec::new();
    }
    shells::mouse(model, Mouse { column: at.x - inner.x, row: at.y - inner.y, ..event })
}
