//! Paths that a container must not read, or not write (config-linux.md, "Masked Paths", "Readonly Paths").

use super::devices::null_device;
use super::error::{Context, Result};
use crate::mount::{Depth, Mount, Root};
use oci_spec::runtime::Spec;
use rustix::fs::{AtFlags, FileType, OFlags, statat};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Masks and write-protects what the spec lists, once each. Paths that do not exist need neither.
pub(super) fn apply(root: &Root, spec: &Spec) -> Result<()> {
    let Some(linux) = spec.linux() else { return Ok(()) };
    for path in linux.readonly_paths().iter().flatten() {
        protect(root, Path::new(path)).during(|| format!("make {path} read-only"))?;
    }
    let mut masks = Masks { null: null_device()?, empty: None };
    for path in linux.masked_paths().iter().flatten().collect::<BTreeSet<_>>() {
        masks.cover(root, Path::new(path)).during(|| format!("mask {path}"))?;
    }
    Ok(())
}

fn protect(root: &Root, path: &Path) -> io::Result<()> {
    let Some(target) = existing(root, path)? else {
        return Ok(());
    };
    let copy = Mount::of_fd(&target, Depth::Recursive)?;
    copy.make_read_only(Depth::Recursive)?;
    copy.attach(target)
}

/// What is put over masked paths. No copy of a mount is made that is not also put somewhere: letting go of an unused one
/// makes the kernel wait for an RCU grace period, which can take milliseconds.
struct Masks {
    /// Over files: the null device.
    null: OwnedFd,
    /// Over directories: one empty read-only file system for all of them, made for the first.
    empty: Option<Mount>,
}

impl Masks {
    fn cover(&mut self, root: &Root, path: &Path) -> io::Result<()> {
        let Some(target) = existing(root, path)? else {
            return Ok(());
        };
        let status = statat(&target, c"", AtFlags::EMPTY_PATH)?;
        match (FileType::from_raw_mode(status.st_mode), &self.empty) {
            (FileType::Directory, Some(empty)) => Mount::of_fd(empty, Depth::One)?.attach(target),
            (FileType::Directory, None) => {
                let empty = Mount::new("tmpfs", "tmpfs", ["nr_blocks=1", "nr_inodes=1", "mode=555"], READ_ONLY)?;
                empty.attach(target)?;
                self.empty = Some(empty);
                Ok(())
            }
            _ => Mount::of_fd(&self.null, Depth::One)?.attach(target),
        }
    }
}

const READ_ONLY: u64 =
    libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;

fn existing(root: &Root, path: &Path) -> io::Result<Option<OwnedFd>> {
    match root.open(path, OFlags::PATH) {
        Ok(target) => Ok(Some(target)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(None),
        Err(error) => Err(error),
    }
}
