//! The directories of a layer being unpacked, held open while members are made in them.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, fchown, fstat, futimens, mkdirat,
    openat, openat2, statat,
};
use rustix::io::Errno;

use super::budget::Budget;
use super::path::lossy;
use super::{LayerError, node};

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A bound on the memory that a bomb of undescribed directories can take.
const MAX_IMPLIED: usize = 16 << 20;

/// A walk through the layer's directories: the chain from the root to the current one is open.
///
/// Making members changes a directory's modification time, so it is set when the directory is left. An archive that
/// keeps its members in order, as they all do, leaves each directory once; memory is bounded by depth, not by size.
pub(super) struct Tree<'a> {
    root: Level,
    stack: Vec<Level>,
    /// Directories that no member described, only members in them; the sum of their paths' lengths is bounded.
    implied: BTreeSet<Vec<u8>>,
    implied_bytes: usize,
    implied_owner: Option<(u32, u32)>,
    stale: bool,
    budget: &'a Budget,
}

struct Level {
    name: Vec<u8>,
    directory: OwnedFd,
    /// To be set when the directory is left.
    mtime: Option<Timespec>,
}

impl<'a> Tree<'a> {
    /// A walk that begins at `root`. With `implied_owner`, directories that no member describes are this user's and group's.
    pub(super) fn new(root: OwnedFd, implied_owner: Option<(u32, u32)>, budget: &'a Budget) -> Self {
        let root = Level { name: Vec::new(), directory: root, mtime: None };
        Self {
            root,
            stack: Vec::new(),
            implied: BTreeSet::new(),
            implied_bytes: 0,
            implied_owner,
            stale: false,
            budget,
        }
    }

    /// The directory entered last.
    pub(super) fn current(&self) -> BorrowedFd<'_> {
        self.stack.last().unwrap_or(&self.root).directory.as_fd()
    }

    /// Goes to the directory at `path`, making what is missing of it.
    pub(super) fn enter(&mut self, path: &[&[u8]]) -> Result<(), LayerError> {
        if std::mem::take(&mut self.stale) {
            self.leave(0)?;
        }
        let common = self.stack.iter().zip(path).take_while(|(level, name)| level.name == **name).count();
        self.leave(common)?;
        path[common..].iter().try_for_each(|name| self.descend(name))
    }

    /// Something was removed. Links may have led the walk into just that: the next one begins at the root.
    pub(super) fn start_afresh(&mut self) {
        self.stale = true;
    }

    /// Goes into a directory of the current one.
    pub(super) fn enter_child(&mut self, name: &[u8]) -> Result<(), LayerError> {
        self.descend(name)
    }

    /// Goes to the root.
    pub(super) fn leave_all(&mut self) -> Result<(), LayerError> {
        self.leave(0)
    }

    /// Goes into a directory that a member describes, and was just made in the current one.
    pub(super) fn descend_described(&mut self, name: &[u8], mtime: Timespec) -> Result<(), LayerError> {
        let directory = openat(self.current(), name, OPEN_DIRECTORY, Mode::empty()).map_err(make("open", name))?;
        self.push(name, directory, Some(mtime));
        if !self.implied.is_empty() {
            self.implied.remove(&self.path());
        }
        Ok(())
    }

    /// Notes the time that a member gives for the root.
    pub(super) fn describe_root(&mut self, mtime: Timespec) {
        self.root.mtime = Some(mtime);
    }

    /// Leaves all directories. Returns the paths of those that no member described, parents first; the empty one is the
    /// root.
    pub(super) fn finish(mut self) -> Result<BTreeSet<Vec<u8>>, LayerError> {
        self.leave(0)?;
        match self.root.mtime {
            Some(mtime) => set_mtime(&self.root.directory, mtime, b"/")?,
            None => {
                self.implied.insert(Vec::new());
            }
        }
        Ok(self.implied)
    }

    fn leave(&mut self, depth: usize) -> Result<(), LayerError> {
        for level in self.stack.drain(depth..).rev() {
            if let Some(mtime) = level.mtime {
                set_mtime(&level.directory, mtime, &level.name)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, name: &[u8], directory: OwnedFd, mtime: Option<Timespec>) {
        self.stack.push(Level { name: name.to_vec(), directory, mtime });
    }

    fn path(&self) -> Vec<u8> {
        self.stack.iter().map(|level| level.name.as_slice()).collect::<Vec<_>>().join(&b'/')
    }

    fn descend(&mut self, name: &[u8]) -> Result<(), LayerError> {
        match openat(self.current(), name, OPEN_DIRECTORY, Mode::empty()) {
            Ok(directory) => self.push_existing(name, directory),
            Err(Errno::NOENT) => self.imply(name),
            Err(Errno::NOTDIR | Errno::LOOP) => self.descend_over(name),
            Err(error) => Err(make("open", name)(error)),
        }
    }

    fn push_existing(&mut self, name: &[u8], directory: OwnedFd) -> Result<(), LayerError> {
        let stat = fstat(&directory).map_err(make("examine", name))?;
        let mtime = Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ };
        self.push(name, directory, Some(mtime));
        Ok(())
    }

    /// Makes a directory that no member described (yet).
    fn imply(&mut self, name: &[u8]) -> Result<(), LayerError> {
        self.budget.take_inode()?;
        mkdirat(self.current(), name, Mode::from_raw_mode(0o755)).map_err(make("make directory", name))?;
        let directory = openat(self.current(), name, OPEN_DIRECTORY, Mode::empty()).map_err(make("open", name))?;
        if let Some((user, group)) = self.implied_owner {
            fchown(&directory, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
                .map_err(make("give away", name))?;
        }
        self.push(name, directory, None);
        let path = self.path();
        self.implied_bytes += path.len();
        if self.implied_bytes > MAX_IMPLIED {
            let problem = "too many directories that the archive does not describe";
            return Err(LayerError::Name { name: lossy(name), problem });
        }
        self.implied.insert(path);
        Ok(())
    }

    /// What stands in a parent's place is no directory: a symbolic link is resolved with the layer as root, a whiteout
    /// becomes a directory that hides the lower one.
    fn descend_over(&mut self, name: &[u8]) -> Result<(), LayerError> {
        let stat = statat(self.current(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(make("examine", name))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            let mut path = self.path();
            path.extend_from_slice(b"/");
            path.extend_from_slice(name);
            let path = path.strip_prefix(b"/").unwrap_or(&path);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
            let directory = openat2(&self.root.directory, path, flags, Mode::empty(), resolve)
                .map_err(make("follow the symbolic link", path))?;
            return self.push_existing(name, directory);
        }
        if !node::is_whiteout(&stat) {
            return Err(LayerError::Name { name: lossy(name), problem: "its members come after it as a file" });
        }
        node::remove(self.current(), name)?;
        self.imply(name)?;
        node::set_opaque(self.current())
    }
}

fn set_mtime(directory: &OwnedFd, mtime: Timespec, name: &[u8]) -> Result<(), LayerError> {
    futimens(directory, &Timestamps { last_access: mtime, last_modification: mtime })
        .map_err(make("set times of", name))
}

/// Names the object and the action of a failed system call.
pub(super) fn make<E: Into<std::io::Error>>(action: &'static str, name: &[u8]) -> impl FnOnce(E) -> LayerError {
    let name = lossy(name);
    move |error| LayerError::Make { action, name, source: error.into() }
}
