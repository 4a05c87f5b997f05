//! Looking up a single path in a stack of layers, without reading all of them.

use super::Source;
use super::layer::{is_opaque, quietly};
use super::object::{Kind, Object};
use super::stack::Version;
use crate::error::{Error, Result};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, fstat, open as open_path, openat, openat2, readlinkat, statat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// What the layers have at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The path, with all links on the way to it followed.
    pub path: PathBuf,
    /// What each layer has there, the lowest first.
    pub versions: Vec<Version>,
    /// The layers, the lowest first.
    pub sources: Vec<Source>,
}

impl Why {
    /// What is to be seen at the path.
    pub fn seen(&self) -> Option<&Version> {
        seen(&self.versions)
    }
}

/// What becomes of a link that a path ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// It is followed.
    Followed,
    /// It is what is meant.
    Kept,
}

/// Where a path ends.
pub(super) struct Found {
    /// The path, with the links on it followed.
    pub(super) path: PathBuf,
    /// What each layer has there, the lowest first.
    pub(super) versions: Vec<Version>,
}

impl Found {
    /// What is to be seen.
    pub(super) fn seen(&self) -> Option<&Version> {
        seen(&self.versions)
    }
}

/// Follows the links of a path, all within the stack, and tells what every layer has where it ends.
pub(super) fn resolve(sources: &[Source], path: &Path, last: Last) -> Result<Found> {
    let roots = open_roots(sources)?;
    let mut at = PathBuf::from("/");
    let mut versions = versions(sources, &roots, &at)?;
    let mut ahead: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let place = at.join(&name);
        versions = self::versions(sources, &roots, &place)?;
        match seen(&versions) {
            Some(version) if version.object.kind == Kind::Link && (last == Last::Followed || !ahead.is_empty()) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(refused(path, "too many levels of symbolic links"));
                }
                let target = read_link(&sources[version.layer], &roots[version.layer], &place)?;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                parts(&target).rev().for_each(|part| ahead.push_front(part));
            }
            Some(version) if version.object.kind != Kind::Directory && !ahead.is_empty() => {
                return Err(refused(path, "not a directory"));
            }
            // What is not to be seen any more can be asked for all the same.
            Some(_) => at = place,
            None if versions.is_empty() => return Err(refused(path, "no such file or directory")),
            None => at = place,
        }
    }
    if ends_in_parent(path) {
        versions = self::versions(sources, &roots, &at)?;
    }
    Ok(Found { path: at, versions })
}

/// Opens an ordinary file.
pub(super) fn open(sources: &[Source], path: &Path) -> Result<File> {
    let found = resolve(sources, path, Last::Followed)?;
    let seen = found.seen().ok_or_else(|| refused(path, "no such file or directory"))?;
    open_in(&sources[seen.layer], &found.path)
}

/// Opens an ordinary file of one layer, at a path without links.
pub(super) fn open_in(source: &Source, path: &Path) -> Result<File> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    if relative.as_os_str().is_empty() {
        return Err(refused(path, "is a directory"));
    }
    let confined = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let open = || -> rustix::io::Result<OwnedFd> {
        let root = open_path(&source.directory, DIRECTORY, Mode::empty())?;
        let file = openat2(root, relative, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty(), confined)?;
        match Object::new(&fstat(&file)?, false).kind {
            // Opening a device or a pipe does something; so this only once it is known to be a file.
            Kind::File => quietly(|flags| {
                let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
                open_path(format!("/proc/self/fd/{}", file.as_raw_fd()), flags, Mode::empty())
            }),
            Kind::Directory => Err(Errno::ISDIR),
            _ => Err(Errno::NXIO),
        }
    };
    open().map(File::from).map_err(|errno| match errno {
        Errno::ISDIR => refused(path, "is a directory"),
        Errno::NXIO => refused(path, "is not an ordinary file"),
        errno => Error::file(source.directory.join(relative), errno),
    })
}

