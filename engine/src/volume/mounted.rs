//! Volumes that are a file system of their own: mounted in place of their directory while some container uses them, once for
//! all of these.
//!
//! ```text
//! RUN/volumes/NAME/ID   there while the container ID uses the volume NAME
//! RUN/volumes/.lock     held by who mounts or unmounts
//! ```
//!
//! A container is marked active before it uses a volume and until it does not any more. So who puts things in order after
//! processes that were killed also finds what they left mounted.

use super::Volume;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags, openat, statx};
use rustix::mount::{UnmountFlags, unmount};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

impl Engine {
    /// Mounts a volume for a container, which holds it from now on. Nothing happens to one that is just a directory.
    pub(crate) fn mount_volume(&self, volume: &Volume, container: &str) -> Result<()> {
        if volume.options.is_empty() {
            return Ok(());
        }
        let users = self.mounted_volumes().join(&volume.name);
        files::create_private_directory(&users)?;
        let _lock = self.mounting()?;
        // The last user may have removed it while we waited.
        files::create_private_directory(&users)?;
        let user = users.join(container);
        fs::write(&user, "").map_err(|source| Error::file(user, source))?;
        let data = self.volume_data(&volume.name);
        let mount = || -> io::Result<()> {
            if !is_mounted(&data)? {
                let target = openat(CWD, &data, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
                volume.options.mount()?.attach(target)?;
            }
            Ok(())
        };
        mount().map_err(|source| Error::VolumeMount { name: volume.name.clone(), source })
    }

    /// Gives back the volumes that a container holds. What nobody else holds is unmounted.
    pub(crate) fn unmount_volumes(&self, container: &str) -> Result<()> {
        let volumes = self.mounted_volumes();
        let held = entries(&volumes)?.into_iter().filter(|users| users.join(container).exists());
        let held: Vec<PathBuf> = held.collect();
        if held.is_empty() {
            return Ok(());
        }
        let _lock = self.mounting()?;
        for users in held {
            let is_last = entries(&users)?.iter().all(|user| user.ends_with(container));
            if is_last && let Some(name) = users.file_name().and_then(|name| name.to_str()) {
                unmount_all(&self.volume_data(name))?;
            }
            // Only now: who is killed before is followed by one who tries again.
            files::remove_if_there(&users.join(container))?;
            if is_last {
                fs::remove_dir(&users).map_err(|source| Error::file(users, source))?;
            }
        }
        Ok(())
    }

    fn mounting(&self) -> Result<Lock> {
        Lock::acquire(&self.mounted_volumes().join(".lock"))
    }

    fn mounted_volumes(&self) -> PathBuf {
        self.paths().run().join("volumes")
    }
}

/// Unmounts whatever is mounted over a directory. Files that somebody has open stay until they are closed.
pub(super) fn unmount_all(directory: &Path) -> Result<()> {
    let unmount = || -> io::Result<()> {
        while is_mounted(directory)? {
            unmount(directory, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
        }
        Ok(())
    };
    match unmount() {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(directory, error)),
        _ => Ok(()),
    }
}

/// Whether something is mounted at a path (statx(2), `STATX_ATTR_MOUNT_ROOT`).
fn is_mounted(path: &Path) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let status = statx(CWD, path, flags, StatxFlags::empty())?;
    Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// What is in a directory that may not be there.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let paths = |entries: fs::ReadDir| entries.map(|entry| entry.map(|entry| entry.path())).collect();
    match fs::read_dir(directory).and_then(paths) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|source| Error::file(directory, source)),
    }
}
