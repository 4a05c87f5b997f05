//! What a build needs of the store: room to work in, layers made of directories, and an image of them at the end.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::assemble::MAX_LAYERS;
use crate::chain::chain_ids;
use crate::digest::{Digest, Hashing};
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::layer::{LayerError, PackError, Packer, Packing, length_of_files};
use crate::reference::Reference;
use crate::store::{CachedStep, ImageRecord, Ingest, LayerRecord, Layers, StagedImage, Store};

/// zstd's fastest regular level.
const LEVEL: i32 = 1;

/// A build under way. What it prepared is removed when it is dropped, or when its process is killed by the next one that
/// stores something.
pub struct Workshop {
    store: Store,
    ingest: Ingest,
    count: AtomicU32,
}

/// A directory for the files of one step, and what overlayfs needs beside it.
#[derive(Debug)]
pub struct Bench {
    /// Where changes go.
    pub upper: PathBuf,
    /// overlayfs's own.
    pub work: PathBuf,
    directory: PathBuf,
}

/// What is known of a step that was just done.
#[derive(Debug, Clone)]
pub struct StepNote<'a> {
    /// By what it is found again.
    pub key: &'a Digest,
    /// What it did.
    pub description: &'a str,
    /// When.
    pub created: String,
}

impl Store {
    /// Begins a build.
    pub fn workshop(&self) -> Result<Workshop> {
        Ok(Workshop { store: self.clone(), ingest: self.ingest()?, count: AtomicU32::new(0) })
    }

    /// The configuration of an image, as it is written.
    pub fn configuration(&self, image: &Digest) -> Result<Vec<u8>> {
        self.blob(image)
    }

    /// The image of this configuration and these layers if it is there and bears all these names.
    pub fn published(&self, config: &[u8], names: &[Reference]) -> Result<Option<Digest>> {
        let id = Digest::of(config);
        let references = self.references()?;
        let is_there = self.record(&id).is_ok() && names.iter().all(|name| references.get(name) == Some(id));
        Ok(is_there.then_some(id))
    }
}

impl Workshop {
    /// The store that it works for.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Room for the files of a step above these layers.
    pub fn bench(&self, below: &Layers) -> Result<Bench> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let directory = self.ingest.path().join(format!("step-{number}"));
        let bench = Bench { upper: directory.join("root"), work: directory.join("work"), directory };
        fs::make_directories(&bench.work)?;
        std::fs::create_dir(&bench.upper).at("make directory", &bench.upper)?;
        // The topmost directory is the one whose attributes the root has.
        match self.store.lower_directories(below).first() {
            Some(top) => {
                let metadata = std::fs::metadata(top).at("examine", top)?;
                std::os::unix::fs::chown(&bench.upper, Some(metadata.uid()), Some(metadata.gid()))
                    .at("set owner of", &bench.upper)?;
                std::fs::set_permissions(&bench.upper, metadata.permissions()).at("set mode of", &bench.upper)?;
            }
            None => {
                std::fs::set_permissions(&bench.upper, Permissions::from_mode(0o755)).at("set mode of", &bench.upper)?
            }
        }
        Ok(bench)
    }

    /// A new directory for whatever else.
    pub fn directory(&self) -> Result<PathBuf> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let directory = self.ingest.path().join(format!("other-{number}"));
        fs::make_directories(&directory)?;
        Ok(directory)
    }

    /// Makes the files of a step a layer above `below`, and remembers the step. A step that changed nothing has no layer.
    pub fn finish(&self, bench: Bench, below: &Layers, note: &StepNote<'_>) -> Result<(Layers, CachedStep)> {
        let is_empty = fs::names(&bench.upper)?.is_empty();
        let mut layers = below.0.clone();
        if !is_empty {
            layers.push(self.layer(&bench, below)?);
        }
        let (description, created) = (note.description.to_owned(), note.created.clone());
        let step = CachedStep { description, created, is_empty, same_as: None, layers: layers.clone() };
        let guard = self.store.lock()?;
        if !is_empty && let Some(layer) = layers.last() {
            self.store.place_layer(&self.ingest, layer, &guard)?;
        }
        self.store.write_cached(note.key, &step, &guard)?;
        Ok((Layers(layers), step))
    }

    fn layer(&self, bench: &Bench, below: &Layers) -> Result<LayerRecord> {
        if below.0.len() >= MAX_LAYERS {
            return Err(Error::Conflict(format!("an image has at most {MAX_LAYERS} layers: join some instructions")));
        }
        let _ = fs::remove_tree(CWD, bench.work.as_path());
        let (diff_id, length) = pack(&bench.upper, &bench.directory.join("blob"))?;
        let chain = chain_ids(below.0.iter().map(|layer| layer.diff_id).chain([diff_id]));
        let chain_id = *chain.last().expect("there is the new one");
        let size = length_of_files(&bench.upper).at("examine", &bench.upper)?;
        let layer = LayerRecord::plain(chain_id, diff_id, length, size);
        let prepared = self.ingest.layer_directory(&chain_id);
        match std::fs::rename(&bench.directory, &prepared) {
            // An equal step of this build made the same layer.
            Err(_) if prepared.exists() => return Ok(layer),
            renamed => renamed.at("rename", &bench.directory)?,
        }
        self.ingest.stage_layer(&layer)?;
        self.ingest.mark_unsynced(&chain_id)?;
        Ok(layer)
    }

    /// Makes an image of a configuration and layers that are in the store, and gives it names.
    pub fn publish(&self, config: &[u8], created: &str, layers: &Layers, names: &[Reference]) -> Result<Digest> {
        let id = self.ingest.stage_blob(config)?;
        let record = ImageRecord { created: Some(created.to_owned()), manifest: None, layers: layers.0.clone() };
        let image = StagedImage { id, record, references: names.to_vec() };
        self.ingest.stage_record(&image)?;
        match self.store.commit(&self.ingest, &[image])? {
            Some(_) => self.store.mark_synced(&layers.0).map(|()| id),
            None => Err(Error::Conflict("a layer of the build was removed meanwhile: build again".to_owned())),
        }
    }

    /// Puts the layers of steps on disk that no image was made of.
    pub fn keep(&self, layers: &Layers) -> Result<()> {
        self.ingest.sync()?;
        self.store.mark_synced(&layers.0)
    }
}

/// Packs a directory, as the upper one of an overlay. The diffID and the length of the archive, which is kept compressed.
fn pack(root: &Path, blob: &Path) -> Result<(Digest, u64)> {
    let failed = |error: PackError| Error::Commit(LayerError::Blob(error.into()));
    let directory =
        openat(CWD, root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).at("open", root)?;
    let encoder = zstd::Encoder::new(fs::create(blob)?, LEVEL).at("write", blob)?;
    let out = std::io::BufWriter::with_capacity(64 << 10, Hashing::new(encoder));
    let packing = Packing { layer: true, ..Packing::default() };
    let mut packer = Packer::new(out, packing);
    packer.contents(std::os::fd::AsFd::as_fd(&directory), b"").map_err(failed)?;
    let out = packer.finish().map_err(failed)?;
    let hashing = out.into_inner().map_err(|error| error.into_error()).at("write", blob)?;
    let (diff_id, length, encoder) = hashing.finish();
    encoder.finish().at("write", blob)?;
    Ok((diff_id, length))
}
