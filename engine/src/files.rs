//! Small files written whole or not at all.

use crate::error::{Error, Result};
use porthole_runtime::small_file;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Whether a write has to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Synced before it is seen under its name.
    Synced,
    /// Left to the kernel: it is written again, or worthless, after a reboot.
    Volatile,
}

/// Replaces `path` by `value` as JSON.
pub fn write_json<T: Serialize>(path: &Path, value: &T, durability: Durability) -> Result<()> {
    let text = serde_json::to_vec(value).map_err(|source| Error::Record { path: path.to_owned(), source })?;
    replace(path, &text, durability)
}

/// Replaces `path` by `bytes`: a reader sees the old content or the new, never a part.
pub fn replace(path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let temporary = path.with_extension("new");
    write_new(&temporary, bytes, durability).map_err(|source| Error::file(&temporary, source))?;
    fs::rename(&temporary, path).map_err(|source| Error::file(path, source))?;
    match (durability, path.parent()) {
        (Durability::Synced, Some(parent)) => sync_directory(parent),
        _ => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], durability: Durability) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    match durability {
        Durability::Synced => file.sync_all(),
        Durability::Volatile => Ok(()),
    }
}

/// Makes new names in a directory durable.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|source| Error::file(path, source))
}

/// Reads a JSON file; `None` when there is none.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match small_file::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|source| Error::Record { path: path.to_owned(), source })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::file(path, source)),
    }
}

/// Makes a directory and its parents, for the owner alone.
pub fn create_private_directory(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Error::file(path, source))
}

/// Makes a directory for root alone, or sees to it that nobody else can change what is in the one that is there: what
/// lies in it decides what runs as root (CVE-2021-41103).
pub fn secure_directory(path: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return create_private_directory(path),
        Err(source) => return Err(Error::file(path, source)),
    };
    let problem = match found {
        _ if !found.is_dir() => "is no directory".to_owned(),
        _ if found.uid() != 0 => format!("belongs to user {}", found.uid()),
        _ if found.mode() & 0o022 != 0 => format!("can be written by others (mode {:o})", found.mode() & 0o7777),
        _ => return Ok(()),
    };
    Err(Error::Insecure { path: path.to_owned(), problem })
}

/// Removes a file that may be gone already.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}

/// A flock(2), given back when dropped or when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock on `path`, whose directory must exist.
    pub fn acquire(path: &Path) -> Result<Lock> {
        Lock::wait(path, FlockOperation::LockExclusive)
    }

    /// Waits until nobody holds the lock alone, and shares it with others who do so.
    pub fn acquire_shared(path: &Path) -> Result<Lock> {
        Lock::wait(path, FlockOperation::LockShared)
    }

    fn wait(path: &Path, operation: FlockOperation) -> Result<Lock> {
        let file = open_lock(path)?;
        match rustix::io::retry_on_intr(|| flock(&file, operation)) {
            Ok(()) => Ok(Lock { file }),
            Err(error) => Err(Error::file(path, error)),
        }
    }

    /// Takes the lock if nobody holds it.
    pub fn try_acquire(path: &Path) -> Result<Option<Lock>> {
        let file = open_lock(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(Error::file(path, error)),
        }
    }

    /// Whether `path` still names the file that is locked: its directory may have been removed while we waited.
    pub fn is_current(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (self.file.metadata(), fs::metadata(path)) {
            (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
            _ => false,
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
        .map_err(|source| Error::file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = Lock::try_acquire(&path).unwrap().unwrap();
        assert!(Lock::try_acquire(&path).unwrap().is_none());
        assert!(held.is_current(&path));
        drop(held);
        assert!(Lock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn a_missing_record_is_no_error_and_a_damaged_one_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        assert_eq!(read_json::<u32>(&path).unwrap(), None);
        write_json(&path, &7, Durability::Synced).unwrap();
        assert_eq!(read_json::<u32>(&path).unwrap(), Some(7));
        fs::write(&path, "{").unwrap();
        assert!(matches!(read_json::<u32>(&path), Err(Error::Record { .. })));
    }
}
