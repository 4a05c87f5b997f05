//! Looking at all files below a path of a tree: what they are, and the digest of all of them together.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use porthole_dockerfile::ignore::{Ignore, Taken};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fgetxattr, flistxattr, fstat, openat, readlinkat, statat,
};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, at};
use crate::key::{Key, KeyBuilder};
use crate::known::{Identity, Writer};
use crate::tree::{Tree, join, open_in, split, text};

/// More threads do not list directories faster.
const MAX_THREADS: usize = 8;

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to this.
    Symlink(Vec<u8>),
    /// A device or a fifo: what its mode says, and the number of the device.
    Node(u64),
}

/// An object below the path that was looked at.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// Its path from there; empty for what is at the path itself.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its permissions, owner, group and links.
    pub(crate) stat: Stat,
    pub(crate) identity: Identity,
    digest: [u8; 32],
    /// Whether it may change without its times telling.
    is_recent: bool,
    /// Whether it is ignored, and there only for something in it that is not.
    is_implied: bool,
}

/// All that is at and below a path.
#[derive(Debug)]
pub struct Scan {
    /// The path.
    pub path: Vec<u8>,
    /// Directories come before what is in them.
    pub entries: Vec<Scanned>,
    /// Over all that a copy takes over: kinds, permissions, contents, attributes, links, and owners where they count. Not
    /// over times.
    pub key: Key,
    /// How many files had to be read.
    read: usize,
}

/// The objects of a directory.
#[derive(Debug)]
struct Listing {
    path: Vec<u8>,
    entries: Vec<Scanned>,
    /// How many files had to be read.
    read: usize,
}

impl Scan {
    /// Whether it is a directory that was looked at.
    pub fn is_directory(&self) -> bool {
        self.entries.first().is_some_and(|first| first.path.is_empty() && first.kind == Kind::Directory)
    }
}

impl Tree {
    /// Looks at what is at a path and below it, but for what is ignored or to be left out. A link at the path itself is
    /// followed.
    pub fn scan(&self, path: &[u8], exclude: &Ignore) -> Result<Scan> {
        let object = match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Err(Error::NotFound(text(path))),
            object => object.map_err(at("open", path))?,
        };
        let stat = fstat(&object).map_err(at("examine", path))?;
        let mut top = self.examine(object.as_fd(), path, stat)?;
        top.is_implied = !path.is_empty() && self.ignore.excludes(&text(path));
        if top.is_implied && (top.kind != Kind::Directory || !self.ignore.has_exceptions()) {
            return Err(Error::NotFound(text(path)));
        }
        if top.kind != Kind::Directory {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let is_left_out = !exclude.is_empty() && exclude.excludes(&text(name));
            let entries = if is_left_out { Vec::new() } else { vec![top] };
            return Ok(Scan { path: path.to_vec(), key: self.key_of(&entries), entries, read: 0 });
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let now = now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec);
        let root = self.open(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(at("open", path))?;
        let first =
            Job { path: Vec::new(), ignored: Taken::default(), excluded: Taken::default(), is_implied: top.is_implied };
        let walk = Walk { tree: self, base: path, root, exclude, now, state: Mutex::default(), wake: Condvar::new() };
        let mut listings = walk.run(first)?;
        listings.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let mut entries: Vec<Scanned> = Vec::with_capacity(1 + listings.iter().map(|l| l.entries.len()).sum::<usize>());
        let is_implied = top.is_implied;
        entries.push(top);
        let read = listings.iter().map(|listing| listing.read).sum();
        listings.into_iter().for_each(|listing| entries.extend(listing.entries));
        if self.ignore.has_exceptions() || exclude.has_exceptions() {
            keep_needed(&mut entries);
            if entries.len() == 1 && is_implied {
                return Err(Error::NotFound(text(path)));
            }
        }
        Ok(Scan { path: path.to_vec(), key: self.key_of(&entries), entries, read })
    }

