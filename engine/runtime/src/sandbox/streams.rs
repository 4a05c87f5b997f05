//! Standard streams of a child: given files, or a pseudo terminal of the container's own.

use super::Stdio;
use super::error::{Context, Error, Result};
use crate::mount::Root;
use crate::terminal::keep_line_ends;
use nix::errno::Errno;
use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::Uid;
use rustix::fs::{FileType, OFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// `DEVPTS_SUPER_MAGIC` (linux/magic.h).
const DEVPTS: FsType = FsType(0x1cd1);

/// Streams ready to be used.
#[derive(Debug)]
pub(super) enum Streams {
    Files([OwnedFd; 3]),
    Terminal(Terminal),
}

/// Both ends of a pseudo terminal (pty(7)).
#[derive(Debug)]
pub(super) struct Terminal {
    pub master: OwnedFd,
    pub slave: OwnedFd,
}

impl Streams {
    /// Opens what is asked for, a terminal from the devpts below `root`.
    pub(super) fn open(stdio: Stdio, root: &Root) -> Result<Self> {
        match stdio {
            Stdio::Files { stdin, stdout, stderr } => Ok(Self::Files([stdin, stdout, stderr])),
            Stdio::Terminal { columns, rows, carriage_returns } => {
                let terminal = Terminal::open(root, columns, rows)?;
                if !carriage_returns {
                    keep_line_ends(terminal.slave.as_fd()).during(|| "set up the terminal".into())?;
                }
                Ok(Self::Terminal(terminal))
            }
        }
    }

    /// The terminal, if there is one.
    pub(super) fn terminal(&self) -> Option<&Terminal> {
        match self {
            Self::Terminal(terminal) => Some(terminal),
            Self::Files(_) => None,
        }
    }

    /// Makes them descriptors 0 to 2 of a new session, usable by `user`, and marks all others to be closed by execve, but
    /// for so many that the caller has asked to preserve.
    pub(super) fn install(&mut self, user: Uid, preserved: u32) -> Result<()> {
        // An exec'd child may lead a session already when its parent made it do so.
        match nix::unistd::setsid() {
            Ok(_) | Err(Errno::EPERM) => {}
            Err(errno) => return Err(errno).during(|| "start a session".into()),
        }
        match self {
            Self::Files(files) => {
                for file in files.iter_mut().filter(|file| file.as_raw_fd() < 3) {
                    // Out of the way of the descriptors to be made; a clone is never below 3.
                    *file = file.try_clone().during(|| "duplicate a standard stream".into())?;
                }
                for (file, target) in files.iter().zip(0..) {
                    give(file.as_fd(), user);
                    duplicate(file.as_fd(), target)?;
                }
            }
            Self::Terminal(Terminal { slave, .. }) => {
                give(slave.as_fd(), user);
                // SAFETY: the request takes an integer; 0 asks not to steal the terminal from another session.
                Errno::result(unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) })
                    .during(|| "make the terminal the controlling one".into())?;
                for target in 0..3 {
                    duplicate(slave.as_fd(), target)?;
                }
            }
        }
        close_others(preserved)
    }
}

impl Terminal {
    /// Opens a pair. The slave is the peer of the master that we hold, never looked up by a name that a container could
    /// have replaced (ioctl_tty(2), TIOCGPTPEER; CVE-2025-52565).
    fn open(root: &Root, columns: u16, rows: u16) -> Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let master = root
            .open(Path::new("/dev/pts/ptmx"), flags)
            .during(|| "open /dev/pts/ptmx in the container, which a terminal needs".into())?;
        let kind = fstatfs(&master).during(|| "look at /dev/pts/ptmx".into())?.filesystem_type();
        if kind != DEVPTS {
            return Err(Error::Spec("/dev/pts/ptmx in the container is not of a devpts file system".into()));
        }
        let unlocked: libc::c_int = 0;
        // SAFETY: the request reads one integer.
        Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })
            .during(|| "unlock the terminal".into())?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: the request takes open flags and returns a new descriptor.
        let slave = Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) })
            .during(|| "open the terminal's other end".into())?;
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the request reads one structure.
        Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })
            .during(|| "set the terminal's size".into())?;
        Ok(Self {
            master,
            // SAFETY: the kernel has just returned this descriptor, nobody else owns it.
            slave: unsafe { OwnedFd::from_raw_fd(slave) },
        })
    }
}

/// Lets a user other than root open /dev/stdout and its like again. Files of the host, which may be redirected here, are
/// left alone; what the kernel refuses is only that convenience.
fn give(file: BorrowedFd, user: Uid) {
    let Ok(status) = rustix::fs::fstat(file) else { return };
    let kind = FileType::from_raw_mode(status.st_mode);
    let is_terminal = kind == FileType::CharacterDevice && fstatfs(file).is_ok_and(|of| of.filesystem_type() == DEVPTS);
    if status.st_uid != user.as_raw() && (is_terminal || matches!(kind, FileType::Fifo | FileType::Socket)) {
        let _ = nix::unistd::fchown(file, Some(user), None);
    }
}

fn duplicate(file: BorrowedFd, target: i32) -> Result<()> {
    // SAFETY: the call takes two integers; 0 to 2 are this process's standard streams, which nothing here owns.
    let result = unsafe { libc::dup2(file.as_raw_fd(), target) };
    Errno::result(result).during(|| format!("set up descriptor {target}"))?;
    Ok(())
}

/// No descriptor of the host reaches a container, not even one that a parent of ours leaked (CVE-2024-21626).
fn close_others(preserved: u32) -> Result<()> {
    let (first, last) = (preserved.saturating_add(3), libc::c_uint::MAX);
    // SAFETY: the call takes three integers, and with this flag closes nothing before execve.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).during(|| "mark descriptors to be closed".into())?;
    Ok(())
}
