//! Network namespaces: visiting one, and names for them under `/run/netns`.

use rustix::fs::{Mode, OFlags};
use rustix::thread::LinkNameSpaceType;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Opens the calling thread's own network namespace.
pub fn current() -> io::Result<OwnedFd> {
    open(Path::new("/proc/thread-self/ns/net"))
}

/// Opens a network namespace by path: `/proc/PID/ns/net`, `/run/netns/NAME`.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Runs `work` with the calling thread inside another network namespace. Other threads stay where they are (setns(2)).
///
/// # Panics
///
/// If the thread cannot return: it must not go on in the wrong namespace.
pub fn visit<T>(netns: BorrowedFd<'_>, work: impl FnOnce() -> T) -> io::Result<T> {
    /// Returns also when `work` panics.
    struct Return(OwnedFd);
    impl Drop for Return {
        fn drop(&mut self) {
            enter(self.0.as_fd()).expect("return to the thread's own network namespace");
        }
    }
    let home = Return(current()?);
    enter(netns)?;
    let result = work();
    drop(home);
    Ok(result)
}

fn enter(netns: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(
        netns,
        Some(LinkNameSpaceType::Network),
    )?)
}
