//! Noticing that something changed, without looking again and again.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to let further changes gather: a start alone makes a dozen.
const GATHER: Duration = Duration::from_millis(20);

/// What changes the names in a directory.
const NAME_CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_ONLYDIR);

/// What changes the files of a directory: their names, or what they hold.
pub(crate) const FILE_CHANGES: AddWatchFlags = NAME_CHANGES.union(AddWatchFlags::IN_CLOSE_WRITE);

/// Records that matter to somebody who lists containers.
const RECORDS: [&str; 3] = ["config.json", "state.json", "network.json"];

/// Watches the state directory by inotify(7).
pub struct Watcher {
    inotify: Inotify,
    /// Directories whose own directories are watched too: one is a container or a network.
    parents: [PathBuf; 2],
}

impl Engine {
    /// Begins to watch containers, images, volumes and networks.
    pub fn watch(&self) -> Result<Watcher> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).map_err(|source| Error::file("inotify", source))?;
        let paths = self.paths();
        let parents = [paths.containers(), paths.networks()];
        for directory in parents.iter().chain(&[paths.root().join("images"), paths.volumes()]) {
            files::create_private_directory(directory)?;
            add(&inotify, directory)?;
        }
        let watcher = Watcher { inotify, parents };
        watcher.follow()?;
        Ok(watcher)
    }
}

impl Watcher {
    /// Blocks until something may have changed.
    pub fn wait(&mut self) -> Result<()> {
        loop {
            let events = self.inotify.read_events().map_err(|source| Error::file("inotify", source))?;
            let matters = events.iter().any(|event| match &event.name {
                Some(name) => RECORDS.iter().any(|record| name == record) || !name.to_string_lossy().contains(".new"),
                None => true,
            });
            if matters {
                break;
            }
        }
        std::thread::sleep(GATHER);
        self.follow()
    }

