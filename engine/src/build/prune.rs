//! What the cache of builds takes, and removing what of it is not needed.

use crate::container::disk_usage;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::Lock;
use crate::storage::Totals;
use porthole_images::CachedSummary;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

/// What of the cache is removed.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheFilter {
    /// Also what an image has too, and what commands keep for themselves (`--mount=type=cache`).
    pub all: bool,
    /// Only what nobody has looked at since.
    pub until: Option<SystemTime>,
}

/// What the cache of builds takes.
#[derive(Clone, Debug)]
pub struct CacheUsage {
    /// The steps that it has, the one that was used last first.
    pub steps: Vec<CachedSummary>,
    /// How many bytes commands keep for themselves.
    pub mounts: u64,
}

impl CacheUsage {
    /// All together. What an image or a running build has, too, cannot be had back.
    pub fn totals(&self) -> Totals {
        let steps = || self.steps.iter().filter(|step| !step.is_alias);
        let free = steps().filter(|step| !step.is_shared && !step.in_use);
        Totals {
            count: steps().count(),
            active: steps().filter(|step| step.in_use).count(),
            size: steps().map(|step| step.size).sum::<u64>() + self.mounts,
            reclaimable: free.map(|step| step.size).sum(),
        }
    }
}

impl Engine {
    /// What the cache of builds takes.
    pub fn cache_usage(&self) -> Result<CacheUsage> {
        let mut mounts = 0;
        for directory in self.cache_mounts()? {
            mounts += disk_usage::of_tree(&directory).map_err(|error| Error::file(&directory, error))?;
        }
        Ok(CacheUsage { steps: self.images()?.cached_steps()?, mounts })
    }

    fn cache_mounts(&self) -> Result<Vec<PathBuf>> {
        let base = self.paths().root().join("build/mounts");
        match fs::read_dir(&base) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries
                .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
                .map_err(|error| Error::file(base, error)),
        }
    }

    /// Removes what of the cache is not in use; the keys of the steps that went, and how many bytes that freed.
    pub fn prune_build_cache(&self, filter: CacheFilter) -> Result<(Vec<String>, u64)> {
        let store = self.images()?;
        let mut gone = Vec::new();
        for step in store.cached_steps()? {
            let is_wanted = filter.until.is_none_or(|until| step.used < until);
            if is_wanted && !step.in_use && store.forget_cached(&step.key)? {
                gone.push(step.key.hex());
            }
        }
        let mut reclaimed = store.discard_uncached()?;
        if filter.all {
            for directory in self.cache_mounts()? {
                // One that a build is using stays.
                let Some(_lock) = Lock::try_acquire(&directory.join("lock"))? else { continue };
                reclaimed += disk_usage::of_tree(&directory).map_err(|error| Error::file(&directory, error))?;
                fs::remove_dir_all(&directory).map_err(|error| Error::file(&directory, error))?;
            }
        }
        let contexts = self.paths().root().join("build/contexts");
        match fs::remove_dir_all(&contexts) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::file(contexts, error)),
            _ => {}
        }
        store.empty_trash()?;
        Ok((gone, reclaimed))
    }
}
