//! Filter, marks and order of whichever list has the keys. Events stand in the order in which they happened.

use crate::tui::model::{Focus, Model, Screen};

/// Columns that each list can be sorted by.
const CONTAINER_COLUMNS: usize = 5;
const IMAGE_COLUMNS: usize = 5;
const VOLUME_COLUMNS: usize = 4;
const PROCESS_COLUMNS: usize = 5;

pub fn filter(model: &Model) -> &str {
    match (model.focus, model.screen) {
        (Focus::Detail, _) => model.detail.processes.list.filter(),
        (_, Screen::Images) => model.images.filter(),
        (_, Screen::Volumes) => model.volumes.filter(),
        (_, Screen::Events) => model.events.filter(),
        _ => model.containers.filter(),
    }
}

pub fn set_filter(model: &mut Model, filter: &str) {
    match (model.focus, model.screen) {
        (Focus::Detail, _) => model.detail.processes.list.set_filter(filter),
        (_, Screen::Images) => model.images.set_filter(filter),
        (_, Screen::Volumes) => model.volumes.set_filter(filter),
        (_, Screen::Events) => model.events.set_filter(filter),
        _ => model.containers.set_filter(filter),
    }
}

pub fn mark(model: &mut Model) {
    match (model.focus, model.screen) {
        (Focus::Detail, _) | (_, Screen::Events) => {}
        (_, Screen::Images) => model.images.toggle_mark(),
        (_, Screen::Volumes) => model.volumes.toggle_mark(),
        _ => model.containers.toggle_mark(),
    }
}

pub fn sort(model: &mut Model) {
    match (model.focus, model.screen) {
        (Focus::Detail, _) => model.detail.processes.list.sort_next(PROCESS_COLUMNS),
        (_, Screen::Images) => model.images.sort_next(IMAGE_COLUMNS),
        (_, Screen::Volumes) => model.volumes.sort_next(VOLUME_COLUMNS),
        (_, Screen::Events) => {}
        _ => model.containers.sort_next(CONTAINER_COLUMNS),
    }
}

pub fn reverse(model: &mut Model) {
    match (model.focus, model.screen) {
        (Focus::Detail, _) => model.detail.processes.list.reverse(),
        (_, Screen::Images) => model.images.reverse(),
        (_, Screen::Volumes) => model.volumes.reverse(),
        (_, Screen::Events) => {}
        _ => model.containers.reverse(),
    }
}
