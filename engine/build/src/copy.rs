//! Copying what was looked at to where `COPY` and `ADD` put it.
//!
//! What is copied has owner, permissions, attributes and time of its own; directories that are made on the way are root's, or
//! the owner's that was asked for. Where it goes may be a stranger's image: paths in it are resolved with its root for `/`, and
//! nothing is followed in the last place.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod,
    fchown, fsetxattr, fstat, futimens, linkat, mkdirat, mknodat, openat, readlinkat, statat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::chmod::Chmod;
use crate::error::{Error, Result, at};
use crate::known::Identity;
use crate::scan::{Kind, Scan, Scanned, kept_attributes};
use crate::tree::{Tree, join, open_in, split, text};

/// How many symbolic links are followed on the way to a directory that is made.
const MAX_LINKS: usize = 40;

/// A user and a group.
pub type Owner = (u32, u32);

/// Where files go, and whose they become.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The root that they go below.
    pub root: BorrowedFd<'a>,
    /// The absolute path there. One that ends in a slash is a directory.
    pub path: &'a str,
    /// Whose they become; those whose they are if none.
    pub owner: Option<Owner>,
    /// What their permissions become.
    pub chmod: Option<&'a Chmod>,
    /// No file is younger than this, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub epoch: Option<i64>,
}

/// Under which name something is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing<'a> {
    /// What is in a directory goes into the destination; a file becomes it, or goes into it if it is a directory.
    Usual,
    /// It goes below the destination under this path, with the directories above it (`--parents`).
    Below(&'a [u8]),
}

impl Tree {
    /// Copies what a scan found.
    pub fn copied(&self, scan: &Scan, placing: Placing<'_>, to: &Destination<'_>) -> Result<()> {
        let Some(top) = scan.entries.first() else { return Ok(()) };
        match placing {
            Placing::Usual if top.kind == Kind::Directory => {
                let target = to.directory(to.path)?;
                self.contents(scan, target, to)
            }
            Placing::Usual => {
                let name = scan.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                let (directory, name) = to.file(name)?;
                self.one(scan, top, directory.as_fd(), &name, to, &mut HashMap::new())
            }
            Placing::Below(path) => self.with_parents(scan, top, path, to),
        }
    }

