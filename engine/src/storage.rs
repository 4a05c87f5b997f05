//! What images and containers take on disk, whether it is intact, and removing what nobody needs.

use crate::build::CacheUsage;
use crate::container::disk_usage;
use crate::container::record::{Record, is_active};
use crate::container::remove::RemoveOptions;
use crate::container::summary::ContainerSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::volume::VolumeSummary;
use porthole_images::{Damage, Depth, Digest, ImageUsage, Removal};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What is on disk.
#[derive(Clone, Debug)]
pub struct StorageUsage {
    /// The images, each with how many containers were made of it.
    pub images: Vec<(ImageUsage, usize)>,
    /// The containers, each with the length of what it wrote.
    pub containers: Vec<(ContainerSummary, u64)>,
    /// The volumes, each with the length of its files.
    pub volumes: Vec<(VolumeSummary, u64)>,
    /// The cache of builds.
    pub cache: CacheUsage,
}

/// How much of something there is, and how much of that is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many there are.
    pub count: usize,
    /// How many are in use.
    pub active: usize,
    /// Their bytes.
    pub size: u64,
    /// The bytes of those that are not in use.
    pub reclaimable: u64,
}

/// What `prune` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Names of images and images that went.
    pub images: Vec<Removal>,
    /// Containers that went, by id.
    pub containers: Vec<String>,
    /// Volumes that went, by name.
    pub volumes: Vec<String>,
    /// Networks that went, by name.
    pub networks: Vec<String>,
    /// How many bytes of files went with them.
    pub reclaimed: u64,
}

/// Which images or containers are to be pruned: those older than a time, with some labels and without others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneFilter {
    /// Nanoseconds since 1970.
    pub until: Option<i64>,
    /// Labels that must all be there, each with a value or with any.
    pub labels: Vec<(String, Option<String>)>,
    /// Labels of which none may be there.
    pub without_labels: Vec<(String, Option<String>)>,
}

/// What was found of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As it was named.
    pub name: String,
    /// What is damaged; nothing when it is intact.
    pub damage: Vec<Damage>,
}

impl StorageUsage {
    /// The images together: layers count once, however many images have them.
    pub fn image_totals(&self) -> Totals {
        let layers = |in_use: bool| {
            let images = self.images.iter().filter(|(_, containers)| !in_use || *containers > 0);
            let layers: HashMap<Digest, u64> = images.flat_map(|(usage, _)| usage.layers.iter().copied()).collect();
            layers.values().sum::<u64>()
        };
        let active = self.images.iter().filter(|(_, containers)| *containers > 0).count();
        let size = layers(false);
        Totals { count: self.images.len(), active, size, reclaimable: size - layers(true) }
    }

    /// The volumes together.
    pub fn volume_totals(&self) -> Totals {
        let in_use = || self.volumes.iter().filter(|(volume, _)| !volume.used_by.is_empty());
        let size = self.volumes.iter().map(|(_, size)| size).sum();
        let used: u64 = in_use().map(|(_, size)| size).sum();
        Totals { count: self.volumes.len(), active: in_use().count(), size, reclaimable: size - used }
    }

    /// The containers together.
    pub fn container_totals(&self) -> Totals {
        let sum = |wanted: fn(&ContainerSummary) -> bool| -> u64 {
            self.containers.iter().filter(|(container, _)| wanted(container)).map(|(_, size)| size).sum()
        };
        Totals {
            count: self.containers.len(),
            active: self.containers.iter().filter(|(container, _)| is_active(container.state.status)).count(),
            size: sum(|_| true),
            reclaimable: sum(|container| !is_active(container.state.status)),
        }
    }
}

impl PruneFilter {
    pub(crate) fn wants(&self, created: Option<i64>, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): &(String, Option<String>)| {
            labels.get(key).is_some_and(|label| value.as_ref().is_none_or(|value| value == label))
        };
        // What tells no time was made at the beginning of time, as Docker has it.
        self.until.is_none_or(|until| created.unwrap_or(i64::MIN) < until)
            && self.labels.iter().all(has)
            && !self.without_labels.iter().any(has)
    }
}

impl Engine {
    /// What images, containers and volumes take on disk. Takes time in proportion to how many files containers wrote.
    pub fn storage_usage(&self) -> Result<StorageUsage> {
        let mut containers = Vec::new();
        let mut users = HashMap::<String, usize>::new();
        for container in self.containers(true)? {
            *users.entry(container.image_id.clone()).or_default() += 1;
            match self.writable_size(&container.id) {
                // It was removed meanwhile.
                Err(Error::NoSuchContainer(_)) => {}
                size => containers.push((container, size?)),
            }
        }
        let images = self.images()?.usage()?.into_iter();
        let images = images.map(|usage| {
            let users = users.get(&usage.image.id.to_string()).copied().unwrap_or_default();
            (usage, users)
        });
        let images = images.collect();
        let sized = |volume: VolumeSummary| match disk_usage::of_tree(&volume.mountpoint) {
            Ok(size) => Ok((volume, size)),
            Err(source) => Err(Error::file(&volume.mountpoint, source)),
        };
        let volumes = self.volumes()?.into_iter().map(sized).collect::<Result<_>>()?;
        Ok(StorageUsage { images, containers, volumes, cache: self.cache_usage()? })
    }

