//! Mounts by file descriptor: made detached, placed on a target that was resolved inside the root (mount_setattr(2),
//! move_mount(2), openat2(2)).

mod options;
mod root;

pub(crate) use options::propagation;
pub use options::{BENEATH, Bind, Options, Propagation, UnknownOption, option_names};
pub use root::{Root, open_beneath};

use nix::errno::Errno;
use rustix::fs::{CWD, StatVfsMountFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A mount that is not in any mount namespace yet, or the root of one that is.
#[derive(Debug)]
pub struct Mount(OwnedFd);

/// Whether mounts below the given one are meant too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// This mount alone.
    One,
    /// This mount and all below it.
    Recursive,
}

impl Mount {
    /// A new file system. `data` has its own options, `key` or `key=value`; `attributes` are `MOUNT_ATTR_*`.
    pub fn new<'a>(
        kind: &str,
        source: &str,
        data: impl IntoIterator<Item = &'a str>,
        attributes: u64,
    ) -> io::Result<Self> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", source)?;
        for option in data {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(&context, key, value),
                None => fsconfig_set_flag(&context, option),
            }
            .map_err(|errno| option_error(option, errno))?;
        }
        fsconfig_create(&context)?;
        Ok(Self::of_context(context.as_fd(), attributes)?)
    }

    /// The mount of a file system context that has been created.
    pub(crate) fn of_context(context: BorrowedFd, attributes: u64) -> rustix::io::Result<Self> {
        let attributes = MountAttrFlags::from_bits_retain(attributes as u32);
        fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map(Self)
    }

    /// A copy of what is mounted at a path, to be mounted elsewhere too (a bind mount).
    pub fn of_path(path: &Path, depth: Depth) -> io::Result<Self> {
        Ok(Self(open_tree(CWD, path, clone_flags(depth))?))
    }

    /// A copy of what an open file refers to.
    pub fn of_fd(file: impl AsFd, depth: Depth) -> io::Result<Self> {
        let flags = clone_flags(depth) | OpenTreeFlags::AT_EMPTY_PATH;
        Ok(Self(open_tree(file, c"", flags)?))
    }

    /// The root of a mount that is in place already.
    pub fn attached(root: OwnedFd) -> Self {
        Self(root)
    }

    /// Puts it onto a target.
    pub fn attach(&self, target: impl AsFd) -> io::Result<()> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        Ok(move_mount(&self.0, c"", target, c"", flags)?)
    }

    /// Changes attributes: first `clear`, then `set`, both `MOUNT_ATTR_*`; `propagation` is `MS_SHARED` or one of its
    /// siblings, or 0.
    pub fn change(&self, set: u64, clear: u64, propagation: u64, depth: Depth) -> io::Result<()> {
        if set == 0 && clear == 0 && propagation == 0 {
            return Ok(());
        }
        let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation, userns_fd: 0 };
        change(self.0.as_fd(), c"", attributes, depth)
    }

    /// Shows the files in it, which is not mounted anywhere yet, as owned by the ids that a user namespace maps their
    /// owners to.
    pub fn map_ids(&self, users: BorrowedFd, depth: Depth) -> io::Result<()> {
        let userns_fd = users.as_raw_fd() as u64;
        let attributes = libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd };
        change(self.0.as_fd(), c"", attributes, depth)
    }

    /// Makes it read-only.
    pub fn make_read_only(&self, depth: Depth) -> io::Result<()> {
        self.change(libc::MOUNT_ATTR_RDONLY, 0, 0, depth)
    }

    /// Gives a bind mount the attributes of its options, and those of the mounts below it. It is of a user namespace where
    /// attributes are `locked`.
    pub fn apply_bind(&self, options: &Options, locked: bool) -> io::Result<()> {
        let (set, clear) = options.of_bind(self.attributes()?, locked).ok_or(Errno::EPERM)?;
        self.change(set, clear, 0, Depth::One)?;
        self.apply(&Options { set: 0, clear: 0, ..options.clone() })
    }

    /// Its `MOUNT_ATTR_*` (statvfs(3)).
    fn attributes(&self) -> io::Result<u64> {
        let flags = rustix::fs::fstatvfs(&self.0)?.f_flag;
        let has = |flag, attribute| if flags.contains(flag) { attribute } else { 0 };
        let atime = match flags {
            flags if flags.contains(StatVfsMountFlags::NOATIME) => libc::MOUNT_ATTR_NOATIME,
            flags if flags.contains(StatVfsMountFlags::RELATIME) => libc::MOUNT_ATTR_RELATIME,
            _ => libc::MOUNT_ATTR_STRICTATIME,
        };
        Ok(atime
            | has(StatVfsMountFlags::RDONLY, libc::MOUNT_ATTR_RDONLY)
            | has(StatVfsMountFlags::NOSUID, libc::MOUNT_ATTR_NOSUID)
            | has(StatVfsMountFlags::NODEV, libc::MOUNT_ATTR_NODEV)
            | has(StatVfsMountFlags::NOEXEC, libc::MOUNT_ATTR_NOEXEC)
            | has(StatVfsMountFlags::NODIRATIME, libc::MOUNT_ATTR_NODIRATIME))
    }

    /// Applies options that are not a file system's own.
    pub fn apply(&self, options: &Options) -> io::Result<()> {
        self.change(options.set, options.clear, 0, Depth::One)?;
        self.change(options.set_recursive, options.clear_recursive, 0, Depth::Recursive)?;
        options.propagation.iter().try_for_each(|propagation| self.change(0, 0, propagation.flag, propagation.depth))
    }
}

impl AsFd for Mount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sets the propagation of the mount at a path, and of all below it.
pub fn set_propagation(path: &std::ffi::CStr, propagation: u64, depth: Depth) -> io::Result<()> {
    change(CWD, path, libc::mount_attr { attr_set: 0, attr_clr: 0, propagation, userns_fd: 0 }, depth)
}

fn change(directory: BorrowedFd, path: &std::ffi::CStr, attributes: libc::mount_attr, depth: Depth) -> io::Result<()> {
    let recursive = match depth {
        Depth::One => 0,
        Depth::Recursive => libc::AT_RECURSIVE,
    };
    // SAFETY: the kernel reads the path up to its NUL and as many bytes of the attributes as it is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result)?;
    Ok(())
}

fn clone_flags(depth: Depth) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match depth {
        Depth::One => flags,
        Depth::Recursive => flags | OpenTreeFlags::AT_RECURSIVE,
    }
}

fn option_error(option: &str, errno: rustix::io::Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("option {option:?}: {error}"))
}
