//! Changing how much a container may use.

use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::limits::LimitsForm;
use crate::tui::model::modal::Modal;
use porthole_widgets::key::{Key, KeyCode, Modifiers};

pub fn open(model: &mut Model) -> Vec<Effect> {
    if let Some(container) = model.containers.selected() {
        model.modal = Some(Modal::Limits(Box::new(LimitsForm::new(container))));
    }
    Vec::new()
}

pub fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    edit(model, |limits| {
        limits.form.key(key);
    })
}

pub fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    edit(model, |limits| {
        let focus = limits.form.focus();
        if let Some(field) = limits.form.fields.get_mut(focus) {
            field.input.paste(text);
        }
    })
}

/// To the next field or the one before, round and round.
pub fn step(model: &mut Model, forward: bool) -> Vec<Effect> {
    let modifiers = if forward { Modifiers::NONE } else { Modifiers::SHIFT };
    typed(model, Key::new(KeyCode::Tab, modifiers))
}

fn edit(model: &mut Model, edit: impl FnOnce(&mut LimitsForm)) -> Vec<Effect> {
    let Some(Modal::Limits(limits)) = &mut model.modal else { return Vec::new() };
    let before = limits.argv();
    edit(limits);
    // What was said of the line before does not hold for another one.
    if limits.argv() != before {
        limits.check();
    }
    Vec::new()
}

/// Runs the command line. The form stays until it is known how that ended.
pub fn submit(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Limits(limits)) = &mut model.modal else { return Vec::new() };
    if limits.job.is_some() {
        return Vec::new();
    }
    if !limits.check() {
        limits.form.set_focus(limits.first_error().unwrap_or_default());
        return Vec::new();
    }
    let Some(argv) = limits.argv() else {
        model.modal = None;
        return Vec::new();
    };
    let effect = model.run(argv);
    if let (Some(Modal::Limits(limits)), Effect::Run { job, .. }) = (&mut model.modal, &effect) {
        limits.job = Some(*job);
    }
    vec![effect]
}

/// A command line ended. If it was the form's, the form closes, or says what is wrong; whether it said that.
pub fn ran(model: &mut Model, job: usize, problem: Option<&str>) -> bool {
    let Some(Modal::Limits(limits)) = &mut model.modal else { return false };
    if limits.job != Some(job) {
        return false;
    }
    limits.job = None;
    match problem {
        Some(problem) => limits.problem = Some(problem.to_owned()),
        None => model.modal = None,
    }
    problem.is_some()
}
