//! From an OCI `Spec` to a process in its own namespaces.
//!
//! [`create`] clones the init, which builds its root (`rootfs`, `mounts`, `devices`, `masks`) and then waits; meanwhile the
//! caller sets up the network. [`Created::start`] lets it take on its `identity` and execute its `command`. [`exec`] does
//! the last two in a container that runs. Parent and child talk over a `channel`. A [`ForeignRuntime`] makes containers by
//! way of another program. A [`View`] shows the root of one from outside.

mod channel;
mod clone;
mod command;
mod copy_up;
mod create;
mod devices;
mod error;
mod exec;
mod foreign;
mod gate;
mod home;
mod host_mounts;
mod identity;
mod kernel;
mod keyring;
mod labels;
mod masks;
mod mounts;
mod namespaces;
mod net_devices;
mod rlimit;
mod rootfs;
mod scheduling;
mod streams;
mod support;
mod view;
mod workdir;

pub use create::{Created, Running, create};
pub use error::{Error, Result};
pub use exec::{Exec, Starting, exec, spawn};
pub use foreign::{ForeignCreated, ForeignRuntime};
pub use gate::Gate;
pub use rlimit::lowered_limits;
pub use rootfs::mount_overlay;
pub use scheduling::processor_mask;
pub use view::View;

pub use crate::cgroup::SubCgroup;
use crate::hooks::ContainerState;
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
        /// Whether lines end with carriage returns, which a screen needs.
        carriage_returns: bool,
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
    /// What else is asked for.
    pub options: CreateOptions<'a>,
}

/// What the caller of an OCI runtime may ask for besides the spec. By default nothing.
#[derive(Default)]
pub struct CreateOptions<'a> {
    /// Where the init waits for its start, so that its maker need not.
    pub gate: Option<&'a Gate>,
    /// What hooks are told. Without it a spec with hooks is refused.
    pub state: Option<ContainerState>,
    /// How many descriptors from 3 on the command keeps.
    pub preserved: u32,
    /// Whether the root is moved onto `/` instead of pivoted to, for hosts whose root is a ramfs.
    pub no_pivot: bool,
    /// The name of a session keyring of its own (keyrings(7)).
    pub keyring: Option<String>,
    /// Whether it does without a cgroup where its maker may make none.
    pub cgroup_may_lack: bool,
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
    /// What else is asked for.
    pub options: ExecOptions<'a>,
}

/// What the caller of an OCI runtime may ask for besides the process. By default nothing.
#[derive(Default)]
pub struct ExecOptions<'a> {
    /// How many descriptors from 3 on the command keeps.
    pub preserved: u32,
    /// Cgroups below the container's to be in, instead of that itself.
    pub cgroups: &'a [SubCgroup],
    /// The name of a session keyring to join.
    pub keyring: Option<String>,
}

/// The path of the container's cgroup below each hierarchy: `linux.cgroupsPath` of the spec, or `/porthole/ID`.
pub fn cgroup_path(spec: &Spec, id: &str) -> PathBuf {
    let path = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_ref());
    match path {
        Some(path) if !path.as_os_str().is_empty() => Path::new("/").join(path),
        _ => Path::new("/porthole").join(id),
    }
}
