//! What can be done with projects and their services. Each change is a command line in a terminal, which shows how it comes
//! on, can be interrupted there, and closes by itself when all went well.

use super::moves::Motion;
use super::{confirm, containers, prompts, shells};
use crate::cli::compose::{COLOURS, short_name};
use crate::tui::actions::Action;
use crate::tui::human;
use crate::tui::message::{Details, Effect, LogSource};
use crate::tui::model::detail::View;
use crate::tui::model::modal::Then;
use crate::tui::model::projects::{Project, Service, Sheet};
use crate::tui::model::prompt::Purpose;
use crate::tui::model::{Model, Screen};
use crate::tui::project::Definition;
use crate::tui::source::{Container, Phase};
use crate::tui::words;
use porthole_widgets::source::Source;

/// Characters that one step sideways takes.
pub const STEP: isize = 8;

/// Asks for what files say when other projects are looked at, and keeps the texts that are shown in step.
pub fn follow(model: &mut Model) -> Option<Effect> {
    if model.screen != Screen::Projects {
        return None;
    }
    model.projects.open_sheets();
    let origins = model.projects.origins(model.containers.all());
    if !model.containers.loaded || model.projects.watched.as_ref() == Some(&origins) {
        return None;
    }
    model.projects.watched = Some(origins.clone());
    Some(Effect::WatchProjects(origins))
}

pub fn defined(model: &mut Model, definitions: Vec<Definition>) -> Vec<Effect> {
    model.projects.define(definitions, model.containers.all());
    Vec::new()
}

/// The selected project, and the containers of it, or of the selected service.
pub fn target(model: &Model) -> Option<(&Project, Vec<&Container>)> {
    let project = model.projects.selected()?;
    let ids = model.projects.selected_service().map_or(&project.containers, |service| &service.containers);
    Some((project, of(model, ids)))
}

/// Containers by their ids.
pub fn of<'a>(model: &'a Model, ids: &[String]) -> Vec<&'a Container> {
    let container = |id: &String| model.containers.all().iter().find(|container| container.id == *id);
    ids.iter().filter_map(container).collect()
}

/// Whether some container of what is selected is such.
pub fn any(model: &Model, fits: fn(&Container) -> bool) -> bool {
    target(model).is_some_and(|(_, containers)| containers.into_iter().any(fits))
}

/// The first container of the selected service that runs.
pub fn running(model: &Model) -> Option<&Container> {
    let service = model.projects.selected_service()?;
    of(model, &service.containers).into_iter().find(|container| container.phase == Phase::Running)
}

fn service(model: &Model) -> Option<&str> {
    model.projects.selected_service().map(|service| service.described.name.as_str())
}

/// What is selected, as the title of its terminal: `up shop`, `up shop/web`.
fn title(verb: &str, project: &Project, service: Option<&str>) -> String {
    let service = service.map(|service| format!("/{service}")).unwrap_or_default();
    format!("{verb} {}{service}", project.name)
}

pub fn run(model: &mut Model, action: Action) -> Vec<Effect> {
    let words: &[&str] = match action {
        Action::UpProject => &["up", "-d"],
        Action::RebuildProject => &["up", "-d", "--build"],
        Action::StartProject => &["start"],
        Action::StopProject => &["stop"],
        Action::PullProject => &["pull"],
        _ => &["restart"],
    };
    let Some(project) = model.projects.selected() else { return Vec::new() };
    let service = service(model);
    let (title, argv) = (title(words[0], project, service), project.argv(words, service));
    shells::open(model, &title, argv, false)
}

pub fn down(model: &mut Model) -> Vec<Effect> {
    let Some((project, containers)) = target(model) else { return Vec::new() };
    let service = service(model);
    if containers.is_empty() {
        let name = service.unwrap_or(&project.name);
        return refuse(model, format!("there is no container of {name}"));
    }
    let up = containers.iter().filter(|container| container.is_up()).count();
    let mut effects = Vec::new();
    if up > 0 {
        effects.push(format!(
            "{} stopped, those first that wait for others.",
            human::count(up, "container is", "containers are")
        ));
    }
    effects.push(match service {
        None => format!(
            "{} and the networks go; named volumes and images stay.",
            human::count(containers.len(), "container", "containers")
        ),
        Some(_) => format!(
            "{} with what was written there; named volumes and images stay.",
            human::count(containers.len(), "container goes", "containers go")
        ),
    });
    let object = match service {
        None => format!("project {}", project.name),
        Some(service) => format!("service {service} of project {}", project.name),
    };
    let (title, argv) = (title("down", project, service), project.argv(&["down"], service));
    confirm::ask(model, "Take down", object, effects, Then::Terminal(title, argv))
}

