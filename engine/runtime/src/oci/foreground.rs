//! Staying with a process until it ends: signals are passed on to it, and what its terminal shows is shown on ours.

use super::Notifier;
use super::error::{Error, Result};
use crate::process;
use crate::signals::Signals;
use crate::streams::{Chunk, Streams};
use crate::terminal::{RawMode, window_size};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{read, write};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A process to stay with, a child of ours.
#[derive(Debug)]
pub struct Foreground {
    /// Its number.
    pub pid: i32,
    /// The process as a file.
    pub pidfd: OwnedFd,
    /// The master of its terminal, if it has one of its own.
    pub terminal: Option<OwnedFd>,
    /// Whether what it leaves behind becomes ours, to be reaped (prctl(2), `PR_SET_CHILD_SUBREAPER`).
    pub adopts: bool,
    /// Hears what it notifies of.
    pub notifier: Option<Notifier>,
}

/// Passed on to the process: all that do not mean this one itself.
const FORWARDED: [Signal; 14] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGIO,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
];
/// Meant for this process.
const OWN: [Signal; 2] = [Signal::SIGCHLD, Signal::SIGWINCH];
const READ: usize = 16 * 1024;
/// How much is read at most after the end: something the process left behind may go on writing.
const LAST_READS: usize = 128;

/// Stays with a process to its end; its exit code, 128 + n for signal n.
pub fn attend(process: Foreground) -> Result<i32> {
    run(process).map_err(|source| Error::at("attend to", "the container's process")(source))
}

fn run(Foreground { pid, pidfd, terminal, adopts, mut notifier }: Foreground) -> io::Result<i32> {
    // Before there is anything to be missed.
    let signals = Signals::catch(&[&FORWARDED[..], &OWN].concat(), &[])?;
    set_child_subreaper(adopts)?;
    let raw = terminal.is_some() && io::stdin().is_terminal();
    let _raw = raw.then(RawMode::enter).transpose()?;
    let mut streams = match terminal {
        Some(master) => Streams::terminal(master, true)?,
        None => Streams::default(),
    };
    pass_size(&streams);
    let mut input = streams.is_terminal();
    while !process::wait_ended(pidfd.as_fd(), Some(Duration::ZERO))? {
        let readable = wait(&signals, pidfd.as_fd(), &streams, notifier.as_ref(), input)?;
        // Whoever started us watches us, and hears once that we are ready.
        if let Some(hearing) = &notifier
            && hearing.pass(None)?
        {
            notifier = None;
        }
        while let Some(signal) = signals.next() {
            match signal {
                libc::SIGCHLD => reap_others(pid),
                libc::SIGWINCH => pass_size(&streams),
                // It fails only for a process that has ended, which is noticed next.
                signal => drop(process::send_signal(pidfd.as_fd(), signal)),
            }
        }
        streams.push_input();
        input &= !readable || feed(&mut streams);
        show(&mut streams)?;
    }
    let code = process::reap(pidfd.as_fd())?;
    for _ in 0..LAST_READS {
        if !show(&mut streams)? {
            break;
        }
    }
    Ok(code)
}

/// Waits for anything to do; whether there is input.
fn wait(
    signals: &Signals,
    pidfd: BorrowedFd,
    streams: &Streams,
    notifier: Option<&Notifier>,
    input: bool,
) -> io::Result<bool> {
    let stdin = io::stdin();
    let takes_input = input && !streams.input_waits();
    let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(pidfd, PollFlags::POLLIN)];
    fds.extend(notifier.map(|notifier| PollFd::new(notifier.as_fd(), PollFlags::POLLIN)));
    fds.extend(streams.outputs.iter().map(|output| PollFd::new(output.fd.as_fd(), PollFlags::POLLIN)));
    let waiting = streams.stdin.as_ref().filter(|_| streams.input_waits());
    fds.extend(waiting.map(|stdin| PollFd::new(stdin.fd.as_fd(), PollFlags::POLLOUT)));
    fds.extend(takes_input.then(|| PollFd::new(stdin.as_fd(), PollFlags::POLLIN)));
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) => Ok(takes_input && fds.last().is_some_and(|stdin| stdin.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Passes input on; whether there may be more.
fn feed(streams: &mut Streams) -> bool {
    let mut buffer = [0; READ];
    match read(io::stdin(), &mut buffer) {
        Ok(0) | Err(Errno::EIO | Errno::EBADF) => false,
        Ok(count) => {
            streams.feed(&buffer[..count]);
            true
        }
        Err(_) => true,
    }
}

/// Shows what there is; whether there was any.
fn show(streams: &mut Streams) -> io::Result<bool> {
    let mut buffer = [0; READ];
    let (mut any, mut result) = (false, Ok(()));
    streams.outputs.retain(|output| match output.read(&mut buffer) {
        Chunk::Bytes(count) => {
            any = true;
            result = print(&buffer[..count]);
            true
        }
        Chunk::Empty => true,
        Chunk::End => false,
    });
    result.map(|()| any)
}

fn print(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(io::stdout(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                poll(&mut [PollFd::new(io::stdout().as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn pass_size(streams: &Streams) {
    if let Some((columns, rows)) = window_size(io::stdin().as_fd()).or_else(|| window_size(io::stdout().as_fd())) {
        // It fails only without a terminal.
        let _ = streams.resize(columns, rows);
    }
}

/// Reaps who has become ours and ended; the process itself is left for its own reaping.
fn reap_others(process: i32) {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) = waitid(Id::All, peek) {
        if pid.as_raw() == process || waitid(Id::Pid(pid), WaitPidFlag::WEXITED).is_err() {
            return;
        }
    }
}
