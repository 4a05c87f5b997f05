//! Steps of builds that were done: by the key of a step, the layers that it left. They keep these layers as images do.
//!
//! Nothing is put on disk for a step, since a build has many. Its layer bears the mark of this boot until a `syncfs` has
//! followed; after a crash of the machine a layer with such a mark is none, and the step is done again.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::record::{self, read_optional};
use super::{Guard, Ingest, LayerRecord, Store};
use crate::digest::Digest;
use crate::error::{Context, Result};
use crate::fs;

/// The mark of a layer that may not be on disk yet: the boot at which it was made.
pub(super) const UNSYNCED: &str = "unsynced";

/// What a step left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CachedStep {
    /// What it did, in a line for people.
    pub description: String,
    /// When it was done.
    pub created: String,
    /// Whether it changed no file.
    pub is_empty: bool,
    /// Another step that does the same: that one is to be looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<Digest>,
    /// All layers up to this step, from the base upwards.
    pub(crate) layers: Vec<LayerRecord>,
}

/// Layers of the store, one upon the other: what a step of a build begins with and ends with.
#[derive(Debug, Clone, Default)]
pub struct Layers(pub(crate) Vec<LayerRecord>);

/// A step that is not removed as long as this is held.
#[derive(Debug)]
pub struct CacheLease {
    _record: Option<File>,
}

/// A step, as lists show it.
#[derive(Debug, Clone)]
pub struct CachedSummary {
    /// Its key.
    pub key: Digest,
    /// What it did.
    pub description: String,
    /// When it was done.
    pub created: Option<jiff::Timestamp>,
    /// When a build last looked at it.
    pub used: SystemTime,
    /// The length of the files in its own layer, which other steps and images may have too.
    pub size: u64,
    /// Whether an image, or another step that stays, has its layer too.
    pub is_shared: bool,
    /// Whether a build is using it.
    pub in_use: bool,
    /// Whether it only says that another step is the same.
    pub is_alias: bool,
}

