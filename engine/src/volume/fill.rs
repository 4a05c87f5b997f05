//! An empty volume gets what the image has at its place, the first time that it is used.
//!
//! The files are copied beside the volume's data, and moved there once all of them are on disk. Who is killed while copying
//! has changed nothing; what somebody was killed at moving, the next user moves before looking into the volume.

use super::{DATA, Volume, VolumeMount};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use porthole_images::{Packing, copy_tree};
use porthole_runtime::mount::Root;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Files that are being copied.
const FILLING: &str = "filling";
/// Files that are whole, and about to become the data.
const FILLED: &str = "filled";

impl VolumeMount {
    /// Refuses a place where the container has a file, in Docker's words: a volume is a directory.
    pub(crate) fn check_place(&self, root: &Root) -> Result<()> {
        // A part of a volume may be a file, too.
        if self.subpath.is_some() || root.open(Path::new(&self.target), OFlags::PATH).is_err() {
            return Ok(());
        }
        match directory_at(root, &self.target)? {
            Some(_) => Ok(()),
            None => Err(Error::InvalidOption(format!(
                "cannot mount volume over existing file, file exists {}",
                self.target
            ))),
        }
    }
}

impl Engine {
    /// Copies what is in the root of a new container into a volume, unless there is something in it, or the user wants none.
    /// Of several that do so at once the first one does it, and the others wait.
    pub(crate) fn fill_volume(&self, volume: &Volume, mount: &VolumeMount, root: &Root) -> Result<()> {
        // What is mounted in place of its directory has data of its own.
        if mount.no_copy || !volume.options.is_empty() || mount.subpath.is_some() {
            return Ok(());
        }
        let Some(source) = directory_at(root, &mount.target)? else { return Ok(()) };
        let place = self.volume_directory(&volume.name);
        let _lock = Lock::acquire(&place.join("lock"))?;
        move_filled(&place)?;
        if !names_in(&place.join(DATA))?.is_empty() {
            return Ok(());
        }
        let filling = place.join(FILLING);
        remove(&filling)?;
        files::create_private_directory(&filling)?;
        copy(&source, &filling)?;
        sync_file_system(&filling)?;
        let filled = place.join(FILLED);
        fs::rename(&filling, &filled).map_err(|source| Error::file(filling, source))?;
        move_filled(&place)
    }

    /// Ends what somebody was killed at.
    pub(crate) fn settle_volume(&self, name: &str) -> Result<()> {
        let place = self.volume_directory(name);
        if !place.join(FILLED).exists() {
            return Ok(());
        }
        let _lock = Lock::acquire(&place.join("lock"))?;
        move_filled(&place)
    }
}

/// Moves copied files to where the data is. What somebody who uses the volume already has put there stays. The caller holds
/// the volume's lock.
fn move_filled(place: &Path) -> Result<()> {
    let (filled, data) = (place.join(FILLED), place.join(DATA));
    if !filled.exists() {
        return Ok(());
    }
    for name in names_in(&filled)? {
        let (from, to) = (filled.join(&name), data.join(&name));
        match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => remove(&from)?,
            moved => moved.map_err(|errno| Error::file(to, errno))?,
        }
    }
    // What is left is the directory, whose owner, mode and times the data's is to have.
    copy(&open(&filled)?.into(), &data)?;
    files::sync_directory(&data)?;
    remove(&filled)
}

/// All that there is to a directory.
fn copy(from: &OwnedFd, to: &Path) -> Result<()> {
    let copied =
        copy_tree(Packing::default(), |packer| packer.object(from.as_fd(), b"."), open(to)?.into(), &|user, group| {
            (user, group)
        });
    copied.map(drop).map_err(|source| Error::Copy { path: to.to_owned(), source })
}

/// The directory at a path of a container, if there is one.
fn directory_at(root: &Root, path: &str) -> Result<Option<OwnedFd>> {
    match root.open(Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        directory => directory.map(Some).map_err(|source| Error::file(path, source)),
    }
}

fn open(directory: &Path) -> Result<File> {
    File::open(directory).map_err(|source| Error::file(directory, source))
}

fn names_in(directory: &Path) -> Result<Vec<OsString>> {
    let names = |entries: fs::ReadDir| entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    fs::read_dir(directory).and_then(names).map_err(|source| Error::file(directory, source))
}

fn remove(path: &PathBuf) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => io::Result::Err(error),
    };
    removed.map_err(|source| Error::file(path, source))
}

/// So many files at once are synced soonest this way (syncfs(2)).
fn sync_file_system(directory: &Path) -> Result<()> {
    rustix::fs::syncfs(open(directory)?).map_err(|errno| Error::file(directory, errno))
}
