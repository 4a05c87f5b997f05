//! Which network namespaces there are, and whose they are.

use super::{Error, Namespace, Owner, Process};
use crate::netns;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where namespaces have names: those of ip(8), Podman and the lab, and those of Docker.
const DIRECTORIES: [&str; 2] = ["/run/netns", "/run/docker/netns"];

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// A process in it.
    pub pid: i32,
    /// Whose the namespace of that process is.
    pub owner: Owner,
}

/// Every network namespace that a process is in or a name leads to.
pub(super) struct Candidates {
    /// The inode of the calling thread's own.
    host: u64,
    /// By inode, with how to describe it and a file that leads there.
    all: BTreeMap<u64, (Namespace, PathBuf)>,
    /// Opened as they are needed; `None` for one that has ended.
    open: HashMap<u64, Option<OwnedFd>>,
}

impl Candidates {
    /// Looks for them.
    pub fn find(known: &[Known]) -> Result<Candidates, Error> {
        let own = Path::new("/proc/thread-self/ns/net");
        let failed = |path: &Path, source| Error::Namespace { path: path.to_owned(), source };
        let host = fs::metadata(own).map_err(|source| failed(own, source))?.ino();
        let mut candidates = Candidates { host, all: BTreeMap::new(), open: HashMap::new() };
        candidates.add(host, own.to_owned()).host = true;
        let proc = Path::new("/proc");
        let mut pids = pids(proc).map_err(|source| failed(proc, source))?;
        pids.sort_unstable();
        for pid in pids {
            let path = proc.join(format!("{pid}/ns/net"));
            // It ended, or is somebody's whom we must not look at.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let namespace = candidates.add(metadata.ino(), path);
            if namespace.process.is_none() && !namespace.host {
                namespace.process = Some(Process { pid, command: String::new() });
            }
        }
        for directory in DIRECTORIES {
            candidates.add_named(Path::new(directory));
        }
        for known in known {
            let Ok(metadata) = fs::metadata(format!("/proc/{}/ns/net", known.pid)) else { continue };
            if let Some((namespace, _)) = candidates.all.get_mut(&metadata.ino()) {
                namespace.containers.push(known.owner.clone());
            }
        }
        Ok(candidates)
    }

    fn add(&mut self, inode: u64, path: PathBuf) -> &mut Namespace {
        let new = || (Namespace { inode, ..Namespace::default() }, path);
        &mut self.all.entry(inode).or_insert_with(new).0
    }

    /// Adds those that are bound to the files of a directory. That there is none, or none that may be read, is usual.
    fn add_named(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if let (true, Ok(metadata)) = (netns::is_one(&path), fs::metadata(&path)) {
                let name = crate::ruleset::printable(entry.file_name().as_encoded_bytes());
                let namespace = self.add(metadata.ino(), path);
                namespace.name.get_or_insert(name);
            }
        }
    }

    /// The host's own, and those of containers.
    pub fn owned(&self) -> Vec<u64> {
        let owned = self.all.values().filter(|(namespace, _)| !namespace.host && !namespace.containers.is_empty());
        [self.host].into_iter().chain(owned.map(|(namespace, _)| namespace.inode)).collect()
    }

    /// All of them; first those that links most likely lead to.
    pub fn inodes(&self) -> Vec<u64> {
        let owned = self.owned();
        let others: Vec<u64> = self.all.keys().copied().filter(|inode| !owned.contains(inode)).collect();
        [owned, others].concat()
    }

    /// What is known of one before it is read.
    pub fn describe(&self, inode: u64) -> Option<Namespace> {
        let mut namespace = self.all.get(&inode)?.0.clone();
        if let Some(process) = &mut namespace.process {
            let name = fs::read(format!("/proc/{}/comm", process.pid)).unwrap_or_default();
            process.command = crate::ruleset::printable(name.trim_ascii_end());
        }
        Some(namespace)
    }

    /// A handle on one; `None` if it has ended.
    pub fn open(&mut self, inode: u64) -> Option<&OwnedFd> {
        let path = &self.all.get(&inode)?.1;
        let open = || {
            let fd = netns::open(path).ok()?;
            // The number of a process that ended may be another's by now.
            let is_it = rustix::fs::fstat(&fd).is_ok_and(|stat| stat.st_ino == inode);
            is_it.then_some(fd)
        };
        self.open.entry(inode).or_insert_with(open).as_ref()
    }
}

fn pids(proc: &Path) -> std::io::Result<Vec<i32>> {
    let names = fs::read_dir(proc)?.flatten();
    Ok(names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}