impl Layers {
    /// The chain ID of the topmost one.
    pub fn top(&self) -> Option<Digest> {
        self.0.last().map(|layer| layer.chain_id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their diffIDs, from the base upwards.
    pub fn diff_ids(&self) -> Vec<Digest> {
        self.0.iter().map(|layer| layer.diff_id).collect()
    }

    /// The lowest so many.
    pub fn up_to(&self, count: usize) -> Layers {
        Layers(self.0[..count].to_vec())
    }

    /// Those that do not belong to a base of so many layers.
    pub fn above(&self, count: usize) -> Layers {
        Layers(self.0[count..].to_vec())
    }
}

impl CachedStep {
    /// The layers up to this step.
    pub fn layers(&self) -> Layers {
        Layers(self.layers.clone())
    }
}

impl Store {
    pub(super) fn cached_directory(&self) -> PathBuf {
        self.root.join("build/steps")
    }

    fn cached_path(&self, key: &Digest) -> PathBuf {
        self.cached_directory().join(format!("{}.json", key.hex()))
    }

    /// The layers of an image.
    pub fn layers_of(&self, image: &Digest) -> Result<Layers> {
        Ok(Layers(self.record(image)?.layers))
    }

    /// The directories of layers as overlayfs stacks them, the topmost first. Below one that hides all there are none.
    pub fn lower_directories(&self, layers: &Layers) -> Vec<PathBuf> {
        self.lower_of(&layers.0)
    }

    /// What a step with this key left, if it was done and all its layers are there. It stays as long as the lease is held.
    pub fn cached(&self, key: &Digest) -> Result<Option<(CachedStep, CacheLease)>> {
        let path = self.cached_path(key);
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.at("open", &path)?,
        };
        // Whoever holds it for himself is removing it, or only wants to know whether it is in use.
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockShared)).at("lock", &path)?;
        let is_there =
            std::fs::metadata(&path).is_ok_and(|there| file.metadata().is_ok_and(|own| own.ino() == there.ino()));
        if !is_there {
            return Ok(None);
        }
        // One that a crash left damaged was not done.
        let Ok(Some(step)) = read_optional::<CachedStep>(&path) else { return Ok(None) };
        for layer in &step.layers {
            if self.layer(&layer.chain_id)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some((step, CacheLease { _record: Some(file) })))
    }

    /// Keeps a step that was done elsewhere; its layers must be here.
    pub fn remember_step(
        &self,
        key: &Digest,
        description: &str,
        created: &str,
        is_empty: bool,
        layers: &Layers,
    ) -> Result<()> {
        let (description, created, layers) = (description.to_owned(), created.to_owned(), layers.0.clone());
        let guard = self.lock()?;
        self.write_cached(key, &CachedStep { description, created, is_empty, same_as: None, layers }, &guard)
    }

    /// Keeps that two steps do the same.
    pub fn cache_alias(&self, key: &Digest, same_as: &Digest, description: &str) -> Result<()> {
        let step = CachedStep {
            description: description.to_owned(),
            created: String::new(),
            is_empty: true,
            same_as: Some(*same_as),
            layers: Vec::new(),
        };
        let guard = self.lock()?;
        self.write_cached(key, &step, &guard)
    }

    pub(crate) fn write_cached(&self, key: &Digest, step: &CachedStep, _: &Guard) -> Result<()> {
        fs::make_directories(&self.cached_directory())?;
        let (temporary, path) = (self.cached_directory().join("step.new"), self.cached_path(key));
        // A killed process may have left one; under the lock it is ours.
        let _ = std::fs::remove_file(&temporary);
        fs::write(&temporary, &record::encode(step))?;
        fs::rename(&temporary, &path)
    }

    /// Whether a layer has the mark of a boot that is over.
    pub(super) fn is_lost(&self, chain_id: &Digest) -> bool {
        match std::fs::read_to_string(self.snapshot_path(chain_id).join(UNSYNCED)) {
            Ok(boot) => boot != boot_id(),
            Err(_) => false,
        }
    }

    /// Takes the marks from layers that a `syncfs` has put on disk.
    pub(crate) fn mark_synced(&self, layers: &[LayerRecord]) -> Result<()> {
        for layer in layers {
            let mark = self.snapshot_path(&layer.chain_id).join(UNSYNCED);
            match std::fs::remove_file(&mark) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).at("remove", &mark),
                _ => {}
            }
        }
        Ok(())
    }

    /// The keys of all steps.
    pub(super) fn cached_keys(&self) -> Result<Vec<Digest>> {
        let names = fs::names(&self.cached_directory())?;
        Ok(names.iter().filter_map(|name| Digest::from_hex(name.strip_suffix(".json")?).ok()).collect())
    }

    /// The layers that steps keep. A damaged record keeps none: it is of no use to a build either.
    pub(super) fn cached_layers(&self) -> Result<Vec<LayerRecord>> {
        let read = |key| read_optional::<CachedStep>(&self.cached_path(&key)).ok().flatten();
        Ok(self.cached_keys()?.into_iter().filter_map(read).flat_map(|step| step.layers).collect())
    }

    /// All steps, the one that was used last first.
    pub fn cached_steps(&self) -> Result<Vec<CachedSummary>> {
        let of_images: std::collections::HashSet<Digest> = {
            let ids = self.ids()?;
            let records = ids.iter().filter_map(|id| self.record(id).ok());
            records.flat_map(|record| record.layers).map(|layer| layer.chain_id).collect()
        };
        let mut steps = Vec::new();
        for key in self.cached_keys()? {
            let path = self.cached_path(&key);
            let (Ok(metadata), Ok(Some(step))) = (std::fs::metadata(&path), read_optional::<CachedStep>(&path)) else {
                continue;
            };
            let own = step.layers.last().filter(|_| !step.is_empty);
            let used = metadata.accessed().or_else(|_| metadata.modified()).at("examine", &path)?;
            let in_use = File::open(&path).is_ok_and(|file| !fs::try_lock(&file, &path).unwrap_or(false));
            steps.push(CachedSummary {
                key,
                created: super::timestamp(Some(&step.created)),
                used,
                size: own.map_or(0, |layer| layer.size),
                is_shared: own.is_some_and(|layer| of_images.contains(&layer.chain_id)),
                in_use,
                is_alias: step.same_as.is_some(),
                description: step.description,
            });
        }
        steps.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.key.cmp(&other.key)));
        Ok(steps)
    }

    /// Forgets a step, unless a build is using it; whether it is gone. Its layer goes with [`Store::discard_uncached`].
    pub fn forget_cached(&self, key: &Digest) -> Result<bool> {
        let _guard = self.lock()?;
        let path = self.cached_path(key);
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            file => file.at("open", &path)?,
        };
        if !fs::try_lock(&file, &path)? {
            return Ok(false);
        }
        std::fs::remove_file(&path).at("remove", &path)?;
        Ok(true)
    }

    /// Removes the layers that neither images nor steps have any more. How long their files were.
    pub fn discard_uncached(&self) -> Result<u64> {
        let guard = self.lock()?;
        let Some(used) = self.used(None)? else { return Ok(0) };
        let mut reclaimed = 0;
        for name in fs::names(&self.snapshots())? {
            if !used.has_snapshot(&name)
                && let Ok(chain_id) = Digest::from_hex(&name)
                && let Ok(Some(layer)) = self.layer(&chain_id)
            {
                reclaimed += layer.size;
            }
        }
        self.discard_unused(&guard)?;
        Ok(reclaimed)
    }
}

impl Ingest {
    /// Marks a prepared layer as one that may not be on disk.
    pub(crate) fn mark_unsynced(&self, chain_id: &Digest) -> Result<()> {
        let path = self.layer_root(chain_id).with_file_name(UNSYNCED);
        fs::write(&path, boot_id().as_bytes())
    }
}

/// The id of this boot (random(4)).
fn boot_id() -> &'static str {
    static BOOT_ID: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    BOOT_ID.get_or_init(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default())
}
