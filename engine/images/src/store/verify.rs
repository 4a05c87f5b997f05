//! `image verify`: whether the store still holds what it was given.
//!
//! Every blob is hashed. Of an unpacked layer the lengths of its files are summed up, which costs one look at each; if the
//! sum is not the recorded one, or all is to be examined, the blob is unpacked once more and the two trees are compared.
//! A damaged layer is marked, so that the next load or pull of an image that has it brings it anew.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{ImageRecord, LayerRecord, Store};
use crate::digest::{Digest, Hashing};
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::layer::{Budget, Expected, differences, inherit, length_of_files, unpack};

/// The mark of a damaged layer, beside its record.
pub(super) const DAMAGED: &str = "damaged";

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The digests of all blobs, and the number of bytes in each unpacked layer.
    Quick,
    /// Every file of every unpacked layer, too: kind, owner, mode, times, attributes and content.
    Full,
}

/// Something that is not as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The record of the image, or its configuration, or its manifest.
    #[error("{what} is damaged: {problem}")]
    Document {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The blob of a layer.
    #[error("layer {}: the blob {blob} is damaged: {problem}", .layer.short())]
    Blob {
        /// The layer's diffID.
        layer: Digest,
        /// The blob's digest.
        blob: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// An unpacked layer.
    #[error("layer {}: {problem}", .layer.short())]
    Snapshot {
        /// The layer's diffID.
        layer: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// A damaged layer cannot be replaced.
    #[error("layer {}: a running container uses it: stop {user} and verify again before loading the image anew", .layer.short())]
    InUse {
        /// The layer's diffID.
        layer: Digest,
        /// A container.
        user: String,
    },
}

impl Store {
    /// Looks for damage in an image. `seen` has the layers that were examined already, and `user` tells which running
    /// container uses the layer in a directory: such a layer is not marked, since it must not be replaced.
    pub fn verify(
        &self,
        id: &Digest,
        depth: Depth,
        seen: &mut HashSet<Digest>,
        user: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<Vec<Damage>> {
        let mut damage = Vec::new();
        damage.extend(self.document_damage("the configuration", id));
        let record = match self.record(id) {
            Err(Error::Record { problem, .. }) => {
                damage.push(Damage::Document { what: "the record", problem });
                return Ok(damage);
            }
            record => record?,
        };
        damage.extend(record.manifest.and_then(|manifest| self.document_damage("the manifest", &manifest)));
        for at in 0..record.layers.len() {
            let layer = &record.layers[at];
            if seen.insert(layer.chain_id) {
                let found = self.layer_damage(&record, at, depth)?;
                if !found.is_empty() {
                    damage.extend(found);
                    damage.extend(self.mark(layer, user)?);
                }
            }
        }
        Ok(damage)
    }

    fn document_damage(&self, what: &'static str, digest: &Digest) -> Option<Damage> {
        let problem = match self.blob(digest) {
            Ok(content) if Digest::of(&content) == *digest => return None,
            Ok(content) => differs(&Digest::of(&content)),
            Err(error) => error.to_string(),
        };
        Some(Damage::Document { what, problem })
    }

    /// What is wrong with the layer number `at` of an image.
    fn layer_damage(&self, image: &ImageRecord, at: usize, depth: Depth) -> Result<Vec<Damage>> {
        let layer = &image.layers[at];
        let mut damage = Vec::new();
        let blob = self.blob_problem(layer);
        let blob_is_intact = blob.is_none();
        damage.extend(blob.map(|problem| Damage::Blob { layer: layer.diff_id, blob: layer.blob, problem }));
        let snapshot = |problem: String| Damage::Snapshot { layer: layer.diff_id, problem };
        let root = self.layer_root(&layer.chain_id);
        if let Some(problem) = self.record_problem(layer) {
            damage.push(snapshot(problem));
            return Ok(damage);
        }
        let length = match length_of_files(&root) {
            Ok(length) => length,
            Err(error) => {
                damage.push(snapshot(format!("cannot read {}: {error}", root.display())));
                return Ok(damage);
            }
        };
        if length == layer.size && depth == Depth::Quick {
            return Ok(damage);
        }
        if blob_is_intact {
            // Files that the archive has twice count twice in the record: only the comparison tells.
            damage.extend(self.differences(image, at)?.into_iter().map(snapshot));
        } else if length != layer.size {
            damage.push(snapshot(format!("its files have {length} bytes, not {}", layer.size)));
        }
        Ok(damage)
    }

    fn record_problem(&self, layer: &LayerRecord) -> Option<String> {
        let path = self.snapshot_path(&layer.chain_id).join("layer.json");
        match super::record::read_optional::<LayerRecord>(&path) {
            Ok(Some(found)) if found.diff_id == layer.diff_id && found.blob == layer.blob => None,
            Ok(Some(_)) => Some(format!("{} tells of another layer", path.display())),
            Ok(None) => Some(format!("{} is missing", path.display())),
            Err(error) => Some(error.to_string()),
        }
    }

    fn blob_problem(&self, layer: &LayerRecord) -> Option<String> {
        let hashed = self.open_blob(layer).map_err(|error| error.to_string()).and_then(|blob| {
            let mut hashing = Hashing::new(blob);
            io::copy(&mut hashing, &mut io::sink()).map_err(|error| error.to_string())?;
            Ok(hashing.finish())
        });
        match hashed {
            Ok((digest, length, _)) if (digest, length) == (layer.blob, layer.length) => None,
            Ok((digest, ..)) => Some(differs(&digest)),
            Err(problem) => Some(problem),
        }
    }

    fn differences(&self, image: &ImageRecord, at: usize) -> Result<Vec<String>> {
        match self.compare(image, at) {
            Err(Error::Layer { problem, .. }) => Ok(vec![problem.to_string()]),
            found => found,
        }
    }

    /// Unpacks a layer once more, and tells where what is stored differs from it.
    fn compare(&self, image: &ImageRecord, at: usize) -> Result<Vec<String>> {
        let layer = &image.layers[at];
        let failed = |problem| Error::Layer { layer: layer.diff_id, problem };
        let ingest = self.ingest()?;
        let (root, _) = ingest.new_layer(&layer.chain_id)?;
        let budget = Budget::of(ingest.directory()).at("examine", ingest.path())?;
        let path = self.layer_blob_path(layer);
        let blob = File::open(&path).at("open", &path)?;
        let expected = Expected { diff_id: Some(layer.diff_id), ..Expected::default() };
        let unpacked = unpack(blob, expected, root, null()?, &budget, &mut |_| ()).map_err(failed)?;
        let fresh = ingest.layer_root(&layer.chain_id);
        // One of those below that is missing is told of by itself.
        let below = image.layers[..at].iter().rev().map(|layer| self.layer_root(&layer.chain_id));
        let below: Vec<PathBuf> = below.filter(|root| root.exists()).collect();
        inherit(&fresh, &unpacked.implied, &below).map_err(failed)?;
        let stored = self.layer_root(&layer.chain_id);
        differences(&fresh, &stored).at("compare", &stored)
    }

    /// Marks a damaged layer, unless it is in use.
    fn mark(&self, layer: &LayerRecord, user: &dyn Fn(&Path) -> Option<String>) -> Result<Option<Damage>> {
        if let Some(user) = user(&self.layer_root(&layer.chain_id)) {
            return Ok(Some(Damage::InUse { layer: layer.diff_id, user }));
        }
        let _guard = self.lock()?;
        let snapshot = self.snapshot_path(&layer.chain_id);
        // One that is not there needs no mark.
        if snapshot.is_dir() && !snapshot.join(DAMAGED).exists() {
            fs::write(&snapshot.join(DAMAGED), b"")?;
        }
        Ok(None)
    }
}

fn differs(found: &Digest) -> String {
    format!("its digest is {found}")
}

fn null() -> Result<File> {
    OpenOptions::new().write(true).open("/dev/null").at("open", Path::new("/dev/null"))
}
