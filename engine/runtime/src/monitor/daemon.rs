//! Becoming a process that belongs to nobody.

use nix::fcntl::{OFlag, open};
use nix::sys::socket::{UnixAddr, getsockname};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, dup3, fork, setsid};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process;

/// Where the control socket stays once standard input is `/dev/null`.
const CONTROL: i32 = 3;

/// Goes on in a child that has its own session, no terminal, no descriptor but the control socket, and whose parent
/// is init, so that a launcher that lives on (a terminal interface) has no zombie of it.
pub(super) fn detach() -> io::Result<UnixStream> {
    getsockname::<UnixAddr>(libc::STDIN_FILENO).map_err(|_| {
        io::Error::other("standard input is no control socket: monitors are started by `porthole start`")
    })?;
    // SAFETY: the process has only this thread.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        // SAFETY: `_exit` runs no destructors, all of which are the child's business.
        unsafe { libc::_exit(0) };
    }
    setsid()?;
    chdir("/")?;
    umask(Mode::from_bits_truncate(0o022));
    let control = take_control()?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    // At most 15 bytes, as ps and top show them; the command line still names the container's directory.
    nix::sys::prctl::set_name(c"porthole-mon")?;
    Ok(control.into())
}

/// Moves the control socket out of the way and closes whatever else the launcher may have leaked.
fn take_control() -> io::Result<OwnedFd> {
    // SAFETY: whatever had this number came from the launcher, nothing in this process knows it.
    let mut place = unsafe { OwnedFd::from_raw_fd(CONTROL) };
    dup3(io::stdin(), &mut place, OFlag::O_CLOEXEC)?;
    // SAFETY: two numbers and no flags; no descriptor above `CONTROL` belongs to anything in this process.
    nix::errno::Errno::result(unsafe { libc::close_range(place.as_raw_fd() as u32 + 1, u32::MAX, 0) })?;
    Ok(place)
}

/// Asks the kernel to spare the monitor when memory runs out. Only the privileged may, and it is no loss otherwise.
/// A container inherits the score, so [`expose`] comes before it is made.
pub(super) fn spare() {
    let _ = fs::write("/proc/self/oom_score_adj", "-999");
}

/// Undoes [`spare`].
pub(super) fn expose() {
    let _ = fs::write("/proc/self/oom_score_adj", "0");
}

/// Starts a program that outlives this one.
pub(super) fn spawn_detached(command: &[String]) -> io::Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    process::Command::new(program).args(arguments).spawn()?;
    Ok(())
}
