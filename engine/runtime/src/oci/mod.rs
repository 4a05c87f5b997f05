//! An OCI runtime in its own right (runtime.md): containers that are made from bundles and remembered in a state directory,
//! with nobody who stays with them. Independent of the engine and of its records.

mod bundle;
mod container;
mod create;
mod descriptors;
mod error;
mod events;
mod exec;
mod features;
mod foreground;
mod id;
mod listener;
mod notify;
mod record;
mod template;
mod update;
mod usage;

pub use bundle::{Bundle, read_process};
pub use container::{Container, Signalled, State, Status};
pub use create::{Create, Terminal};
pub use descriptors::{check_preserved, send_descriptor};
pub use error::{Error, Result};
pub use events::{Event, Events};
pub use exec::ExecIn;
pub use features::features;
pub use foreground::{Foreground, attend};
pub use id::Id;
pub use notify::Notifier;
pub use record::Record;
pub use template::template;
pub use update::read_resources;

pub use crate::sandbox::{SubCgroup, processor_mask};
pub use oci_spec::runtime::{Capability, LinuxCapabilities, LinuxResources, Process, User};

/// The version of the runtime-spec that is implemented.
pub const SPEC_VERSION: &str = "1.2.1";

use std::fs;
use std::path::{Path, PathBuf};

/// The containers below one state directory.
#[derive(Clone, Debug)]
pub struct Runtime {
    root: PathBuf,
}

impl Runtime {
    /// Those below `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A container that exists.
    pub fn container(&self, id: &Id) -> Result<Container> {
        Container::load(&self.directory(id))?.ok_or(Error::DoesNotExist)
    }

    /// All of them, by their ids.
    pub fn containers(&self) -> Result<Vec<Container>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::at("list", &self.root))?,
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        // One that is being made, or removed, has no record; nor has what is none of ours.
        let load = |name| Container::load(&self.root.join(name)).transpose();
        names.into_iter().filter_map(load).collect()
    }

    /// Removes what a command that was killed has left of a container without a record.
    pub fn discard(&self, id: &Id) -> Result<()> {
        let directory = self.directory(id);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => result.map_err(Error::at("remove", directory)),
        }
    }

    fn directory(&self, id: &Id) -> PathBuf {
        self.root.join(id.as_str())
    }

    /// The directory of a container that is new.
    fn make_directory(&self, id: &Id) -> Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt;
        let directory = self.directory(id);
        let make = |path: &Path| fs::DirBuilder::new().recursive(path == self.root).mode(0o700).create(path);
        make(&self.root).map_err(Error::at("make", &self.root))?;
        match make(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::Exists(id.clone())),
            result => result.map(|()| directory.clone()).map_err(Error::at("make", directory)),
        }
    }
}
