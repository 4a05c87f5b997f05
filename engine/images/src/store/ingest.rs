//! Work in progress: a directory that belongs to one operation of one process.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Guard, Store};
use crate::error::{Context, Result};
use crate::fs;

/// A directory to prepare things in; removed when dropped. It is locked as long as its owner lives.
pub(crate) struct Ingest {
    path: PathBuf,
    /// Open and locked.
    directory: OwnedFd,
}

impl Store {
    /// Begins an operation that stores something, after removing what killed ones left behind.
    pub(crate) fn ingest(&self) -> Result<Ingest> {
        self.recover()?;
        let guard = self.lock()?;
        let path = unique(&self.ingests());
        fs::make_directories(&path)?;
        let directory = fs::open_directory(&path)?;
        fs::lock(&directory, &path)?;
        // Only now may others look at the directory and conclude from its lock that its owner is dead.
        drop::<Guard>(guard);
        Ok(Ingest { path, directory })
    }
}

impl Ingest {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Puts all that was prepared on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        rustix::fs::syncfs(&self.directory).at("sync", &self.path)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next writer, who finds it unlocked.
        let _ = fs::remove_tree(rustix::fs::CWD, self.path.as_path());
    }
}

/// A path in `directory` that no other process or operation uses.
pub(super) fn unique(directory: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    directory.join(format!("{}-{}-{}-{count}", std::process::id(), now.tv_sec, now.tv_nsec))
}