/// Where a symbolic link of one layer leads, at a path without other links.
pub(super) fn read_link_in(source: &Source, path: &Path) -> Result<PathBuf> {
    let root = open_path(&source.directory, DIRECTORY, Mode::empty());
    read_link(source, &root.map_err(|errno| Error::file(&source.directory, errno))?, path)
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READABLE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn seen(versions: &[Version]) -> Option<&Version> {
    versions.last().filter(|last| last.hidden_by.is_none() && last.object.kind != Kind::Whiteout)
}

fn open_roots(sources: &[Source]) -> Result<Vec<OwnedFd>> {
    let open = |source: &Source| {
        open_path(&source.directory, READABLE, Mode::empty()).map_err(|errno| Error::file(&source.directory, errno))
    };
    sources.iter().map(open).collect()
}

/// What each layer has at a path without links, and which of that hides which.
fn versions(sources: &[Source], roots: &[OwnedFd], path: &Path) -> Result<Vec<Version>> {
    let names: Vec<&OsStr> = path.iter().skip(1).collect();
    let mut versions: Vec<Version> = Vec::new();
    for (layer, root) in roots.iter().enumerate() {
        let trace = trace(root, &names).map_err(|errno| Error::file(&sources[layer].directory, errno))?;
        if trace.cuts || trace.object.is_some() {
            versions.iter_mut().for_each(|version| version.hidden_by = version.hidden_by.or(Some(layer)));
        }
        let version = |object: Object| Version { layer, object, bytes: object.size, hidden_by: None };
        versions.extend(trace.object.map(version));
    }
    Ok(versions)
}

/// What one layer has to do with a path.
struct Trace {
    object: Option<Object>,
    /// Whether it hides whatever is there below.
    cuts: bool,
}

fn trace(root: &OwnedFd, names: &[&OsStr]) -> rustix::io::Result<Trace> {
    let Some((last, parents)) = names.split_last() else {
        return Ok(Trace { object: Some(Object::new(&fstat(root)?, is_opaque(root))), cuts: false });
    };
    let mut directory = rustix::io::dup(root)?;
    let mut cuts = is_opaque(&directory);
    for parent in parents {
        match openat(&directory, *parent, READABLE, Mode::empty()) {
            Ok(inner) => directory = inner,
            Err(Errno::NOENT) => return Ok(Trace { object: None, cuts }),
            // A whiteout, or something else that is in the way.
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Trace { object: None, cuts: true }),
            Err(errno) => return Err(errno),
        }
        cuts |= is_opaque(&directory);
    }
    match statat(&directory, *last, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            let opaque = openat(&directory, *last, READABLE, Mode::empty()).is_ok_and(is_opaque);
            Ok(Trace { object: Some(Object::new(&stat, opaque)), cuts })
        }
        Err(Errno::NOENT) => Ok(Trace { object: None, cuts }),
        Err(errno) => Err(errno),
    }
}

fn read_link(source: &Source, root: &OwnedFd, path: &Path) -> Result<PathBuf> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let parent = relative.parent().unwrap_or(Path::new(""));
    let confined = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let target = match parent.as_os_str().is_empty() {
        true => rustix::io::dup(root),
        false => openat2(root, parent, DIRECTORY, Mode::empty(), confined),
    }
    .and_then(|parent| readlinkat(parent, path.file_name().unwrap_or_default(), Vec::new()));
    let target = target.map_err(|errno| Error::file(source.directory.join(relative), errno))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// The parts of a path that lead somewhere.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn ends_in_parent(path: &Path) -> bool {
    path.components().next_back() == Some(Component::ParentDir)
}

