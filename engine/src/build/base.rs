//! Base images: found, or pulled, and what their configurations say.

use super::Job;
use super::events::Begun;
use super::options::NamedContext;
use crate::error::{Error, Result};
use porthole_build::Configuration;
use porthole_dockerfile::evaluate::Scope;
use porthole_dockerfile::plan::{Base, Plan};
use porthole_dockerfile::platform::Platform;
use porthole_images::{Error as ImageError, Image, Layers, Lease, PullOptions, PullPhase, PullProgress, Reference};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The images that were looked for already, by name and platform.
pub(super) type Images = Mutex<BTreeMap<(String, Option<String>), Found>>;

/// An image that is built on, or copied from.
#[derive(Clone)]
pub(crate) struct Found {
    /// Its layers.
    pub(super) layers: Layers,
    /// Its configuration.
    pub(super) configuration: Configuration,
    /// Keeps it as long as the build needs it.
    _lease: Option<Arc<Lease>>,
}

impl Found {
    fn of_image(job: &Job<'_>, image: &Image) -> Result<Self> {
        let store = job.workshop.store();
        let lease = store.lease(&image.id)?;
        let bytes = store.configuration(&image.id)?;
        let damaged = |error| Error::Build(format!("the configuration of {} is malformed: {error}", image.id));
        let configuration = Configuration::of_base(&bytes).map_err(damaged)?;
        Ok(Self { layers: store.layers_of(&image.id)?, configuration, _lease: Some(Arc::new(lease)) })
    }

    /// What instructions are evaluated in.
    pub(super) fn scope(&self) -> Scope {
        Scope::of_image(&self.configuration.env(), &self.configuration.own_shell())
    }
}

impl Job<'_> {
    /// The base of each stage that is needed and has one outside the Dockerfile. Triggers that they bring are added to the
    /// plan, which may then need further stages.
    pub(super) fn bases(&self, plan: &mut Plan) -> Result<Vec<Option<Found>>> {
        let mut bases: Vec<Option<Found>> = plan.stages().iter().map(|_| None).collect();
        let mut done = std::collections::BTreeSet::new();
        while let Some(index) = plan.needed().into_iter().find(|index| !done.contains(index)) {
            done.insert(index);
            let stage = &plan.stages()[index];
            let (lines, source) = (stage.from.lines, stage.from.source.clone());
            let failed = |error: Error| match error {
                error @ Error::Cancelled => error,
                error => self.trouble.at(lines.start, &source, error),
            };
            let platform = stage.platform.clone();
            let mut found = match &stage.base {
                Base::Stage(_) => continue,
                Base::Scratch => self.scratch(platform.as_ref()),
                Base::Image(name) | Base::Context(name) => self.image(name, platform.as_ref(), true).map_err(failed)?,
            };
            let triggers = found.configuration.triggers();
            found.configuration.drop_triggers();
            bases[index] = Some(found);
            plan.add_triggers(index, &triggers).map_err(|error| self.trouble.of_dockerfile(&error))?;
        }
        Ok(bases)
    }

    fn scratch(&self, platform: Option<&Platform>) -> Found {
        let platform = self.platform(platform);
        let configuration = Configuration::scratch(&platform.os, &platform.architecture, &platform.variant);
        Found { layers: Layers::default(), configuration, _lease: None }
    }

    fn platform(&self, asked: Option<&Platform>) -> Platform {
        asked.cloned().or_else(|| self.options.platform.clone()).unwrap_or_else(super::options::this_machine)
    }

    /// The image that a name stands for, pulled if it is missing or, as a base, if that was asked for.
    pub(super) fn image(&self, name: &str, platform: Option<&Platform>, is_base: bool) -> Result<Found> {
        let name = match self.options.contexts.get(name) {
            Some(NamedContext::Image(image)) => image,
            Some(NamedContext::Directory(_) | NamedContext::Address(_)) => {
                let problem =
                    format!("the context {name} is no image: copy from it, or name an image by docker-image://");
                return Err(Error::Build(problem));
            }
            None => name,
        };
        let platform = platform.or(self.options.platform.as_ref()).map(|platform| porthole_images::Platform {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: Some(platform.variant.clone()).filter(|variant| !variant.is_empty()),
        });
        let asked = (name.to_owned(), platform.as_ref().map(ToString::to_string));
        // Held on purpose: whoever wants the same image waits for it.
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = images.get(&asked) {
            return Ok(found.clone());
        }
        let shown = name.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.canonical());
        let begun = self.steps.begin(&format!("[internal] load metadata for {shown}"));
        let found = match self.options.pull && is_base {
            true => None,
            false => self.engine.find_image(name, platform.as_ref())?,
        };
        let found = match found {
            Some(found) => found,
            None => match self.pull(name, platform, &begun) {
                Ok(found) => found,
                Err(error) => {
                    begun.failed(&error.to_string());
                    return Err(error);
                }
            },
        };
        let image = self.workshop.store().resolve(&found)?;
        let found = Found::of_image(self, &image)?;
        begun.done();
        images.insert(asked, found.clone());
        Ok(found)
    }

    fn pull(&self, name: &str, platform: Option<porthole_images::Platform>, begun: &Begun<'_>) -> Result<String> {
        let mut progress = |event: PullProgress| match event {
            PullProgress::Begun { tag, repository } => {
                begun.output(format!("{tag}: Pulling from {repository}\n").as_bytes())
            }
            PullProgress::Layer { digest, phase: PullPhase::Complete } => {
                begun.output(format!("{}: Pull complete\n", digest.short()).as_bytes());
            }
            PullProgress::Layer { .. } => {}
            PullProgress::Skipped { host, problem } => begun.output(format!("mirror {host}: {problem}\n").as_bytes()),
        };
        match self.engine.pull_named(name, &PullOptions { platform }, &mut progress) {
            Ok(pulled) => Ok(pulled.reference.canonical()),
            Err(Error::Image(error @ ImageError::Registry(_))) => {
                Err(Error::Build(format!("{name} is not here and cannot be pulled: {error}")))
            }
            Err(error) => Err(error),
        }
    }
}
