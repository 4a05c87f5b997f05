//! Single objects of a layer: made, given their attributes, removed. All relative to a directory descriptor.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod,
    fchown, fsetxattr, futimens, lsetxattr, makedev, mknodat, openat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::LayerError;
use super::tree::make;
use crate::fs::remove_tree;
use crate::tar::{Entry, Kind, Timestamp};

/// The attribute by which overlayfs knows a directory that hides its namesakes below.
const OPAQUE: &str = "trusted.overlay.opaque";

/// Attributes that steer overlayfs. In a stranger's layer they could point into other layers.
const STEERING: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// Makes an empty file, and opens it for writing.
pub(super) fn create_file(parent: BorrowedFd<'_>, name: &[u8], entry: &Entry) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::from_raw_mode(entry.mode & 0o777))
}

/// Gives an open file or directory its owner, mode, extended attributes and time.
pub(super) fn set_attributes(fd: BorrowedFd<'_>, entry: &Entry) -> Result<(), LayerError> {
    let name = &entry.path;
    fchown(fd, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid))).map_err(make("set owner of", name))?;
    // After the owner, since changing that clears the set-user-ID bits and capabilities. The plain bits of a file are
    // as it was created; a directory may have inherited or existed.
    if entry.kind == Kind::Directory || entry.mode & 0o7000 != 0 {
        fchmod(fd, mode(entry)).map_err(make("set mode of", name))?;
    }
    for (key, value) in kept(entry) {
        tolerate(fsetxattr(fd, key, value, XattrFlags::empty())).map_err(make("set an attribute of", name))?;
    }
    Ok(())
}

/// Sets the time of a file that is written to no more.
pub(super) fn set_mtime(fd: BorrowedFd<'_>, entry: &Entry) -> Result<(), LayerError> {
    futimens(fd, &times(entry.mtime)).map_err(make("set times of", &entry.path))
}

/// Gives an object that cannot be opened its attributes.
pub(super) fn set_attributes_at(parent: BorrowedFd<'_>, name: &[u8], entry: &Entry) -> Result<(), LayerError> {
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(make("set owner of", name))?;
    for (key, value) in kept(entry) {
        // The magic link leads to the open parent; the last component is not followed.
        let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
        path.extend_from_slice(name);
        tolerate(lsetxattr(path, key, value, XattrFlags::empty())).map_err(make("set an attribute of", name))?;
    }
    utimensat(parent, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(make("set times of", name))
}

/// Makes a device, a fifo, or overlayfs's whiteout (the device 0:0).
pub(super) fn make_node(
    parent: BorrowedFd<'_>,
    name: &[u8],
    kind: FileType,
    mode: Mode,
    (major, minor): (u32, u32),
) -> rustix::io::Result<()> {
    mknodat(parent, name, kind, mode, makedev(major, minor))
}

/// The permission bits of a member.
pub(super) fn mode(entry: &Entry) -> Mode {
    Mode::from_raw_mode(entry.mode as RawMode)
}

/// Makes the directory hide what layers below have in its place.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> Result<(), LayerError> {
    fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty()).map_err(make("mark as opaque", b"."))
}

/// Whether an object is overlayfs's whiteout.
pub(super) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Removes an object, with all in it if it is a directory.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), LayerError> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => remove_tree(parent, name).map_err(make("replace", name)),
        result => result.map_err(make("replace", name)),
    }
}

pub(super) fn times(mtime: Timestamp) -> Timestamps {
    let time = timespec(mtime);
    Timestamps { last_access: time, last_modification: time }
}

pub(super) fn timespec(time: Timestamp) -> Timespec {
    Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() }
}

/// The extended attributes that a layer may bring along.
fn kept(entry: &Entry) -> impl Iterator<Item = (&[u8], &[u8])> {
    let steers = |key: &[u8]| STEERING.iter().any(|prefix| key.starts_with(prefix));
    let attributes = entry.xattrs.iter().filter(move |(key, _)| !steers(key));
    attributes.map(|(key, value)| (key.as_slice(), value.as_slice()))
}

/// A file system may be unable to hold an attribute; as in Docker, that does not make the layer unusable.
fn tolerate(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::OPNOTSUPP) => Ok(()),
        result => result,
    }
}
