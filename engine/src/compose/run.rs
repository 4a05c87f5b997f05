//! `run`: one more container of a service, for one command.

use super::build::BuildPolicy;
use super::images::Ready;
use super::options::{Making, OneOff};
use super::report::Report;
use crate::container::options::CreateOptions;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_compose::project::{Project, PullPolicy};
use std::collections::BTreeSet;

/// A name for such a container that no other has.
pub fn new_run_name(project: &str, service: &str) -> String {
    format!("{project}-{service}-run-{}", &crate::identity::new_id()[..12])
}

impl Engine {
    /// What to ask for so that a container like those of a service comes of it. Its image, networks and volumes are there
    /// afterwards.
    pub fn one_off_options(
        &self,
        project: &Project,
        service: &str,
        one_off: &OneOff,
        pull: Option<PullPolicy>,
        build: BuildPolicy,
        report: Report<'_>,
    ) -> Result<CreateOptions> {
        self.prepare()?;
        let services = project.select(&[service.to_owned()])?;
        let images = self.ready_images(project, &services, pull, build, report)?;
        let missing = || Error::Image(porthole_images::Error::NotFound(service.to_owned()));
        let Ready { name: image, id: image_id } = images.get(service).ok_or_else(missing)?;
        if !one_off.no_deps {
            let dependencies = project.services[service].depends_on.keys().cloned().collect();
            let there = self.converged_already(project)?;
            self.await_dependencies(&project.services[service], &dependencies, &there, report)?;
        }
        let _lock = self.lock_project(&project.name)?;
        let used: BTreeSet<String> = services;
        for warning in self.ensure_resources(project, &used, report)? {
            eprintln!("WARNING: {warning}");
        }
        let members = self.members(&project.name)?;
        let others = |other: &str| {
            let ours = members.iter().filter(|member| !member.one_off && member.service == other);
            Ok(ours.map(|member| member.container.name.clone()).collect())
        };
        let service = &project.services[service];
        self.service_options(&Making { project, service, image, image_id, number: 1, others: &others }, Some(one_off))
    }
}