    /// Watches the directories that are there now. Each is added again whether it is watched already or not, which changes
    /// nothing then: one of the same name may be another directory by now, for a container that is being made is made anew
    /// when somebody has taken it for one that a killed process left.
    fn follow(&self) -> Result<()> {
        for parent in &self.parents {
            let entries = std::fs::read_dir(parent).map_err(|source| Error::file(parent, source))?;
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                match add(&self.inotify, &path) {
                    // Gone again already, or nothing of ours.
                    Err(Error::File { source, .. })
                        if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }
}

/// Watches a directory. The kernel ends that when the directory is deleted.
fn add(inotify: &Inotify, directory: &Path) -> Result<()> {
    inotify.add_watch(directory, NAME_CHANGES).map(drop).map_err(|source| Error::file(directory, source))
}

/// Watches files, of which some need not be there yet.
pub struct FileWatcher {
    inotify: Inotify,
    /// The names that matter, by their directory.
    names: HashMap<WatchDescriptor, BTreeSet<OsString>>,
}

impl FileWatcher {
    /// Begins to watch. A file is often replaced by another, so it is its directory that tells; where that is not there, the
    /// one above in which it would appear.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<FileWatcher> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(|source| Error::file("inotify", source))?;
        let mut watched: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        for path in paths {
            let steps = path.ancestors().zip(path.ancestors().skip(1));
            let place = steps.map(|(below, directory)| (directory, below)).find(|(directory, _)| directory.is_dir());
            if let Some((directory, name)) = place.and_then(|(directory, below)| Some((directory, below.file_name()?)))
            {
                watched.entry(directory.to_owned()).or_default().insert(name.to_owned());
            }
        }
        let mut names: HashMap<WatchDescriptor, BTreeSet<OsString>> = HashMap::new();
        for (directory, here) in watched {
            match inotify.add_watch(&directory, FILE_CHANGES) {
                // Two names of one directory have one descriptor.
                Ok(descriptor) => names.entry(descriptor).or_default().extend(here),
                // Gone meanwhile, or not ours to look into: it does not tell.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => {}
                Err(source) => return Err(Error::file(&directory, source)),
            }
        }
        Ok(FileWatcher { inotify, names })
    }

    /// Blocks until one of the files may have changed, or until `stop` can be read; whether one may have.
    pub fn wait(&self, stop: BorrowedFd<'_>) -> Result<bool> {
        let failed = |source: Errno| Error::file("inotify", source);
        loop {
            let mut waits =
                [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
            match poll(&mut waits, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                result => result.map_err(failed)?,
            };
            if waits[1].any().unwrap_or(true) {
                return Ok(false);
            }
            if self.matters()? {
                std::thread::sleep(GATHER);
                return Ok(true);
            }
        }
    }

    fn matters(&self) -> Result<bool> {
        match self.inotify.read_events() {
            Ok(events) => Ok(events.iter().any(|event| match (&event.name, self.names.get(&event.wd)) {
                (Some(name), Some(names)) => names.contains(name),
                // The directory itself went, or too much happened to be told.
                _ => true,
            })),
            Err(Errno::EAGAIN) => Ok(false),
            Err(source) => Err(Error::file("inotify", source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;
    use std::sync::mpsc;

    /// An engine of a directory of its own, and where a container of it would be.
    fn engine() -> (tempfile::TempDir, Engine, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::new(Paths::with_root(directory.path().to_owned()));
        let container = engine.paths().container("ab");
        (directory, engine, container)
    }

    /// Whether the watcher has something to tell within a while; then the watcher again.
    fn notices(mut watcher: Watcher) -> Option<Watcher> {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            watcher.wait().unwrap();
            sender.send(watcher)
        });
        receiver.recv_timeout(Duration::from_secs(5)).ok()
    }

    fn write_state(container: &Path) {
        files::write_json(&container.join("state.json"), &1, files::Durability::Volatile).unwrap();
    }

    #[test]
    fn a_new_record_is_noticed() {
        let (_directory, engine, container) = engine();
        let watcher = engine.watch().unwrap();
        std::fs::create_dir(&container).unwrap();
        let watcher = notices(watcher).expect("a directory");
        write_state(&container);
        notices(watcher).expect("a record");
    }

    #[test]
    fn a_directory_that_was_made_anew_is_watched_like_any_other() {
        let (_directory, engine, container) = engine();
        std::fs::create_dir_all(&container).unwrap();
        let watcher = engine.watch().unwrap();
        std::fs::rename(&container, engine.paths().root().join("removed")).unwrap();
        std::fs::create_dir(&container).unwrap();
        let watcher = notices(watcher).expect("both at once");
        write_state(&container);
        notices(watcher).expect("a record of the new one");
    }

    #[test]
    fn a_network_that_is_made_is_noticed() {
        let (_directory, engine, _) = engine();
        let watcher = engine.watch().unwrap();
        let network = engine.paths().networks().join("cd");
        std::fs::create_dir(&network).unwrap();
        let watcher = notices(watcher).expect("a directory");
        files::write_json(&network.join("config.json"), &1, files::Durability::Volatile).unwrap();
        notices(watcher).expect("a record");
    }

    #[test]
    fn files_tell_when_they_change_appear_or_are_replaced_and_others_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("compose.yaml");
        let later = directory.path().join("sub/deep/.env");
        std::fs::write(&file, "a").unwrap();
        let changed = |change: &dyn Fn()| {
            let (stop, open) = std::io::pipe().unwrap();
            let watcher = FileWatcher::new([&file, &later]).unwrap();
            change();
            let waiting = std::thread::spawn(move || watcher.wait(stop.as_fd()).unwrap());
            std::thread::sleep(Duration::from_millis(100));
            drop(open);
            waiting.join().unwrap()
        };
        assert!(changed(&|| std::fs::write(&file, "b").unwrap()));
        assert!(!changed(&|| std::fs::write(directory.path().join("other"), "b").unwrap()));
        let new = directory.path().join("new");
        std::fs::write(&new, "c").unwrap();
        assert!(changed(&|| std::fs::rename(&new, &file).unwrap()));
        assert!(changed(&|| std::fs::create_dir_all(later.parent().unwrap()).unwrap()));
        assert!(changed(&|| std::fs::write(&later, "A=1").unwrap()));
        assert!(changed(&|| std::fs::remove_file(&file).unwrap()));
    }
}
