//! A shell in the image of a container that does not run.

use super::shells;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::image_shell::ImageShell;

/// Has the command line found for whichever container is selected and does not run.
pub fn follow(model: &mut Model) -> Option<Effect> {
    let id = model.containers.selected().filter(|_| model.shows_ended())?.id.clone();
    if model.image_shell.as_ref().is_some_and(|shell| shell.container == id) {
        return None;
    }
    model.image_shell = Some(ImageShell::of(&id));
    Some(Effect::FindImageShell(id))
}

pub fn arrived(model: &mut Model, container: &str, answer: Result<Vec<String>, String>) -> Vec<Effect> {
    if let Some(shell) = model.image_shell.as_mut().filter(|shell| shell.container == container) {
        shell.argv = Some(answer);
    }
    Vec::new()
}

/// What is known of the shell for the selected container.
pub fn answer(model: &Model) -> Option<&Result<Vec<String>, String>> {
    let selected = model.containers.selected()?;
    model.image_shell.as_ref().filter(|shell| shell.container == selected.id)?.argv.as_ref()
}

/// Its command line, when there can be one.
pub fn argv(model: &Model) -> Option<&Vec<String>> {
    answer(model)?.as_ref().ok()
}

pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let title = format!("image of {}", container.name);
    match answer(model).cloned() {
        Some(Ok(argv)) => shells::open(model, &title, argv, false),
        Some(Err(reason)) => {
            model.complain(reason);
            Vec::new()
        }
        None => Vec::new(),
    }
}