    fn with_parents(&self, scan: &Scan, top: &Scanned, path: &[u8], to: &Destination<'_>) -> Result<()> {
        let mut directory = to.directory(to.path)?;
        let above = scan.path.len() - path.len();
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let Some((last, parents)) = names.split_last() else { return self.contents(scan, directory, to) };
        let mut source = scan.path[..above].strip_suffix(b"/").unwrap_or(&scan.path[..above]).to_vec();
        for name in parents {
            source = join(&source, name);
            let object = self.open(&source, OFlags::RDONLY | OFlags::DIRECTORY).map_err(at("open", &source))?;
            directory = make_directory(directory.as_fd(), name)?;
            let stat = fstat(&object).map_err(at("examine", &source))?;
            set_attributes(&directory, &object, &stat, true, to, &source)?;
        }
        if top.kind != Kind::Directory {
            return self.one(scan, top, directory.as_fd(), last, to, &mut HashMap::new());
        }
        let object = self.open(&scan.path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(at("open", &scan.path))?;
        let made = make_directory(directory.as_fd(), last)?;
        self.contents(scan, made.try_clone().map_err(at("open", &scan.path))?, to)?;
        set_attributes(&made, &object, &top.stat, true, to, &scan.path)
    }

    /// Copies what is in the directory that was looked at.
    fn contents(&self, scan: &Scan, target: OwnedFd, to: &Destination<'_>) -> Result<()> {
        let mut links = HashMap::new();
        let mut current: (&[u8], OwnedFd) = (b"", target.try_clone().map_err(at("open", to.path))?);
        let mut directories = Vec::new();
        for entry in scan.entries.iter().filter(|entry| !entry.path.is_empty()) {
            let (parent, name) = split(&entry.path);
            if parent != current.0 {
                current = (parent, inner(target.as_fd(), parent).map_err(at("open", parent))?);
            }
            if entry.kind == Kind::Directory {
                let made = make_directory(current.1.as_fd(), name)?;
                let source = self.source(scan, entry, OFlags::RDONLY | OFlags::DIRECTORY)?;
                set_attributes(&made, &source, &entry.stat, true, to, &entry.path)?;
                directories.push(entry);
            } else {
                self.one(scan, entry, current.1.as_fd(), name, to, &mut links)?;
            }
        }
        // What was put into a directory has set its time.
        for entry in directories.iter().rev() {
            let made = inner(target.as_fd(), &entry.path).map_err(at("open", &entry.path))?;
            futimens(made, &times(&entry.stat, to)).map_err(at("set the time of", &entry.path))?;
        }
        Ok(())
    }

    fn source(&self, scan: &Scan, entry: &Scanned, flags: OFlags) -> Result<OwnedFd> {
        let path = join(&scan.path, &entry.path);
        // A link at the path itself was followed, others were not.
        let flags = if entry.path.is_empty() { flags } else { flags | OFlags::NOFOLLOW };
        self.open(&path, flags | OFlags::NONBLOCK).map_err(at("open", &path))
    }

    /// Copies what is no directory.
    fn one<'s>(
        &self,
        scan: &Scan,
        entry: &'s Scanned,
        directory: BorrowedFd<'_>,
        name: &[u8],
        to: &Destination<'_>,
        links: &mut HashMap<(u64, u64), (OwnedFd, &'s [u8])>,
    ) -> Result<()> {
        let path = &entry.path;
        make_room(directory, name)?;
        let stat = &entry.stat;
        match &entry.kind {
            Kind::Directory => return Ok(()),
            Kind::File => {
                let id = (stat.st_dev, stat.st_ino);
                if let Some((first_directory, first)) = links.get(&id) {
                    return linkat(first_directory, *first, directory, name, AtFlags::empty())
                        .map_err(at("link", path));
                }
                self.file(scan, entry, directory, name, to)?;
                if stat.st_nlink > 1 && !path.is_empty() {
                    let kept = directory.try_clone_to_owned().map_err(at("open", path))?;
                    links.insert(id, (kept, split(path).1));
                }
                return Ok(());
            }
            Kind::Symlink(target) => symlinkat(target.as_slice(), directory, name).map_err(at("link", path))?,
            Kind::Node(device) => {
                let mode = Mode::from_raw_mode(permissions(stat, false, to));
                mknodat(directory, name, FileType::from_raw_mode(stat.st_mode), mode, *device)
                    .map_err(at("make", path))?;
            }
        }
        let (user, group) = owner(stat, to);
        chownat(directory, name, user, group, AtFlags::SYMLINK_NOFOLLOW).map_err(at("set the owner of", path))?;
        utimensat(directory, name, &times(stat, to), AtFlags::SYMLINK_NOFOLLOW).map_err(at("set the time of", path))
    }

    fn file(
        &self,
        scan: &Scan,
        entry: &Scanned,
        directory: BorrowedFd<'_>,
        name: &[u8],
        to: &Destination<'_>,
    ) -> Result<()> {
        let path = join(&scan.path, &entry.path);
        let source = self.source(scan, entry, OFlags::RDONLY)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(directory, name, flags, Mode::from_raw_mode(0o600)).map_err(at("make", &path))?;
        let (mut source, mut made) = (File::from(source), File::from(made));
        io::copy(&mut source, &mut made).map_err(at("copy", &path))?;
        let (source, made) = (OwnedFd::from(source), OwnedFd::from(made));
        // What was copied must be what the key was made of.
        let now = fstat(&source).map_err(at("examine", &path))?;
        if Identity::of(&now) != entry.identity {
            return Err(Error::Changed(text(&path)));
        }
        set_attributes(&made, &source, &entry.stat, false, to, &path)
    }
}

impl Destination<'_> {
    /// A directory, made with those above it where they are missing.
    pub fn directory(&self, path: &str) -> Result<OwnedFd> {
        self.make(path.as_bytes(), &mut 0)
    }

