//! This process's standard output and error, written to without holding up anything else.

use crate::log::Stream;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::unistd::write;
use std::io;
use std::os::fd::BorrowedFd;

/// Output on its way out. Whoever adds some sees to it that the screen is clear, so it never grows past one reading.
#[derive(Default)]
pub(super) struct Screen {
    waiting: [Vec<u8>; 2],
}

impl Screen {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Whether all has been written.
    pub(super) fn is_clear(&self) -> bool {
        self.waiting.iter().all(Vec::is_empty)
    }

    /// Adds output and writes it if that can be done at once.
    pub(super) fn print(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.waiting[stream as usize].extend_from_slice(bytes);
        self.flush()
    }

    pub(super) fn interests<'a>(&self, fds: &mut Vec<PollFd<'a>>) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.waiting[stream as usize].is_empty() {
                fds.push(PollFd::new(descriptor(stream), PollFlags::POLLOUT));
            }
        }
    }

    /// Writes what the terminal or pipes take now. They may be in blocking mode, which is not ours to change since
    /// others share it: hence poll(2) first, and pieces that a pipe with room for one takes without blocking.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let waiting = &mut self.waiting[stream as usize];
            let mut written = 0;
            while written < waiting.len() && is_writable(stream) {
                let end = waiting.len().min(written + libc::PIPE_BUF);
                match write(descriptor(stream), &waiting[written..end]) {
                    Ok(count) => written += count,
                    Err(Errno::EAGAIN | Errno::EINTR) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            waiting.drain(..written);
        }
        Ok(())
    }
}

fn is_writable(stream: Stream) -> bool {
    let mut fds = [PollFd::new(descriptor(stream), PollFlags::POLLOUT)];
    matches!(nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO), Ok(1))
}

fn descriptor(stream: Stream) -> BorrowedFd<'static> {
    match stream {
        // SAFETY: standard output and error stay open for the life of a command-line process.
        Stream::Stdout => unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) },
        // SAFETY: as above.
        Stream::Stderr => unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) },
    }
}