    /// Writes down what scans of this tree found, for [`crate::Known::load`], unless that is known already.
    pub fn remember(&self, scans: &[&Scan], file: &Path) -> std::io::Result<()> {
        // Those of one directory follow one another.
        let mut directories: HashMap<Vec<u8>, &[Scanned]> = HashMap::new();
        for scan in scans {
            for entries in scan.entries.chunk_by(|one, other| split(&one.path).0 == split(&other.path).0) {
                directories.insert(join(&scan.path, split(&entries[0].path).0), entries);
            }
        }
        if scans.iter().all(|scan| scan.read == 0) && directories.len() <= self.known.len() {
            return Ok(());
        }
        let mut writer = Writer::default();
        for (path, entries) in directories {
            let is_kept = |entry: &&Scanned| entry.kind == Kind::File && !entry.is_recent && !entry.path.is_empty();
            let files: Vec<_> = entries.iter().filter(is_kept).collect();
            writer.directory(&path, files.iter().map(|entry| (split(&entry.path).1, entry.identity, entry.digest)));
        }
        writer.save(file)
    }

    fn key_of(&self, entries: &[Scanned]) -> Key {
        let mut links: HashMap<(u64, u64), &[u8]> = HashMap::new();
        let mut hash = Sha256::new();
        for entry in entries {
            let stat = &entry.stat;
            // The directory itself is not copied, only what is in it.
            if entry.path.is_empty() && entry.kind == Kind::Directory {
                continue;
            }
            hash.update((entry.path.len() as u64).to_le_bytes());
            hash.update(&entry.path);
            hash.update(u64::from(stat.st_mode).to_le_bytes());
            hash.update(entry.digest);
            if self.has_owners {
                hash.update(stat.st_uid.to_le_bytes());
                hash.update(stat.st_gid.to_le_bytes());
            }
            if stat.st_nlink > 1 && entry.kind == Kind::File {
                let first = links.entry((stat.st_dev, stat.st_ino)).or_insert(&entry.path);
                hash.update((first.len() as u64).to_le_bytes());
                hash.update(*first);
            }
        }
        KeyBuilder::new("files").number(entries.len() as u64).bytes(&hash.finalize()).finish()
    }

    /// What an object is, its content not among it if it is a file.
    fn examine(&self, object: BorrowedFd<'_>, path: &[u8], stat: Stat) -> Result<Scanned> {
        let identity = Identity::of(&stat);
        let entry = |kind, digest| Scanned {
            path: Vec::new(),
            kind,
            stat,
            identity,
            digest,
            is_recent: true,
            is_implied: false,
        };
        let reopen = |flags| {
            let magic = format!("/proc/self/fd/{}", object.as_raw_fd());
            rustix::fs::open(&magic, flags | OFlags::CLOEXEC, Mode::empty()).map_err(at("open", path))
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let directory = reopen(OFlags::RDONLY | OFlags::DIRECTORY)?;
                entry(Kind::Directory, attributes(&directory, path)?.finish().0)
            }
            FileType::RegularFile => {
                let (digest, _) = content(reopen(OFlags::RDONLY)?, stat.st_size.cast_unsigned(), path)?;
                entry(Kind::File, digest)
            }
            _ => {
                let node = stat.st_rdev;
                entry(Kind::Node(node), KeyBuilder::new("node").number(node).finish().0)
            }
        })
    }
}

/// Ignored directories are there only as far as something in them is.
fn keep_needed(entries: &mut Vec<Scanned>) {
    let mut needed: BTreeSet<Vec<u8>> = BTreeSet::new();
    for entry in entries.iter().filter(|entry| !entry.is_implied) {
        let mut path = entry.path.as_slice();
        while let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..slash];
            if !needed.insert(path.to_vec()) {
                break;
            }
        }
    }
    entries.retain(|entry| entry.path.is_empty() || !entry.is_implied || needed.contains(&entry.path));
}

/// A directory to be listed.
#[derive(Debug)]
struct Job {
    path: Vec<u8>,
    ignored: Taken,
    excluded: Taken,
    is_implied: bool,
}

