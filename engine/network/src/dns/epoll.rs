//! Many sockets behind one descriptor (epoll(7)), which is all that the monitor's own loop has to poll for.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many events are served in one turn, so that a flood of questions leaves time for what else the monitor does.
const TURN: usize = 16;

/// By what a socket is told from others.
pub(super) type Token = u64;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// That there is something to read.
    Read,
    /// That there is room to write.
    Write,
    /// Only that it fails.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Epoll(OwnedFd);

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        Ok(Epoll(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Waits for a socket from now on; closing it ends that.
    pub fn add(&self, socket: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.0, socket, EventData::new_u64(token), interest.flags())?)
    }

    /// Waits for something else.
    pub fn change(&self, socket: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.0, socket, EventData::new_u64(token), interest.flags())?)
    }

    /// Whom something has happened to, and whether nothing can be expected of it any more.
    pub fn happened(&self) -> Vec<(Token, bool)> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; TURN];
        let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        // It fails only for a signal, after which it is asked again.
        let count = epoll::wait(&self.0, &mut events, Some(&now)).unwrap_or(0);
        let failed = |flags: EventFlags| flags.intersects(EventFlags::HUP | EventFlags::ERR);
        events[..count].iter().map(|event| (event.data.u64(), failed(event.flags))).collect()
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Read => EventFlags::IN,
            Interest::Write => EventFlags::OUT,
            Interest::Nothing => EventFlags::empty(),
        }
    }
}
