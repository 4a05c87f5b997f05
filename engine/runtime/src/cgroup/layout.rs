//! Which hierarchies the host has.

use super::{Error, Result};
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where every distribution mounts them.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// One mounted hierarchy.
#[derive(Clone, Debug)]
pub(super) struct Hierarchy {
    /// The name of its mount point, which joins its controllers by commas.
    pub name: String,
    /// Its mount point.
    pub root: PathBuf,
    /// Whether it is the v2 hierarchy.
    pub is_v2: bool,
}

impl Hierarchy {
    /// Where a cgroup is in it.
    pub(super) fn directory(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether it has this controller. The v2 hierarchy of a host without v1 may have any.
    pub(super) fn has(&self, controller: &str) -> bool {
        self.name.is_empty() || self.name.split(',').any(|name| name == controller)
    }
}

/// The hierarchies of the host.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// One hierarchy for everything.
    V2(Hierarchy),
    /// One for each controller or two, and in hybrid hosts a v2 hierarchy that controls nothing, but can kill.
    V1 { hierarchies: Vec<Hierarchy>, unified: Option<Hierarchy> },
}

impl Layout {
    /// Those of this host, looked at once by a process.
    pub(super) fn of_host() -> Result<&'static Self> {
        static LAYOUT: OnceLock<Layout> = OnceLock::new();
        match LAYOUT.get() {
            Some(layout) => Ok(layout),
            None => Self::detect().map(|layout| LAYOUT.get_or_init(|| layout)),
        }
    }

    /// Looks at the file systems below `/sys/fs/cgroup`; reads no mount table, which can be long.
    fn detect() -> Result<Self> {
        let root = Path::new(MOUNT_POINT);
        let kind = |path: &Path| statfs(path).ok().map(|statfs| statfs.filesystem_type());
        if kind(root) == Some(CGROUP2_SUPER_MAGIC) {
            return Ok(Self::V2(Hierarchy { name: String::new(), root: root.to_owned(), is_v2: true }));
        }
        let (mut hierarchies, mut unified) = (Vec::new(), None);
        for entry in fs::read_dir(root).map_err(Error::at("list", root))?.flatten() {
            // Symbolic links give the single names of controllers that share a hierarchy.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let hierarchy =
                |is_v2| Hierarchy { name: entry.file_name().to_string_lossy().into_owned(), root: entry.path(), is_v2 };
            match kind(&entry.path()) {
                Some(CGROUP_SUPER_MAGIC) => hierarchies.push(hierarchy(false)),
                Some(CGROUP2_SUPER_MAGIC) => unified = Some(hierarchy(true)),
                _ => {}
            }
        }
        match hierarchies.is_empty() {
            true => Err(Error::NotMounted(root)),
            false => Ok(Self::V1 { hierarchies, unified }),
        }
    }

    pub(super) fn is_v2(&self) -> bool {
        matches!(self, Self::V2(_))
    }

    /// All of them.
    pub(super) fn hierarchies(&self) -> impl Iterator<Item = &Hierarchy> {
        let (several, one) = match self {
            Self::V2(hierarchy) => ([].as_slice(), Some(hierarchy)),
            Self::V1 { hierarchies, unified } => (hierarchies.as_slice(), unified.as_ref()),
        };
        several.iter().chain(one)
    }

    /// The v2 hierarchy, if there is one.
    pub(super) fn v2(&self) -> Option<&Hierarchy> {
        self.hierarchies().find(|hierarchy| hierarchy.is_v2)
    }
}
