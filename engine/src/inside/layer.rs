//! Reading the directory of one layer.

use super::object::{Kind, Object};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, fgetxattr, fstat, open, openat, statat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Overlayfs' mark of an opaque directory (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
const OPAQUE: &str = "trusted.overlay.opaque";
/// Deeper directories are not looked into: each level takes a descriptor, and a container can make as many as it likes.
const DEEPEST: usize = 256;

/// An object of a layer, with what is in it.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: Box<[u8]>,
    pub(super) object: Object,
    /// The bytes that it takes in its layer: a file with several names is counted at one of them.
    pub(super) bytes: u64,
    /// By name.
    pub(super) children: Vec<Tree>,
}

/// Reads all that is below a directory.
pub(super) fn read(directory: &Path) -> io::Result<Tree> {
    let root = quietly(|flags| open(directory, FLAGS | flags, Mode::empty()))?;
    let object = Object::new(&fstat(&root)?, is_opaque(&root));
    let children = Reader::default().children(root, 0)?;
    Ok(Tree { name: Box::default(), object, bytes: 0, children })
}

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens something without leaving a trace in its access time, where that is allowed: only to who may act as its owner.
pub(super) fn quietly(open: impl Fn(OFlags) -> rustix::io::Result<OwnedFd>) -> rustix::io::Result<OwnedFd> {
    match open(OFlags::NOATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        opened => opened,
    }
}

pub(super) fn is_opaque(directory: impl AsFd) -> bool {
    let mut value = [0; 1];
    fgetxattr(directory, OPAQUE, &mut value) == Ok(1) && value == *b"y"
}

#[derive(Default)]
struct Reader {
    /// The files with several names that were counted.
    counted: HashSet<(u64, u64)>,
}

impl Reader {
    /// What vanishes while it is looked at, as files of a running container do, was not there.
    fn children(&mut self, directory: OwnedFd, depth: usize) -> io::Result<Vec<Tree>> {
        let mut children = Vec::new();
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let mut object = Object::new(&stat, false);
            let mut below = Vec::new();
            if object.kind == Kind::Directory
                && let Ok(inner) = quietly(|flags| openat(&directory, name, FLAGS | flags, Mode::empty()))
            {
                object.opaque = is_opaque(&inner);
                if depth < DEEPEST {
                    below = self.children(inner, depth + 1)?;
                }
            }
            let is_new = stat.st_nlink < 2 || self.counted.insert((stat.st_dev, stat.st_ino));
            let bytes = if is_new { object.size } else { 0 };
            children.push(Tree { name: name.to_bytes().into(), object, bytes, children: below });
        }
        children.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(children)
    }
}
