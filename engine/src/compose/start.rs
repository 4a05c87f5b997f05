//! Starting what was made, each service after those that it depends on.

use super::converge::{Converged, tell_running};
use super::report::{Report, around};
use super::schedule::{each, walk};
use crate::container::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_compose::graph;
use porthole_compose::project::{Condition, Project, Service};
use porthole_runtime::state::Status;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

impl Engine {
    /// Starts the containers of these services; what the user should know.
    pub(super) fn start_services(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        converged: &Converged,
        report: Report<'_>,
    ) -> Result<Vec<String>> {
        let mut graph = graph::of(project);
        graph.retain(|name, _| services.contains(name));
        let warnings = Mutex::new(Vec::new());
        walk::<Error>(&graph, |name| {
            let service = &project.services[name];
            self.await_dependencies(service, services, converged, report)?;
            let restart = service.depends_on.iter().any(|(other, dependency)| {
                dependency.restart && converged.recreated.contains(other) && !converged.recreated.contains(name)
            });
            let containers = converged.containers.get(name).map(Vec::as_slice).unwrap_or_default();
            let started = each(containers, |(id, name)| self.start_member(service, id, name, restart, report));
            for told in started {
                warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(told?);
            }
            Ok(())
        })?;
        Ok(warnings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until those of these services that one depends on are as it needs them.
    pub(super) fn await_dependencies(
        &self,
        service: &Service,
        services: &BTreeSet<String>,
        converged: &Converged,
        report: Report<'_>,
    ) -> Result<()> {
        for (other, dependency) in &service.depends_on {
            if dependency.condition == Condition::Started || !services.contains(other) {
                continue;
            }
            let word = if dependency.condition == Condition::Healthy { "Healthy" } else { "Exited" };
            for (id, name) in converged.containers.get(other).map(Vec::as_slice).unwrap_or_default() {
                let waited = around(report, "Container", name, ("Waiting", word), || {
                    self.await_condition(id, name, dependency.condition, None)
                });
                match waited {
                    Err(error) if dependency.required => {
                        return Err(Error::Compose(porthole_compose::Error::Project(format!(
                            "dependency failed to start: {error}"
                        ))));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn start_member(
        &self,
        service: &Service,
        id: &str,
        name: &str,
        restart: bool,
        report: Report<'_>,
    ) -> Result<Vec<String>> {
        let live = Record::new(self.paths(), id).live()?;
        if restart && record::is_active(live.state.status) {
            return around(report, "Container", name, ("Restarting", "Started"), || self.restart(id, None, None));
        }
        if live.state.status == Status::Paused || (record::is_active(live.state.status) && !live.stale) {
            tell_running(report, name);
            return Ok(Vec::new());
        }
        around(report, "Container", name, ("Starting", "Started"), || {
            let warnings = self.start(id)?;
            service.post_start.iter().try_for_each(|hook| self.run_hook(id, "post_start", hook))?;
            Ok(warnings)
        })
    }

    /// Waits until all containers of services run, and are healthy where that is checked. Those that others want to have ended
    /// well may have.
    pub(super) fn await_services(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        converged: &Converged,
        timeout: Option<Duration>,
        report: Report<'_>,
    ) -> Result<()> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let ends = |name: &String| {
            let mut dependencies = project.services.values().filter_map(|service| service.depends_on.get(name));
            dependencies.any(|dependency| dependency.condition == Condition::CompletedSuccessfully)
        };
        let mut all: Vec<(bool, &(String, String))> = Vec::new();
        for name in services {
            let containers = converged.containers.get(name).map(Vec::as_slice).unwrap_or_default();
            all.extend(containers.iter().map(|container| (ends(name), container)));
        }
        let waited = each(&all, |(ends, (id, name))| {
            let checked = Record::new(self.paths(), id).config()?.and_then(|config| config.healthcheck);
            let checked = checked.is_some_and(|check| !check.test.is_empty() && check.test[0] != "NONE");
            let condition = match (ends, checked) {
                (true, _) => Some(Condition::CompletedSuccessfully),
                (false, true) => Some(Condition::Healthy),
                (false, false) => None,
            };
            let word = if *ends { "Exited" } else { "Healthy" };
            around(report, "Container", name, ("Waiting", word), || match condition {
                Some(condition) => self.await_condition(id, name, condition, deadline),
                None => self.check_running(id, name),
            })
        });
        waited.into_iter().collect()
    }

    fn check_running(&self, id: &str, name: &str) -> Result<()> {
        let state = Record::new(self.paths(), id).live()?.state;
        match record::is_active(state.status) {
            true => Ok(()),
            false => Err(Error::Compose(porthole_compose::Error::Project(format!(
                "container {name} exited ({})",
                state.exit_code.unwrap_or(0)
            )))),
        }
    }
}
