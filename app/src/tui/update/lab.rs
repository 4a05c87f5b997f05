//! The lab in one key: set it up, trace `web`, send a request from outside.

use super::{confirm, trace};
use crate::tui::message::Effect;
use crate::tui::model::modal::Then;
use crate::tui::model::trace::LabStep;
use crate::tui::model::{Model, Screen};

/// The container that the lab sets up.
const TARGET: &str = "web";

pub fn begin(model: &mut Model) -> Vec<Effect> {
    if model.trace.lab != LabStep::Idle {
        return Vec::new();
    }
    model.open(Screen::Trace);
    // A trace of the lab that runs already needs nothing but one more request.
    if model.trace.is_live() && model.trace.subject.as_deref() == Some(TARGET) {
        return send(model);
    }
    model.trace.problem = None;
    let effect = run(model, "up");
    model.trace.lab = LabStep::Up(job(&effect));
    vec![effect]
}

/// One of the lab's command lines ended.
pub fn ran(model: &mut Model, ended: usize, problem: Option<String>) -> Vec<Effect> {
    match model.trace.lab {
        LabStep::Up(job) if job == ended && problem.is_none() => {
            model.toast = None;
            model.trace.lab = LabStep::Tracing;
            trace::begin(model, TARGET)
        }
        LabStep::Up(job) | LabStep::Sending(job) if job == ended => {
            model.trace.lab = LabStep::Idle;
            if problem.is_none() {
                // The packets say it better.
                model.toast = None;
            }
            model.trace.problem = problem;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The trace sees packets from now on.
pub fn tracing(model: &mut Model) -> Vec<Effect> {
    if model.trace.lab == LabStep::Tracing { send(model) } else { Vec::new() }
}

/// There will be no trace.
pub fn failed(model: &mut Model) {
    model.trace.lab = LabStep::Idle;
}

fn send(model: &mut Model) -> Vec<Effect> {
    let effect = run(model, "send");
    model.trace.lab = LabStep::Sending(job(&effect));
    vec![effect]
}

pub fn down(model: &mut Model) -> Vec<Effect> {
    let effects = vec![
        format!("Container {TARGET} is killed and removed, with all that was written into it."),
        "The outside namespace and its link to the host go away; image lab stays.".to_owned(),
    ];
    let then = Then::Run(vec!["lab".to_owned(), "down".to_owned()]);
    confirm::ask(model, "Take down", "the lab".to_owned(), effects, then)
}

fn run(model: &mut Model, what: &str) -> Effect {
    model.run(vec!["lab".to_owned(), what.to_owned()])
}

fn job(effect: &Effect) -> usize {
    match effect {
        Effect::Run { job, .. } => *job,
        _ => usize::MAX,
    }
}
