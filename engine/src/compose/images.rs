//! The images of services: found, built or pulled.

use super::build::{BuildPolicy, ProjectBuild};
use super::report::{Report, around};
use super::schedule::each;
use crate::container::step::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_compose::project::{Project, PullPolicy, Service};
use porthole_images::{Platform, PullOptions};
use std::collections::{BTreeMap, BTreeSet};

/// An image that a service has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    /// What it is called here.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// What a service asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    image: String,
    platform: Option<String>,
}

impl Wanted {
    fn by(service: &Service) -> Wanted {
        Wanted { image: service.image.clone(), platform: service.platform.clone() }
    }
}

fn platform(text: Option<&str>) -> Result<Option<Platform>> {
    let invalid = |error: porthole_images::PlatformError| Error::InvalidOption(error.to_string());
    text.map(str::parse).transpose().map_err(invalid)
}

impl Engine {
    /// The images of these services, by service; those that are not there are built or pulled.
    pub(super) fn ready_images(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        policy: Option<PullPolicy>,
        build: BuildPolicy,
        report: Report<'_>,
    ) -> Result<BTreeMap<String, Ready>> {
        let to_build = self.services_to_build(project, services, build)?;
        if !to_build.is_empty() {
            self.build_project(project, &to_build, &ProjectBuild::default(), &Cancel::default(), report)?;
        }
        let mut wanted: BTreeMap<Wanted, Vec<&Service>> = BTreeMap::new();
        for service in project.services.values().filter(|service| services.contains(&service.name)) {
            wanted.entry(Wanted::by(service)).or_default().push(service);
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        // Those that are there are found sooner than threads are started.
        let mut ready = BTreeMap::new();
        let mut missing = Vec::new();
        for (what, users) in &wanted {
            let policy = policy.or_else(|| users.iter().find_map(|service| service.pull_policy));
            let is_built = users.iter().any(|service| service.build.is_some());
            let found = match policy {
                Some(PullPolicy::Always) if !is_built => None,
                _ => self.find_ready(what)?,
            };
            match found {
                Some(found) => ready.extend(users.iter().map(|service| (service.name.clone(), found.clone()))),
                None => missing.push((what, users, policy)),
            }
        }
        let fetched = each(&missing, |(what, users, policy)| self.fetch(what, users, *policy, report));
        for ((_, users, _), image) in missing.iter().zip(fetched) {
            let image = image?;
            ready.extend(users.iter().map(|service| (service.name.clone(), image.clone())));
        }
        Ok(ready)
    }

    /// The services whose images are to be built before their containers are made.
    fn services_to_build(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        policy: BuildPolicy,
    ) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for service in services.iter().map(|name| &project.services[name]).filter(|service| service.build.is_some()) {
            let wants = match policy {
                BuildPolicy::Never => false,
                BuildPolicy::Always => true,
                BuildPolicy::Missing => {
                    service.pull_policy == Some(PullPolicy::Build) || self.find_ready(&Wanted::by(service))?.is_none()
                }
            };
            if wants {
                found.insert(service.name.clone());
            }
        }
        Ok(found)
    }

    fn find_ready(&self, what: &Wanted) -> Result<Option<Ready>> {
        let Some(name) = self.find_image(&what.image, platform(what.platform.as_deref())?.as_ref())? else {
            return Ok(None);
        };
        let id = self.images()?.resolve(&name)?.id.to_string();
        Ok(Some(Ready { name, id }))
    }

    fn fetch(
        &self,
        what: &Wanted,
        users: &[&Service],
        policy: Option<PullPolicy>,
        report: Report<'_>,
    ) -> Result<Ready> {
        let refuse = |why: String| Err(Error::Compose(porthole_compose::Error::Project(why)));
        let named: Vec<&str> = users.iter().map(|service| service.name.as_str()).collect();
        if let Some(service) = users.iter().find(|service| service.build.is_some()) {
            return refuse(format!(
                "service {:?} may not build its image {}, and it is not there",
                service.name, what.image
            ));
        }
        if policy == Some(PullPolicy::Never) {
            return refuse(format!(
                "service {:?} may not pull its image {}, and it is not there",
                named.join(", "),
                what.image
            ));
        }
        let options = PullOptions { platform: platform(what.platform.as_deref())? };
        around(report, "Image", &what.image, ("Pulling", "Pulled"), || {
            self.pull_named(&what.image, &options, &mut |_| {})
        })?;
        let missing = || porthole_images::Error::NotFound(what.image.clone());
        self.find_ready(what)?.ok_or_else(|| missing().into())
    }

    /// Pulls the images of these services, whether or not they are there.
    pub fn pull_project(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        policy: PullPolicy,
        report: Report<'_>,
    ) -> Result<()> {
        let pulled = services.iter().filter(|name| project.services[*name].build.is_none()).cloned().collect();
        self.ready_images(project, &pulled, Some(policy), BuildPolicy::Never, report).map(drop)
    }
}