fn refused(path: &Path, problem: &'static str) -> Error {
    Error::Inside { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layers;
    use super::*;
    use std::io::Read;

    fn text(layers: &Layers, path: &str) -> std::result::Result<String, String> {
        let mut text = String::new();
        let file = open(&layers.sources(), Path::new(path)).map_err(|error| error.to_string());
        file?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    fn history(layers: &Layers, path: &str) -> Vec<(usize, Kind, Option<usize>)> {
        let Found { versions, .. } = resolve(&layers.sources(), Path::new(path), Last::Kept).unwrap();
        versions.iter().map(|version| (version.layer, version.object.kind, version.hidden_by)).collect()
    }

    #[test]
    fn the_topmost_is_served_and_links_are_followed_across_layers() {
        let layers =
            Layers::new(&["usr/ usr/bin/ usr/bin/sh=old bin>usr/bin", "usr/ usr/bin/ usr/bin/sh=new", "run>/bin"]);
        assert_eq!(text(&layers, "/bin/sh").unwrap(), "new");
        assert_eq!(text(&layers, "run/../bin/./sh").unwrap(), "new");
        let Found { path, versions, .. } = resolve(&layers.sources(), Path::new("/run/sh"), Last::Kept).unwrap();
        assert_eq!((path.as_path(), versions.len()), (Path::new("/usr/bin/sh"), 2));
        assert_eq!(history(&layers, "/bin"), [(0, Kind::Link, None)]);
        assert_eq!(history(&layers, "/usr/bin/sh"), [(0, Kind::File, Some(1)), (1, Kind::File, None)]);
    }

    #[test]
    fn nothing_leads_out() {
        let layers =
            Layers::new(&["etc/ etc/hosts=mine up>../../../../etc/hosts abs>/etc/hosts loop>loop a/ a/out>/../.."]);
        assert_eq!(text(&layers, "/up").unwrap(), "mine");
        assert_eq!(text(&layers, "/abs").unwrap(), "mine");
        assert_eq!(text(&layers, "../../etc/hosts").unwrap(), "mine");
        assert_eq!(text(&layers, "/a/out/etc/hosts").unwrap(), "mine");
        assert_eq!(text(&layers, "/loop").unwrap_err(), "/loop: too many levels of symbolic links");
    }

    #[test]
    fn only_ordinary_files_are_opened() {
        let layers = Layers::new(&["d/ f=1"]);
        rustix::fs::mknodat(rustix::fs::CWD, layers.path(0, "pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .unwrap();
        assert_eq!(text(&layers, "/pipe").unwrap_err(), "/pipe: is not an ordinary file");
        assert_eq!(text(&layers, "/d").unwrap_err(), "/d: is a directory");
        assert_eq!(text(&layers, "/").unwrap_err(), "/: is a directory");
        assert_eq!(text(&layers, "/f/x").unwrap_err(), "/f/x: not a directory");
        assert_eq!(text(&layers, "/none").unwrap_err(), "/none: no such file or directory");
    }

    #[test]
    fn what_is_removed_is_told_with_who_removed_it() {
        let layers = Layers::new(&["a/ a/b=1 a/c/ a/c/d=1", "a/ a/b!", "a!", "a/*"]);
        assert_eq!(history(&layers, "/a/b"), [(0, Kind::File, Some(1)), (1, Kind::Whiteout, Some(2))]);
        assert_eq!(history(&layers, "/a/c/d"), [(0, Kind::File, Some(2))]);
        assert!(text(&layers, "/a/c/d").is_err());
        assert_eq!(history(&layers, "/a").last(), Some(&(3, Kind::Directory, None)));
    }

    #[test]
    fn a_path_alone_is_looked_up_as_the_whole_stack_has_it() {
        let layers = Layers::new(&["a/ a/b=123 a/c=1 e/ e/f=1", "a/* a/b=1 e!", "a/ a/c=1 e=2"]);
        let stack = layers.stack();
        for path in ["/a", "/a/b", "/a/c", "/e", "/"] {
            let Found { versions, .. } = resolve(&layers.sources(), Path::new(path), Last::Kept).unwrap();
            let told = |version: &Version| (version.layer, version.object, version.hidden_by);
            let whole = stack.versions(stack.find(Path::new(path)).unwrap());
            let (one, other): (Vec<_>, Vec<_>) =
                (versions.iter().map(told).collect(), whole.iter().map(told).collect());
            assert_eq!(one, other, "{path}");
        }
    }
}
