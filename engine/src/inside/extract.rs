//! Copying files out of a stack of layers.

use super::lookup::{Last, resolve};
use super::object::Kind;
use super::{Stack, View, stack::NodeId};
use crate::engine::Engine;
use crate::error::{Error, Result};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid, chownat, mkdirat, open,
    openat, readlinkat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// How many directories, files and links.
    pub objects: u64,
    /// The bytes of the files.
    pub bytes: u64,
    /// Devices, pipes and sockets, which are not copied.
    pub skipped: Vec<PathBuf>,
}

impl Engine {
    /// Copies a file or directory of an image or a container out of it: into `target` if that is a directory, or else under
    /// that name. Modes and times are kept, owners too if `owners` says so. The link that a path ends in is copied as one.
    pub fn extract(&self, name: &str, path: &Path, target: &Path, owners: bool) -> Result<Extracted> {
        let sources = self.sources(name)?;
        let place = resolve(&sources, path, Last::Kept)?.path;
        let stack = Stack::read(sources)?;
        let missing = || Error::Inside { path: path.to_owned(), problem: "no such file or directory" };
        let node = stack.find(&place).filter(|node| stack.sight(*node, View::Merged).is_some()).ok_or_else(missing)?;
        let (parent, name) = destination(&place, target)?;
        let mut copier = Copier { stack: &stack, owners, extracted: Extracted::default() };
        copier.copy(node, parent.as_fd(), &name)?;
        Ok(copier.extracted)
    }
}

/// The directory to copy into, and the name to get there. The root has no name: what is in it goes to the target itself.
fn destination(place: &Path, target: &Path) -> Result<(OwnedFd, OsString)> {
    let inside = open(target, DIRECTORY, Mode::empty());
    match (inside, place.file_name()) {
        (Ok(directory), name) => Ok((directory, name.unwrap_or(OsStr::new(".")).to_owned())),
        (Err(Errno::NOENT | Errno::NOTDIR), _) => {
            let name = target.file_name().ok_or_else(|| Error::file(target, Errno::NOENT))?.to_owned();
            let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let parent = open(parent, DIRECTORY, Mode::empty()).map_err(|errno| Error::file(parent, errno))?;
            Ok((parent, name))
        }
        (Err(errno), _) => Err(Error::file(target, errno)),
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
struct Copier<'a> {
    stack: &'a Stack,
    /// Whether owners and set-id bits are kept, too.
    owners: bool,
    extracted: Extracted,
}

impl Copier<'_> {
    /// Copies what is at a path into a directory of the host, under a name. Nothing that a link there leads to is touched.
    fn copy(&mut self, node: NodeId, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let Some(sight) = self.stack.sight(node, View::Merged) else { return Ok(()) };
        let path = self.stack.path(node);
        let layer = &self.stack.layers()[sight.layer].source;
        // All directories on the way are of this layer, and none of them is a link.
        let from = layer.directory.join(path.strip_prefix("/").unwrap_or(&path));
        let named = |source: io::Error| Error::file(&path, source);
        let stat = statat(CWD, &from, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| named(errno.into()))?;
        match sight.object.kind {
            Kind::Directory => {
                let directory = make_directory(parent, name).map_err(named)?;
                let children: Vec<_> = self.stack.children(node, View::Merged).map(|(child, _)| child).collect();
                for child in children {
                    let name = OsStr::from_bytes(self.stack.name(child)).to_owned();
                    self.copy(child, directory.as_fd(), &name)?;
                }
            }
            Kind::File => {
                let mut from = layer.open(&path)?;
                let mut to = make_file(parent, name).map_err(named)?;
                self.extracted.bytes += io::copy(&mut from, &mut to).map_err(named)?;
            }
            Kind::Link => {
                let target = readlinkat(CWD, &from, Vec::new()).map_err(|errno| named(errno.into()))?;
                remove(parent, name).and_then(|()| Ok(symlinkat(target, parent, name)?)).map_err(named)?;
            }
            Kind::Device | Kind::Fifo | Kind::Socket => {
                self.extracted.skipped.push(path);
                return Ok(());
            }
            Kind::Whiteout => return Ok(()),
        }
        self.extracted.objects += 1;
        self.set_attributes(&stat, parent, name).map_err(named)
    }

    /// They come last: a directory may be one that we could not write into.
    fn set_attributes(&self, stat: &Stat, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        if self.owners {
            let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
            chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if !is_link {
            // Who copies a program out does not ask for one that runs with the rights of another.
            let mask = if self.owners { 0o7777 } else { 0o777 };
            let mode = Mode::from_raw_mode((stat.st_mode & mask) as RawMode);
            rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
        }
        let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

fn make_directory(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    match mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
}

fn make_file(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<File> {
    remove(parent, name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Makes room for a file or link.
fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(errno) if errno != Errno::NOENT => Err(errno.into()),
        _ => Ok(()),
    }
}
