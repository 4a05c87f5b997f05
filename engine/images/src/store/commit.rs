//! From prepared to stored: the moment at which an image comes to be.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::record::{self, References};
use super::{Guard, ImageRecord, Ingest, LayerRecord, Store};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::reference::Reference;

/// An image whose blobs and missing layers lie in an ingest directory: `layer-CHAIN/{root,blob,layer.json}` for a layer, `HEX`
/// for a configuration or manifest, `HEX.json` for the record.
#[derive(Debug)]
pub(crate) struct StagedImage {
    pub(crate) id: Digest,
    pub(crate) record: ImageRecord,
    pub(crate) references: Vec<Reference>,
}

/// A name that now stands for another image.
pub(crate) type Replaced = (Reference, Digest);

impl Ingest {
    /// Makes room for a layer: its empty root, and the file for its blob.
    pub(crate) fn new_layer(&self, chain_id: &Digest) -> Result<(OwnedFd, File)> {
        new_layer(&self.layer(chain_id))
    }

    /// Makes room for the only layer of an image.
    pub(crate) fn new_unnamed_layer(&self) -> Result<(OwnedFd, File)> {
        new_layer(&self.path().join("layer"))
    }

    /// Completes the only layer of an image.
    pub(crate) fn name_layer(&self, layer: &LayerRecord) -> Result<()> {
        fs::rename(&self.path().join("layer"), &self.layer(&layer.chain_id))?;
        self.stage_layer(layer)
    }

    /// Where the files of a layer are prepared.
    pub(crate) fn layer_root(&self, chain_id: &Digest) -> PathBuf {
        self.layer(chain_id).join("root")
    }

    /// Where a layer is prepared, with what goes with it.
    pub(crate) fn layer_directory(&self, chain_id: &Digest) -> PathBuf {
        self.layer(chain_id)
    }

    /// Where a layer is prepared.
    fn layer(&self, chain_id: &Digest) -> PathBuf {
        self.path().join(format!("layer-{}", chain_id.hex()))
    }

    /// Completes a prepared layer with its record.
    pub(crate) fn stage_layer(&self, layer: &LayerRecord) -> Result<()> {
        let path = self.layer(&layer.chain_id).join("layer.json");
        // Images of one archive may share a layer.
        if path.exists() { Ok(()) } else { fs::write(&path, &record::encode(layer)) }
    }

    /// Prepares a small blob.
    pub(crate) fn stage_blob(&self, content: &[u8]) -> Result<Digest> {
        let digest = Digest::of(content);
        let path = self.path().join(digest.hex());
        // Images of one archive may share a configuration.
        if !path.exists() {
            fs::write(&path, content)?;
        }
        Ok(digest)
    }

    /// Prepares the record of an image.
    pub(crate) fn stage_record(&self, image: &StagedImage) -> Result<()> {
        let path = self.path().join(format!("{}.json", image.id.hex()));
        if !path.exists() {
            fs::write(&path, &record::encode(&image.record))?;
        }
        Ok(())
    }
}

impl Store {
    /// Stores prepared images, all or none. `None` when a layer that was there before has been removed meanwhile: it must
    /// be prepared, too.
    pub(crate) fn commit(&self, ingest: &Ingest, images: &[StagedImage]) -> Result<Option<Vec<Replaced>>> {
        ingest.sync()?;
        let guard = self.lock()?;
        let layers = || images.iter().flat_map(|image| &image.record.layers);
        for layer in layers() {
            if !ingest.layer(&layer.chain_id).exists() && self.layer(&layer.chain_id)?.is_none() {
                return Ok(None);
            }
        }
        // An image that comes back is not to get its old names back, should this process be killed half-way.
        let mut references = self.references()?;
        if references != self.listed_references()? {
            self.write_references(&references, &guard)?;
        }
        let mut mended = Vec::new();
        for layer in layers() {
            let damaged = self.snapshot_path(&layer.chain_id).exists();
            if self.place_layer(ingest, layer, &guard)? && damaged {
                mended.push(layer);
            }
        }
        for blob in images.iter().flat_map(|image| [Some(image.id), image.record.manifest]).flatten() {
            place(&ingest.path().join(blob.hex()), &self.blob_path(&blob))?;
        }
        // What was removed goes before what was removed with it. The data is on disk; now its names, and only then the
        // records that promise them.
        fs::sync_directory(&self.images())?;
        fs::sync_directory(&self.blobs())?;
        fs::sync_directory(&self.snapshots())?;
        for image in images {
            // A record that is there says the same, and leases are locks on it. Nobody can lease one that is damaged.
            if matches!(self.record(&image.id), Err(Error::NotFound(_) | Error::Record { .. })) {
                place(&ingest.path().join(format!("{}.json", image.id.hex())), &self.record_path(&image.id))?;
            }
        }
        self.adopt(&mended, &guard)?;
        let mut replaced = Vec::new();
        for (image, reference) in images.iter().flat_map(|image| image.references.iter().map(move |name| (image, name)))
        {
            let old = references.set(reference, image.id).filter(|old| *old != image.id);
            replaced.extend(old.map(|old| (reference.clone(), old)));
        }
        self.write_references(&references, &guard)?;
        Ok(Some(replaced))
    }

