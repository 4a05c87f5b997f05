//! What a container takes on disk.

use crate::engine::Engine;
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The length of a container's files, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// What it wrote.
    pub writable: u64,
    /// With its image.
    pub total: u64,
}

impl Engine {
    /// Measures the files of a container. Takes time in proportion to how many it wrote.
    pub fn disk_usage(&self, name: &str) -> Result<DiskUsage> {
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let writable = self.writable_size(&record.id)?;
        let image = self.images()?.resolve(&config.image_id)?;
        Ok(DiskUsage { writable, total: writable + image.size })
    }

    /// The length of what a container wrote.
    pub(crate) fn writable_size(&self, id: &str) -> Result<u64> {
        let upper = self.find(id)?.path("upper");
        length(&upper, &mut HashSet::new()).map_err(|source| Error::file(&upper, source))
    }
}

/// The length of all files below a directory.
pub(crate) fn of_tree(directory: &Path) -> io::Result<u64> {
    length(directory, &mut HashSet::new())
}

/// The length of all files below a directory, each counted once however many links it has, directories not at all. What
/// goes while we look was not there.
fn length(directory: &Path, seen: &mut HashSet<(u64, u64)>) -> io::Result<u64> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut sum = 0;
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            sum += length(&entry.path(), seen)?;
        } else if metadata.nlink() == 1 || seen.insert((metadata.dev(), metadata.ino())) {
            sum += metadata.len();
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_count_once_and_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), [0; 1000]).unwrap();
        fs::hard_link(inner.join("file"), root.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/bin", root.path().join("a/s")).unwrap();
        assert_eq!(length(root.path(), &mut HashSet::new()).unwrap(), 1000 + "/bin".len() as u64);
        assert_eq!(length(&root.path().join("none"), &mut HashSet::new()).unwrap(), 0);
    }
}
