//! Two unpacked layers, compared object by object.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fgetxattr, flistxattr, fstat, lgetxattr, llistxattr, openat,
    readlinkat, statat,
};
use rustix::io::{Errno, Result};

use super::path::lossy;
use crate::compression::read_full;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// More differences than these help nobody.
const MAX_DIFFERENCES: usize = 20;

/// The longest value of an extended attribute, and the longest list of their names (xattr(7)).
const MAX_ATTRIBUTES: usize = 64 << 10;

/// The length of all regular files below `root`, each counted once however many names it has.
pub(crate) fn length_of_files(root: &Path) -> Result<u64> {
    let mut seen = HashSet::new();
    length(openat(CWD, root, DIRECTORY, Mode::empty())?, &mut seen)
}

fn length(directory: OwnedFd, seen: &mut HashSet<u64>) -> Result<u64> {
    let mut sum = 0_u64;
    for name in names(directory.as_fd())? {
        let stat = statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                sum += length(openat(&directory, &name, DIRECTORY, Mode::empty())?, seen)?;
            }
            FileType::RegularFile if stat.st_nlink == 1 || seen.insert(stat.st_ino) => {
                sum += stat.st_size.cast_unsigned();
            }
            _ => {}
        }
    }
    Ok(sum)
}

/// Where the layer `stored` is not what it ought to be, one line a difference.
pub(crate) fn differences(expected: &Path, stored: &Path) -> Result<Vec<String>> {
    let open = |path| openat(CWD, path, DIRECTORY, Mode::empty());
    let mut comparison = Comparison { found: Vec::new(), count: 0 };
    let (expected, stored) = (open(expected)?, open(stored)?);
    comparison.attributes(b"/", &fstat(&expected)?, &fstat(&stored)?);
    comparison.directories(b"", expected.as_fd(), stored.as_fd())?;
    let more = comparison.count - comparison.found.len();
    if more > 0 {
        comparison.found.push(format!("and {more} more differences"));
    }
    Ok(comparison.found)
}

struct Comparison {
    found: Vec<String>,
    count: usize,
}

impl Comparison {
    fn tell(&mut self, path: &[u8], problem: &str) {
        self.count += 1;
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(format!("{:?} {problem}", lossy(path)));
        }
    }

    fn directories(&mut self, path: &[u8], expected: BorrowedFd<'_>, stored: BorrowedFd<'_>) -> Result<()> {
        let (wanted, there) = (names(expected)?, names(stored)?);
        for name in there.difference(&wanted) {
            self.tell(&below(path, name), "should not be there");
        }
        for name in wanted {
            let path = below(path, &name);
            if there.contains(&name) {
                self.objects(&path, &name, expected, stored)?;
            } else {
                self.tell(&path, "is missing");
            }
        }
        self.compare_xattrs(path, &xattrs(expected)?, &xattrs(stored)?);
        Ok(())
    }

    fn objects(&mut self, path: &[u8], name: &CStr, expected: BorrowedFd<'_>, stored: BorrowedFd<'_>) -> Result<()> {
        let stat = |directory| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        let (wanted, there) = (stat(expected)?, stat(stored)?);
        let kind = FileType::from_raw_mode(wanted.st_mode);
        if kind != FileType::from_raw_mode(there.st_mode) {
            self.tell(path, "is of another kind");
            return Ok(());
        }
        self.attributes(path, &wanted, &there);
        let size = wanted.st_size;
        let open = |directory, flags| openat(directory, name, flags, Mode::empty());
        match kind {
            FileType::Directory => {
                let (wanted, there) = (open(expected, DIRECTORY)?, open(stored, DIRECTORY)?);
                self.directories(path, wanted.as_fd(), there.as_fd())?;
            }
            FileType::RegularFile => {
                let (wanted, there) = (open(expected, FILE)?, open(stored, FILE)?);
                self.compare_xattrs(path, &xattrs(wanted.as_fd())?, &xattrs(there.as_fd())?);
                if !same_content(wanted.into(), there.into(), size)? {
                    self.tell(path, "has another content");
                }
            }
            FileType::Symlink => {
                let target = |directory| readlinkat(directory, name, Vec::new());
                if target(expected)? != target(stored)? {
                    self.tell(path, "leads elsewhere");
                }
                self.compare_xattrs(path, &link_xattrs(expected, name)?, &link_xattrs(stored, name)?);
            }
            _ if wanted.st_rdev != there.st_rdev => self.tell(path, "is another device"),
            _ => {}
        }
        Ok(())
    }

    fn attributes(&mut self, path: &[u8], wanted: &Stat, there: &Stat) {
        if (wanted.st_uid, wanted.st_gid) != (there.st_uid, there.st_gid) {
            let problem =
                format!("belongs to {}:{}, not to {}:{}", there.st_uid, there.st_gid, wanted.st_uid, wanted.st_gid);
            self.tell(path, &problem);
        }
        if wanted.st_mode != there.st_mode {
            self.tell(path, &format!("has mode {:o}, not {:o}", there.st_mode & 0o7777, wanted.st_mode & 0o7777));
        }
    }

    fn compare_xattrs(&mut self, path: &[u8], wanted: &Attributes, there: &Attributes) {
        if wanted != there {
            self.tell(if path.is_empty() { b"/" } else { path }, "has other extended attributes");
        }
    }
}

