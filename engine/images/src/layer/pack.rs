//! From a directory to a tar archive: deterministic, since the names in every directory are sorted.
//!
//! What is read may be a container's, which changes it meanwhile. Each object is opened by a name in its directory's
//! descriptor without following it, and everything told of it is asked of what was opened.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Dir, FileType, Mode, OFlags, Stat, fstat, getxattr, listxattr, major, minor, openat, readlinkat};
use rustix::io::Errno;

use super::node::is_whiteout;
use super::path::lossy;
use crate::tar::{Entry, Kind, TarWriter, Timestamp};

/// overlayfs's attributes (`Documentation/filesystems/overlayfs.rst`): bookkeeping, but for three that have a meaning.
const OVERLAY: &[u8] = b"trusted.overlay.";
const OPAQUE: &[u8] = b"trusted.overlay.opaque";
const REDIRECT: &[u8] = b"trusted.overlay.redirect";
const METACOPY: &[u8] = b"trusted.overlay.metacopy";

/// Extended attributes: names and values.
type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a directory cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// An object cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The object, as a member of the archive.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("cannot write the archive: {0}")]
    Write(#[from] io::Error),
    /// Only the kernel can tell what the object is.
    #[error("cannot pack {0}: overlayfs keeps only a reference there (redirect_dir or metacopy is on)")]
    Reference(String),
}

/// What is packed, and how.
pub struct Packing<'a> {
    /// Whether it is the upper directory of an overlay, whose whiteouts become those of an image's layer (OCI image layer
    /// specification, "Whiteouts").
    pub layer: bool,
    /// The members to leave out, with all that is in them, by their paths.
    pub leave_out: &'a dyn Fn(&[u8]) -> bool,
    /// What a user and a group are to be in the archive.
    pub owner: &'a dyn Fn(u32, u32) -> (u32, u32),
}

impl Default for Packing<'_> {
    /// All as it is.
    fn default() -> Self {
        Self { layer: false, leave_out: &|_| false, owner: &|user, group| (user, group) }
    }
}

/// Writes objects and all that is below them into an archive.
pub struct Packer<'a, W: Write> {
    archive: TarWriter<W>,
    packing: Packing<'a>,
    /// Where the first name of a file with several is in the archive, by device and inode.
    seen: HashMap<(u64, u64), Vec<u8>>,
}

impl<'a, W: Write> Packer<'a, W> {
    /// A new archive.
    pub fn new(out: W, packing: Packing<'a>) -> Self {
        Self { archive: TarWriter::new(out), packing, seen: HashMap::new() }
    }

