//! A container that was just made or started is what one wants to look at, above all when that went wrong.

use crate::tui::message::Ran;
use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Newcomer, Screen};
use crate::tui::source::Container;
use crate::tui::words;

/// Digits of an id.
const ID: usize = 64;

/// A command line ended: if it made or started a container, that one is to be selected.
pub fn announce(model: &mut Model, line: &str, begun: i64, ran: &Ran) {
    let words = words::split(line).unwrap_or_default();
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let last_line = ran.stdout.lines().last().unwrap_or_default();
    let made = || last_line.len() == ID && last_line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let newcomer = match (words.as_slice(), ran.code) {
        (["run" | "create", ..], 0) if made() => Newcomer::Named(last_line.to_owned()),
        // One that is removed when it ends will not be in the list.
        (["run", arguments @ ..], 125..=127) if !arguments.contains(&"--rm") => Newcomer::FailedSince(begun),
        (["start" | "restart", name], 1..) => Newcomer::Named((*name).to_owned()),
        _ => return,
    };
    model.newcomer = Some(newcomer);
    select(model);
}

/// Selects it once it is in the list; one that failed shows its log, and above it the reason.
pub fn select(model: &mut Model) {
    let Some(newcomer) = &model.newcomer else { return };
    let is_it = |container: &&Container| match newcomer {
        Newcomer::Named(name) => container.id == *name || container.name == *name,
        Newcomer::FailedSince(time) => container.has_failed() && container.created >= *time,
    };
    let Some(id) = model.containers.all().iter().find(is_it).map(|container| container.id.clone()) else { return };
    model.newcomer = None;
    // Whoever has gone on to something else is not called back.
    if model.screen != Screen::Containers || model.focus == Focus::Shell || model.modal.is_some() {
        return;
    }
    model.containers.select(&id);
    let Some(container) = model.containers.selected().filter(|it| it.id == id && it.has_failed()) else { return };
    // The pane says it better than the corner.
    let error = &container.error;
    model.toast.take_if(|toast| toast.text == *error);
    model.detail.view = View::Log;
}
