//! Noticing that something changed, without looking again and again.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to let further changes gather: a start alone makes a dozen.
const GATHER: Duration = Duration::from_millis(20);

/// Records that matter to somebody who lists containers.
const RECORDS: [&str; 3] = ["config.json", "state.json", "network.json"];

/// Watches the state directory by inotify(7).
pub struct Watcher {
    inotify: Inotify,
    containers: PathBuf,
    watched: BTreeMap<PathBuf, WatchDescriptor>,
}

impl Engine {
    /// Begins to watch containers, images and volumes.
    pub fn watch(&self) -> Result<Watcher> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).map_err(|source| Error::file("inotify", source))?;
        let containers = self.paths().containers();
        let images = self.paths().root().join("images");
        let volumes = self.paths().volumes();
        for directory in [&containers, &images, &volumes] {
            files::create_private_directory(directory)?;
        }
        let mut watcher = Watcher { inotify, containers: containers.clone(), watched: BTreeMap::new() };
        watcher.add(&containers)?;
        watcher.add(&images)?;
        watcher.add(&volumes)?;
        watcher.follow_containers()?;
        Ok(watcher)
    }
}

impl Watcher {
    /// Blocks until something may have changed.
    pub fn wait(&mut self) -> Result<()> {
        loop {
            let events = self.inotify.read_events().map_err(|source| Error::file(&self.containers, source))?;
            let matters = events.iter().any(|event| match &event.name {
                Some(name) => RECORDS.iter().any(|record| name == record) || !name.to_string_lossy().contains(".new"),
                None => true,
            });
            if matters {
                break;
            }
        }
        std::thread::sleep(GATHER);
        self.follow_containers()
    }

    /// Watches the directories of new containers, and forgets those that are gone.
    fn follow_containers(&mut self) -> Result<()> {
        let entries = std::fs::read_dir(&self.containers).map_err(|source| Error::file(&self.containers, source))?;
        let present: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        for path in &present {
            match self.add(path) {
                // Gone again already.
                Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
        let containers = self.containers.clone();
        self.watched.retain(|path, _| path.parent() != Some(&containers) || present.contains(path));
        Ok(())
    }

    fn add(&mut self, directory: &Path) -> Result<()> {
        if self.watched.contains_key(directory) {
            return Ok(());
        }
        let changes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_ONLYDIR;
        let descriptor = self.inotify.add_watch(directory, changes).map_err(|source| Error::file(directory, source))?;
        self.watched.insert(directory.to_owned(), descriptor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;
    use std::sync::mpsc;

    #[test]
    fn a_new_record_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::new(Paths::with_root(directory.path().to_owned()));
        let mut watcher = engine.watch().unwrap();
        let container = engine.paths().container("ab");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            loop {
                watcher.wait().unwrap();
                if sender.send(()).is_err() {
                    break;
                }
            }
        });
        let noticed = || receiver.recv_timeout(Duration::from_secs(5)).is_ok();
        std::fs::create_dir(&container).unwrap();
        assert!(noticed());
        files::write_json(&container.join("state.json"), &1, files::Durability::Volatile).unwrap();
        assert!(noticed());
    }
}
