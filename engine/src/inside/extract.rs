//! Copying files out of a stack of layers.

use super::lookup::{Last, resolve};
use super::object::{Kind, Object};
use super::{Stack, View, stack::NodeId};
use crate::engine::Engine;
use crate::error::{Error, Result};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RawMode, Timespec, Timestamps, Uid, fchmod, fchown, futimens, mkdirat, open, openat,
    readlinkat_raw, symlinkat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
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
        let (place, _) = resolve(&sources, path, Last::Kept)?;
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
    let named = |errno: Errno| Error::file(target, errno);
    let inside = open(target, DIRECTORY, Mode::empty());
    match (inside, place.file_name()) {
        (Ok(directory), Some(name)) => Ok((directory, name.to_owned())),
        (Ok(directory), None) => Ok((directory, OsString::from("."))),
        (Err(Errno::NOENT | Errno::NOTDIR), _) => {
            let name = target.file_name().ok_or_else(|| named(Errno::NOENT))?.to_owned();
            let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let parent = open(parent, DIRECTORY, Mode::empty()).map_err(|errno| Error::file(parent, errno))?;
            Ok((parent, name))
        }
        (Err(errno), _) => Err(named(errno)),
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

struct Copier<'a> {
    stack: &'a Stack,
    owners: bool,
    extracted: Extracted,
}

impl Copier<'_> {
    /// Copies what is at a path into a directory of the host, under a name. Nothing that a link there leads to is touched.
    fn copy(&mut self, node: NodeId, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let Some(sight) = self.stack.sight(node, View::Merged) else { return Ok(()) };
        let path = self.stack.path(node);
        let named = |source: io::Error| Error::file(&path, source);
        match sight.object.kind {
            Kind::Directory => {
                let directory = make_directory(parent, name).map_err(named)?;
                let children: Vec<_> = self.stack.children(node, View::Merged).map(|(child, _)| child).collect();
                for child in children {
                    let name = OsStr::from_bytes(self.stack.name(child)).to_owned();
                    self.copy(child, directory.as_fd(), &name)?;
                }
                self.finish(&directory, &sight.object).map_err(named)?;
            }
            Kind::File => {
                let mut from = self.stack.layers()[sight.layer].source.open(&path)?;
                let mut to = make_file(parent, name).map_err(named)?;
                self.extracted.bytes += io::copy(&mut from, &mut to).map_err(named)?;
                self.finish(&to, &sight.object).map_err(named)?;
            }
            Kind::Link => {
                let target = self.target(sight.layer, &path).map_err(named)?;
                remove(parent, name).and_then(|()| Ok(symlinkat(target, parent, name)?)).map_err(named)?;
            }
            Kind::Device | Kind::Fifo | Kind::Socket | Kind::Whiteout => {
                self.extracted.skipped.push(path);
                return Ok(());
            }
        }
        self.extracted.objects += 1;
        Ok(())
    }

    /// Attributes come last: a directory may be one that we could not write into.
    fn finish(&self, file: impl AsFd, object: &Object) -> io::Result<()> {
        if self.owners {
            fchown(&file, Some(Uid::from_raw(object.uid)), Some(Gid::from_raw(object.gid)))?;
        }
        // Who copies a program out does not ask for one that runs with the rights of another.
        let mode = if self.owners { object.mode } else { object.mode & 0o777 };
        fchmod(&file, Mode::from_raw_mode(mode as RawMode))?;
        let time = Timespec { tv_sec: object.modified, tv_nsec: 0 };
        Ok(futimens(&file, &Timestamps { last_access: time, last_modification: time })?)
    }

    fn target(&self, layer: usize, path: &Path) -> io::Result<OsString> {
        let place = self.stack.layers()[layer].source.directory.join(path.strip_prefix("/").unwrap_or(path));
        // All directories on the way are of this layer, and none of them is a link.
        let mut buffer = [std::mem::MaybeUninit::uninit(); libc::PATH_MAX as usize];
        let (target, _) = readlinkat_raw(rustix::fs::CWD, &place, &mut buffer)?;
        Ok(OsString::from_vec(target.to_vec()))
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