/// Begins the command line that makes one more container.
pub fn scale(model: &mut Model) -> Vec<Effect> {
    let (Some(project), Some(service)) = (model.projects.selected(), model.projects.selected_service()) else {
        return refuse(model, "select the service to scale".to_owned());
    };
    let words = project.argv(&["scale", &format!("{}={}", service.described.name, service.containers.len() + 1)], None);
    prompts::open(model, Purpose::Command, &words::join(&words))
}

pub fn shell(model: &mut Model) -> Vec<Effect> {
    let (Some(project), Some(service)) = (model.projects.selected(), service(model)) else {
        return refuse(model, "select the service to open a shell in".to_owned());
    };
    let Some(container) = running(model) else {
        return refuse(model, format!("no container of {service} runs: u starts it"));
    };
    let number = container.member.as_ref().map_or(1, |member| member.number).to_string();
    let argv = match number.as_str() {
        "1" => project.argv(&["exec", service, "sh"], None),
        number => project.argv(&["exec", "--index", number, service, "sh"], None),
    };
    let title = container.name.clone();
    shells::open(model, &title, argv, false)
}

/// Shows the service's container in the list; folds or unfolds a project.
pub fn open(model: &mut Model) -> Vec<Effect> {
    match (model.projects.selected(), service(model)) {
        (Some(project), None) => {
            let fold = !model.projects.is_folded(project);
            model.projects.fold(fold);
            Vec::new()
        }
        (_, Some(service)) if model.current().is_none() => {
            refuse(model, format!("there is no container of {service} yet: u makes and starts it"))
        }
        _ => containers::open(model),
    }
}

/// The log of what is selected: of one container as it is, of several behind their names.
pub fn wanted_log(model: &Model, view: View) -> Option<Details> {
    let (project, containers) = target(model).filter(|_| view == View::Log)?;
    let names: Vec<&str> = containers.iter().map(|container| short_name(&project.name, &container.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let several = containers.len() > 1;
    let source = |(container, name): (&&Container, &&str)| LogSource {
        container: container.id.clone(),
        run: container.started,
        prefix: match several {
            true => format!("\x1b[{}m{name:<width$}  | \x1b[0m", colour(project, container)),
            false => String::new(),
        },
    };
    let sources: Vec<LogSource> = containers.iter().zip(&names).map(source).collect();
    (!sources.is_empty()).then_some(Details::Logs { sources, since: model.detail.since })
}

fn colour(project: &Project, container: &Container) -> &'static str {
    let is_its = |service: &Service| service.containers.contains(&container.id);
    let at = project.services.iter().position(is_its).unwrap_or(project.services.len());
    COLOURS[at % COLOURS.len()]
}

/// The command line that prints what is shown, and a name for its file.
pub fn source(model: &Model, view: View) -> Option<(Vec<String>, String)> {
    let project = model.projects.selected()?;
    let service = service(model);
    let name = service.unwrap_or(&project.name);
    match view {
        View::Log if model.detail.times => Some((project.argv(&["logs", "-t"], service), format!("{name}.log"))),
        View::Log => Some((project.argv(&["logs"], service), format!("{name}.log"))),
        _ => None,
    }
}

/// The text that is shown: a project's file, or what it means.
pub fn sheet(model: &Model) -> Option<&Source> {
    match model.view() {
        Some(View::Yaml) => model.projects.file.source.as_ref(),
        Some(View::Config) => model.projects.config.source.as_ref(),
        _ => None,
    }
}

/// The same, to change how it is looked at.
pub fn sheet_mut(model: &mut Model) -> Option<&mut Sheet> {
    match model.view() {
        Some(View::Yaml) => Some(&mut model.projects.file),
        Some(View::Config) => Some(&mut model.projects.config),
        _ => None,
    }
}

/// Moves in the text that is shown.
pub fn in_source(model: &mut Model, change: impl FnOnce(&mut Source)) -> Vec<Effect> {
    if let Some(source) = sheet_mut(model).and_then(|sheet| sheet.source.as_mut()) {
        change(source);
    }
    Vec::new()
}

pub fn in_sheet(model: &mut Model, motion: Motion) {
    in_source(model, |source| match motion {
        Motion::Lines(lines) => source.step(lines),
        Motion::Pages(pages) => source.page(pages),
        Motion::First => source.first(),
        Motion::Last => source.last(),
    });
}

pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(text) = sheet(model).map(Source::text) else { return Vec::new() };
    model.say("copied the whole text");
    vec![Effect::Copy(text)]
}

fn refuse(model: &mut Model, reason: String) -> Vec<Effect> {
    model.complain(reason);
    Vec::new()
}
