//! One monitor at a time.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

/// The right to make, run and undo the container, by a flock(2) on its directory. A monitor whose launcher was killed
/// undoes its container by the names of cgroup, socket and record, while the next one may have been started already.
pub(super) struct Turn {
    _directory: Flock<File>,
}

impl Turn {
    /// Waits for the monitor before to finish. `None` when the launcher has left: there is nothing to be done any more.
    pub(super) fn wait(container_dir: &Path, launcher: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("lock {}: {error}", container_dir.display()));
        let mut directory = File::open(container_dir).map_err(named)?;
        loop {
            match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok((!has_left(launcher, Duration::ZERO)?).then_some(Self { _directory: lock })),
                Err((unlocked, Errno::EWOULDBLOCK)) => directory = unlocked,
                Err((_, error)) => return Err(named(error.into())),
            }
            if has_left(launcher, Duration::from_millis(1))? {
                return Ok(None);
            }
        }
    }
}

/// Whether the other end of a socket is closed now or within a time.
fn has_left(peer: BorrowedFd<'_>, within: Duration) -> io::Result<bool> {
    // A hang-up is reported whatever is asked for.
    let mut fds = [PollFd::new(peer, PollFlags::empty())];
    let timeout = PollTimeout::try_from(within).map_err(io::Error::other)?;
    match poll(&mut fds, timeout) {
        Ok(events) => Ok(events > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
