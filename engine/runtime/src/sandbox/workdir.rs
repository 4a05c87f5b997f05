//! The directory in which a command starts.
//!
//! It is never looked up by a path that could lead out of the root, such as one through /proc/self/fd (CVE-2024-21626).

use super::error::{Context, Error, Result};
use crate::mount::Root;
use nix::unistd::{fchdir, getcwd};
use rustix::fs::OFlags;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Opens it inside the root, made when missing as Docker does for a new container.
pub(super) fn make(root: &Root, path: &Path) -> Result<OwnedFd> {
    named(path, || root.directory(path))
}

/// Opens it inside the root of a container that runs, where Docker makes nothing.
pub(super) fn open(root: &Root, path: &Path) -> Result<OwnedFd> {
    named(path, || root.open(path, OFlags::PATH | OFlags::DIRECTORY))
}

fn named(path: &Path, open: impl FnOnce() -> io::Result<OwnedFd>) -> Result<OwnedFd> {
    if !path.is_absolute() {
        return Err(Error::Spec(format!("process.cwd {path:?} must be absolute")));
    }
    open().during(|| format!("open the working directory {}", path.display()))
}

/// Changes to it, and makes sure that it is below the root that this process has by now.
pub(super) fn enter(directory: &OwnedFd, path: &Path) -> Result<()> {
    fchdir(directory).during(|| format!("change to the working directory {}", path.display()))?;
    match getcwd() {
        Ok(current) if current.is_absolute() => Ok(()),
        _ => Err(Error::Spec(format!("the working directory {} is outside the container", path.display()))),
    }
}
