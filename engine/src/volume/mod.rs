//! Volumes: directories of data that outlive the containers that use them.
//!
//! ```text
//! volumes/NAME/volume.json   what it is
//! volumes/NAME/_data/        the data
//! volumes/NAME/filling/      files of an image that are being copied, to become the data
//! volumes/NAME/filled/       the same when they are whole
//! volumes/.lock              held shared by who makes containers that use volumes, exclusively by who removes volumes
//! ```
//!
//! A volume appears whole, by a rename. Whoever is about to use one holds the lock until the container that uses it is on
//! record, so that none is removed in between.

mod fill;
mod local;
mod mounted;
mod name;
mod store;

pub use local::LocalOptions;
pub use store::{NewVolume, Volume, VolumeSummary};

pub(crate) use name::is_generated;
pub(crate) use store::VolumesInUse;

use crate::error::{Error, Result};
use crate::paths::Paths;
use porthole_runtime::mount::open_beneath;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The label that Docker gives volumes that nobody named.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// A volume that a container mounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMount {
    /// Its name; until the container is made, `None` for one to be made for it alone.
    pub name: Option<String>,
    /// Absolute path inside.
    pub target: String,
    /// Whether it is read-only inside.
    pub read_only: bool,
    /// Whether the image's files at that path stay out of it while it is empty.
    pub no_copy: bool,
    /// The directory or file of it that is mounted, all of it when there is none.
    pub subpath: Option<String>,
    /// What it is made with if it is not there yet.
    pub options: LocalOptions,
    /// The labels it is made with.
    pub labels: std::collections::BTreeMap<String, String>,
}

/// The directory of a volume's data, in its own.
const DATA: &str = "_data";

/// Where the data of a volume is.
pub(crate) fn data(paths: &Paths, name: &str) -> PathBuf {
    paths.volumes().join(name).join(DATA)
}

/// A part of a volume's data, which must be there, and to which no link may lead. Whoever mounts it makes sure of that again:
/// other containers may use the volume meanwhile.
pub(crate) fn part(data: &Path, subpath: &str) -> Result<PathBuf> {
    let place = data.join(subpath);
    match open_beneath(data, Path::new(subpath)) {
        Ok(_) => Ok(place),
        Err(source) => Err(Error::file(place, source)),
    }
}
