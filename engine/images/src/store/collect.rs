//! Removing what nobody needs: what killed processes left, what no image uses any more, and the trash.

use std::collections::HashSet;
use std::path::Path;

use super::ingest::unique;
use super::{Guard, ImageRecord, LayerRecord, Store};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;

/// What images use: the names of their snapshots, and of their blobs' files.
#[derive(Debug, Default)]
pub(super) struct Used {
    snapshots: HashSet<String>,
    blobs: HashSet<String>,
}

impl Used {
    pub(super) fn has_snapshot(&self, name: &str) -> bool {
        self.snapshots.contains(name)
    }

    pub(super) fn add(&mut self, id: &Digest, record: &ImageRecord) {
        self.blobs.insert(id.hex());
        self.blobs.extend(record.manifest.map(|manifest| manifest.hex()));
        self.add_layers(&record.layers);
    }

    fn add_layers(&mut self, layers: &[LayerRecord]) {
        for layer in layers {
            self.snapshots.insert(layer.chain_id.hex());
            self.blobs.insert(layer.blob_file());
        }
    }
}

impl Store {
    /// Removes what killed processes left behind. Costs next to nothing when they left nothing.
    pub fn recover(&self) -> Result<()> {
        if fs::names(&self.ingests())?.is_empty() {
            return Ok(());
        }
        let guard = self.lock()?;
        if !self.discard_orphaned_ingests()? {
            return Ok(());
        }
        // Its owner may have been killed half-way through storing or removing.
        self.discard_unused(&guard)?;
        drop(guard);
        self.empty_trash()
    }

    /// Whether there is something to delete of what was removed.
    pub fn has_trash(&self) -> Result<bool> {
        Ok(!fs::names(&self.trash())?.is_empty())
    }

    /// Deletes what was removed. Takes as long as deleting takes; any process may do it at any time.
    pub fn empty_trash(&self) -> Result<()> {
        let names = fs::names(&self.trash())?;
        if !names.is_empty() {
            // No record may come back after a power cut whose data is gone.
            fs::sync_directory(&self.images())?;
        }
        for name in names {
            let path = self.trash().join(name);
            match fs::remove_tree(rustix::fs::CWD, path.as_path()) {
                Err(rustix::io::Errno::NOTDIR) => {
                    // Another process may be emptying the trash, too.
                    if let Err(error) = std::fs::remove_file(&path)
                        && error.kind() != std::io::ErrorKind::NotFound
                    {
                        return Err(error).at("remove", &path);
                    }
                }
                result => result.at("remove", &path)?,
            }
        }
        Ok(())
    }

    /// Takes an object out of the store; its bytes go later.
    pub(super) fn discard(&self, path: &Path, _: &Guard) -> Result<()> {
        self.throw_away(path)
    }

    /// Moves something into the trash; what somebody else removed first is removed.
    fn throw_away(&self, path: &Path) -> Result<()> {
        match std::fs::rename(path, unique(&self.trash())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => result.at("remove", path),
        }
    }

    /// What all images but `except` use, and the steps of builds. `None` when a damaged record keeps that a secret.
    pub(super) fn used(&self, except: Option<&Digest>) -> Result<Option<Used>> {
        let mut used = Used::default();
        for id in self.ids()?.iter().filter(|id| Some(*id) != except) {
            match self.record(id) {
                Err(Error::Record { .. }) => return Ok(None),
                record => used.add(id, &record?),
            }
        }
        used.add_layers(&self.cached_layers()?);
        Ok(Some(used))
    }

    /// Removes of an image's layers and blobs what `used` does not list. Returns the chain IDs of the layers that went,
    /// topmost first.
    pub(super) fn discard_layers(
        &self,
        id: &Digest,
        record: &ImageRecord,
        used: &Used,
        guard: &Guard,
    ) -> Result<Vec<Digest>> {
        let mut own = Used::default();
        own.add(id, record);
        for blob in own.blobs.difference(&used.blobs) {
            self.discard(&self.blobs().join(blob), guard)?;
        }
        let mut gone = Vec::new();
        for layer in record.layers.iter().rev().filter(|layer| !used.snapshots.contains(&layer.chain_id.hex())) {
            self.discard(&self.snapshot_path(&layer.chain_id), guard)?;
            gone.push(layer.chain_id);
        }
        Ok(gone)
    }

    fn discard_orphaned_ingests(&self) -> Result<bool> {
        let mut found = false;
        for name in fs::names(&self.ingests())? {
            let path = self.ingests().join(name);
            // Its owner may remove it at this moment.
            let Ok(directory) = fs::open_directory(&path) else { continue };
            if fs::try_lock(&directory, &path)? {
                self.throw_away(&path)?;
                found = true;
            }
        }
        Ok(found)
    }

    pub(super) fn discard_unused(&self, guard: &Guard) -> Result<()> {
        let Some(used) = self.used(None)? else { return Ok(()) };
        for (directory, keep) in [(self.snapshots(), &used.snapshots), (self.blobs(), &used.blobs)] {
            for name in fs::names(&directory)?.into_iter().filter(|name| !keep.contains(name)) {
                self.discard(&directory.join(name), guard)?;
            }
        }
        Ok(())
    }
}
