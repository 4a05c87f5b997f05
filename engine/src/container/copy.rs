//! `cp`: between a container's files and the host's, by the rules of docker-cp(1) about slashes and what is there already.

use super::reach::{Meanwhile, Reached};
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_images::{CopyError, PackError, Packer, Packing, copy_tree, unpack_tree};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// How many links the kernel follows on a path (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// How it is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Whether owners stay what they are. Otherwise all is of the container's root, or of who copies.
    pub archive: bool,
    /// Whether a symbolic link as the source stands for what it leads to.
    pub follow_link: bool,
}

/// What is copied.
struct Source {
    object: OwnedFd,
    is_directory: bool,
    /// Its own name.
    name: Vec<u8>,
    /// Whether what is in the directory is meant, and not the directory: the path ends in `/.`.
    contents: bool,
}

/// What is where it is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Directory,
    /// Anything else.
    File,
}

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placing {
    /// Into the directory that is there, under its own name.
    Into,
    /// In place of what is there or is not, under the name there.
    As,
    /// What is in it goes into the directory that is there.
    Contents,
}

impl Engine {
    /// Copies from a container to the host. How many bytes that were.
    pub fn copy_out(&self, name: &str, path: &Path, to: &Path, options: CopyOptions) -> Result<u64> {
        let reached = self.reach(name, Meanwhile::Frozen)?;
        let source = reached.source(path, options)?;
        let open = |path: &Path, flags| Ok(openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())?);
        let (directory, target) = target(to, &source, &open)?;
        let own = (geteuid().as_raw(), getegid().as_raw());
        let owner = |user, group| if options.archive { (user, group) } else { own };
        let users = reached.config.host.user_namespace.clone();
        let inside = |user, group| users.as_ref().map_or((user, group), |users| users.inside(user, group));
        let packing = Packing { owner: &inside, ..Packing::default() };
        let copied = copy_tree(packing, |packer| pack(packer, &source, &target), directory, &owner);
        let bytes = copied.map_err(|error| failed(to, error))?;
        self.record_event(&reached.config, "archive-path", &[("path", &path.to_string_lossy())]);
        Ok(bytes)
    }

    /// Writes files of a container as a tar archive. The container goes on: it may be what the archive goes to.
    pub fn copy_out_archive(&self, name: &str, path: &Path, out: impl Write, options: CopyOptions) -> Result<()> {
        let reached = self.reach(name, Meanwhile::GoesOn)?;
        let source = reached.source(path, options)?;
        let users = reached.config.host.user_namespace.clone();
        let inside = |user, group| users.as_ref().map_or((user, group), |users| users.inside(user, group));
        let mut packer = Packer::new(out, Packing { owner: &inside, ..Packing::default() });
        let packed = pack(&mut packer, &source, &Target::Under(source.name.clone()));
        packed.and_then(|()| packer.finish()).map_err(|error| failed(path, error.into()))?;
        self.record_event(&reached.config, "archive-path", &[("path", &path.to_string_lossy())]);
        Ok(())
    }

    /// Copies from the host to a container. How many bytes that were.
    pub fn copy_in(&self, from: &Path, name: &str, path: &Path, options: CopyOptions) -> Result<u64> {
        let open = |path: &Path, flags| Ok(openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())?);
        let source = source(from, options, &open).map_err(|source| Error::file(from, source))?;
        let reached = self.reach(name, Meanwhile::Frozen)?;
        let (directory, target) = target(path, &source, &|path, flags| reached.root.open(path, flags))?;
        let users = reached.config.host.user_namespace.clone();
        let owner = |user, group| {
            let (user, group) = if options.archive { (user, group) } else { (0, 0) };
            users.as_ref().map_or((user, group), |users| users.on_host(user, group))
        };
        let copied = copy_tree(Packing::default(), |packer| pack(packer, &source, &target), directory, &owner);
        let bytes = copied.map_err(|error| failed(path, error))?;
        self.record_event(&reached.config, "extract-to-dir", &[("path", &path.to_string_lossy())]);
        Ok(bytes)
    }

    /// Unpacks a tar archive, plain or compressed, in a directory of a container. Owners are as the archive says. The container
    /// goes on: it may be where the archive comes from.
    pub fn copy_in_archive(&self, archive: impl Read + Send, name: &str, path: &Path) -> Result<()> {
        let reached = self.reach(name, Meanwhile::GoesOn)?;
        let directory =
            reached.root.open(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|error| match error.kind() {
                ErrorKind::NotADirectory => {
                    Error::InvalidOption(format!("destination \"{name}:{}\" must be a directory", path.display()))
                }
                ErrorKind::NotFound => no_such_file(path, name),
                _ => Error::file(path, error),
            })?;
        let users = reached.config.host.user_namespace.clone();
        let owner = |user, group| users.as_ref().map_or((user, group), |users| users.on_host(user, group));
        unpack_tree(archive, directory, &owner).map_err(|error| failed(path, error))?;
        self.record_event(&reached.config, "extract-to-dir", &[("path", &path.to_string_lossy())]);
        Ok(())
    }
}

impl Reached<'_> {
    fn source(&self, path: &Path, options: CopyOptions) -> Result<Source> {
        source(path, options, &|path, flags| self.root.open(path, flags)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such_file(path, &self.config.name),
            _ => Error::file(path, error),
        })
    }
}

