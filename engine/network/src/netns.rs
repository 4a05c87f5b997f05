//! Network namespaces: visiting one, and names for them under `/run/netns`.

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind_recursive, mount_change};
use rustix::thread::LinkNameSpaceType;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::{fs, io, thread};

/// The calling thread's own network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// Opens the calling thread's own network namespace.
pub fn current() -> io::Result<OwnedFd> {
    open(Path::new(OWN))
}

/// Opens a network namespace by path: `/proc/PID/ns/net`, `/run/netns/NAME`.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
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

/// Moves the calling thread into a network namespace, for good.
pub(crate) fn enter(netns: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))?)
}

/// Makes a new network namespace and binds it to `path`, so that it stays when no process is in it.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
        share(directory)?;
    }
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let make = || {
        // SAFETY: unshare takes no pointers, and moves this thread alone, which ends here.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(rustix::mount::mount_bind(OWN, path)?)
    };
    thread::scope(|scope| scope.spawn(make).join()).expect("no panic in two system calls")
}

/// Makes a directory of namespaces the mount point that ip(8) makes of it. If ip did so later, it would cover the namespaces
/// that are there, and they could not be removed any more.
fn share(directory: &Path) -> io::Result<()> {
    let share = || mount_change(directory, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    let file = fs::File::open(directory)?;
    // Two that find it not shared would cover each other's.
    flock(&file, FlockOperation::LockExclusive)?;
    if share() == Err(Errno::INVAL) {
        mount_bind_recursive(directory, directory)?;
        share()?;
    }
    Ok(())
}

/// Releases a namespace from `path` and removes the file. That there is none is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    while is_one(path) {
        rustix::mount::unmount(path, UnmountFlags::DETACH)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a namespace is bound to `path`.
pub(crate) fn is_one(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_type == libc::NSFS_MAGIC)
}
