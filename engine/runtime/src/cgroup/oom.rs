//! Noticing that the kernel kills for want of memory.

use super::{Cgroup, Error, Layout, Result, open, write};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Tells by poll(2) when the kernel has found too little memory in a cgroup.
#[derive(Debug)]
pub enum OomWatch {
    /// v1: an event file that the controller signals (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control").
    Signal(EventFd),
    /// v2: `memory.events`, which counts also what is no such event (cgroup-v2.rst, "Memory Interface Files").
    Events(File),
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
                let path = directory.join("memory.events");
                if !path.exists() {
                    return Ok(None);
                }
                OomWatch::Events(File::open(&path).map_err(Error::at("open", path))?)
            }
        };
        watch.clear().map_err(Error::at("watch", directory))?;
        Ok(Some(watch))
    }
}

impl OomWatch {
    /// What to poll for.
    pub fn interest(&self) -> PollFlags {
        match self {
            Self::Signal(_) => PollFlags::POLLIN,
            Self::Events(_) => PollFlags::POLLPRI,
        }
    }

    /// Takes note of what has happened, so that only what happens from now on is told.
    pub fn clear(&self) -> io::Result<()> {
        match self {
            Self::Signal(signal) => match signal.read() {
                Ok(_) | Err(Errno::EAGAIN) => Ok(()),
                Err(errno) => Err(errno.into()),
            },
            Self::Events(events) => {
                let mut events: &File = events;
                events.rewind()?;
                events.read_to_end(&mut Vec::new()).map(drop)
            }
        }
    }
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Signal(signal) => signal.as_fd(),
            Self::Events(events) => events.as_fd(),
        }
    }
}
