//! Making what is there as the file says: containers are made, made anew or removed. Nothing is started yet.

use super::images::Ready;
use super::member::Member;
use super::options::Making;
use super::report::{Report, around, tell};
use super::schedule::{each, walk};
use super::up::Recreation;
use crate::container::record::Record;
use crate::container::remove::RemoveOptions;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::volume::{self, VolumeMount};
use porthole_compose::graph;
use porthole_compose::plan::{Observed, Recreate, Step, container_name, of_service};
use porthole_compose::project::{Project, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What is to be done.
pub(super) struct Convergence<'a> {
    pub project: &'a Project,
    /// The services that are looked at, and of these those that were named.
    pub services: &'a BTreeSet<String>,
    pub named: &'a BTreeSet<String>,
    pub images: &'a BTreeMap<String, Ready>,
    /// How many containers of services, where the file is not to say.
    pub scale: &'a BTreeMap<String, usize>,
    pub recreation: Recreation,
    pub timeout: Option<i64>,
    pub report: Report<'a>,
}

/// What has become of a project's containers.
#[derive(Debug, Default)]
pub(super) struct Converged {
    /// The containers of each service, by number: id and name.
    pub containers: BTreeMap<String, Vec<(String, String)>>,
    /// The services of which a container was made anew.
    pub recreated: BTreeSet<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Engine {
    pub(super) fn converge(&self, what: &Convergence<'_>, members: &[Member]) -> Result<Converged> {
        let mut graph = graph::of(what.project);
        graph.retain(|name, _| what.services.contains(name));
        let state = Mutex::new(Converged::default());
        // Services that are not looked at can be referred to all the same.
        for member in members.iter().filter(|member| !member.one_off && !what.services.contains(&member.service)) {
            let container = (member.container.id.clone(), member.container.name.clone());
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.containers.entry(member.service.clone()).or_default().push(container);
        }
        walk(&graph, |name| self.converge_service(what, &what.project.services[name], members, &state))?;
        Ok(state.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn converge_service(
        &self,
        what: &Convergence<'_>,
        service: &Service,
        members: &[Member],
        state: &Mutex<Converged>,
    ) -> Result<()> {
        let observed: Vec<Observed> =
            members.iter().filter(|one| !one.one_off && one.service == service.name).map(Member::observed).collect();
        let count = what.scale.get(&service.name).copied().unwrap_or(service.replicas);
        let image = what.images.get(&service.name);
        let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let recreate = match what.recreation {
            // Namespaces of a container that is gone cannot be shared.
            _ if joins(service).iter().any(|other| lock().recreated.contains(*other)) => Recreate::Force,
            Recreation::Force if what.named.contains(&service.name) => Recreate::Force,
            Recreation::ForceAll => Recreate::Force,
            Recreation::Never => Recreate::Never,
            _ => Recreate::Diverged,
        };
        let steps = of_service(service, count, observed, image.map(|image| image.id.as_str()), recreate);
        // What goes has names that others are to have.
        let (removals, others): (Vec<&Step>, Vec<&Step>) =
            steps.iter().partition(|step| matches!(step, Step::Remove(_)));
        let mut containers = Vec::new();
        for part in [removals, others] {
            let results = each(&part, |step| self.take_step(what, service, image, step, state));
            for (step, result) in part.iter().zip(results) {
                let number = match step {
                    Step::Create(number) => *number,
                    Step::Recreate(one) | Step::Keep(one) | Step::Remove(one) => one.number,
                };
                containers.extend(result?.map(|container| (number, container)));
            }
        }
        containers.sort();
        let mut state = lock();
        if steps.iter().any(|step| matches!(step, Step::Recreate(_))) {
            state.recreated.insert(service.name.clone());
        }
        state.containers.insert(service.name.clone(), containers.into_iter().map(|(_, container)| container).collect());
        Ok(())
    }

    /// The container that there is after it: id and name.
    fn take_step(
        &self,
        what: &Convergence<'_>,
        service: &Service,
        image: Option<&Ready>,
        step: &Step,
        state: &Mutex<Converged>,
    ) -> Result<Option<(String, String)>> {
        let report = what.report;
        match step {
            Step::Create(number) => {
                let name = container_name(&what.project.name, service, *number);
                let id = around(report, "Container", &name, ("Creating", "Created"), || {
                    self.create_member(what, service, image, *number, None, state)
                })?;
                Ok(Some((id, name)))
            }
            Step::Keep(one) => {
                let name = self.rename_member(&what.project.name, service, one)?;
                Ok(Some((one.id.clone(), name)))
            }
            Step::Recreate(one) => {
                let name = container_name(&what.project.name, service, one.number);
                let id = around(report, "Container", &name, ("Recreate", "Recreated"), || {
                    let id = self.create_member(what, service, image, one.number, Some(one), state)?;
                    self.stop_member(service, &one.id, what.timeout)?;
                    self.remove(&one.id, RemoveOptions { force: true, volumes: false })?;
                    self.rename(&id, &name).map(|()| id)
                })?;
                Ok(Some((id, name)))
            }
            Step::Remove(one) => {
                self.remove_member(Some(service), &one.id, &one.name, what.timeout, report)?;
                Ok(None)
            }
        }
    }

    /// Makes a container, in place of another one that is still there perhaps.
    fn create_member(
        &self,
        what: &Convergence<'_>,
        service: &Service,
        image: Option<&Ready>,
        number: usize,
        before: Option<&Observed>,
        state: &Mutex<Converged>,
    ) -> Result<String> {
        let missing = || Error::Image(porthole_images::Error::NotFound(service.image.clone()));
        let image = image.ok_or_else(missing)?;
        let others = |other: &str| {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let containers = state.containers.get(other).map(Vec::as_slice).unwrap_or_default();
            Ok(containers.iter().map(|(_, name)| name.clone()).collect())
        };
        let project = what.project;
        let making = Making { project, service, image: &image.name, image_id: &image.id, number, others: &others };
        let mut options = self.service_options(&making, None)?;
        if let Some(before) = before {
            // The name is the other one's until that is gone.
            let name = options.name.take().unwrap_or_default();
            options.name = Some(format!("{}_{name}", &before.id[..12]));
            self.keep_anonymous_volumes(&before.id, &image.name, &mut options.host.volumes)?;
        }
        let created = self.create(options)?;
        state.lock().unwrap_or_else(PoisonError::into_inner).warnings.extend(created.warnings);
        Ok(created.id)
    }

    /// Volumes that nobody named go on from one container to the next at the same path, as data should.
    fn keep_anonymous_volumes(&self, before: &str, image: &str, volumes: &mut Vec<VolumeMount>) -> Result<()> {
        let Some(config) = Record::new(self.paths(), before).config()? else { return Ok(()) };
        let image = self.images()?.resolve(image)?;
        let declared = image.config.config().as_ref().and_then(|config| config.volumes().clone()).unwrap_or_default();
        for mount in config.host.volumes {
            let generated = mount.name.as_deref().is_some_and(volume::is_generated);
            if !generated {
                continue;
            }
            match volumes.iter_mut().find(|own| own.target == mount.target) {
                Some(own) if own.name.is_none() => own.name = mount.name,
                Some(_) => {}
                None if declared.contains(&mount.target) => volumes.push(VolumeMount { no_copy: true, ..mount }),
                None => {}
            }
        }
        Ok(())
    }

    /// Gives a container its name, if whoever made it anew was killed before.
    fn rename_member(&self, project: &str, service: &Service, one: &Observed) -> Result<String> {
        let name = container_name(project, service, one.number);
        if one.name != name && one.name.ends_with(&format!("_{name}")) {
            self.rename(&one.id, &name)?;
            return Ok(name);
        }
        Ok(one.name.clone())
    }

    /// Asks a container to end, its hooks first.
    pub(super) fn stop_member(&self, service: &Service, id: &str, timeout: Option<i64>) -> Result<()> {
        let runs = Record::new(self.paths(), id).live()?.state.status == porthole_runtime::state::Status::Running;
        for hook in service.pre_stop.iter().filter(|_| runs) {
            // The container ends whatever its hooks say.
            if let Err(error) = self.run_hook(id, "pre_stop", hook) {
                eprintln!("WARNING: {error}");
            }
        }
        match self.stop(id, None, timeout) {
            Err(Error::NoSuchContainer(_)) => Ok(()),
            stopped => stopped,
        }
    }

    /// Stops and removes a container.
    pub(super) fn remove_member(
        &self,
        service: Option<&Service>,
        id: &str,
        name: &str,
        timeout: Option<i64>,
        report: Report<'_>,
    ) -> Result<()> {
        around(report, "Container", name, ("Stopping", "Stopped"), || match service {
            Some(service) => self.stop_member(service, id, timeout),
            None => match self.stop(id, None, timeout) {
                Err(Error::NoSuchContainer(_)) => Ok(()),
                stopped => stopped,
            },
        })?;
        around(report, "Container", name, ("Removing", "Removed"), || {
            match self.remove(id, RemoveOptions { force: true, volumes: true }) {
                Err(Error::NoSuchContainer(_)) => Ok(()),
                removed => removed,
            }
        })
    }

    /// Removes containers of services that the file does not have, or tells of them.
    pub(super) fn remove_orphans(
        &self,
        project: &Project,
        members: &[Member],
        remove: bool,
        timeout: Option<i64>,
        report: Report<'_>,
    ) -> Result<Option<String>> {
        let is_known = |name: &String| project.services.contains_key(name) || project.disabled.contains(name);
        let orphans: Vec<&Member> =
            members.iter().filter(|member| !member.one_off && !is_known(&member.service)).collect();
        if orphans.is_empty() {
            return Ok(None);
        }
        if !remove {
            let names: Vec<&str> = orphans.iter().map(|orphan| orphan.container.name.as_str()).collect();
            return Ok(Some(format!(
                "Found orphan containers ([{}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.",
                names.join(" ")
            )));
        }
        let removed = each(&orphans, |orphan| {
            self.remove_member(None, &orphan.container.id, &orphan.container.name, timeout, report)
        });
        removed.into_iter().collect::<Result<()>>()?;
        Ok(None)
    }
}

/// The services whose namespaces a service shares.
fn joins(service: &Service) -> Vec<&str> {
    let modes = [&service.network_mode, &service.ipc, &service.pid];
    modes.into_iter().flatten().filter_map(|mode| mode.strip_prefix("service:")).collect()
}

/// Tells that a container runs already.
pub(super) fn tell_running(report: Report<'_>, name: &str) {
    tell(report, "Container", name, "Running");
}
