//! `down`: nothing of a project stays but its volumes and images, and these neither when asked.

use super::member::Member;
use super::report::{Report, around};
use super::schedule::{each, walk};
use crate::container::summary::ContainerSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use porthole_compose::graph::{self, Graph};
use porthole_compose::project::{Project, Service};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Which images go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoveImages {
    /// None.
    #[default]
    None,
    /// Those that no file names, because they were built for their service.
    Local,
    /// All that services use.
    All,
}

/// What is asked of `down`.
#[derive(Clone, Debug, Default)]
pub struct DownOptions {
    /// The services; all, and the networks, when there are none.
    pub services: Vec<String>,
    /// Whether the volumes go too.
    pub volumes: bool,
    /// Which images go too.
    pub images: RemoveImages,
    /// Whether containers of services that the file does not have go too.
    pub remove_orphans: bool,
    /// How long containers have to end, in seconds.
    pub timeout: Option<i64>,
}

impl Engine {
    /// Removes what there is of a project. Without its file all that has its labels goes.
    pub fn project_down(
        &self,
        name: &str,
        project: Option<&Project>,
        options: &DownOptions,
        report: Report<'_>,
    ) -> Result<Vec<String>> {
        self.prepare()?;
        let _lock = self.lock_project(name)?;
        let members = self.members(name)?;
        let mut warnings = Vec::new();
        let named: BTreeSet<String> = options.services.iter().cloned().collect();
        let is_known = |service: &String| {
            project.is_none_or(|project| project.services.contains_key(service) || project.disabled.contains(service))
        };
        let (ours, orphans): (Vec<Member>, Vec<Member>) = members
            .into_iter()
            .partition(|member| options.remove_orphans || member.one_off || is_known(&member.service));
        if !orphans.is_empty() {
            let names: Vec<&str> = orphans.iter().map(|orphan| orphan.container.name.as_str()).collect();
            warnings.push(format!(
                "Found orphan containers ([{}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.",
                names.join(" ")
            ));
        }
        let ours: Vec<Member> =
            ours.into_iter().filter(|member| named.is_empty() || named.contains(&member.service)).collect();
        self.remove_members(project, &ours, options.timeout, report)?;
        if !named.is_empty() {
            return Ok(warnings);
        }
        let networks = project.map(|project| project.networks.values().filter(|network| !network.external));
        let networks = networks.into_iter().flatten().map(|network| network.name.clone()).collect();
        self.remove_networks(name, &networks, report)?;
        if options.volumes {
            self.remove_volumes(name, report)?;
        }
        if let Some(project) = project {
            self.remove_images_of(project, options.images, report)?;
        }
        self.remove_shared_files(name)?;
        files::remove_if_there(&self.paths().projects().join(format!("{name}.lock")))?;
        Ok(warnings)
    }

    /// Stops and removes containers, each before those that it depends on.
    fn remove_members(
        &self,
        project: Option<&Project>,
        members: &[Member],
        timeout: Option<i64>,
        report: Report<'_>,
    ) -> Result<()> {
        self.on_each_reversed(project, members, |service, container| {
            self.remove_member(service, &container.id, &container.name, timeout, report)
        })
    }

    /// Stops containers, each before those that it depends on.
    pub fn stop_members(
        &self,
        project: Option<&Project>,
        members: &[Member],
        timeout: Option<i64>,
        report: Report<'_>,
    ) -> Result<()> {
        self.on_each_reversed(project, members, |service, container| {
            around(report, "Container", &container.name, ("Stopping", "Stopped"), || match service {
                Some(service) => self.stop_member(service, &container.id, timeout),
                None => self.stop(&container.id, None, timeout),
            })
        })
    }

    /// Restarts containers, each after those that it depends on; what the user should know.
    pub fn restart_members(&self, members: &[Member], timeout: Option<i64>, report: Report<'_>) -> Result<Vec<String>> {
        let warnings = Mutex::new(Vec::new());
        walk::<Error>(&graph_of(members), |name| {
            let ours: Vec<&Member> = members.iter().filter(|member| member.service == name).collect();
            let restarted = each(&ours, |member| {
                around(report, "Container", &member.container.name, ("Restarting", "Started"), || {
                    self.restart(&member.container.id, None, timeout)
                })
            });
            for told in restarted {
                warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(told?);
            }
            Ok(())
        })?;
        Ok(warnings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Acts on containers, those of a service at once, after those of services that depend on it. A service that the project has no
    /// more is not given.
    fn on_each_reversed(
        &self,
        project: Option<&Project>,
        members: &[Member],
        act: impl Fn(Option<&Service>, &ContainerSummary) -> Result<()> + Sync,
    ) -> Result<()> {
        let order = graph::reversed(&graph_of(members));
        walk(&order, |name| {
            let service = project.and_then(|project| project.services.get(name));
            let ours: Vec<&Member> = members.iter().filter(|member| member.service == name).collect();
            each(&ours, |member| act(service, &member.container)).into_iter().collect()
        })
    }

    fn remove_images_of(&self, project: &Project, which: RemoveImages, report: Report<'_>) -> Result<()> {
        let built_here = |image: &String, service: &String| *image == format!("{}-{service}", project.name);
        let images: BTreeSet<&String> = match which {
            RemoveImages::None => return Ok(()),
            RemoveImages::Local => {
                let built = project.services.values().filter(|service| built_here(&service.image, &service.name));
                built.map(|service| &service.image).collect()
            }
            RemoveImages::All => project.services.values().map(|service| &service.image).collect(),
        };
        for image in images {
            let removed = around(report, "Image", image, ("Removing", "Removed"), || self.remove_image(image, false));
            match removed {
                Err(Error::Image(porthole_images::Error::NotFound(_))) => {}
                removed => drop(removed?),
            }
        }
        Ok(())
    }
}

/// What services depend on, as the labels of their containers say; circles, which only strangers' labels have, are cut.
fn graph_of(members: &[Member]) -> Graph {
    let mut graph = Graph::new();
    for member in members {
        let needs = graph.entry(member.service.clone()).or_default();
        if !member.one_off {
            needs.extend(member.depends_on().into_iter().map(|(name, _)| name));
        }
    }
    let names: BTreeSet<String> = graph.keys().cloned().collect();
    graph.values_mut().for_each(|needs| needs.retain(|name| names.contains(name)));
    match graph::waves(&graph) {
        Ok(_) => graph,
        Err(_) => graph.into_keys().map(|name| (name, BTreeSet::new())).collect(),
    }
}
