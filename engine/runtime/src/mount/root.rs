//! A directory that paths cannot leave, whatever symbolic links lie on them.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat, symlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A container's root directory.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// How often a lookup is tried again that the kernel could not confine because something was renamed meanwhile.
const ATTEMPTS: usize = 128;
/// How many links may lead from one to the next (path_resolution(7)).
const LINKS: usize = 40;

impl Root {
    /// The root that an open directory is.
    pub fn new(directory: OwnedFd) -> Self {
        Self(directory)
    }

    /// Opens a path as if this directory were `/`. Links of /proc that lead anywhere are not followed.
    pub fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(self.resolve(path, flags, ResolveFlags::empty())?)
    }

    /// Opens a path on which there is no symbolic link at all.
    pub fn open_without_links(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(self.resolve(path, flags, ResolveFlags::NO_SYMLINKS)?)
    }

    fn resolve(&self, path: &Path, flags: OFlags, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        open_confined(self.0.as_fd(), path, flags, resolve | ResolveFlags::IN_ROOT)
    }

    /// A directory to mount on or to work in, made with its parents when missing.
    pub fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.resolve(path, flags, ResolveFlags::empty()) {
            Err(Errno::NOENT) => {}
            result => return Ok(result?),
        }
        let mut made = PathBuf::from("/");
        let mut directory = self.resolve(&made, flags, ResolveFlags::empty())?;
        for component in normal(path).components().skip(1) {
            made.push(component);
            directory = match self.resolve(&made, flags, ResolveFlags::empty()) {
                Err(Errno::NOENT) => {
                    // A dangling link exists already, and is not followed to make what it names.
                    mkdirat(&directory, component.as_os_str(), Mode::from_raw_mode(0o755))?;
                    self.resolve(&made, flags, ResolveFlags::empty())?
                }
                result => result?,
            };
        }
        Ok(directory)
    }

    /// A file to mount on, made empty with its parents when missing.
    pub fn file(&self, path: &Path) -> io::Result<OwnedFd> {
        self.file_behind(path, LINKS)
    }

    fn file_behind(&self, path: &Path, links: usize) -> io::Result<OwnedFd> {
        match self.resolve(path, OFlags::PATH, ResolveFlags::empty()) {
            Err(Errno::NOENT) => {}
            result => return Ok(result?),
        }
        let (directory, name) = self.parent(path)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
        match openat(&directory, &name, flags, Mode::from_raw_mode(0o644)) {
            Ok(_) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        match self.resolve(path, OFlags::PATH, ResolveFlags::empty()) {
            // A link to what is not there yet: it is made where that leads to, in the root.
            Err(Errno::NOENT) if links > 0 => {
                let to = readlinkat(&directory, &name, Vec::new())?;
                let to = Path::new(OsStr::from_bytes(to.as_bytes()));
                self.file_behind(&path.parent().unwrap_or(Path::new("/")).join(to), links - 1)
            }
            result => Ok(result?),
        }
    }

    /// The same, but a link at the end of the path is not followed.
    pub fn file_or_link(&self, path: &Path) -> io::Result<OwnedFd> {
        let (directory, name) = self.parent(path)?;
        match openat(&directory, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT) => self.file(path),
            result => Ok(result?),
        }
    }

    /// Makes a symbolic link, unless there is this one.
    pub fn link(&self, to: &Path, path: &Path) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        match symlinkat(to, &directory, &name) {
            Err(Errno::EXIST) => {
                match readlinkat(&directory, &name, Vec::new())?.as_bytes() == to.as_os_str().as_bytes() {
                    true => Ok(()),
                    false => Err(Errno::EXIST.into()),
                }
            }
            result => Ok(result?),
        }
    }

    /// The directory of a path, made when missing, and the last name on it.
    pub fn parent(&self, path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
        let path = normal(path);
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok((self.directory(parent)?, PathBuf::from(name))),
            _ => Err(Errno::ISDIR.into()),
        }
    }

    /// Makes a target of the kind that the source of a bind mount has.
    pub fn target_like(&self, source: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
        let kind = statat(source, c"", AtFlags::EMPTY_PATH)?;
        match rustix::fs::FileType::from_raw_mode(kind.st_mode) {
            rustix::fs::FileType::Directory => self.directory(path),
            _ => self.file(path),
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Opens what is below a directory, by a path on which there is no symbolic link and that does not lead out.
pub fn open_beneath(directory: &Path, path: &Path) -> io::Result<OwnedFd> {
    let directory = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(open_confined(directory.as_fd(), path, OFlags::PATH, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?)
}

fn open_confined(
    directory: BorrowedFd,
    path: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
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

/// The path from `/`, without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            _ => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::{MetadataExt, symlink};

    fn root_of(directory: &Path) -> Root {
        Root::new(File::open(directory).unwrap().into())
    }

    #[test]
    fn nothing_is_made_outside_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("root");
        fs::create_dir(&inside).unwrap();
        symlink(outside.path(), inside.join("absolute")).unwrap();
        symlink("../..", inside.join("up")).unwrap();
        symlink("/nowhere/else", inside.join("dangling")).unwrap();
        let root = root_of(&inside);

        // `absolute` names a path that does not exist below the root: nothing is made through it.
        assert!(root.directory(Path::new("/absolute/made")).is_err());
        root.directory(Path::new("/up/made")).unwrap();
        root.file(Path::new("/../../made-too")).unwrap();
        assert!(root.directory(Path::new("/dangling/made")).is_err());

        assert!(inside.join("made").is_dir() && inside.join("made-too").is_file());
        let names: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["root"]);
    }

    #[test]
    fn what_is_beneath_is_found_without_links() {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("data");
        fs::create_dir_all(inside.join("a/b")).unwrap();
        symlink("a", inside.join("way")).unwrap();
        symlink(outside.path(), inside.join("out")).unwrap();
        for good in ["a/b", "a", "a/../a/b"] {
            assert!(open_beneath(&inside, Path::new(good)).is_ok(), "{good}");
        }
        for bad in ["way", "way/b", "out", "../data", "..", "/", "none", ""] {
            assert!(open_beneath(&inside, Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_lead_to_places_in_the_root() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        fs::write(directory.path().join("etc/hostname"), "inside").unwrap();
        symlink("/etc/hostname", directory.path().join("name")).unwrap();
        let root = root_of(directory.path());
        let opened = File::from(root.open(Path::new("/name"), OFlags::RDONLY).unwrap());
        let expected = fs::metadata(directory.path().join("etc/hostname")).unwrap();
        assert_eq!(opened.metadata().unwrap().ino(), expected.ino());
        assert!(root.open_without_links(Path::new("/name"), OFlags::PATH).is_err());
    }
}
