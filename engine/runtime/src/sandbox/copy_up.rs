//! Filling a new file system with what it will cover (crun's and runc's mount option `tmpcopyup`).

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RawMode, Uid, fchmod, fchown, mkdirat, mknodat, openat, readlinkat,
    statat, symlinkat,
};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Copies what is in the directory `from`, with owners and modes, into the directory `to`. Links are copied, not followed.
pub(super) fn copy_tree(from: BorrowedFd, to: BorrowedFd) -> io::Result<()> {
    let readable = openat(from, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    copy_owner(&readable, to)?;
    for entry in Dir::read_from(&readable)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy_entry(readable.as_fd(), to, name)?;
        }
    }
    Ok(())
}

fn copy_entry(from: BorrowedFd, to: BorrowedFd, name: &CStr) -> io::Result<()> {
    let status = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let open = |at: BorrowedFd, flags: OFlags| openat(at, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::RWXU);
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, Mode::RWXU)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            copy_tree(open(from, flags)?.as_fd(), open(to, flags)?.as_fd())
        }
        FileType::RegularFile => {
            let source: OwnedFd = open(from, OFlags::RDONLY)?;
            let target = open(to, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
            io::copy(&mut File::from(source.try_clone()?), &mut File::from(target.try_clone()?))?;
            copy_owner(&source, target.as_fd())
        }
        FileType::Symlink => Ok(symlinkat(readlinkat(from, name, Vec::new())?, to, name)?),
        kind => Ok(mknodat(to, name, kind, Mode::from_raw_mode(status.st_mode & 0o7777), status.st_rdev)?),
    }
}

fn copy_owner(from: &impl AsFd, to: BorrowedFd) -> io::Result<()> {
    let status = rustix::fs::fstat(from)?;
    fchown(to, Some(Uid::from_raw(status.st_uid)), Some(Gid::from_raw(status.st_gid)))?;
    Ok(fchmod(to, Mode::from_raw_mode(status.st_mode as RawMode & 0o7777))?)
}

/// The permissions of a directory, which a file system mounted over it takes on.
pub(super) fn mode_of(directory: &impl AsFd) -> io::Result<u32> {
    Ok(statat(directory, c"", AtFlags::EMPTY_PATH)?.st_mode & 0o7777)
}

/// Its readable form, of one that is only a place.
pub(super) fn readable(directory: BorrowedFd) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(directory, c".", flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_is_copied_with_its_links_and_modes() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("directory")).unwrap();
        fs::write(from.path().join("directory/file"), "content").unwrap();
        fs::set_permissions(from.path().join("directory/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("/etc/passwd", from.path().join("link")).unwrap();
        let open = |path: &std::path::Path| OwnedFd::from(File::open(path).unwrap());
        copy_tree(open(from.path()).as_fd(), open(to.path()).as_fd()).unwrap();
        let copied = to.path().join("directory/file");
        assert_eq!(fs::read_to_string(&copied).unwrap(), "content");
        assert_eq!(fs::metadata(&copied).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_link(to.path().join("link")).unwrap(), std::path::Path::new("/etc/passwd"));
    }
}