fn no_such_file(path: &Path, container: &str) -> Error {
    Error::InvalidOption(format!("Could not find the file {} in container {container}", path.display()))
}

fn failed(path: &Path, error: CopyError) -> Error {
    Error::Copy { path: path.to_owned(), source: error }
}

type Open<'a> = &'a dyn Fn(&Path, OFlags) -> std::io::Result<OwnedFd>;

fn source(path: &Path, options: CopyOptions, open: Open<'_>) -> std::io::Result<Source> {
    let text = path.as_os_str().as_bytes();
    let contents = text.ends_with(b"/.") || text == b".";
    let follow = if options.follow_link { OFlags::empty() } else { OFlags::NOFOLLOW };
    let object = open(path, OFlags::PATH | follow)?;
    let is_directory = is_directory(&object)?;
    // The root has no name of its own.
    let name = path.file_name().unwrap_or(OsStr::new(".")).as_bytes().to_vec();
    Ok(Source { contents: contents || name == b"." || name == b"..", object, is_directory, name })
}

fn is_directory(object: &OwnedFd) -> std::io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(object)?.st_mode) == FileType::Directory)
}

/// The directory to unpack in, and the names there.
enum Target {
    Under(Vec<u8>),
    Contents,
}

fn target(path: &Path, source: &Source, open: Open<'_>) -> Result<(OwnedFd, Target)> {
    let directory = OFlags::RDONLY | OFlags::DIRECTORY;
    let ends_in_slash = path.as_os_str().as_bytes().ends_with(b"/");
    let path = &without_link(path, open).map_err(|error| Error::file(path, error))?;
    let at = |path: &Path| open(path, directory).map_err(|error| Error::file(path, error));
    let there = match open(path, OFlags::PATH) {
        Err(error) if error.kind() == ErrorKind::NotFound => There::Nothing,
        object => match object.and_then(|object| is_directory(&object)).map_err(|error| Error::file(path, error))? {
            true => There::Directory,
            false => There::File,
        },
    };
    let placing = placing(source.is_directory, source.contents, there, ends_in_slash)
        .map_err(|why| Error::InvalidOption(format!("{}: {why}", path.display())))?;
    match placing {
        Placing::Into => Ok((at(path)?, Target::Under(source.name.clone()))),
        Placing::Contents => Ok((at(path)?, Target::Contents)),
        Placing::As => {
            let name =
                path.file_name().ok_or_else(|| Error::InvalidOption(format!("{} has no name", path.display())))?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok((at(parent.unwrap_or(Path::new(".")))?, Target::Under(name.as_bytes().to_vec())))
        }
    }
}

/// Where the links that a path ends in lead to, be there something or not: what is copied there leaves the links as they are.
fn without_link(path: &Path, open: Open<'_>) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let object = match open(&path, OFlags::PATH | OFlags::NOFOLLOW) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
            object => object?,
        };
        if FileType::from_raw_mode(fstat(&object)?.st_mode) != FileType::Symlink {
            return Ok(path);
        }
        let link = readlinkat(&object, c"", Vec::new())?.into_bytes();
        path = path.parent().unwrap_or(Path::new("")).join(OsString::from_vec(link));
    }
    Err(Errno::LOOP.into())
}

/// docker-cp(1), "DESCRIPTION".
fn placing(
    is_directory: bool,
    contents: bool,
    there: There,
    ends_in_slash: bool,
) -> std::result::Result<Placing, &'static str> {
    match (is_directory, there) {
        (_, There::Directory) if is_directory && contents => Ok(Placing::Contents),
        (_, There::Directory) => Ok(Placing::Into),
        (true, There::File) => Err("cannot copy a directory to a file"),
        (false, There::File) if ends_in_slash => Err("not a directory"),
        (false, There::Nothing) if ends_in_slash => Err("the destination directory must exist"),
        (_, There::File | There::Nothing) => Ok(Placing::As),
    }
}

fn pack<W: Write>(packer: &mut Packer<'_, W>, source: &Source, target: &Target) -> std::result::Result<(), PackError> {
    match target {
        Target::Under(name) => packer.object(source.object.as_fd(), name),
        Target::Contents => packer.contents(source.object.as_fd(), b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_where_docker_puts_it() {
        let file = |there, slash| placing(false, false, there, slash);
        assert_eq!(file(There::Nothing, false), Ok(Placing::As));
        assert!(file(There::Nothing, true).is_err());
        assert_eq!(file(There::File, false), Ok(Placing::As));
        assert!(file(There::File, true).is_err());
        assert_eq!(file(There::Directory, false), Ok(Placing::Into));
        assert_eq!(file(There::Directory, true), Ok(Placing::Into));
    }

    #[test]
    fn so_does_a_directory() {
        for slash in [false, true] {
            for contents in [false, true] {
                let directory = |there| placing(true, contents, there, slash);
                assert_eq!(directory(There::Nothing), Ok(Placing::As));
                assert!(directory(There::File).is_err());
                let expected = if contents { Placing::Contents } else { Placing::Into };
                assert_eq!(directory(There::Directory), Ok(expected));
            }
        }
    }
}
