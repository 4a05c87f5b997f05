//! What can be done with containers. Each change is a command line that is shown and run as it is.

use super::{confirm, prompts, shells, trace};
use crate::tui::actions::Action;
use crate::tui::human;
use crate::tui::message::Effect;
use crate::tui::model::modal::Then;
use crate::tui::model::prompt::Purpose;
use crate::tui::model::{Model, Screen};
use crate::tui::source::{Container, Phase};

/// Start, stop, restart: of all marked containers that it makes sense for, in one command line.
pub fn run(model: &mut Model, action: Action) -> Vec<Effect> {
    let (command, fits): (&str, fn(&Container) -> bool) = match action {
        Action::Start => ("start", |container| !container.is_up()),
        Action::Stop => ("stop", |container| container.is_up() || container.phase == Phase::Restarting),
        _ => ("restart", |_| true),
    };
    match names(model, fits) {
        names if names.is_empty() => Vec::new(),
        names => vec![run_marked(model, argv(&[command], names))],
    }
}

pub fn pause(model: &mut Model) -> Vec<Effect> {
    let frozen = names(model, |container| container.phase == Phase::Paused);
    let running = names(model, |container| container.phase == Phase::Running);
    match (running.is_empty(), frozen.is_empty()) {
        (false, _) => vec![run_marked(model, argv(&["pause"], running))],
        (true, false) => vec![run_marked(model, argv(&["unpause"], frozen))],
        (true, true) => Vec::new(),
    }
}

pub fn kill(model: &mut Model) -> Vec<Effect> {
    let names = names(model, Container::is_up);
    if names.is_empty() {
        return Vec::new();
    }
    let effects = vec!["Its processes end at once, without a chance to put their work in order.".to_owned()];
    confirm::ask(model, "Kill", listed(&names), effects, Then::Run(argv(&["kill"], names)))
}

pub fn remove(model: &mut Model) -> Vec<Effect> {
    let targets = model.containers.targets();
    if targets.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = targets.iter().map(|container| container.name.clone()).collect();
    let mut effects = Vec::new();
    let up: Vec<&&Container> = targets.iter().filter(|container| container.is_up()).collect();
    for container in &up {
        effects.push(format!(
            "{} is up for {}: it is killed.",
            container.name,
            human::duration(container.age(model.now))
        ));
    }
    effects.push("What was written into it and its log are deleted; image and bind mounts stay.".to_owned());
    let sharers = sharers(model, &names);
    if !sharers.is_empty() {
        effects.push(format!("{} would lose the network that it shares.", sharers.join(", ")));
    }
    let flag: &[&str] = if up.is_empty() { &["rm"] } else { &["rm", "-f"] };
    confirm::ask(model, "Remove", listed(&names), effects, Then::Run(argv(flag, names)))
}

/// Containers that live in the network of one of those named.
fn sharers(model: &Model, names: &[String]) -> Vec<String> {
    let shares = |container: &&Container| {
        let owner = container.network.strip_prefix("container:");
        container.is_up() && owner.is_some_and(|owner| names.iter().any(|name| name == owner))
    };
    model.containers.all().iter().filter(shares).map(|container| container.name.clone()).collect()
}

/// Into a file in the working directory, by a name that no other has.
pub fn forensics(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let name = container.name.clone();
    let file = format!("{name}-{}.tar.zst", human::stamp(model.now));
    vec![model.run(argv(&["forensics", "-o"], vec![file, name]))]
}

pub fn rename(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let line = format!("rename {} ", container.name);
    prompts::open(model, Purpose::Command, &line)
}

pub fn shell(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let name = container.name.clone();
    match container.phase {
        Phase::Running => {
            shells::open(model, &name, argv(&["exec", "-it"], vec![name.clone(), "sh".to_owned()]), false)
        }
        Phase::Paused => refuse(model, format!("{name} is paused: p lets it go on")),
        _ => refuse(model, format!("{name} does not run: S starts it")),
    }
}

pub fn attach(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let name = container.name.clone();
    match container.phase {
        Phase::Running => shells::open(model, &name, argv(&["attach"], vec![name.clone()]), true),
        _ => refuse(model, format!("{name} does not run: S starts it")),
    }
}

pub fn trace(model: &mut Model) -> Vec<Effect> {
    let Some(container) = model.current() else { return Vec::new() };
    let name = container.name.clone();
    match container.address {
        Some(_) => trace::begin(model, &name),
        None => refuse(model, format!("{name} has no place on the bridge now: there are no packets to follow")),
    }
}

/// Shows the container of the picture in the list.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if let Some(id) = model.current().map(|container| container.id.clone()) {
        model.open(Screen::Containers);
        model.containers.select(&id);
    }
    Vec::new()
}

pub fn toggle_exited(model: &mut Model) -> Vec<Effect> {
    let hide = !model.containers.hides();
    model.containers.set_hidden(hide.then_some(|container: &Container| !container.is_up()));
    model.say(if hide { "only containers that run" } else { "all containers" });
    Vec::new()
}

pub fn copy_id(model: &mut Model) -> Vec<Effect> {
    let ids: Vec<&str> = model.containers.targets().iter().map(|container| container.id.as_str()).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let text = ids.join("\n");
    model.say("copied the id");
    vec![Effect::Copy(text)]
}

fn names(model: &Model, fits: fn(&Container) -> bool) -> Vec<String> {
    let targets = model.containers.targets().into_iter();
    targets.filter(|container| fits(container)).map(|container| container.name.clone()).collect()
}

fn argv(command: &[&str], names: Vec<String>) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).chain(names).collect()
}

/// Runs a command line for the marked ones, which then are marked no longer.
fn run_marked(model: &mut Model, argv: Vec<String>) -> Effect {
    model.containers.clear_marks();
    model.run(argv)
}

fn refuse(model: &mut Model, reason: String) -> Vec<Effect> {
    model.complain(reason);
    Vec::new()
}

/// `container web`, `5 containers: …`.
fn listed(names: &[String]) -> String {
    match names {
        [one] => format!("container {one}"),
        names => format!("{} containers: {}", names.len(), names.join(", ")),
    }
}
