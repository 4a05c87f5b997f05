//! The trace: begun, watched, ended.

use super::{lab, prompts};
use crate::tui::message::Effect;
use crate::tui::model::prompt::Purpose;
use crate::tui::model::trace::{TraceState, TraceUpdate, TraceWanted};
use crate::tui::model::{Model, Screen};

/// Traces a container from now on, on the trace page.
pub fn begin(model: &mut Model, container: &str) -> Vec<Effect> {
    model.open(Screen::Trace);
    model.trace.begin(container);
    let argv = ["trace", "--container", container].map(str::to_owned);
    model.trace.job = Some(model.commands.start(&argv, model.now));
    vec![Effect::Trace(TraceWanted::Start(container.to_owned()))]
}

pub fn arrived(model: &mut Model, update: TraceUpdate) -> Vec<Effect> {
    match update {
        TraceUpdate::Ready => {
            model.trace.state = TraceState::Live;
            lab::tracing(model)
        }
        TraceUpdate::Snapshot(snapshot) => {
            model.trace.take(snapshot);
            Vec::new()
        }
        TraceUpdate::Ended(problem) => {
            ended(model, problem);
            Vec::new()
        }
        TraceUpdate::Saved(result) => {
            match result {
                Ok(path) => model.say(format!("saved {}", path.display())),
                Err(problem) => model.complain(problem),
            }
            Vec::new()
        }
    }
}

fn ended(model: &mut Model, problem: Option<String>) {
    use crate::tui::model::commands::Outcome;
    model.trace.state = TraceState::Ended;
    let outcome = problem.clone().map_or(Outcome::Done, |problem| Outcome::Failed(1, problem));
    if let Some(job) = model.trace.job.take() {
        model.commands.end(job, outcome);
    }
    if let Some(problem) = problem {
        lab::failed(model);
        model.trace.problem = Some(problem.clone());
        model.complain(problem);
    }
}

pub fn stop(model: &mut Model) -> Vec<Effect> {
    if model.trace.is_live() { vec![Effect::Trace(TraceWanted::Stop)] } else { Vec::new() }
}

/// Forgets what was seen and traces the same container on.
pub fn again(model: &mut Model) -> Vec<Effect> {
    match model.trace.subject.clone() {
        Some(container) => begin(model, &container),
        None => Vec::new(),
    }
}

pub fn save(model: &mut Model) -> Vec<Effect> {
    match model.trace.subject.clone() {
        Some(container) if model.trace.shown().is_some_and(|shown| !shown.journeys.is_empty()) => {
            prompts::open(model, Purpose::SavePackets, &format!("{container}.pcapng"))
        }
        _ => Vec::new(),
    }
}
