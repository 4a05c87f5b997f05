//! What is remembered of a container, in `state.json` of its directory.

use super::error::{Error, Result};
use crate::hooks::ContainerState;
use crate::process::ProcessId;
use crate::record;
use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The record. Written once the init is there, and never changed but for limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// What hooks are told of it; its status and pid are not recorded.
    pub state: ContainerState,
    /// Its init.
    pub init: ProcessId,
    /// The root file system's directory.
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Who created it, by name or number.
    pub owner: String,
    /// The session keyring of its processes, if it has one.
    pub keyring: Option<String>,
    /// The spec, with the path of the cgroup made absolute.
    pub spec: Spec,
}

impl Record {
    const FILE: &str = "state.json";
    /// Beside the record while the init waits to be started.
    pub(super) const GATE: &str = "start";

    pub(super) fn load(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(Self::FILE);
        record::load(&path).map_err(Error::at("read", path))
    }

    /// Removes it; whether it was there.
    pub(super) fn remove(directory: &Path) -> Result<bool> {
        let path = directory.join(Self::FILE);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::at("remove", path)(error)),
        }
    }

    pub(super) fn save(&self, directory: &Path) -> Result<()> {
        let path = directory.join(Self::FILE);
        record::save(&path, self).map_err(Error::at("write", path))
    }
}