fn below(path: &[u8], name: &CStr) -> Vec<u8> {
    [path, b"/", name.to_bytes()].concat()
}

fn names(directory: BorrowedFd<'_>) -> Result<BTreeSet<CString>> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            names.insert(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn same_content(mut one: File, mut other: File, size: i64) -> Result<bool> {
    // Most files are short.
    let length = size.clamp(1, 64 << 10) as usize;
    let (mut left, mut right) = (vec![0; length], vec![0; length]);
    loop {
        let read = |file: &mut File, buffer: &mut [u8]| {
            read_full(&mut file.take(u64::MAX), buffer)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        };
        let (count, other_count) = (read(&mut one, &mut left)?, read(&mut other, &mut right)?);
        if left[..count] != right[..other_count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

/// Extended attributes by their names.
type Attributes = BTreeSet<(Vec<u8>, Vec<u8>)>;

fn xattrs(object: BorrowedFd<'_>) -> Result<Attributes> {
    collect(|names| flistxattr(object, names), |name, value| fgetxattr(object, name, value))
}

/// overlayfs notes where what it copied up came from in layers that were made by changing files.
fn is_bookkeeping(name: &CStr) -> bool {
    name.to_bytes().starts_with(b"trusted.overlay.") && name != c"trusted.overlay.opaque"
}

fn link_xattrs(parent: BorrowedFd<'_>, name: &CStr) -> Result<Attributes> {
    // The magic link leads to the open parent; the last component is not followed.
    let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    collect(|names| llistxattr(&path, names), |name, value| lgetxattr(&path, name, value))
}

fn collect(
    list: impl Fn(&mut [u8]) -> Result<usize>,
    get: impl Fn(&CStr, &mut [u8]) -> Result<usize>,
) -> Result<Attributes> {
    // Few objects have any. A list that is longer than the buffer is an error, but one that there is (listxattr(2)).
    if matches!(list(&mut [0; 64]), Ok(0) | Err(Errno::OPNOTSUPP)) {
        return Ok(Attributes::new());
    }
    let mut buffer = vec![0; MAX_ATTRIBUTES];
    let length = list(&mut buffer)?;
    let names = buffer[..length].to_vec();
    let mut attributes = Attributes::new();
    let names = names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok());
    for name in names.filter(|name| !is_bookkeeping(name)) {
        let length = get(name, &mut buffer)?;
        attributes.insert((name.to_bytes().to_vec(), buffer[..length].to_vec()));
    }
    Ok(attributes)
}