    /// Looks for damage in images; in all of them when none is named.
    pub fn verify_images(&self, names: &[String], depth: Depth) -> Result<Vec<Verified>> {
        let store = self.images()?;
        let mut images = Vec::new();
        for name in names {
            images.push((name.clone(), store.find_id(name)?));
        }
        if names.is_empty() {
            for id in store.ids()? {
                images.push((store.name_of(&id)?, id));
            }
            images.sort();
        }
        let users = self.layers_in_use()?;
        let user = |layer: &Path| users.get(layer).cloned();
        let mut seen = HashSet::new();
        let verified = images.into_iter().map(|(name, id)| {
            let damage = store.verify(&id, depth, &mut seen, &user)?;
            Ok(Verified { name, damage })
        });
        verified.collect()
    }

    /// The directories of the layers that running containers use, and the name of one that does.
    fn layers_in_use(&self) -> Result<HashMap<PathBuf, String>> {
        let mut users = HashMap::new();
        for container in self.containers(false)? {
            let config = Record::new(self.paths(), &container.id).config()?;
            for layer in config.into_iter().flat_map(|config| config.layers) {
                users.insert(layer, container.name.clone());
            }
        }
        Ok(users)
    }

    /// Removes images that no container was made of: those without a name, or all of them.
    pub fn prune_images(&self, all: bool, filter: &PruneFilter) -> Result<Pruned> {
        let store = self.images()?;
        let sizes: HashMap<Digest, u64> = store.usage()?.into_iter().flat_map(|usage| usage.layers).collect();
        let mut pruned = Pruned::default();
        for image in store.list()? {
            let id = image.id.to_string();
            let is_named = image.references.iter().any(|name| name.tag().is_some());
            if (is_named && !all) || !self.is_wanted_image(&id, filter)? {
                continue;
            }
            match self.remove_image(&id, true) {
                Ok(removals) => pruned.images.extend(removals),
                // It is in use, or somebody else removed it.
                Err(Error::Image(porthole_images::Error::Conflict(_) | porthole_images::Error::NotFound(_))) => {}
                Err(error) => return Err(error),
            }
        }
        let size = |removal: &Removal| match removal {
            Removal::Deleted(layer) => sizes.get(layer).copied().unwrap_or_default(),
            Removal::Untagged(_) => 0,
        };
        pruned.reclaimed = pruned.images.iter().map(size).sum();
        Ok(pruned)
    }

    fn is_wanted_image(&self, id: &str, filter: &PruneFilter) -> Result<bool> {
        let image = match self.images()?.resolve(id) {
            Err(porthole_images::Error::NotFound(_)) => return Ok(false),
            image => image?,
        };
        let created = image.created.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        let labels = image.config.config().as_ref().and_then(|config| config.labels().clone()).unwrap_or_default();
        Ok(filter.wants(created, &labels.into_iter().collect()))
    }

    /// Removes containers that do not run.
    pub fn prune_containers(&self, filter: &PruneFilter) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for container in self.containers(true)? {
            let record = Record::new(self.paths(), &container.id);
            let Some(config) = record.config()? else { continue };
            if is_active(container.state.status) || !filter.wants(Some(config.created), &config.labels) {
                continue;
            }
            let size = self.writable_size(&container.id);
            match self.remove(&container.id, RemoveOptions::default()) {
                Ok(()) => {
                    pruned.reclaimed += size.unwrap_or_default();
                    pruned.containers.push(container.id);
                }
                // It was started, or somebody else removed it.
                Err(Error::RemoveRunning(_) | Error::NoSuchContainer(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(list: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn all_filters_must_match() {
        let there = BTreeMap::from([("keep".to_owned(), "no".to_owned())]);
        let wants = |filter: PruneFilter| filter.wants(Some(100), &there);
        assert!(wants(PruneFilter::default()));
        assert!(wants(PruneFilter { until: Some(101), ..PruneFilter::default() }));
        assert!(!wants(PruneFilter { until: Some(100), ..PruneFilter::default() }));
        assert!(wants(PruneFilter {
            labels: labels(&[("keep", None), ("keep", Some("no"))]),
            ..PruneFilter::default()
        }));
        assert!(!wants(PruneFilter { labels: labels(&[("keep", Some("yes"))]), ..PruneFilter::default() }));
        assert!(!wants(PruneFilter { without_labels: labels(&[("keep", None)]), ..PruneFilter::default() }));
        assert!(wants(PruneFilter { without_labels: labels(&[("other", None)]), ..PruneFilter::default() }));
    }
}
