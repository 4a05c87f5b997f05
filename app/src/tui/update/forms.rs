//! Forms that make up a command line: filled in, and run.

use super::builds;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::form::{CommandForm, Fields};
use crate::tui::model::limits::LimitsForm;
use crate::tui::model::modal::Modal;
use porthole_widgets::form::Form;
use porthole_widgets::key::{Key, KeyCode, Modifiers};

/// Opens a form.
pub fn open(model: &mut Model, fields: impl Fields + 'static) -> Vec<Effect> {
    model.modal = Some(Modal::Form(CommandForm::new(fields)));
    Vec::new()
}

/// Changing how much a container may use.
pub fn limits(model: &mut Model) -> Vec<Effect> {
    match model.containers.selected().map(LimitsForm::new) {
        Some(fields) => open(model, fields),
        None => Vec::new(),
    }
}

pub fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    edit(model, |form| {
        form.key(key);
    })
}

pub fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    edit(model, |form| {
        let focus = form.focus();
        if let Some(field) = form.fields.get_mut(focus) {
            field.paste(text);
        }
    })
}

/// To the next field or the one before, round and round.
pub fn step(model: &mut Model, forward: bool) -> Vec<Effect> {
    let modifiers = if forward { Modifiers::NONE } else { Modifiers::SHIFT };
    typed(model, Key::new(KeyCode::Tab, modifiers))
}

fn edit(model: &mut Model, edit: impl FnOnce(&mut Form)) -> Vec<Effect> {
    let Some(Modal::Form(form)) = &mut model.modal else { return Vec::new() };
    let before = form.fields.argv();
    edit(form.fields.form_mut());
    // What was said of the line before does not hold for another one.
    if form.fields.argv() != before {
        form.check();
    }
    Vec::new()
}

/// Runs the command line. The form stays until it is known how that ended.
pub fn submit(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Form(form)) = &mut model.modal else { return Vec::new() };
    if form.job.is_some() {
        return Vec::new();
    }
    if !form.check() {
        let wrong = form.first_error().unwrap_or_default();
        form.fields.form_mut().set_focus(wrong);
        return Vec::new();
    }
    let Some(argv) = form.fields.argv() else {
        model.modal = None;
        return Vec::new();
    };
    if let Some(effects) = builds::start(model, &argv) {
        model.modal = None;
        return effects;
    }
    let effect = model.run(argv);
    if let (Some(Modal::Form(form)), Effect::Run { job, .. }) = (&mut model.modal, &effect) {
        form.job = Some(*job);
    }
    vec![effect]
}

/// A command line ended. If it was the form's, the form closes, or says what is wrong; whether it said that.
pub fn ran(model: &mut Model, job: usize, problem: Option<&str>) -> bool {
    let Some(Modal::Form(form)) = &mut model.modal else { return false };
    if form.job != Some(job) {
        return false;
    }
    form.job = None;
    match problem {
        Some(problem) => form.problem = Some(problem.to_owned()),
        None => model.modal = None,
    }
    problem.is_some()
}
