//! How much one operation may write, so that a bomb cannot fill the disk.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::fstatvfs;

use super::LayerError;

/// The share of the free space that is left to others.
const RESERVE: u64 = 20;

/// What may still be written by all layers of one operation together.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Account,
    inodes: Account,
}

#[derive(Debug)]
struct Account {
    limit: u64,
    used: AtomicU64,
    unit: &'static str,
}

impl Budget {
    /// All but a twentieth of what the file system of `directory` has to give.
    pub(crate) fn of(directory: impl AsFd) -> rustix::io::Result<Self> {
        let free = fstatvfs(directory)?;
        let bytes = free.f_bavail.saturating_mul(free.f_frsize);
        // Some file systems make inodes as they go, and report none.
        let inodes = if free.f_files == 0 { u64::MAX } else { free.f_favail };
        Ok(Self::new(bytes - bytes / RESERVE, inodes - inodes / RESERVE))
    }

    pub(crate) fn new(bytes: u64, inodes: u64) -> Self {
        let account = |limit, unit| Account { limit, used: AtomicU64::new(0), unit };
        Self { bytes: account(bytes, "bytes"), inodes: account(inodes, "files") }
    }

    /// How many bytes may be written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.limit
    }

    /// Accounts for another file, directory or node.
    pub(super) fn take_inode(&self) -> Result<(), LayerError> {
        self.inodes.take(1)
    }

    /// Accounts for data.
    pub(super) fn take_bytes(&self, count: u64) -> Result<(), LayerError> {
        self.bytes.take(count)
    }
}

impl Account {
    fn take(&self, count: u64) -> Result<(), LayerError> {
        let used = self.used.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        match used <= self.limit {
            true => Ok(()),
            false => Err(LayerError::Budget { limit: self.limit, unit: self.unit }),
        }
    }
}
