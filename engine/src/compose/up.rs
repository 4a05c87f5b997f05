//! `up`: what is there becomes as the file says, and runs.

use super::build::BuildPolicy;
use super::converge::{Converged, Convergence};
use super::report::Report;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use porthole_compose::project::{Project, PullPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Which containers are made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recreation {
    /// Those that are not as their service is.
    #[default]
    Diverged,
    /// Those of the services that were named, too.
    Force,
    /// All.
    ForceAll,
    /// None.
    Never,
}

/// What is asked of `up`.
#[derive(Clone, Debug, Default)]
pub struct UpOptions {
    /// The services; all when there are none.
    pub services: Vec<String>,
    /// Whether what they depend on is left alone.
    pub no_deps: bool,
    /// Which containers are made anew.
    pub recreation: Recreation,
    /// How many containers of services, where the file is not to say.
    pub scale: BTreeMap<String, usize>,
    /// Whether containers are made and not started.
    pub no_start: bool,
    /// Whether to wait until they run and are healthy.
    pub wait: bool,
    /// How long.
    pub wait_timeout: Option<Duration>,
    /// Whether containers of services that the file does not have are removed.
    pub remove_orphans: bool,
    /// How long containers have to end, in seconds.
    pub timeout: Option<i64>,
    /// When images are pulled, where the file is not to say.
    pub pull: Option<PullPolicy>,
    /// When images are built.
    pub build: BuildPolicy,
}

impl Engine {
    /// Makes what is there of a project as its file says, and starts it; what the user should know.
    pub fn project_up(&self, project: &Project, options: &UpOptions, report: Report<'_>) -> Result<Vec<String>> {
        self.prepare()?;
        let named = project.select(&options.services)?;
        let services = match options.no_deps {
            true => named.clone(),
            false => project.with_dependencies(&named),
        };
        check_scale(project, &options.scale)?;
        let images = self.ready_images(project, &services, options.pull, options.build, report)?;
        let (converged, mut warnings) = {
            let _lock = self.lock_project(&project.name)?;
            let mut warnings = self.ensure_resources(project, &services, report)?;
            let members = self.members(&project.name)?;
            let (remove, timeout) = (options.remove_orphans, options.timeout);
            warnings.extend(self.remove_orphans(project, &members, remove, timeout, report)?);
            let what = Convergence {
                project,
                services: &services,
                named: &named,
                images: &images,
                scale: &options.scale,
                recreation: options.recreation,
                timeout,
                report,
            };
            (self.converge(&what, &members)?, warnings)
        };
        warnings.extend(converged.warnings.iter().cloned());
        if !options.no_start {
            warnings.extend(self.start_services(project, &services, &converged, report)?);
        }
        if options.wait {
            self.await_services(project, &services, &converged, options.wait_timeout, report)?;
        }
        Ok(warnings)
    }

    /// Starts the containers of services that are there already.
    pub fn project_start(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        report: Report<'_>,
    ) -> Result<Vec<String>> {
        let converged = self.converged_already(project)?;
        for name in services {
            if !converged.containers.contains_key(name) {
                return Err(Error::Compose(porthole_compose::Error::Project(format!(
                    "service {name:?} has no container to start"
                ))));
            }
        }
        self.start_services(project, services, &converged, report)
    }

    /// The containers that a project has.
    pub(super) fn converged_already(&self, project: &Project) -> Result<Converged> {
        let mut converged = Converged::default();
        for member in self.members(&project.name)?.into_iter().filter(|member| !member.one_off) {
            let container = (member.container.id, member.container.name);
            converged.containers.entry(member.service).or_default().push(container);
        }
        Ok(converged)
    }

    /// Keeps other commands from changing which containers a project has.
    pub(super) fn lock_project(&self, name: &str) -> Result<Lock> {
        let directory = self.paths().projects();
        files::create_private_directory(&directory)?;
        let path = directory.join(format!("{name}.lock"));
        loop {
            let lock = Lock::acquire(&path)?;
            // It may have been removed with its project while we waited.
            if lock.is_current(&path) {
                return Ok(lock);
            }
        }
    }
}

fn check_scale(project: &Project, scale: &BTreeMap<String, usize>) -> Result<()> {
    let refused = |message: String| Err(Error::Compose(porthole_compose::Error::Project(message)));
    for (name, count) in scale {
        match project.services.get(name) {
            None => return refused(format!("no such service: {name}")),
            Some(service) if service.container_name.is_some() && *count > 1 => {
                return refused(format!("service {name:?}: container_name allows one container only, and not {count}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
