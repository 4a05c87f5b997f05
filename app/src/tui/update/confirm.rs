//! Questions before what cannot be undone.

use super::{builds, shells};
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::{Confirm, Modal, Then};
use crate::tui::{human, words};
use porthole_widgets::confirm::Confirm as Dialog;
use porthole_widgets::key::Key;

/// Puts a question: what will be done, to what, what that brings with it. The answer leaned to is no.
pub fn ask(model: &mut Model, title: &str, object: String, effects: Vec<String>, then: Then) -> Vec<Effect> {
    let command = match &then {
        Then::Run(argv) | Then::Terminal(_, argv) | Then::SaveAndBuild(argv) => {
            format!("porthole {}", words::join(argv))
        }
        Then::Quit | Then::CloseShell(_) | Then::SaveOver(_) => String::new(),
    };
    let dialog = Dialog { title: title.to_owned(), object, depends: effects, command, yes: false };
    model.modal = Some(Modal::Confirm(Confirm { dialog, then }));
    Vec::new()
}

/// A key that no action has: it may mark the other answer, or take the marked one.
pub fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Modal::Confirm(confirm)) = &mut model.modal else { return Vec::new() };
    match confirm.dialog.key(key) {
        Some(true) => yes(model),
        Some(false) => {
            model.modal = None;
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Does what was asked for.
pub fn yes(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Confirm(confirm)) = model.modal.take() else { return Vec::new() };
    match confirm.then {
        Then::Run(argv) => {
            model.containers.clear_marks();
            model.images.clear_marks();
            model.volumes.clear_marks();
            vec![model.run(argv)]
        }
        Then::Terminal(title, argv) => shells::open(model, &title, argv, false),
        Then::Quit => vec![Effect::Quit],
        Then::CloseShell(shell) => shells::hang_up(model, shell),
        Then::SaveAndBuild(argv) => builds::save_and_build(model, Some(argv)),
        Then::SaveOver(path) => builds::write_over(model, path),
    }
}

/// Quits; asks first when terminals are open, something is being built or a text is not saved, because they would end.
pub fn quit(model: &mut Model) -> Vec<Effect> {
    let (open, running, unsaved) = (model.shells.running(), model.builds.running(), model.builds.unsaved());
    let mut objects = Vec::new();
    let mut effects = Vec::new();
    if open > 0 {
        objects.push(human::count(open, "terminal is open", "terminals are open"));
        effects.push("What runs in a terminal gets a hang-up.".to_owned());
    }
    if running > 0 {
        objects.push(human::count(running, "image is being built", "images are being built"));
        effects.push("What is being built is cancelled; the steps that are done stay in the cache.".to_owned());
    }
    if !unsaved.is_empty() {
        objects.push(format!("{} is not saved", unsaved.join(", ")));
        effects.push("What was typed there is lost.".to_owned());
    }
    if objects.is_empty() {
        return vec![Effect::Quit];
    }
    effects.push("Containers stay as they are.".to_owned());
    ask(model, "Quit", objects.join(", "), effects, Then::Quit)
}
