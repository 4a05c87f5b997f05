//! The directory in which a command starts.

use super::error::{Context, Error, Result};
use crate::mount::Root;
use nix::unistd::{fchdir, getcwd};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Opens it inside the root, made when missing as Docker does. It is never looked up by a path that could lead out of the
/// root, such as one through /proc/self/fd (CVE-2024-21626).
pub(super) fn make(root: &Root, path: &Path) -> Result<OwnedFd> {
    if !path.is_absolute() {
        return Err(Error::Spec(format!("process.cwd {path:?} must be absolute")));
    }
    root.directory(path).during(|| format!("open the working directory {}", path.display()))
}

/// Changes to it, and makes sure that it is below the root that this process has by now.
pub(super) fn enter(directory: &OwnedFd, path: &Path) -> Result<()> {
    fchdir(directory).during(|| format!("change to the working directory {}", path.display()))?;
    match getcwd() {
        Ok(current) if current.is_absolute() => Ok(()),
        _ => Err(Error::Spec(format!("the working directory {} is outside the container", path.display()))),
    }
}
