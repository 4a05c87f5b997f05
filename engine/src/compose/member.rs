//! What there is of projects: their containers, by labels.

use super::label;
use crate::container::summary::ContainerSummary;
use crate::engine::Engine;
use crate::error::Result;
use porthole_compose::plan::Observed;
use porthole_runtime::state::Status;
use std::collections::BTreeMap;

/// A container of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its service.
    pub service: String,
    /// Its number among those of the service.
    pub number: usize,
    /// Whether it was made by `run`.
    pub one_off: bool,
    /// The container.
    pub container: ContainerSummary,
}

/// A project that has containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectSummary {
    /// Its name.
    pub name: String,
    /// How many containers are in each state.
    pub states: BTreeMap<String, usize>,
    /// The files that it was made from.
    pub files: String,
}

impl Member {
    fn of(container: ContainerSummary) -> Option<Member> {
        let label = |name: &str| container.labels.get(name);
        Some(Member {
            service: label(label::SERVICE)?.clone(),
            number: label(label::NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
            one_off: label(label::ONE_OFF).is_some_and(|word| word == "True"),
            container,
        })
    }

    /// What it depends on, by its own label: the service, and whether it is restarted with it.
    pub fn depends_on(&self) -> Vec<(String, bool)> {
        let text = self.container.labels.get(label::DEPENDS_ON).map(String::as_str).unwrap_or_default();
        label::dependencies(text).map(|dependency| (dependency.service.to_owned(), dependency.restart)).collect()
    }

    /// Whether it has processes.
    pub fn is_running(&self) -> bool {
        self.container.is_running()
    }

    pub(super) fn observed(&self) -> Observed {
        Observed {
            id: self.container.id.clone(),
            name: self.container.name.clone(),
            number: self.number,
            hash: self.container.labels.get(label::HASH).cloned().unwrap_or_default(),
            image_id: self.container.image_id.clone(),
            created: self.container.created,
        }
    }
}

/// The word that Docker has for a state.
pub fn state_word(status: Status) -> String {
    let word = serde_json::to_value(status).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

impl Engine {
    /// The containers of a project, by service and number.
    pub fn members(&self, project: &str) -> Result<Vec<Member>> {
        let containers = self.containers_with_ports(true)?.into_iter();
        let ours =
            containers.filter(|container| container.labels.get(label::PROJECT).is_some_and(|name| name == project));
        let mut members: Vec<Member> = ours.filter_map(Member::of).collect();
        members.sort_by(|a, b| {
            (&a.service, a.one_off, a.number, &a.container.name).cmp(&(
                &b.service,
                b.one_off,
                b.number,
                &b.container.name,
            ))
        });
        Ok(members)
    }

    /// The projects that have containers, by name; all, or those of which one runs.
    pub fn projects(&self, all: bool) -> Result<Vec<ProjectSummary>> {
        let mut projects: BTreeMap<String, ProjectSummary> = BTreeMap::new();
        for container in self.containers_with_ports(true)? {
            let Some(name) = container.labels.get(label::PROJECT) else { continue };
            let project = projects.entry(name.clone()).or_insert_with(|| ProjectSummary {
                name: name.clone(),
                states: BTreeMap::new(),
                files: container.labels.get(label::FILES).cloned().unwrap_or_default(),
            });
            *project.states.entry(state_word(container.state.status)).or_default() += 1;
        }
        let runs = |project: &ProjectSummary| project.states.contains_key("running");
        Ok(projects.into_values().filter(|project| all || runs(project)).collect())
    }
}
