//! A directory that files are chosen from. Paths and links in it lead to places in it, whatever they say.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_dockerfile::ignore::Ignore;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::known::Known;

/// How often a lookup is tried again that the kernel could not confine because something was renamed meanwhile.
const ATTEMPTS: usize = 128;

/// A build's context, or the root of a stage or an image.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    pub(crate) ignore: Ignore,
    /// Whether owners count. Those of a context are whoever checked it out, and what is copied becomes root's.
    pub(crate) has_owners: bool,
    pub(crate) known: Known,
}

impl Tree {
    /// The context of a build, without what is ignored.
    pub fn context(root: OwnedFd, ignore: Ignore, known: Known) -> Self {
        Self { root, ignore, has_owners: false, known }
    }

    /// The root of a stage or an image.
    pub fn image(root: OwnedFd) -> Self {
        Self { root, ignore: Ignore::default(), has_owners: true, known: Known::default() }
    }

    /// Whether nothing of it is left out.
    pub fn is_whole(&self) -> bool {
        self.ignore.is_empty()
    }

    /// Whether what is copied keeps its owners.
    pub fn has_owners(&self) -> bool {
        self.has_owners
    }

    /// Opens a file for reading. A link is followed.
    pub fn read(&self, path: &[u8]) -> crate::Result<std::fs::File> {
        let opened = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK);
        opened.map(Into::into).map_err(crate::error::at("open", path))
    }

    /// Opens what is at a path.
    pub(crate) fn open(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        open_in(self.root.as_fd(), path, flags, ResolveFlags::IN_ROOT)
    }
}

/// Opens a path below a directory without ever leaving it.
pub(crate) fn open_in(
    directory: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let mut result = Err(Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        let resolve = resolve | ResolveFlags::NO_MAGICLINKS;
        result = openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    result
}

/// A path as patterns see it.
pub(crate) fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// A path below another, either of which may be empty.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (_, true) => directory.to_vec(),
        _ => [directory, b"/", name].concat(),
    }
}

/// The directory of a path, and the last name on it.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}
