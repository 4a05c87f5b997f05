//! Directories that an archive implies but does not describe take their attributes from the layers below.
//!
//! A layer with `tmp/file` but no `tmp/` must not turn the `/tmp` of the image below it into root's alone: overlayfs shows
//! the attributes of the topmost directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid, fchmod, fchown, fstat, futimens,
    openat2,
};
use rustix::io::Errno;

use super::LayerError;
use super::tree::make;

/// Copies the attributes of each directory in `implied` from the first of the `lower` layers (topmost first) that has it.
pub(crate) fn inherit<'a>(
    root: &Path,
    implied: impl IntoIterator<Item = &'a Vec<u8>>,
    lower: &[PathBuf],
) -> Result<(), LayerError> {
    let root = open_root(root)?;
    for path in implied {
        let path = if path.is_empty() { &b"."[..] } else { path };
        if let Some(stat) = find(path, lower)? {
            let directory = open(root.as_fd(), path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(make("open", path))?;
            copy(directory.as_fd(), &stat).map_err(make("set attributes of", path))?;
        }
    }
    Ok(())
}

/// The attributes of the directory that the layers below show at `path`.
fn find(path: &[u8], lower: &[PathBuf]) -> Result<Option<Stat>, LayerError> {
    for layer in lower {
        match open(open_root(layer)?.as_fd(), path, OFlags::PATH) {
            Ok(object) => {
                let stat = fstat(object).map_err(make("examine", path))?;
                let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                return Ok(is_directory.then_some(stat));
            }
            // A file, a whiteout or a link on the way hides whatever is further below.
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(make("open", path)(error)),
        }
    }
    Ok(None)
}

fn open_root(layer: &Path) -> Result<OwnedFd, LayerError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(layer, flags, Mode::empty()).map_err(make("open", layer.as_os_str().as_bytes()))
}

fn open(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

fn copy(directory: BorrowedFd<'_>, stat: &Stat) -> rustix::io::Result<()> {
    fchown(directory, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(directory, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let mtime = Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ };
    futimens(directory, &Timestamps { last_access: mtime, last_modification: mtime })
}
