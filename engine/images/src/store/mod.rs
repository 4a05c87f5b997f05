//! The store: what is on disk, and the rules by which several processes share it.
//!
//! ```text
//! content/sha256/HEX       blobs as they came: configurations, manifests, compressed layers
//! content/sha256/HEX.zst   layers that came as plain tar; HEX is the digest of what this decompresses to
//! snapshots/CHAIN/root/    unpacked layers, each alone; CHAIN is the layer's chain ID
//! snapshots/CHAIN/layer.json
//! snapshots/CHAIN/damaged   a mark: to be replaced by whoever brings the layer next
//! images/HEX.json          one record an image: its layers, and what lists show
//! images/references.json   every name, and the image that it stands for
//! images/lock
//! ingest/…                 work in progress, each directory locked by its owner
//! trash/…                  what was removed, until somebody deletes it
//! ```
//!
//! - Readers take no lock. What they find by a record is there: a record is written after its data is on disk, and removed
//!   before.
//! - Writers prepare in a directory of their own under `ingest/`, and then, holding the lock for a moment, rename what they
//!   prepared into place. A killed writer leaves only that directory, whose lock dies with it; the next writer removes it.
//! - Removing waits for no disk, since a journal that is busy with what others wrote lets one wait long. An image is gone when
//!   its record is; names without one stand for nothing. The bytes are deleted only after that is on disk.
//! - A snapshot is named by its chain ID, not by its diffID, because directories that the layer does not describe take
//!   their attributes from the layers below.
//! - Whoever is about to use an image holds a [`Lease`] on it until the use itself is on record.

mod cached;
mod collect;
mod commit;
mod find;
mod ingest;
mod record;
mod remove;
mod usage;
mod verify;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;

pub use cached::{CacheLease, CachedStep, CachedSummary, Layers};
pub(crate) use commit::{Replaced, StagedImage};
pub(crate) use find::timestamp;
pub use find::{Image, ImageSummary, Lease};
pub(crate) use ingest::Ingest;
pub(crate) use record::{ImageRecord, LayerRecord, References};
pub use remove::Removal;
pub use usage::ImageUsage;
pub use verify::{Damage, Depth};

/// The image store under a state root.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// The right to change the store; given up when dropped.
pub(crate) struct Guard {
    _lock: File,
}

impl Store {
    /// The store below `root`, the state root. Nothing is made before something is stored.
    pub fn open(root: &Path) -> Result<Self> {
        match std::fs::metadata(root) {
            Ok(metadata) if !metadata.is_dir() => {
                Err(std::io::Error::from(std::io::ErrorKind::NotADirectory)).at("open", root)
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("open", root),
            _ => Ok(Self { root: root.to_owned() }),
        }
    }

    /// The right to change the store. Waits for whoever has it, never for long.
    pub(crate) fn lock(&self) -> Result<Guard> {
        for directory in [self.blobs(), self.snapshots(), self.images(), self.ingests(), self.trash()] {
            fs::make_directories(&directory)?;
        }
        let path = self.images().join("lock");
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).at("open", &path)?;
        fs::lock(&file, &path)?;
        Ok(Guard { _lock: file })
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("content/sha256")
    }

    fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    fn ingests(&self) -> PathBuf {
        self.root.join("ingest")
    }

    fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    fn references_path(&self) -> PathBuf {
        self.images().join("references.json")
    }

    fn record_path(&self, id: &Digest) -> PathBuf {
        self.images().join(format!("{}.json", id.hex()))
    }

    /// Where a small blob is.
    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Where the blob of a layer is.
    pub(crate) fn layer_blob_path(&self, layer: &LayerRecord) -> PathBuf {
        self.blobs().join(layer.blob_file())
    }

    /// Where the blob of a layer is, if it is kept as it came; and where, if it came plain and is kept compressed by zstd.
    pub(crate) fn layer_blob_paths(&self, blob: &Digest) -> (PathBuf, PathBuf) {
        (self.blob_path(blob), self.blobs().join(format!("{}.zst", blob.hex())))
    }

    fn snapshot_path(&self, chain_id: &Digest) -> PathBuf {
        self.snapshots().join(chain_id.hex())
    }

    /// The directory of an unpacked layer.
    pub(crate) fn layer_root(&self, chain_id: &Digest) -> PathBuf {
        self.snapshot_path(chain_id).join("root")
    }

    /// The directories of an image's layers, the lowest first, with those that others hide.
    pub fn layer_directories(&self, image: &Image) -> Vec<PathBuf> {
        image.chain.iter().map(|chain_id| self.layer_root(chain_id)).collect()
    }

    /// The names and the images they stand for. Those of an image that is removed are none any more, though the list has
    /// them until it is written again.
    pub(crate) fn references(&self) -> Result<References> {
        let mut references = self.listed_references()?;
        references.retain(|id| self.record_path(id).exists());
        Ok(references)
    }

    /// The list of names as it is.
    fn listed_references(&self) -> Result<References> {
        record::read_optional(&self.references_path()).map(Option::unwrap_or_default)
    }

    /// The record of an image.
    pub(crate) fn record(&self, id: &Digest) -> Result<ImageRecord> {
        record::read_optional(&self.record_path(id))?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// The record of an unpacked layer, if it is unpacked and not known to be damaged.
    pub(crate) fn layer(&self, chain_id: &Digest) -> Result<Option<LayerRecord>> {
        if self.snapshot_path(chain_id).join(verify::DAMAGED).exists() || self.is_lost(chain_id) {
            return Ok(None);
        }
        record::read_optional(&self.snapshot_path(chain_id).join("layer.json"))
    }

    /// A small blob: a configuration or a manifest.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.blob_path(digest);
        std::fs::read(&path).at("read", &path)
    }

    /// The IDs of all images.
    pub fn ids(&self) -> Result<Vec<Digest>> {
        let names = fs::names(&self.images())?;
        Ok(names.iter().filter_map(|name| Digest::from_hex(name.strip_suffix(".json")?).ok()).collect())
    }
}