    /// Adds an object under a name, with all in it if it is a directory. `object` may be open with `O_PATH` only.
    pub fn object(&mut self, object: BorrowedFd<'_>, name: &[u8]) -> Result<(), PackError> {
        let stat = fstat(object).map_err(read(name))?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return self.directory(object, name, &stat),
            FileType::RegularFile => return self.file(object, name, &stat),
            FileType::Symlink => Kind::Symlink(readlinkat(object, c"", Vec::new()).map_err(read(name))?.into_bytes()),
            FileType::CharacterDevice if self.packing.layer && is_whiteout(&stat) => return self.whiteout(name),
            FileType::CharacterDevice => Kind::Character(major(stat.st_rdev), minor(stat.st_rdev)),
            FileType::BlockDevice => Kind::Block(major(stat.st_rdev), minor(stat.st_rdev)),
            FileType::Fifo => Kind::Fifo,
            // It belongs to a process, and would be of no use to another.
            FileType::Socket | FileType::Unknown => return Ok(()),
        };
        let xattrs = attributes(object, name)?;
        self.member(name, kind, &stat, xattrs, 0)
    }

    /// Adds all that is in a directory, but not the directory itself. `prefix` goes before the names: nothing, or a path that
    /// ends in a slash.
    pub fn contents(&mut self, directory: BorrowedFd<'_>, prefix: &[u8]) -> Result<(), PackError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(directory, c".", flags, Mode::empty()).map_err(read(prefix))?;
        for name in sorted_names(&directory).map_err(read(prefix))? {
            let path = [prefix, name.as_bytes()].concat();
            if (self.packing.leave_out)(&path) {
                continue;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(&directory, &name, flags, Mode::empty()) {
                // It went while we looked.
                Err(Errno::NOENT) => {}
                object => self.object(object.map_err(read(&path))?.as_fd(), &path)?,
            }
        }
        Ok(())
    }

    /// Ends the archive.
    pub fn finish(self) -> Result<W, PackError> {
        Ok(self.archive.finish()?)
    }

    fn directory(&mut self, object: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> Result<(), PackError> {
        let attributes = attributes(object, name)?;
        let is_opaque = self.packing.layer && attributes.iter().any(|(key, value)| key == OPAQUE && value == b"y");
        let prefix = if name.ends_with(b"/") { name.to_vec() } else { [name, b"/"].concat() };
        self.member(&prefix, Kind::Directory, stat, attributes, 0)?;
        if is_opaque {
            self.empty_file([prefix.as_slice(), b".wh..wh..opq"].concat())?;
        }
        self.contents(object, &prefix)
    }

    fn file(&mut self, object: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> Result<(), PackError> {
        if stat.st_nlink > 1 {
            let id = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.seen.get(&id) {
                let first = Kind::HardLink(first.clone());
                return self.member(name, first, stat, Vec::new(), 0);
            }
            self.seen.insert(id, name.to_vec());
        }
        let size = stat.st_size.unsigned_abs();
        let file = reopened(object, OFlags::RDONLY).map_err(read(name))?;
        let xattrs = attributes(object, name)?;
        self.member(name, Kind::File, stat, xattrs, size)?;
        Ok(self.archive.data(File::from(file), size)?)
    }

    fn whiteout(&mut self, name: &[u8]) -> Result<(), PackError> {
        let at = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        self.empty_file([&name[..at], b".wh.", &name[at..]].concat())
    }

    /// A marker: a file without content, whose attributes mean nothing.
    fn empty_file(&mut self, path: Vec<u8>) -> Result<(), PackError> {
        let mtime = Timestamp { seconds: 0, nanoseconds: 0 };
        Ok(self.archive.member(&Entry::describe(path, Kind::File, (0, 0, 0), mtime, Vec::new(), 0))?)
    }

    fn member(
        &mut self,
        path: &[u8],
        kind: Kind,
        stat: &Stat,
        mut xattrs: Attributes,
        size: u64,
    ) -> Result<(), PackError> {
        if xattrs.iter().any(|(key, _)| key == REDIRECT || key == METACOPY) {
            return Err(PackError::Reference(lossy(path)));
        }
        xattrs.retain(|(key, _)| !key.starts_with(OVERLAY));
        let mtime = Timestamp { seconds: stat.st_mtime, nanoseconds: stat.st_mtime_nsec as u32 };
        let (user, group) = (self.packing.owner)(stat.st_uid, stat.st_gid);
        let entry = Entry::describe(path.to_vec(), kind, (stat.st_mode & 0o7777, user, group), mtime, xattrs, size);
        Ok(self.archive.member(&entry)?)
    }
}

/// The names in a directory, in an order that does not depend on the file system.
fn sorted_names(directory: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The extended attributes of an open object, by name. Those of an `O_PATH` descriptor are reached by its magic link.
fn attributes(object: BorrowedFd<'_>, name: &[u8]) -> Result<Attributes, PackError> {
    let path = format!("/proc/self/fd/{}", object.as_raw_fd());
    // Few objects have any, and those few have short names.
    let mut names = vec![0; 256];
    let length = match listxattr(&path, &mut names[..]) {
        // Neither every file system nor every object has some.
        Ok(0) | Err(Errno::OPNOTSUPP | Errno::PERM) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            names = vec![0; 64 << 10];
            listxattr(&path, &mut names[..]).map_err(read(name))?
        }
        length => length.map_err(read(name))?,
    };
    let mut found = Vec::new();
    let mut value = vec![0; 64 << 10];
    for key in names[..length].split(|byte| *byte == 0).filter(|key| !key.is_empty()) {
        match getxattr(&path, key, &mut value[..]) {
            Err(Errno::NODATA) => {}
            length => found.push((key.to_vec(), value[..length.map_err(read(name))?].to_vec())),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Opens what an `O_PATH` descriptor refers to.
fn reopened(object: BorrowedFd<'_>, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", object.as_raw_fd());
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn read<E: Into<io::Error>>(path: &[u8]) -> impl FnOnce(E) -> PackError {
    let path = lossy(path);
    move |error| PackError::Read { path, source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;
    use std::process::Command;

    use proptest::prelude::*;

    use super::super::{Budget, Expected, unpack, unpack_onto};
    use super::*;

    fn packed(directory: &Path, packing: Packing<'_>) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new(), packing);
        packer.contents(File::open(directory).unwrap().as_fd(), b"").unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(archive: &[u8]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = crate::fs::open_directory(directory.path()).unwrap();
        unpack_onto(archive, root, &|user, group| (user, group), &Budget::new(1 << 20, 1000)).unwrap();
        directory
    }

    /// Each path with what there is to know of it.
    fn listing(directory: &Path) -> Vec<String> {
        fn walk(root: &Path, directory: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let (path, metadata) = (entry.path(), entry.metadata().unwrap());
                let content = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
                let target = path.read_link().unwrap_or_default();
                let facts = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.mtime(), metadata.mtime_nsec());
                let links = if metadata.is_dir() { 0 } else { metadata.nlink() };
                found.push(format!("{:?} {facts:?} {links} {target:?} {content:?}", path.strip_prefix(root).unwrap()));
                if metadata.is_dir() {
                    walk(root, &path, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(directory, directory, &mut found);
        found.sort();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_packed_comes_out_again(
            files in proptest::collection::btree_map("[a-c]{1,2}(/[d-f]{120}){0,2}", (0_usize..1500, 0_u32..0o10000), 1..8),
        ) {
            let directory = tempfile::tempdir().unwrap();
            for (name, (length, mode)) in &files {
                let path = directory.path().join(name);
                // A shorter name may have been a file's.
                if std::fs::create_dir_all(path.parent().unwrap()).is_err() || path.is_dir() {
                    continue;
                }
                std::fs::write(&path, vec![b'x'; *length]).unwrap();
                std::fs::set_permissions(&path, PermissionsExt::from_mode(*mode)).unwrap();
                let _ = std::fs::hard_link(&path, directory.path().join(format!("{}-link", name.replace('/', "_"))[..].chars().take(99).collect::<String>()));
                let _ = symlink(name, directory.path().join(format!("s{length}")));
            }
            let archive = packed(directory.path(), Packing::default());
            prop_assert_eq!(&archive, &packed(directory.path(), Packing::default()));
            prop_assert_eq!(listing(unpacked(&archive).path()), listing(directory.path()));
        }
    }

    #[test]
    fn an_upper_directory_becomes_a_layer_and_that_layer_the_same_directory() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("new"), "x").unwrap();
        let fd = crate::fs::open_directory(&inner).unwrap();
        super::super::node::set_opaque(fd.as_fd()).unwrap();
        super::super::node::make_node(fd.as_fd(), b"gone", FileType::CharacterDevice, Mode::empty(), (0, 0)).unwrap();
        let archive = packed(directory.path(), Packing { layer: true, ..Packing::default() });
        let mut names = Vec::new();
        let mut reader = crate::tar::TarReader::new(archive.as_slice());
        while let Some(entry) = reader.next().unwrap() {
            names.push(String::from_utf8(entry.path).unwrap());
        }
        assert_eq!(names, ["a/", "a/.wh..wh..opq", "a/.wh.gone", "a/new"]);

        let again = tempfile::tempdir().unwrap();
        let root = crate::fs::open_directory(again.path()).unwrap();
        let budget = Budget::new(1 << 20, 1000);
        let layer =
            unpack(&archive[..], Expected::default(), root, tempfile::tempfile().unwrap(), &budget, &mut |_| ());
        assert_eq!(layer.unwrap().size, 1);
        assert_eq!(packed(again.path(), Packing { layer: true, ..Packing::default() }), archive);
    }

    #[test]
    fn gnu_tar_reads_it_and_what_is_left_out_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let long = "d".repeat(120);
        std::fs::create_dir(directory.path().join(&long)).unwrap();
        std::fs::write(directory.path().join(&long).join("file"), "content").unwrap();
        std::fs::write(directory.path().join("left"), "out").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
        let archive = packed(directory.path(), Packing { leave_out: &|path| path == b"left", ..Packing::default() });
        let file = directory.path().join("archive.tar");
        std::fs::write(&file, archive).unwrap();
        let listed = Command::new("tar").arg("-tf").arg(&file).output().unwrap();
        assert!(listed.stderr.is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), format!("{long}/\n{long}/file\n"));
    }

    #[test]
    fn a_tree_keeps_what_it_is_and_no_name_in_it_is_a_marker() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("d")).unwrap();
        std::fs::write(directory.path().join("f"), "old").unwrap();
        let onto = |name: &str, is_directory: bool| {
            let source = tempfile::tempdir().unwrap();
            match is_directory {
                true => std::fs::create_dir(source.path().join(name)).unwrap(),
                false => std::fs::write(source.path().join(name), "new").unwrap(),
            }
            let archive = packed(source.path(), Packing::default());
            let root = crate::fs::open_directory(directory.path()).unwrap();
            unpack_onto(&archive[..], root, &|_, _| (7, 8), &Budget::new(1 << 20, 1000))
        };
        assert!(onto("d", false).unwrap_err().to_string().contains("cannot overwrite a directory"));
        assert!(onto("f", true).unwrap_err().to_string().contains("cannot overwrite with a directory"));
        onto("f", false).unwrap();
        onto(".wh.d", false).unwrap();
        assert_eq!(std::fs::read_to_string(directory.path().join("f")).unwrap(), "new");
        assert!(directory.path().join("d").is_dir() && directory.path().join(".wh.d").is_file());
        let metadata = std::fs::metadata(directory.path().join("f")).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (7, 8));
    }
}
