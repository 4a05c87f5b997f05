//! Small helpers over the file system that the store is made of.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::error::{Context, Result};

/// Makes a directory, and those above it, for root's eyes only.
pub(crate) fn make_directories(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at("make directory", path)
}

/// Opens a directory; a symbolic link in its place is refused.
pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).at("open", path)
}

/// Makes a new file.
pub(crate) fn create(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path).at("create", path)
}

/// Makes a new file with `content`.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    create(path)?.write_all(content).at("write", path)
}

/// Moves an object to another place.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).at("rename", from)
}

/// Makes what was renamed into or out of a directory lasting.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    rustix::fs::fsync(open_directory(path)?).at("sync", path)
}

/// The names in a directory; none if it does not exist.
pub(crate) fn names(path: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", path)?,
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        Ok(entry.at("list", path)?.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}

/// Takes a lock, waiting for it.
pub(crate) fn lock(file: &impl AsFd, path: &Path) -> Result<()> {
    rustix::io::retry_on_intr(|| flock(file, FlockOperation::LockExclusive)).at("lock", path)
}

/// Takes a lock if nobody has it.
pub(crate) fn try_lock(file: &impl AsFd, path: &Path) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        result => result.map(|()| true).at("lock", path),
    }
}

/// Removes a directory and all in it. Symbolic links in it are removed, not followed. Another process may be
/// removing the same.
pub(crate) fn remove_tree(parent: impl AsFd, name: impl Arg + Copy) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match openat(&parent, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        result => result?,
    };
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let child = entry.file_name();
        if child == c"." || child == c".." {
            continue;
        }
        match unlinkat(&directory, child, AtFlags::empty()) {
            Err(Errno::ISDIR) => remove_tree(&directory, child)?,
            result => gone(result)?,
        }
    }
    gone(unlinkat(parent, name, AtFlags::REMOVEDIR))
}

/// What another process removed first is removed.
fn gone(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
