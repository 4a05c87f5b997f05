//! Looking through a registry: from its repositories to a tag, which is pulled.

use super::{prompts, shells};
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::Modal;
use crate::tui::model::prompt::Purpose;
use crate::tui::model::registry::Registry;
use porthole_widgets::key::Key;
use porthole_widgets::palette::PaletteEvent;

/// Asks which registry.
pub fn ask(model: &mut Model) -> Vec<Effect> {
    let host = model.registry.clone();
    prompts::open(model, Purpose::Registry, &host)
}

/// Opens a registry, which is asked for its repositories.
pub fn open(model: &mut Model, host: &str) -> Vec<Effect> {
    let host = host.trim_end_matches('/');
    if host.is_empty() {
        return Vec::new();
    }
    model.registry = host.to_owned();
    model.modal = Some(Modal::Registry(Box::new(Registry::new(host))));
    vec![Effect::ListRepositories(host.to_owned())]
}

pub fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Modal::Registry(registry)) = &mut model.modal else { return Vec::new() };
    match registry.choice().palette.key(key) {
        PaletteEvent::Open => Vec::new(),
        PaletteEvent::Closed => {
            if !registry.back() {
                model.modal = None;
            }
            Vec::new()
        }
        PaletteEvent::Chosen(index) => {
            let (Some(name), repository) = (registry.name(index), registry.repository()) else { return Vec::new() };
            match repository {
                Some(repository) => pull(model, &format!("{repository}:{name}")),
                None => {
                    registry.open(name.clone());
                    vec![Effect::ListTags { host: registry.host.clone(), repository: name }]
                }
            }
        }
    }
}

/// A terminal shows how it goes on.
fn pull(model: &mut Model, reference: &str) -> Vec<Effect> {
    model.modal = None;
    shells::open(model, "pull", vec!["pull".to_owned(), reference.to_owned()], true)
}

/// The answer of a registry, unless it is not looked at any more.
pub fn repositories(model: &mut Model, host: &str, result: Result<Vec<String>, String>) -> Vec<Effect> {
    let Some(Modal::Registry(registry)) = &mut model.modal else { return Vec::new() };
    match result {
        _ if registry.host != host => {}
        Ok(names) => registry.set_repositories(names),
        Err(problem) => {
            model.modal = None;
            model.complain(problem);
        }
    }
    Vec::new()
}

/// The tags of a repository.
pub fn tags(model: &mut Model, host: &str, repository: &str, result: Result<Vec<String>, String>) -> Vec<Effect> {
    let Some(Modal::Registry(registry)) = &mut model.modal else { return Vec::new() };
    match result {
        _ if registry.host != host => {}
        Ok(names) => registry.set_tags(repository, names),
        Err(problem) => {
            registry.back();
            model.complain(problem);
        }
    }
    Vec::new()
}