#[derive(Debug, Default)]
struct State {
    jobs: Vec<Job>,
    busy: usize,
    listings: Vec<Listing>,
    failed: Option<Error>,
}

struct Walk<'a> {
    tree: &'a Tree,
    base: &'a [u8],
    root: OwnedFd,
    exclude: &'a Ignore,
    now: i64,
    state: Mutex<State>,
    wake: Condvar,
}

impl Walk<'_> {
    fn run(&self, first: Job) -> Result<Vec<Listing>> {
        self.state().jobs.push(first);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        thread::scope(|scope| {
            // Without further threads it only takes longer.
            for _ in 1..threads {
                let _ = thread::Builder::new().name("scan".into()).spawn_scoped(scope, || self.work());
            }
            self.work();
        });
        let mut state = self.state();
        match state.failed.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut state.listings)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists directories until there are none, and nobody is about to find more.
    fn work(&self) {
        let mut state = self.state();
        loop {
            let Some(job) = state.jobs.pop() else {
                if state.busy == 0 || state.failed.is_some() {
                    self.wake.notify_all();
                    return;
                }
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy += 1;
            drop(state);
            let listed = self.list(&job);
            state = self.state();
            state.busy -= 1;
            match listed {
                Ok((listing, below)) => {
                    state.listings.push(listing);
                    state.jobs.extend(below);
                }
                Err(error) => {
                    state.jobs.clear();
                    state.failed.get_or_insert(error);
                }
            }
            self.wake.notify_all();
        }
    }

    fn list(&self, job: &Job) -> Result<(Listing, Vec<Job>)> {
        let tree_path = join(self.base, &job.path);
        let failed = |action| at(action, &tree_path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = open_in(self.root.as_fd(), &job.path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
            .map_err(failed("open"))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(failed("list"))? {
            let entry = entry.map_err(failed("list"))?;
            if entry.file_name() != c"." && entry.file_name() != c".." {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        let mut known = self.tree.known.rows(&tree_path).peekable();
        let mut listing = Listing { path: job.path.clone(), entries: Vec::with_capacity(names.len()), read: 0 };
        let mut below = Vec::new();
        for name in &names {
            let path = join(&job.path, name.to_bytes());
            let (is_ignored, ignored) = taken(&self.tree.ignore, self.base, &path, &job.ignored);
            let (is_left_out, excluded) = taken(self.exclude, b"", &path, &job.excluded);
            let is_out = is_ignored || is_left_out;
            if is_out && !(self.tree.ignore.has_exceptions() || self.exclude.has_exceptions()) {
                continue;
            }
            let stat = match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                // It went while we looked.
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(at("examine", &path))?,
            };
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if is_out && !is_directory {
                continue;
            }
            while known.peek().is_some_and(|(known, ..)| *known < name.to_bytes()) {
                known.next();
            }
            let row = known.peek().filter(|(known, ..)| *known == name.to_bytes());
            let identity = Identity::of(&stat);
            let remembered = row.filter(|(_, known, _)| *known == identity).map(|(.., digest)| *digest);
            let Some(mut entry) = self.object(&directory, name, &path, stat, remembered)? else { continue };
            listing.read += usize::from(entry.kind == Kind::File && remembered.is_none());
            entry.is_implied = is_out || (job.is_implied && is_directory && is_ignored);
            if is_directory {
                below.push(Job { path: path.clone(), ignored, excluded, is_implied: entry.is_implied });
            }
            entry.path = path;
            listing.entries.push(entry);
        }
        Ok((listing, below))
    }

    /// An object of a directory; none if it is a socket, which belongs to a process.
    fn object(
        &self,
        directory: &OwnedFd,
        name: &CStr,
        path: &[u8],
        stat: Stat,
        remembered: Option<[u8; 32]>,
    ) -> Result<Option<Scanned>> {
        let identity = Identity::of(&stat);
        let mut is_recent = identity.is_recent(self.now);
        let kind = FileType::from_raw_mode(stat.st_mode);
        let open = |flags| {
            let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            openat(directory, name, flags, Mode::empty()).map_err(at("open", path))
        };
        let (kind, digest) = match kind {
            FileType::RegularFile => match remembered {
                Some(digest) => (Kind::File, digest),
                None => {
                    let (digest, is_whole) = content(open(OFlags::RDONLY)?, stat.st_size.cast_unsigned(), path)?;
                    is_recent |= !is_whole;
                    (Kind::File, digest)
                }
            },
            FileType::Directory => {
                let object = open(OFlags::RDONLY | OFlags::DIRECTORY)?;
                (Kind::Directory, attributes(&object, path)?.finish().0)
            }
            FileType::Symlink => {
                let target = readlinkat(directory, name, Vec::new()).map_err(at("read", path))?.into_bytes();
                let digest = KeyBuilder::new("link").bytes(&target).finish().0;
                (Kind::Symlink(target), digest)
            }
            FileType::Socket | FileType::Unknown => return Ok(None),
            _ => {
                let node = stat.st_rdev;
                (Kind::Node(node), KeyBuilder::new("node").number(node).finish().0)
            }
        };
        Ok(Some(Scanned { path: Vec::new(), kind, stat, identity, digest, is_recent, is_implied: false }))
    }
}

/// Whether patterns take a path below `base`, which lies in a directory that they take so.
fn taken(patterns: &Ignore, base: &[u8], path: &[u8], directory: &Taken) -> (bool, Taken) {
    match patterns.is_empty() {
        true => (false, Taken::default()),
        false => patterns.excludes_within(&text(&join(base, path)), directory),
    }
}

thread_local! {
    /// What files are read into: clearing one for each would take longer than reading most.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}

/// The digest of a file's content and attributes, and whether it is as long as it was said to be.
fn content(file: OwnedFd, size: u64, path: &[u8]) -> Result<([u8; 32], bool)> {
    let attributes = attributes(&file, path)?;
    let file = File::from(file);
    let mut hash = Sha256::new();
    let mut length = 0;
    BUFFER.with_borrow_mut(|buffer| {
        // Where it ends is known, so that most files are read by one call.
        while length < size {
            match (&file).read(buffer).map_err(at("read", path))? {
                0 => break,
                count => {
                    hash.update(&buffer[..count]);
                    length += count as u64;
                }
            }
        }
        Ok(())
    })?;
    Ok((attributes.bytes(&hash.finalize()).finish().0, length == size))
}

/// The names and values of the extended attributes that a copy keeps.
fn attributes(object: &OwnedFd, path: &[u8]) -> Result<KeyBuilder> {
    let pairs = kept_attributes(object).map_err(at("read the attributes of", path))?;
    Ok(pairs.iter().fold(KeyBuilder::new("attributes"), |key, (name, value)| key.bytes(name).bytes(value)))
}

/// The extended attributes of an open object that a copy keeps. What labels files for this machine's own policy, and what
/// steers overlayfs, it does not.
pub(crate) fn kept_attributes(object: impl AsFd) -> rustix::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    // Few objects have any. A list that is longer than the buffer is an error, but one that there is (listxattr(2)).
    if matches!(flistxattr(&object, &mut [0_u8; 64][..]), Ok(0) | Err(Errno::OPNOTSUPP | Errno::PERM)) {
        return Ok(Vec::new());
    }
    let mut names = vec![0; 64 << 10];
    let length = flistxattr(&object, &mut names[..])?;
    let mut pairs = Vec::new();
    let is_kept = |name: &[u8]| {
        name != b"security.selinux" && !name.starts_with(b"trusted.overlay.") && !name.starts_with(b"user.overlay.")
    };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty() && is_kept(name)) {
        let mut value = vec![0; 64 << 10];
        match fgetxattr(&object, name, &mut value[..]) {
            Err(Errno::NODATA) => {}
            length => {
                value.truncate(length?);
                pairs.push((name.to_vec(), value));
            }
        }
    }
    pairs.sort_unstable();
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Known;
    use rustix::fs::{XattrFlags, setxattr};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use tempfile::TempDir;

    fn key(directory: &TempDir) -> Key {
        tree(directory, &Ignore::default(), Known::default()).scan(b"", &Ignore::default()).unwrap().key
    }

    fn tree(directory: &TempDir, ignore: &Ignore, known: Known) -> Tree {
        Tree::context(File::open(directory.path()).unwrap().into(), ignore.clone(), known)
    }

    fn paths(scan: &Scan) -> Vec<String> {
        scan.entries.iter().map(|entry| text(&entry.path)).collect()
    }

    #[test]
    fn all_that_a_copy_takes_over_counts_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("d")).unwrap();
        fs::write(path("d/file"), "content").unwrap();
        symlink("target", path("link")).unwrap();
        let mut seen = vec![key(&directory)];
        File::open(path("d/file")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(key(&directory), seen[0], "times do not count");
        if rustix::process::geteuid().is_root() {
            chown(path("d/file"), Some(5), Some(6)).unwrap();
            assert_eq!(key(&directory), seen[0], "nor do owners of a context");
        }
        let changes: [&dyn Fn(); 6] = [
            &|| fs::write(path("d/file"), "CONTENT").unwrap(),
            &|| fs::set_permissions(path("d/file"), PermissionsExt::from_mode(0o700)).unwrap(),
            &|| fs::set_permissions(path("d"), PermissionsExt::from_mode(0o711)).unwrap(),
            &|| setxattr(path("d/file"), "user.key", b"value", XattrFlags::empty()).unwrap(),
            &|| fs::remove_file(path("link")).and_then(|()| symlink("other", path("link"))).unwrap(),
            &|| fs::hard_link(path("d/file"), path("d/second")).unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            change();
            let key = key(&directory);
            assert!(!seen.contains(&key), "change {number} counts");
            seen.push(key);
        }
    }

    #[test]
    fn what_is_ignored_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["a", "b.md", "d/x", "d/e/keep", "d/e/other", "f/y", "g/z"] {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let scan = |patterns: &[&str], exclude: &[&str], path: &[u8]| {
            let ignore = Ignore::from_patterns(patterns).unwrap();
            let exclude = Ignore::from_patterns(exclude).unwrap();
            tree(&directory, &ignore, Known::default()).scan(path, &exclude).map(|scan| paths(&scan).join(" "))
        };
        assert_eq!(scan(&["*.md", "d", "f/y"], &[], b"").unwrap(), " a f g g/z");
        assert_eq!(scan(&["d", "!d/e/keep", "f"], &["g"], b"").unwrap(), " a b.md d d/e d/e/keep");
        assert_eq!(scan(&["*", "!d/x"], &[], b"").unwrap(), " d d/x");
        assert_eq!(scan(&["d", "!d/x"], &[], b"d").unwrap(), " x");
        assert_eq!(scan(&[], &["e"], b"d").unwrap(), " x");
        assert!(matches!(scan(&["d", "!f/y"], &[], b"d"), Err(Error::NotFound(_))));
    }

    #[test]
    fn what_is_known_is_found_again_without_reading_and_changes_are_seen() {
        let directory = tempfile::tempdir().unwrap();
        let known = tempfile::tempdir().unwrap();
        let file = known.path().join("known");
        for number in 0..40 {
            let path = directory.path().join(format!("d{}/f{number}", number % 7));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, number.to_string()).unwrap();
        }
        let scan = || {
            let tree = tree(&directory, &Ignore::default(), Known::load(&file));
            let scan = tree.scan(b"", &Ignore::default()).unwrap();
            tree.remember(&[&scan], &file).unwrap();
            (scan.key, scan.read)
        };
        thread::sleep(std::time::Duration::from_millis(150));
        let (first, read) = scan();
        assert_eq!(read, 40);
        assert_eq!(scan(), (first, 0));
        fs::write(directory.path().join("d3/f10"), "xx").unwrap();
        let (second, read) = scan();
        assert!(second != first && read == 1);
        fs::write(directory.path().join("d3/f10"), "yy").unwrap();
        assert!(scan().0 != second, "a change in the same moment is seen");
    }
}
