//! Noticing that the kernel kills for want of memory.

use super::{Cgroup, Error, Layout, Result, open, write};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Readable after the kernel has found too little memory in a cgroup.
#[derive(Debug)]
pub enum OomWatch {
    /// v1: an event file that the controller signals (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control").
    Signal(EventFd),
    /// v2: `memory.events` is modified (cgroup-v2.rst, "Memory Interface Files").
    Modification(Inotify),
}

impl Cgroup {
    /// Begins to watch; `None` where nothing limits memory.
    pub fn watch_oom(&self) -> Result<Option<OomWatch>> {
        let Some(directory) = self.directory_of("memory") else { return Ok(None) };
        let watch = match self.layout {
            Layout::V1 { .. } => {
                let signal = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
                    .map_err(|errno| Error::at("watch", &directory)(errno.into()))?;
                let control = open(&directory.join("memory.oom_control"), libc::O_RDONLY)?;
                let line = format!("{} {}", signal.as_raw_fd(), control.as_raw_fd());
                write(&directory, "cgroup.event_control", line)?;
                OomWatch::Signal(signal)
            }
            Layout::V2(_) => {
                let events = directory.join("memory.events");
                if !events.exists() {
                    return Ok(None);
                }
                let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
                    .and_then(|inotify| inotify.add_watch(&events, AddWatchFlags::IN_MODIFY).map(|_| inotify));
                OomWatch::Modification(inotify.map_err(|errno| Error::at("watch", events)(errno.into()))?)
            }
        };
        Ok(Some(watch))
    }
}

impl OomWatch {
    /// Takes what it was readable for.
    pub fn clear(&self) -> io::Result<()> {
        match self {
            Self::Signal(signal) => signal.read().map(drop)?,
            Self::Modification(inotify) => inotify.read_events().map(drop)?,
        }
        Ok(())
    }
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Signal(signal) => signal.as_fd(),
            Self::Modification(inotify) => inotify.as_fd(),
        }
    }
}