    /// Writes into the records of other images that layers of theirs were mended by blobs of another compression.
    fn adopt(&self, mended: &[&LayerRecord], guard: &Guard) -> Result<()> {
        if mended.is_empty() {
            return Ok(());
        }
        for id in self.ids()? {
            let Ok(mut record) = self.record(&id) else { continue };
            let mut changed = false;
            for layer in &mut record.layers {
                let newer = mended.iter().find(|newer| newer.chain_id == layer.chain_id && newer.blob != layer.blob);
                if let Some(newer) = newer {
                    *layer = (*newer).clone();
                    changed = true;
                }
            }
            if changed {
                self.replace_record(&id, &record, guard)?;
            }
        }
        self.discard_unused(guard)
    }

    /// Replaces the record of an image. Leases are locks on the old one, so there must be none.
    fn replace_record(&self, id: &Digest, record: &ImageRecord, _: &Guard) -> Result<()> {
        let path = self.record_path(id);
        let old = File::open(&path).at("open", &path)?;
        if !fs::try_lock(&old, &path)? {
            let id = id.short();
            return Err(Error::Conflict(format!(
                "another command is using the image {id}: load it again when it is done"
            )));
        }
        let temporary = self.images().join("record.new");
        // A killed process may have left one; under the lock it is ours.
        let _ = std::fs::remove_file(&temporary);
        let mut file = fs::create(&temporary)?;
        file.write_all(&record::encode(record)).and_then(|()| file.sync_all()).at("write", &temporary)?;
        fs::rename(&temporary, &path)
    }

    /// Moves a prepared layer into place. Whether it was needed.
    pub(crate) fn place_layer(&self, ingest: &Ingest, layer: &LayerRecord, guard: &Guard) -> Result<bool> {
        let staged = ingest.layer(&layer.chain_id);
        // Another process may have stored the same layer first; ours goes away with the ingest directory.
        if !staged.exists() || self.layer(&layer.chain_id)?.is_some() {
            return Ok(false);
        }
        place(&staged.join("blob"), &self.blobs().join(layer.blob_file()))?;
        let snapshot = self.snapshot_path(&layer.chain_id);
        self.discard(&snapshot, guard)?;
        fs::rename(&staged, &snapshot)?;
        Ok(true)
    }

    /// Replaces the list of names, and makes all that happened in `images/` lasting.
    pub(crate) fn write_references(&self, references: &References, _: &Guard) -> Result<()> {
        let temporary = self.images().join("references.new");
        // A killed process may have left one; under the lock it is ours.
        let _ = std::fs::remove_file(&temporary);
        let mut file = fs::create(&temporary)?;
        file.write_all(&record::encode(references)).and_then(|()| file.sync_all()).at("write", &temporary)?;
        fs::rename(&temporary, &self.references_path())?;
        fs::sync_directory(&self.images())
    }
}

fn new_layer(path: &Path) -> Result<(OwnedFd, File)> {
    let root = path.join("root");
    fs::make_directories(&root)?;
    // For a layer that does not describe its root, and has none below to take its mode from.
    std::fs::set_permissions(&root, Permissions::from_mode(0o755)).at("set mode of", &root)?;
    Ok((fs::open_directory(&root)?, fs::create(&path.join("blob"))?))
}

/// Moves a prepared file into place, unless an earlier image of the same archive brought it already.
fn place(from: &Path, to: &Path) -> Result<()> {
    if from.exists() { fs::rename(from, to) } else { Ok(()) }
}
