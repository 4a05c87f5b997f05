//! Waiting for more log without polling.

use crate::state::State;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Why [`Follower::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// There may be more to read.
    More,
    /// The container has ended and all of its log has been read.
    Ended,
    /// The caller's descriptor became ready.
    Cancelled,
}

/// Tells when to look at a log again. Make it before the first read, so that nothing falls in between.
pub struct Follower {
    directory: PathBuf,
    inotify: Inotify,
    monitor: Option<OwnedFd>,
    over: bool,
}

impl Follower {
    /// Follows the container whose directory is given and whose newest log file is at `log`.
    pub fn new(directory: &Path, log: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // All for both: a directory has one watch, and these may be the same directory.
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        inotify.add_watch(log.parent().unwrap_or(directory), events)?;
        inotify.add_watch(directory, events)?;
        let mut follower = Self { directory: directory.to_owned(), inotify, monitor: None, over: false };
        follower.look_at_state()?;
        Ok(follower)
    }

    /// Blocks until there may be more to read, the container has ended, or `cancel` is readable.
    pub fn wait(&mut self, cancel: Option<BorrowedFd>) -> io::Result<Wake> {
        if self.over {
            return Ok(Wake::Ended);
        }
        let mut sources = vec![PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        sources.extend(self.monitor.as_ref().map(|monitor| PollFd::new(monitor.as_fd(), PollFlags::POLLIN)));
        sources.extend(cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
        while let Err(error) = poll(&mut sources, PollTimeout::NONE) {
            if error != Errno::EINTR {
                return Err(error.into());
            }
        }
        let ready: Vec<bool> = sources.iter().map(|source| source.any().unwrap_or(true)).collect();
        if cancel.is_some() && ready.last() == Some(&true) {
            return Ok(Wake::Cancelled);
        }
        let monitor_ended = self.monitor.is_some() && ready[1];
        if self.state_was_written()? || monitor_ended {
            self.look_at_state()?;
        }
        Ok(Wake::More)
    }

    /// Takes all events; whether one of them is a new state.
    fn state_was_written(&self) -> io::Result<bool> {
        let mut written = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => written |= events.iter().any(|event| event.name.as_deref() == Some(State::FILE.as_ref())),
                Err(Errno::EAGAIN) => return Ok(written),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The log is over when no monitor writes it. Its last records are there before the state says so.
    fn look_at_state(&mut self) -> io::Result<()> {
        let monitor = State::load(&self.directory)?.and_then(|state| state.monitor);
        self.monitor = monitor.filter(|monitor| monitor.is_alive()).and_then(|monitor| monitor.open().ok());
        self.over = self.monitor.is_none();
        Ok(())
    }
}
