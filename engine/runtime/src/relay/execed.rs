//! The relay's side of a process that this one started in a container.

use super::{Outcome, Peer, READ, Screen};
use crate::process;
use crate::sandbox::Stdio;
use crate::streams::{Chunk, Streams};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How much is read at most after the end: something the process left behind may go on writing.
const LAST_READS: usize = 128;

/// A process with its streams, for [`super::exec`].
pub struct Execed {
    pidfd: OwnedFd,
    streams: Streams,
    /// The exit code, and how many reads of output are left.
    ended: Option<(i32, usize)>,
}

/// Our ends of the pipes of a process that is still to be started.
pub struct Pipes(Streams);

impl Execed {
    /// Pipes for a process without a terminal, and what to pass to [`crate::sandbox::exec`]. Without `stdin` it reads
    /// from `/dev/null`.
    pub fn pipes(stdin: bool) -> io::Result<(Pipes, Stdio)> {
        Streams::pipes(stdin).map(|(streams, theirs)| (Pipes(streams), theirs))
    }

    /// A process on pipes.
    pub fn on_pipes(pidfd: OwnedFd, Pipes(streams): Pipes) -> Self {
        Self { pidfd, streams, ended: None }
    }

    /// A process on a terminal, by that one's master.
    pub fn on_terminal(pidfd: OwnedFd, master: OwnedFd, stdin: bool) -> io::Result<Self> {
        Ok(Self { pidfd, streams: Streams::terminal(master, stdin)?, ended: None })
    }

    /// Reads each output once; whether any had something.
    fn show(&mut self, screen: &mut Screen) -> io::Result<bool> {
        let mut buffer = [0; READ];
        let (mut any, mut result) = (false, Ok(()));
        self.streams.outputs.retain(|output| match output.read(&mut buffer) {
            Chunk::Bytes(count) => {
                any = true;
                if result.is_ok() {
                    result = screen.print(output.stream, &buffer[..count]);
                }
                true
            }
            Chunk::Empty => true,
            Chunk::End => false,
        });
        result.map(|()| any)
    }

    /// Leaves the process running: a child of ours goes on taking its output, so that neither a hang-up nor a full pipe
    /// ends it. The caller has one thread.
    pub(super) fn leave(mut self) -> io::Result<()> {
        // SAFETY: the process has only this thread.
        match unsafe { fork() }? {
            ForkResult::Parent { .. } => Ok(()),
            ForkResult::Child => {
                let left = self.hold();
                // SAFETY: `_exit` runs no destructors, all of which are the parent's business.
                unsafe { libc::_exit(i32::from(left.is_err())) }
            }
        }
    }

    /// Takes output until the process ends.
    fn hold(&mut self) -> io::Result<()> {
        setsid()?;
        chdir("/")?;
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        let mut buffer = [0; READ];
        while !process::wait_ended(self.pidfd.as_fd(), Some(Duration::ZERO))? {
            let mut fds = vec![PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
            fds.extend(self.streams.outputs.iter().map(|output| PollFd::new(output.fd.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.streams.outputs.retain(|output| !matches!(output.read(&mut buffer), Chunk::End));
        }
        Ok(())
    }
}

impl Peer for Execed {
    fn interests<'a>(&'a self, room_for_output: bool, fds: &mut Vec<PollFd<'a>>) {
        if self.ended.is_none() {
            fds.push(PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN));
        }
        let outputs = self.streams.outputs.iter().filter(|_| room_for_output);
        fds.extend(outputs.map(|output| PollFd::new(output.fd.as_fd(), PollFlags::POLLIN)));
        let stdin = self.streams.stdin.as_ref().filter(|_| self.input_waits());
        fds.extend(stdin.map(|stdin| PollFd::new(stdin.fd.as_fd(), PollFlags::POLLOUT)));
    }

    fn work(&mut self, screen: &mut Screen) -> io::Result<Option<Outcome>> {
        self.streams.push_input();
        // The end is looked for before the output, so that what is read after it is all there is.
        if self.ended.is_none() && process::wait_ended(self.pidfd.as_fd(), Some(Duration::ZERO))? {
            self.ended = Some((process::reap(self.pidfd.as_fd())?, LAST_READS));
        }
        while screen.is_clear() {
            let more = self.show(screen)?;
            match &mut self.ended {
                Some((code, left)) if !more || *left == 0 => {
                    return Ok(screen.is_clear().then_some(Outcome::Exited(*code)));
                }
                Some((_, left)) => *left -= 1,
                None if more => {}
                None => break,
            }
        }
        Ok(None)
    }

    fn input_waits(&self) -> bool {
        self.streams.input_waits()
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.streams.feed(bytes);
    }

    fn end_input(&mut self) {
        self.streams.end_input();
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        // It fails only for a terminal whose process is about to end.
        let _ = self.streams.resize(columns, rows);
    }

    fn signal(&mut self, signal: i32) {
        // It fails only for a process that has ended, which is noticed next.
        let _ = process::send_signal(self.pidfd.as_fd(), signal);
    }
}