    fn make(&self, path: &[u8], links: &mut usize) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match open_in(self.root, path, flags, ResolveFlags::IN_ROOT) {
            Err(Errno::NOENT) => {}
            opened => return opened.map_err(at("open", path)),
        }
        let mut made: Vec<u8> = b"/".to_vec();
        let mut directory = open_in(self.root, b"/", flags, ResolveFlags::IN_ROOT).map_err(at("open", path))?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
            let parent = made.clone();
            made = [made.as_slice(), name, b"/"].concat();
            directory = match open_in(self.root, &made, flags, ResolveFlags::IN_ROOT) {
                Err(Errno::NOENT) => match mkdirat(&directory, name, Mode::from_raw_mode(0o755)) {
                    // A link to what is not there: that is made.
                    Err(Errno::EXIST) if *links < MAX_LINKS => {
                        *links += 1;
                        let target = readlinkat(&directory, name, Vec::new()).map_err(at("read", &made))?.into_bytes();
                        let target = if target.starts_with(b"/") { target } else { [parent, target].concat() };
                        self.make(porthole_dockerfile::ignore::clean(&text(&target)).as_bytes(), links)?
                    }
                    result => {
                        result.map_err(at("make directory", &made))?;
                        let new = open_in(self.root, &made, flags, ResolveFlags::IN_ROOT).map_err(at("open", &made))?;
                        let (user, group) = self.owner.unwrap_or((0, 0));
                        fchown(&new, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
                            .map_err(at("set the owner of", &made))?;
                        if let Some(epoch) = self.epoch {
                            futimens(&new, &at_time(epoch, 0)).map_err(at("set the time of", &made))?;
                        }
                        new
                    }
                },
                opened => opened.map_err(at("open", &made))?,
            };
        }
        Ok(directory)
    }

    /// Where a file of this name goes: a directory, and the name there.
    pub fn file(&self, name: &[u8]) -> Result<(OwnedFd, Vec<u8>)> {
        let is_directory = self.path.ends_with('/')
            || match open_in(self.root, self.path.as_bytes(), OFlags::PATH | OFlags::DIRECTORY, ResolveFlags::IN_ROOT) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => false,
                opened => opened.map(|_| true).map_err(at("open", self.path))?,
            };
        if is_directory {
            return Ok((self.directory(self.path)?, name.to_vec()));
        }
        let (parent, name) = split(self.path.as_bytes());
        Ok((self.directory(&text(parent))?, name.to_vec()))
    }

    /// Makes a file with this content, as documents within a Dockerfile are and what an address gives.
    pub fn write(&self, name: &str, mode: u32, mtime: Option<i64>, mut content: impl io::Read) -> Result<()> {
        let (directory, name) = self.file(name.as_bytes())?;
        make_room(directory.as_fd(), &name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&directory, &name, flags, Mode::from_raw_mode(0o600)).map_err(at("make", &name))?;
        let mut made = File::from(made);
        io::copy(&mut content, &mut made).map_err(at("write", &name))?;
        let (user, group) = self.owner.unwrap_or((0, 0));
        fchown(&made, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))).map_err(at("set the owner of", &name))?;
        let mode = self.chmod.map_or(mode, |chmod| chmod.apply(mode, false));
        fchmod(&made, Mode::from_raw_mode(mode)).map_err(at("set the mode of", &name))?;
        if let Some(time) = mtime.or(self.epoch) {
            let time = self.epoch.map_or(time, |epoch| time.min(epoch));
            futimens(&made, &at_time(time, 0)).map_err(at("set the time of", &name))?;
        }
        Ok(())
    }
}

/// What was made below a directory; nothing there is a link.
fn inner(directory: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    open_in(directory, path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

/// A directory of this name, new or there.
fn make_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    match mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(at("make directory", name)(error)),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP => Error::Target { path: text(name), problem: "it is no directory" },
        error => at("open", name)(error),
    })
}

/// Removes what stands where a file is to be.
fn make_room(directory: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        stat => stat.map_err(at("examine", name))?,
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            Err(Error::Target { path: text(name), problem: "a directory is not replaced by a file" })
        }
        _ => unlinkat(directory, name, AtFlags::empty()).map_err(at("replace", name)),
    }
}

fn set_attributes(
    made: &OwnedFd,
    source: &OwnedFd,
    stat: &Stat,
    is_directory: bool,
    to: &Destination<'_>,
    path: &[u8],
) -> Result<()> {
    let (user, group) = owner(stat, to);
    fchown(made, user, group).map_err(at("set the owner of", path))?;
    // After the owner, since changing that clears the set-ID bits and capabilities.
    let mode = Mode::from_raw_mode(permissions(stat, is_directory, to));
    fchmod(made, mode).map_err(at("set the mode of", path))?;
    for (name, value) in kept_attributes(source).map_err(at("read the attributes of", path))? {
        match fsetxattr(made, name.as_slice(), &value, XattrFlags::empty()) {
            // A file system may be unable to hold one.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(at("set an attribute of", path)(error)),
        }
    }
    futimens(made, &times(stat, to)).map_err(at("set the time of", path))
}

fn owner(stat: &Stat, to: &Destination<'_>) -> (Option<Uid>, Option<Gid>) {
    let (user, group) = to.owner.unwrap_or((stat.st_uid, stat.st_gid));
    (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
}

fn permissions(stat: &Stat, is_directory: bool, to: &Destination<'_>) -> u32 {
    let mode = stat.st_mode & 0o7777;
    to.chmod.map_or(mode, |chmod| chmod.apply(mode, is_directory))
}

fn times(stat: &Stat, to: &Destination<'_>) -> Timestamps {
    match to.epoch {
        Some(epoch) if stat.st_mtime >= epoch => at_time(epoch, 0),
        _ => at_time(stat.st_mtime, stat.st_mtime_nsec as i64),
    }
}

fn at_time(seconds: i64, nanoseconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps { last_access: time, last_modification: time }
}
