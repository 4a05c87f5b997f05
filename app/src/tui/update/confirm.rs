//! Questions before what cannot be undone.

use super::shells;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::{Confirm, Modal, Then};
use crate::tui::{human, words};
use porthole_widgets::confirm::Confirm as Dialog;
use porthole_widgets::key::Key;

/// Puts a question: what will be done, to what, what that brings with it. The answer leaned to is no.
pub fn ask(model: &mut Model, title: &str, object: String, effects: Vec<String>, then: Then) -> Vec<Effect> {
    let command = match &then {
        Then::Run(argv) => format!("porthole {}", words::join(argv)),
        Then::Quit | Then::CloseShell(_) => String::new(),
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
        Then::Quit => vec![Effect::Quit],
        Then::CloseShell(shell) => shells::hang_up(model, shell),
    }
}

/// Quits; asks first when terminals are open, because their programs would end.
pub fn quit(model: &mut Model) -> Vec<Effect> {
    let open = model.shells.running();
    if open == 0 {
        return vec![Effect::Quit];
    }
    let object = human::count(open, "terminal is open", "terminals are open");
    let effects = vec!["What runs in a terminal gets a hang-up.".to_owned(), "Containers stay as they are.".to_owned()];
    ask(model, "Quit", object, effects, Then::Quit)
}
