//! Reading the log, and waiting for more of it by inotify(7).

use super::Event;
use crate::error::{Error, Result};
use crate::files;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use porthole_runtime::event::{CURRENT, PREVIOUS};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Reads events in the order in which they were written.
pub struct EventReader {
    directory: PathBuf,
    inotify: Inotify,
    /// The file that is written now, or one before it.
    file: Option<BufReader<File>>,
    /// A line of which only the beginning has been read.
    partial: String,
    since: Option<i64>,
    until: Option<i64>,
}

impl EventReader {
    pub(super) fn open(directory: &Path, since: Option<i64>, until: Option<i64>) -> Result<EventReader> {
        files::create_private_directory(directory)?;
        let broken = |error: Errno| Error::file(directory, error);
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(broken)?;
        // Before the first look, so that nothing falls in between.
        let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        inotify.add_watch(directory, changes).map_err(broken)?;
        let mut reader =
            EventReader { directory: directory.to_owned(), inotify, file: None, partial: String::new(), since, until };
        match since {
            Some(_) => reader.file = reader.open_file(PREVIOUS)?,
            None => {
                reader.file = reader.open_file(CURRENT)?;
                if let Some(file) = &mut reader.file {
                    file.seek(SeekFrom::End(0)).map_err(|source| Error::file(directory, source))?;
                }
            }
        }
        Ok(reader)
    }

    /// The next event; waits for it until the time that was given. `None` when none will come.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some(event) = self.read()? {
                if self.until.is_some_and(|until| event.time_nano > until) {
                    return Ok(None);
                }
                if self.since.is_none_or(|since| event.time_nano >= since) {
                    return Ok(Some(event));
                }
            }
            if !self.wait(None)? {
                // What was written while the time ran out still counts.
                let until = self.until;
                return Ok(self.read()?.filter(|event| until.is_none_or(|until| event.time_nano <= until)));
            }
        }
    }

    /// The next event that is there already; `None` when all were read.
    pub fn written_event(&mut self) -> Result<Option<Event>> {
        while let Some(event) = self.read()? {
            if self.since.is_none_or(|since| event.time_nano >= since) {
                return Ok(Some(event).filter(|event| self.until.is_none_or(|until| event.time_nano <= until)));
            }
        }
        Ok(None)
    }

    /// The next whole line, from whichever file has it.
    fn read(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(file) = &mut self.file {
                let broken = |source| Error::file(&self.directory, source);
                while file.read_line(&mut self.partial).map_err(broken)? > 0 && self.partial.ends_with('\n') {
                    // A line that cannot be read was cut by a full disk.
                    if let Ok(event) = serde_json::from_str(&std::mem::take(&mut self.partial)) {
                        return Ok(Some(event));
                    }
                }
            }
            if !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// Opens the file that is written now, if it is another than ours.
    fn go_on(&mut self) -> Result<bool> {
        let Some(current) = self.open_file(CURRENT)? else { return Ok(false) };
        let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        if self.file.as_ref().is_some_and(|file| identity(file.get_ref()) == identity(current.get_ref())) {
            return Ok(false);
        }
        self.partial.clear();
        self.file = Some(current);
        Ok(true)
    }

    fn open_file(&self, name: &str) -> Result<Option<BufReader<File>>> {
        let path = self.directory.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(BufReader::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::file(path, source)),
        }
    }

    /// Waits until there may be more; false when the time is over, or when `cancel` is readable.
    pub fn wait(&mut self, cancel: Option<BorrowedFd<'_>>) -> Result<bool> {
        let broken = |error: Errno| Error::file(&self.directory, error);
        loop {
            let timeout = match self.until {
                None => PollTimeout::NONE,
                Some(until) => {
                    let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
                    if now >= until {
                        return Ok(false);
                    }
                    // Rounded up: waking a moment early would only mean to wait again.
                    PollTimeout::try_from((until - now) / 1_000_000 + 1).unwrap_or(PollTimeout::MAX)
                }
            };
            let awaited = [Some(self.inotify.as_fd()), cancel].into_iter().flatten();
            let mut awaited: Vec<PollFd> = awaited.map(|file| PollFd::new(file, PollFlags::POLLIN)).collect();
            match poll(&mut awaited, timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) if awaited.get(1).is_some_and(|cancel| cancel.any() == Some(true)) => return Ok(false),
                Ok(_) => break,
                Err(error) => return Err(broken(error)),
            }
        }
        match self.inotify.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(true),
            Err(error) => Err(broken(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_runtime::event;
    use std::collections::BTreeMap;
    use std::fs;

    fn write(directory: &Path, action: &str) {
        event::append(directory, &Event::new("container", action, "1", BTreeMap::new()));
    }

    fn action(reader: &mut EventReader) -> String {
        reader.next_event().unwrap().unwrap().action
    }

    #[test]
    fn history_comes_before_what_follows_across_a_rotation() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "create");
        fs::rename(root.path().join(CURRENT), root.path().join(PREVIOUS)).unwrap();
        write(root.path(), "start");
        let mut all = EventReader::open(root.path(), Some(0), None).unwrap();
        let mut new = EventReader::open(root.path(), None, None).unwrap();
        assert_eq!((action(&mut all), action(&mut all)), ("create".to_owned(), "start".to_owned()));
        fs::rename(root.path().join(CURRENT), root.path().join(PREVIOUS)).unwrap();
        let directory = root.path().to_owned();
        std::thread::spawn(move || write(&directory, "die"));
        assert_eq!((action(&mut all), action(&mut new)), ("die".to_owned(), "die".to_owned()));
    }

    #[test]
    fn what_is_there_is_read_without_waiting_and_waiting_can_be_ended() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "create");
        let mut reader = EventReader::open(root.path(), Some(0), None).unwrap();
        assert_eq!(reader.written_event().unwrap().unwrap().action, "create");
        assert_eq!(reader.written_event().unwrap(), None);
        let (end, cancel) = std::io::pipe().unwrap();
        write(root.path(), "start");
        assert!(reader.wait(Some(end.as_fd())).unwrap());
        assert_eq!(reader.written_event().unwrap().unwrap().action, "start");
        drop(cancel);
        assert!(!reader.wait(Some(end.as_fd())).unwrap());
    }

    #[test]
    fn it_ends_when_the_time_is_over() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "create");
        let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
        let mut reader = EventReader::open(root.path(), Some(0), Some(now + 50_000_000)).unwrap();
        assert_eq!(action(&mut reader), "create");
        assert_eq!(reader.next_event().unwrap(), None);
    }
}
