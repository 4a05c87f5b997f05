//! Which network namespaces there are, and whose they are.

use super::{Error, Namespace, Owner, Process};
use crate::netns;
use crate::ruleset::printable;
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

/// The network namespaces that were found so far. Looking through all processes costs more than reading the namespaces of
/// a hundred containers, so that is only done for an end of a link that nothing else leads to.
pub(super) struct Candidates {
    /// By inode, with how to describe it and a file that leads there.
    all: BTreeMap<u64, (Namespace, PathBuf)>,
    /// The host's own and those of containers first, in the order in which they were found.
    order: Vec<u64>,
    /// Opened as they are needed; `None` for one that has ended.
    open: HashMap<u64, Option<OwnedFd>>,
    /// Where to look next.
    unsearched: Vec<Place>,
}

/// Where namespaces are found.
#[derive(Clone, Copy)]
enum Place {
    Directory(&'static str),
    Processes,
}

impl Candidates {
    /// The calling thread's own, and those of the containers that are `known`.
    pub fn new(known: &[Known]) -> Result<Candidates, Error> {
        let own = Path::new("/proc/thread-self/ns/net");
        let host = fs::metadata(own).map_err(|source| failed(own, source))?.ino();
        let places = [Place::Processes].into_iter().chain(DIRECTORIES.map(Place::Directory));
        let mut candidates =
            Candidates { all: BTreeMap::new(), order: Vec::new(), open: HashMap::new(), unsearched: places.collect() };
        candidates.add(host, own.to_owned()).host = true;
        // Now: the path means another namespace to a thread that has moved.
        candidates.open(host);
        for known in known {
            let path = PathBuf::from(format!("/proc/{}/ns/net", known.pid));
            // It may have ended.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            candidates.add(metadata.ino(), path).containers.push(known.owner.clone());
        }
        Ok(candidates)
    }

    fn add(&mut self, inode: u64, path: PathBuf) -> &mut Namespace {
        let order = &mut self.order;
        let new = || {
            order.push(inode);
            (Namespace { inode, ..Namespace::default() }, path)
        };
        &mut self.all.entry(inode).or_insert_with(new).0
    }

    /// All that were found, the host's own first.
    pub fn inodes(&self) -> &[u64] {
        &self.order
    }

    /// Looks for more at one further place; false when there is none left.
    pub fn search(&mut self) -> Result<bool, Error> {
        match self.unsearched.pop() {
            Some(Place::Directory(directory)) => self.add_named(Path::new(directory)),
            Some(Place::Processes) => self.add_processes()?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Adds those that are bound to the files of a directory. That there is none, or none that may be read, is usual.
    fn add_named(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if netns::is_one(&path) && !self.all.contains_key(&metadata.ino()) {
                let name = printable(entry.file_name().as_encoded_bytes());
                self.add(metadata.ino(), path).name = Some(name);
            }
        }
    }

    /// Adds those that processes are in.
    fn add_processes(&mut self) -> Result<(), Error> {
        let proc = Path::new("/proc");
        let entries = fs::read_dir(proc).map_err(|source| failed(proc, source))?.flatten();
        let mut pids: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        for pid in pids {
            let path = proc.join(format!("{pid}/ns/net"));
            // It ended, or is somebody's whom we must not look at.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if self.all.contains_key(&metadata.ino()) {
                continue;
            }
            let command = fs::read(proc.join(format!("{pid}/comm"))).unwrap_or_default();
            let command = printable(command.trim_ascii_end());
            self.add(metadata.ino(), path).process = Some(Process { pid, command });
        }
        Ok(())
    }

    /// What is known of one before it is read.
    pub fn describe(&self, inode: u64) -> Option<Namespace> {
        Some(self.all.get(&inode)?.0.clone())
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

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Namespace { path: path.to_owned(), source }
}
