//! From an OCI `Spec` to a process in its own namespaces.
//!
//! [`create`] clones the init, which builds its root (`rootfs`, `mounts`, `devices`, `masks`) and then waits; meanwhile the
//! caller sets up the network. [`Created::start`] lets it take on its `identity` and execute its `command`. [`exec`] does
//! the last two in a container that runs. Parent and child talk over a `channel`. A [`ForeignRuntime`] makes containers by
//! way of another program. A [`View`] shows the root of one from outside.

mod channel;
mod clone;
mod command;
mod create;
mod devices;
mod error;
mod exec;
mod foreign;
mod host_mounts;
mod identity;
mod kernel;
mod masks;
mod mounts;
mod namespaces;
mod rootfs;
mod streams;
mod support;
mod view;
mod workdir;

pub use create::{Created, Running, create};
pub use error::{Error, Result};
pub use exec::{Exec, Starting, exec, spawn};
pub use foreign::{ForeignCreated, ForeignRuntime};
pub use view::View;

use crate::process::ProcessId;
use oci_spec::runtime::{Process, Spec};
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where the root file system of a container comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootSource {
    /// An overlay that only the container's own mount namespace ever sees.
    Overlay {
        /// Read-only layers, the topmost first.
        lower: Vec<PathBuf>,
        /// Where changes go.
        upper: PathBuf,
        /// Overlayfs' work directory, on the file system of `upper`.
        work: PathBuf,
    },
    /// A directory, as in an OCI bundle.
    Directory(PathBuf),
}

/// What the first process of a container (or an exec'd one) reads from and writes to.
pub enum Stdio {
    /// Three open files.
    Files {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// A pseudo terminal made inside the container's own devpts.
    Terminal {
        /// Width in cells.
        columns: u16,
        /// Height in cells.
        rows: u16,
    },
}

/// What to make.
pub struct CreateRequest<'a> {
    /// The container's id, used in messages and for its default cgroup.
    pub id: &'a str,
    /// The whole configuration, paths in it absolute. `root.path` is ignored in favour of `root`.
    pub spec: &'a Spec,
    /// The root file system.
    pub root: &'a RootSource,
    /// Standard streams of the init.
    pub stdio: Stdio,
}

/// What to run in a container that runs already.
pub struct ExecRequest<'a> {
    /// The container's init, whose namespaces are joined.
    pub init: ProcessId,
    /// The container's spec (for its cgroup, seccomp filter and no-new-privileges).
    pub spec: &'a Spec,
    /// Command, environment, user, capabilities.
    pub process: &'a Process,
    /// Standard streams.
    pub stdio: Stdio,
}

/// The path of the container's cgroup below each hierarchy: `linux.cgroupsPath` of the spec, or `/porthole/ID`.
pub fn cgroup_path(spec: &Spec, id: &str) -> PathBuf {
    let path = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_ref());
    match path {
        Some(path) if !path.as_os_str().is_empty() => Path::new("/").join(path),
        _ => Path::new("/porthole").join(id),
    }
}
