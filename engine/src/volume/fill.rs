//! An empty volume gets what the image has at its place, the first time that it is used.

use super::{Volume, VolumeMount};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use crate::inside::{self, Source};
use std::fs::{self, File};
use std::path::Path;

/// There while files are being copied: who finds it begins again.
const MARK: &str = "filling";

impl Engine {
    /// Copies the image's files into a volume, unless there are some in it, or the user wants none. Of several that do so at
    /// once the first one does it, and the others wait.
    pub(crate) fn fill_volume(&self, volume: &Volume, mount: &VolumeMount, sources: &[Source]) -> Result<()> {
        // What is mounted in place of its directory has data of its own.
        if mount.no_copy || !volume.options.is_empty() || mount.subpath.is_some() {
            return Ok(());
        }
        let directory = self.volume_directory(&volume.name);
        let data = self.volume_data(&volume.name);
        let _lock = Lock::acquire(&directory.join("lock"))?;
        let mark = directory.join(MARK);
        if mark.exists() {
            empty(&data)?;
        } else if !is_empty(&data)? {
            return Ok(());
        }
        let Some(stack) = inside::directory_of(sources, Path::new(&mount.target))? else { return Ok(()) };
        fs::write(&mark, "").map_err(|source| Error::file(&mark, source))?;
        inside::copy_tree(&stack, &data)?;
        sync_file_system(&data)?;
        files::remove_if_there(&mark)
    }
}

fn is_empty(directory: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(directory).map_err(|source| Error::file(directory, source))?;
    Ok(entries.next().is_none())
}

fn empty(directory: &Path) -> Result<()> {
    let entries = fs::read_dir(directory).map_err(|source| Error::file(directory, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| Error::file(directory, source))?;
        let path = entry.path();
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        removed.map_err(|source| Error::file(path, source))?;
    }
    Ok(())
}

/// So many files at once are synced soonest this way (syncfs(2)).
fn sync_file_system(directory: &Path) -> Result<()> {
    let opened = File::open(directory).map_err(|source| Error::file(directory, source))?;
    rustix::fs::syncfs(&opened).map_err(|errno| Error::file(directory, errno))
}
