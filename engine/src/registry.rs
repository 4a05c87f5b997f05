//! Images from registries and to them.

use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_images::{
    Error as ImageError, Platform, PullOptions, PullProgress, Pulled, PushProgress, Pushed, Reference, Registries,
    RemoteManifest, Secret,
};
use std::path::PathBuf;

/// When a container's image is pulled before the container is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// When it is not there.
    #[default]
    Missing,
    /// Always, since the registry may have a newer one.
    Always,
    /// Never.
    Never,
}

impl Engine {
    /// Pulls an image.
    pub fn pull(
        &self,
        reference: &Reference,
        options: &PullOptions,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<Pulled> {
        let pulled = Registries::open()?.pull(&self.images()?, reference, options, progress)?;
        self.record_image_event("pull", &pulled.id.to_string(), &pulled.reference.to_string());
        Ok(pulled)
    }

    /// Pulls what a user named, from the first of the registries to search that has it.
    pub fn pull_named(
        &self,
        name: &str,
        options: &PullOptions,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<Pulled> {
        let mut candidates = Registries::open()?.candidates(name)?.into_iter().peekable();
        loop {
            let candidate = candidates.next().expect("a name means at least itself");
            match self.pull(&candidate, options, progress) {
                Err(Error::Image(ImageError::Registry(error))) if error.is_missing() && candidates.peek().is_some() => {
                }
                outcome => return outcome,
            }
        }
    }

    /// What the image that a user named is called in the store, if it is there, and for the platform.
    pub fn find_image(&self, name: &str, platform: Option<&Platform>) -> Result<Option<String>> {
        let store = self.images()?;
        let find = |name: &str| {
            let image = store.resolve(name)?;
            platform.map_or(Ok(()), |wanted| image.check_platform(name, wanted))
        };
        let absent = match find(name) {
            Ok(()) => return Ok(Some(name.to_owned())),
            Err(ImageError::NotFound(_) | ImageError::OtherPlatform { .. }) => true,
            Err(ImageError::Reference(_)) => false,
            Err(error) => return Err(error.into()),
        };
        // What is no reference has no other names.
        for candidate in if absent { Registries::open()?.candidates(name).unwrap_or_default() } else { Vec::new() } {
            if find(&candidate.canonical()).is_ok() {
                return Ok(Some(candidate.canonical()));
            }
        }
        Ok(None)
    }

    /// Pushes an image to the registry that its name names.
    pub fn push(&self, reference: &Reference, progress: &mut dyn FnMut(PushProgress)) -> Result<Pushed> {
        let pushed = Registries::open()?.push(&self.images()?, reference, progress)?;
        self.record_image_event("push", &pushed.id.to_string(), &reference.to_string());
        Ok(pushed)
    }

    /// All tags of a repository, as its registry has them.
    pub fn tags(&self, repository: &Reference) -> Result<Vec<String>> {
        Ok(Registries::open()?.tags(repository)?)
    }

    /// Repositories of a registry; those of the default one if none is named.
    pub fn catalog(&self, host: Option<&str>) -> Result<Vec<String>> {
        let registries = Registries::open()?;
        Ok(registries.catalog(host.unwrap_or(registries.default_registry()), usize::MAX)?)
    }

    /// What a registry has by a name, and if that is an index, all that it lists.
    pub fn manifests(&self, reference: &Reference) -> Result<(RemoteManifest, Vec<RemoteManifest>)> {
        Ok(Registries::open()?.manifests(reference)?)
    }

    /// The registry that is meant when none is named.
    pub fn default_registry(&self) -> Result<String> {
        Ok(Registries::open()?.default_registry().to_owned())
    }

    /// Keeps credentials for a registry if it accepts them. Answers with the file that they are in, if they are in one.
    pub fn log_in(&self, host: &str, user: &str, password: Secret) -> Result<Option<PathBuf>> {
        Ok(Registries::open()?.log_in(host, user, password)?)
    }

    /// Forgets the credentials for a registry; whether there were any.
    pub fn log_out(&self, host: &str) -> Result<bool> {
        Ok(Registries::open()?.log_out(host)?)
    }
}
