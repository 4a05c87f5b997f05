//! Which process is meant, safe against reuse of its number.

use crate::small_file;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A process as a record can name it: its number alone may be reused, number and start time together are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Number in the PID namespace of the host.
    pub pid: i32,
    /// Start time in clock ticks since boot, field 22 of `/proc/PID/stat` (proc(5)).
    pub start_time: u64,
}

impl ProcessId {
    /// The process that has the number `pid` now; `ESRCH` when none has.
    pub fn of(pid: i32) -> io::Result<Self> {
        let stat = read_stat(pid)?;
        Ok(Self { pid, start_time: stat.start_time })
    }

    /// The calling process.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id().cast_signed())
    }

    /// Whether the process runs: neither gone nor a zombie that nobody has waited for.
    pub fn is_alive(&self) -> bool {
        read_stat(self.pid).is_ok_and(|stat| stat.start_time == self.start_time && !stat.ended)
    }

    /// A pidfd of this very process; `ESRCH` when it is gone, even if its number has been reused (pidfd_open(2)).
    pub fn open(&self) -> io::Result<OwnedFd> {
        // SAFETY: the call takes two integers and returns a new descriptor or an error.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        let number = i32::try_from(Errno::result(number)?).map_err(|_| Errno::EOVERFLOW)?;
        // SAFETY: the kernel has just returned this descriptor, nobody else owns it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(number) };
        // The pidfd pins its process, so a start time read after opening it cannot belong to a later one.
        match Self::of(self.pid)? == *self {
            true => Ok(pidfd),
            false => Err(Errno::ESRCH.into()),
        }
    }

    /// Sends a signal; `ESRCH` when the process is gone.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        send_signal(self.open()?.as_fd(), signal)
    }
}

/// Sends `signal` to the process of a pidfd (pidfd_send_signal(2)).
pub fn send_signal(pidfd: BorrowedFd, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed and means what kill(2) would send.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
    Errno::result(result)?;
    Ok(())
}

/// Waits until the process of a pidfd has ended, at most `timeout` long; whether it has.
pub fn wait_ended(pidfd: BorrowedFd, timeout: Option<Duration>) -> io::Result<bool> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let left = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            // Rounded up, or the last millisecond would be spent spinning.
            Some(left) => PollTimeout::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        match poll(&mut [PollFd::new(pidfd, PollFlags::POLLIN)], left) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Ok(false);
            }
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for a child by its pidfd and reaps it; its exit code as shells count: 128 + n for signal n.
pub fn reap(pidfd: BorrowedFd) -> io::Result<i32> {
    loop {
        match waitid(Id::PIDFd(pidfd), WaitPidFlag::WEXITED) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What this module needs of `/proc/PID/stat`.
struct Stat {
    start_time: u64,
    ended: bool,
}

fn read_stat(pid: i32) -> io::Result<Stat> {
    let text = small_file::read(format!("/proc/{pid}/stat")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Errno::ESRCH.into(),
        _ => error,
    })?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is malformed")))
}

fn parse_stat(text: &[u8]) -> Option<Stat> {
    // Field 2 is the command's name in brackets, and it may itself hold spaces and brackets.
    let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
    let mut fields = std::str::from_utf8(text.get(after_name..)?).ok()?.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X" | "x");
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { start_time, ended })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper() -> (Child, ProcessId) {
        let child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let process = ProcessId::of(child.id().cast_signed()).expect("a child that lives has a stat file");
        (child, process)
    }

    #[test]
    fn reads_names_with_brackets_and_spaces() {
        let line = b"12 (a ) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        let stat = parse_stat(line).expect("well-formed");
        assert_eq!((stat.start_time, stat.ended), (4242, false));
        assert!(parse_stat(b"12 (cut").is_none());
    }

    #[test]
    fn knows_itself_alive_and_a_later_process_of_its_number_not() {
        let this = ProcessId::current().expect("we run");
        assert!(this.is_alive() && this.open().is_ok());
        let earlier = ProcessId { start_time: this.start_time - 1, ..this };
        assert!(!earlier.is_alive());
        assert_eq!(earlier.open().expect_err("not that one").raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn a_zombie_is_not_alive_and_its_code_is_128_plus_the_signal() {
        let (_child, process) = sleeper();
        let pidfd = process.open().expect("opens");
        assert!(!wait_ended(pidfd.as_fd(), Some(Duration::from_millis(5))).expect("waits"));
        process.send_signal(libc::SIGKILL).expect("sent");
        assert!(wait_ended(pidfd.as_fd(), None).expect("waits"));
        assert!(!process.is_alive());
        assert_eq!(reap(pidfd.as_fd()).expect("reaped"), 128 + libc::SIGKILL);
        assert_eq!(process.open().expect_err("gone").raw_os_error(), Some(libc::ESRCH));
    }
}
