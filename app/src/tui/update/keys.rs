//! Keys and pasted text: to an action of the active layers, or into what is being typed.

use super::{builds, confirm, forms, networks, perform, prompts, registry, shells};
use crate::tui::keymap::Chord;
use crate::tui::message::Effect;
use crate::tui::model::detail::View;
use crate::tui::model::modal::Modal;
use crate::tui::model::{Focus, Model};
use porthole_widgets::key::Key;

pub fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    if let Some(Modal::Palette(..)) = &model.modal {
        return prompts::palette_key(model, key);
    }
    if let Some(Modal::Registry(_)) = &model.modal {
        return registry::key(model, key);
    }
    if let Some(Modal::Choice(_)) = &model.modal {
        return networks::choose(model, key);
    }
    if let Some(action) = model.keymap.action(model.layers(), Chord(key)) {
        return perform::perform(model, action);
    }
    match (&model.modal, model.focus) {
        (Some(Modal::Prompt(_)), _) => prompts::typed(model, key),
        (Some(Modal::Confirm(_)), _) => confirm::key(model, key),
        (Some(Modal::Form(_)), _) => forms::typed(model, key),
        (None, Focus::Shell) => shells::typed(model, key),
        (None, Focus::Detail) if model.view() == Some(View::Dockerfile) => builds::typed(model, key),
        _ => Vec::new(),
    }
}

pub fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    match (&model.modal, model.focus) {
        (Some(Modal::Prompt(_)), _) => prompts::pasted(model, text),
        (Some(Modal::Form(_)), _) => forms::pasted(model, text),
        (None, Focus::Shell) => shells::pasted(model, text),
        (None, Focus::Detail) if model.view() == Some(View::Dockerfile) => builds::pasted(model, text),
        _ => Vec::new(),
    }
}
