//! The host's devices, for containers that are given some or all of them.

use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Directories of /dev that are file systems of their own, or the container's own business.
const SKIPPED: [&str; 6] = ["pts", "shm", "fd", "mqueue", ".lxc", ".udev"];

/// Devices that every container has its own of.
const OWN: [&str; 8] = ["console", "null", "zero", "full", "random", "urandom", "tty", "ptmx"];

/// Every character and block device below /dev.
pub fn of_host() -> Result<Vec<LinuxDevice>> {
    let mut devices = Vec::new();
    collect(Path::new("/dev"), &mut devices)?;
    Ok(devices)
}

fn collect(directory: &Path, devices: &mut Vec<LinuxDevice>) -> Result<()> {
    let entries = fs::read_dir(directory).map_err(|source| Error::file(directory, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| Error::file(directory, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A device may vanish between the listing and the look: then it is none of the host's devices.
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        let kind = metadata.file_type();
        if kind.is_dir() && !SKIPPED.contains(&name.as_ref()) {
            collect(&entry.path(), devices)?;
        } else if (kind.is_char_device() || kind.is_block_device()) && !OWN.contains(&name.as_ref()) {
            devices.push(device(&entry.path(), &metadata));
        }
    }
    Ok(())
}

/// The device at a path of the host's, or all in a directory.
pub fn at(path: &Path) -> Result<Vec<LinuxDevice>> {
    let metadata = fs::metadata(path).map_err(|source| Error::file(path, source))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        let mut devices = Vec::new();
        collect(path, &mut devices)?;
        return match devices.is_empty() {
            true => Err(Error::InvalidOption(format!("no device node is in {}", path.display()))),
            false => Ok(devices),
        };
    }
    if !kind.is_char_device() && !kind.is_block_device() {
        return Err(Error::InvalidOption(format!("{} is not a device node", path.display())));
    }
    Ok(vec![device(path, &metadata)])
}

fn device(path: &Path, metadata: &fs::Metadata) -> LinuxDevice {
    let kind = if metadata.file_type().is_block_device() { LinuxDeviceType::B } else { LinuxDeviceType::C };
    let number = metadata.rdev();
    let mut device = LinuxDevice::default();
    device
        .set_path(path.to_owned())
        .set_typ(kind)
        .set_major(i64::from(rustix::fs::major(number)))
        .set_minor(i64::from(rustix::fs::minor(number)))
        .set_file_mode(Some(metadata.mode() & 0o7777))
        .set_uid(Some(metadata.uid()))
        .set_gid(Some(metadata.gid()));
    device
}
