//! Where state lives.

use directories::ProjectDirs;
use std::path::{Path, PathBuf};

/// The state root of everybody's porthole on this machine.
pub const SYSTEM_ROOT: &str = "/var/lib/porthole";
const SYSTEM_RUN: &str = "/run/porthole";

/// The state root and the directory of what does not survive a reboot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
    run: PathBuf,
}

impl Paths {
    /// The paths of this process: `PORTHOLE_ROOT` when set, the system's for root, the user's data directory otherwise.
    pub fn from_environment() -> Paths {
        match std::env::var_os("PORTHOLE_ROOT") {
            Some(root) if !root.is_empty() => Paths::with_root(absolute(root.into())),
            _ if rustix::process::geteuid().is_root() => Paths::with_root(SYSTEM_ROOT.into()),
            _ => Paths::of_user(),
        }
    }

    /// A state root of its own; its run directory lies inside unless it is the system's.
    pub fn with_root(root: PathBuf) -> Paths {
        let run = if root == Path::new(SYSTEM_ROOT) { SYSTEM_RUN.into() } else { root.join("run") };
        Paths { root, run }
    }

    fn of_user() -> Paths {
        let Some(dirs) = ProjectDirs::from("", "", "porthole") else { return Paths::with_root(SYSTEM_ROOT.into()) };
        let root = dirs.data_dir().to_owned();
        let run = dirs.runtime_dir().map_or_else(|| root.join("run"), Path::to_owned);
        Paths { root, run }
    }

    /// The state root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of sockets and namespace handles.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The directory with one directory a container.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// The directory of one container.
    pub fn container(&self, id: &str) -> PathBuf {
        self.root.join("containers").join(id)
    }

    /// The directory of reserved names, each a symbolic link whose target is an id.
    pub fn names(&self) -> PathBuf {
        self.root.join("names")
    }

    /// The directory with one directory a network.
    pub fn networks(&self) -> PathBuf {
        self.root.join("networks")
    }

    /// The directory with one directory a volume.
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// The directory with one directory a project.
    pub fn projects(&self) -> PathBuf {
        self.root.join("projects")
    }

    /// Where removed containers wait for their files to be deleted.
    pub fn removed(&self) -> PathBuf {
        self.root.join("removed")
    }

    /// Held by who deletes those files.
    pub fn removed_lock(&self) -> PathBuf {
        self.root.join("removed.lock")
    }

    /// The directory of the event log.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    /// The directory of marks of containers that may hold something of the kernel's.
    pub fn active_directory(&self) -> PathBuf {
        self.root.join("active")
    }

    /// The mark of a container that was started and not yet cleaned up after.
    pub fn active(&self, id: &str) -> PathBuf {
        self.active_directory().join(id)
    }

    /// The socket of a container's monitor. A socket's path may not exceed 107 bytes, so only part of the id is used.
    pub fn socket(&self, id: &str) -> PathBuf {
        self.run.join(format!("{}.sock", &id[..id.len().min(16)]))
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_run_directory_is_apart() {
        assert_eq!(Paths::with_root(SYSTEM_ROOT.into()).run(), Path::new("/run/porthole"));
    }

    #[test]
    fn another_root_keeps_all_below_itself() {
        let paths = Paths::with_root("/tmp/x".into());
        assert_eq!(paths.run(), Path::new("/tmp/x/run"));
        assert_eq!(paths.socket("0123456789abcdef0123"), Path::new("/tmp/x/run/0123456789abcdef.sock"));
    }
}
