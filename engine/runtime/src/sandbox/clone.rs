//! clone3(2) for a single-threaded process, and the child's first moments. In a process with more threads the child's body may
//! neither allocate nor return.

use super::channel;
use super::error::{Context, Error, Result};
use crate::process;
use nix::errno::Errno;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Of clone3(2); the libc crate's constant is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A new process.
#[derive(Debug)]
pub(super) struct Cloned {
    pub pid: i32,
    pub pidfd: OwnedFd,
    pub channel: channel::Parent,
}

/// Makes a child with these `CLONE_NEW*` namespaces, born into a v2 cgroup if one is given, and runs `body` in it. The
/// body ends in execve or in an error, which is sent to the parent.
pub(super) fn clone(
    namespaces: libc::c_int,
    cgroup: Option<BorrowedFd>,
    body: impl FnOnce(&mut channel::Child) -> Result<Infallible>,
) -> Result<Cloned> {
    let (parent, child) = channel::pair()?;
    match clone3(namespaces, libc::SIGCHLD, cgroup).during(|| "make a process in new namespaces".into())? {
        None => {
            drop(parent);
            // Nobody else is in a user namespace that is new, and its maker, who may be no more than a user, has yet to write
            // its mappings to files that are this process's only as long as it is not hidden.
            if namespaces & libc::CLONE_NEWUSER == 0 {
                hide();
            }
            run(child, body)
        }
        Some((pid, pidfd)) => Ok(Cloned { pid, pidfd, channel: parent }),
    }
}

/// The same, in namespaces that exist and that only a process without a way back may `join`: one is made that does, and whose
/// child is ours.
pub(super) fn clone_into(
    join: impl Fn() -> Result<()>,
    namespaces: libc::c_int,
    cgroup: Option<BorrowedFd>,
    body: impl FnOnce(&mut channel::Child) -> Result<Infallible>,
) -> Result<Cloned> {
    let (parent, child) = channel::pair()?;
    let (hearing, telling) = channel::pair()?;
    let helper = match clone3(0, libc::SIGCHLD, None).during(|| "make a process".into())? {
        None => {
            hide();
            let made = join().and_then(|()| {
                clone3(namespaces | libc::CLONE_PARENT, 0, cgroup)
                    .during(|| "make a process in a user namespace".into())
            });
            match made {
                Ok(None) => {
                    // The parent must not wait for its end if the helper does not tell of it.
                    drop((parent, hearing, telling));
                    run(child, body)
                }
                // If it cannot be sent, the parent finds nothing to receive.
                Ok(Some((_, process))) => drop(telling.born(&process)),
                Err(error) => child.failed(&error),
            }
            end(0)
        }
        Some((_, helper)) => helper,
    };
    drop((child, telling));
    process::reap(helper.as_fd()).during(|| "wait for a process".into())?;
    let Some(pidfd) = hearing.wait_born()? else {
        return Err(parent.wait_ready(|| Ok(())).err().unwrap_or(Error::Vanished));
    };
    let pid = number_of(&pidfd).during(|| "look at a new process".into())?;
    Ok(Cloned { pid, pidfd, channel: parent })
}

/// The number of a process in our own PID namespace: the helper may be in another, where its child has another.
fn number_of(pidfd: &OwnedFd) -> io::Result<i32> {
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    let number = about.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    number.filter(|number| *number > 0).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// clone3(2): the child's number and pidfd; in the child itself nothing.
fn clone3(
    flags: libc::c_int,
    exit_signal: libc::c_int,
    cgroup: Option<BorrowedFd>,
) -> nix::Result<Option<(i32, OwnedFd)>> {
    let mut pidfd: libc::c_int = -1;
    let mut arguments = libc::clone_args {
        flags: flags as u64 | libc::CLONE_PIDFD as u64,
        pidfd: &raw mut pidfd as u64,
        exit_signal: exit_signal as u64,
        // SAFETY: all fields are integers, for which zero means "unused".
        ..unsafe { std::mem::zeroed() }
    };
    if let Some(cgroup) = cgroup {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: the arguments live until the call returns. Without CLONE_VM the child has its own copy of this memory,
    // and since this process has one thread, or the child's body takes no lock, it waits for none that is held by a thread
    // that the child lacks.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) };
    let pid = Errno::result(result)? as i32;
    // SAFETY: in the parent, the kernel has stored a new descriptor here, and nobody else owns it.
    Ok((pid != 0).then(|| (pid, unsafe { OwnedFd::from_raw_fd(pidfd) })))
}

/// Runs the body of a child, which never returns into its copy of the parent's stack.
fn run(mut channel: channel::Child, body: impl FnOnce(&mut channel::Child) -> Result<Infallible>) -> ! {
    let result = catch_unwind(AssertUnwindSafe(|| {
        reset_signals();
        body(&mut channel)
    }));
    let exit_code = match result {
        Ok(Err(error)) => {
            channel.failed(&error);
            error.exit_code()
        }
        Err(_) => {
            channel.failed(&Error::Spec("the container's set-up panicked, which is a fault of this program".into()));
            125
        }
    };
    end(exit_code)
}

pub(super) fn end(exit_code: i32) -> ! {
    // SAFETY: _exit(2) ends the process at once; exit handlers are the parent's affair.
    unsafe { libc::_exit(exit_code) }
}

/// Processes of a container that is joined must not look into this one, which still holds files and memory of the host
/// (CVE-2016-9962). execve makes it an ordinary process again.
pub(super) fn hide() {
    // SAFETY: the option takes one integer.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// Takes [`hide`] back, for a process that holds nothing of the host any more but what is its user's.
pub(super) fn show() {
    // SAFETY: the option takes one integer.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}

/// execve keeps ignored signals and the mask: a container starts without either.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default disposition runs no code of ours. Signals that cannot be set are refused harmlessly.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero set is the empty set, and the old mask is not asked for.
    unsafe {
        let empty: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut());
    }
}
