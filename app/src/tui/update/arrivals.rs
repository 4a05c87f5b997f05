//! What comes back from effects.

use super::{forms, lab, networks, newcomer, prompts};
use crate::tui::message::{Effect, Generation, Ran};
use crate::tui::model::Model;
use crate::tui::model::commands::Outcome;
use crate::tui::model::detail::{self, View};
use crate::tui::model::inspect::Inspect;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::source::{Container, Image, LogLine, Networks, Process, Sample, Volume};
use porthole_engine::inside::Stack;
use serde_json::Value;
use std::sync::Arc;

pub fn containers(model: &mut Model, result: Result<Vec<Container>, String>) -> Vec<Effect> {
    match result {
        Ok(containers) => {
            model.usages.retain(|id, _| containers.iter().any(|container| container.is_up() && container.id == *id));
            model.containers.set(containers);
            model.networks.arrange(model.containers.all());
            model.projects.arrange(model.containers.all());
            fill_load(model);
            fill_used_by(model);
            newcomer::select(model);
        }
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}

pub fn images(model: &mut Model, result: Result<Vec<Image>, String>) -> Vec<Effect> {
    match result {
        Ok(images) => {
            model.images.set(images);
            fill_used_by(model);
        }
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}

/// Which containers use an image is known once both lists are there.
fn fill_used_by(model: &mut Model) {
    let containers = model.containers.all();
    let mut images = model.images.all().to_vec();
    for image in &mut images {
        let users = containers.iter().filter(|container| container.image_id == image.id);
        image.used_by = users.map(|container| container.name.clone()).collect();
    }
    let loaded = model.images.loaded;
    model.images.set(images);
    model.images.loaded = loaded;
}

pub fn volumes(model: &mut Model, result: Result<Vec<Volume>, String>) -> Vec<Effect> {
    match result {
        Ok(volumes) => model.volumes.set(volumes),
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}

pub fn networks(model: &mut Model, result: Result<Networks, String>) -> Vec<Effect> {
    match result {
        Ok(networks) => {
            model.networks.known = Some(networks);
            model.networks.arrange(model.containers.all());
        }
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}

pub fn usage(model: &mut Model, result: Result<Sample, String>) -> Vec<Effect> {
    match result {
        Ok(Sample { at, usages }) => {
            for (id, usage) in usages {
                model.usages.entry(id).or_default().add(usage, at);
            }
            fill_load(model);
        }
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}

/// The list shows and sorts by what containers use.
fn fill_load(model: &mut Model) {
    let usages = &model.usages;
    let load = |container: &Container| usages.get(&container.id).filter(|_| container.is_up())?.load();
    model.containers.change(|container| container.load = load(container));
}

pub fn log(model: &mut Model, generation: Generation, lines: Vec<LogLine>) -> Vec<Effect> {
    if generation == model.detail.generation {
        model.detail.loading = false;
        model.detail.take(&lines, model.utc_offset);
    }
    Vec::new()
}

pub fn log_ended(model: &mut Model, generation: Generation, problem: Option<String>) -> Vec<Effect> {
    if generation == model.detail.generation {
        model.detail.loading = false;
        model.detail.problem = problem;
    }
    Vec::new()
}

pub fn inspected(model: &mut Model, generation: Generation, result: Result<Value, String>) -> Vec<Effect> {
    if generation == model.detail.generation {
        let fresh = std::mem::take(&mut model.detail.loading);
        // Of links, rules and map somebody wants to see the whole, and how it changes.
        let unfolded = fresh && matches!(model.view(), Some(View::Links | View::Rules | View::Map));
        match result {
            Ok(value) => {
                model.detail.inspect.take(value);
                if unfolded {
                    model.detail.inspect.tree.unfold_all();
                }
            }
            Err(problem) => {
                model.detail.inspect = Inspect::default();
                model.detail.problem = Some(problem);
            }
        }
    }
    Vec::new()
}

pub fn files(model: &mut Model, generation: Generation, result: Result<Arc<Stack>, String>) -> Vec<Effect> {
    if generation == model.detail.generation {
        model.detail.loading = false;
        match result {
            Ok(stack) => model.detail.files.take(stack),
            Err(problem) => {
                model.detail.files.clear();
                model.detail.problem = Some(problem);
            }
        }
    }
    Vec::new()
}

pub fn processes(
    model: &mut Model,
    generation: Generation,
    result: Result<(i64, Vec<Process>), String>,
) -> Vec<Effect> {
    if generation == model.detail.generation {
        model.detail.loading = false;
        match result {
            Ok((at, processes)) => model.detail.processes.take(at, processes),
            Err(problem) => model.detail.problem = Some(problem),
        }
    }
    Vec::new()
}

/// A command line ended: it is noted, what it says is shown, and whatever waited for it goes on.
pub fn ran(model: &mut Model, ran: Ran) -> Vec<Effect> {
    let complaint = complaint(&ran);
    let outcome = if ran.code == 0 { Outcome::Done } else { Outcome::Failed(ran.code, complaint.clone()) };
    let (line, begun) = match model.commands.end(ran.job, outcome) {
        Some(entry) => (entry.line.clone(), entry.time),
        None => Default::default(),
    };
    let problem = (ran.code != 0).then_some(complaint);
    newcomer::announce(model, &line, begun, &ran);
    if problem.is_none() {
        networks::made(model, &line);
    }
    if forms::ran(model, ran.job, problem.as_deref()) {
        // The form itself says what is wrong.
    } else if let Some(problem) = &problem {
        model.complain(problem);
    } else if prompts::was_typed(model, ran.job) {
        show_output(model, &line, &ran);
    } else {
        model.say(line);
    }
    lab::ran(model, ran.job, problem)
}

/// One line goes into the corner, more get a page; nothing is said over a prompt or a question.
fn show_output(model: &mut Model, line: &str, ran: &Ran) {
    let text = if ran.stdout.trim().is_empty() { ran.stderr.trim_end() } else { ran.stdout.trim_end() };
    match text.lines().count() {
        0 => model.say(line),
        1 => model.say(text),
        _ if model.modal.is_some() => model.say(line),
        _ => {
            let (title, text) = (line.to_owned(), Box::new(detail::page(text)));
            model.modal = Some(Modal::Page(Page::Output { title, text }));
        }
    }
}

/// The last line that it wrote to standard error, without the program's name, which is known.
fn complaint(ran: &Ran) -> String {
    let line = ran.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line = line.map(|line| line.strip_prefix("porthole: ").unwrap_or(line));
    line.map_or_else(|| format!("exit code {}", ran.code), str::to_owned)
}
