//! The container's root: assembled in its mount namespace, entered by pivot_root(2).

use super::RootSource;
use super::error::{Context, Error, Result};
use crate::mount::{Depth, Mount, Root, set_propagation};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chroot, fchdir, pivot_root};
use oci_spec::runtime::Spec;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{FsOpenFlags, fsconfig_create, fsconfig_set_string, fsopen};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The new root, mounted but not yet `/`.
#[derive(Debug)]
pub(super) struct RootFs {
    /// For resolving paths in it.
    pub root: Root,
    propagation: Option<crate::mount::Propagation>,
}

/// How a root becomes `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entering {
    /// By pivot_root(2), which lets go of the host's.
    Pivot,
    /// By covering the host's with it, where that cannot be let go of, as on a ramfs.
    Cover,
    /// By chroot(2), in the mount namespace of the host.
    Chroot,
}

impl RootFs {
    /// Cuts the namespace off from the host's and mounts the root in it, over the directory that it comes from.
    ///
    /// A root that is made already is mounted over /proc: in a user namespace that is where its init may go, and what has
    /// to be done in the host's has been done.
    ///
    /// Without a namespace of its `own` the mounts are the host's: how they pass on is left alone.
    pub(super) fn mount(source: &RootSource, made: Option<Mount>, spec: &Spec, own: bool) -> Result<Self> {
        let propagation = propagation(spec)?.filter(|_| own);
        let shared = propagation.is_some_and(|propagation| propagation.flag == libc::MS_SHARED);
        // Mounts of the host go on appearing here unless the spec says otherwise, but none of ours appear there.
        let outer = propagation.map_or(libc::MS_SLAVE, |propagation| match propagation.flag {
            // The root has yet to be bound.
            libc::MS_UNBINDABLE => libc::MS_PRIVATE,
            flag => flag,
        });
        if own && !shared {
            set_propagation(c"/", outer, Depth::Recursive).during(|| "separate mounts from the host's".into())?;
        }
        let directory = match (source, &made) {
            (RootSource::Overlay { .. }, Some(_)) => Path::new("/proc"),
            (RootSource::Directory(directory), _) => directory,
            (RootSource::Overlay { upper, .. }, None) => upper,
        };
        if shared {
            make_parent_private(directory)?;
        }
        let root = match (source, made) {
            (RootSource::Overlay { .. }, Some(made)) => {
                place(made, directory).during(|| "mount the root".to_owned())?
            }
            (RootSource::Directory(directory), _) => mount_directory(directory)?,
            (RootSource::Overlay { lower, upper, work }, None) => mount_overlay(lower, upper, work)?,
        };
        Ok(Self { root: Root::new(root), propagation })
    }

    /// Makes it read-only, but not what is mounted in it.
    pub(super) fn make_read_only(&self) -> Result<()> {
        let root = self.root.as_fd().try_clone_to_owned().during(|| "duplicate the root".into())?;
        Mount::attached(root).make_read_only(Depth::One).during(|| "make the root read-only".into())
    }

    /// Makes it `/`.
    pub(super) fn enter(self, how: Entering) -> Result<()> {
        fchdir(&self.root).during(|| "change to the new root".into())?;
        match how {
            Entering::Pivot => pivot()?,
            Entering::Cover => self.cover()?,
            Entering::Chroot => chroot(".").during(|| "change to the new root".into())?,
        }
        chdir("/").during(|| "change to /".into())?;
        if let Some(propagation) = self.propagation {
            set_propagation(c"/", propagation.flag, propagation.depth)
                .during(|| "set the root's propagation".into())?;
        }
        Ok(())
    }

    /// Mounts it over the host's root. What is mounted there stays, out of reach but for /proc and /sys, which a process
    /// with CAP_SYS_ADMIN could otherwise mount again as it likes: those are unmounted.
    fn cover(&self) -> Result<()> {
        set_propagation(c"/", libc::MS_SLAVE, Depth::Recursive).during(|| "separate the old root".into())?;
        for path in ["/proc", "/sys"] {
            // Not every host has them mounted.
            let _ = umount2(path, MntFlags::MNT_DETACH);
        }
        mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>).during(|| "move the new root".into())?;
        chroot(".").during(|| "change to the new root".into())
    }
}

/// pivot_root(2) to the working directory.
fn pivot() -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let old = rustix::fs::openat(CWD, "/", flags, Mode::empty()).during(|| "open the old root".into())?;
    // Both names stand for the new root; the old one ends up on top of it (pivot_root(2), "pivot_root(".", ".")").
    pivot_root(".", ".").during(|| "pivot to the new root".into())?;
    // What is unmounted here must not be unmounted on the host too. The mounts of the new root keep their propagation.
    fchdir(&old).during(|| "change to the old root".into())?;
    set_propagation(c".", libc::MS_SLAVE, Depth::Recursive).during(|| "separate the old root".into())?;
    umount2(".", MntFlags::MNT_DETACH).during(|| "unmount the old root".into())
}

fn propagation(spec: &Spec) -> Result<Option<crate::mount::Propagation>> {
    let Some(text) = spec.linux().as_ref().and_then(|linux| linux.rootfs_propagation().as_deref()) else {
        return Ok(None);
    };
    match text {
        "" => Ok(None),
        text => crate::mount::propagation(text)
            .map(Some)
            .ok_or_else(|| Error::Spec(format!("linux.rootfsPropagation: {text:?} is unknown"))),
    }
}

/// pivot_root refuses a new root whose parent mount is shared. The parent is the nearest mount above.
fn make_parent_private(directory: &Path) -> Result<()> {
    for ancestor in directory.ancestors() {
        match mount(None::<&str>, ancestor, None::<&str>, MsFlags::MS_PRIVATE, None::<&str>) {
            Ok(()) => return Ok(()),
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno).during(|| format!("make {} private", ancestor.display())),
        }
    }
    Ok(())
}

pub(super) fn mount_directory(directory: &Path) -> Result<OwnedFd> {
    let mount = Mount::of_path(directory, Depth::Recursive).during(|| format!("open root {}", directory.display()))?;
    place(mount, directory).during(|| format!("mount root {}", directory.display()))
}

/// Mounts over `directory`; the new root, opened so that it can be changed to.
pub(super) fn place(mount: Mount, directory: &Path) -> io::Result<OwnedFd> {
    let target = rustix::fs::openat(CWD, directory, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    mount.attach(target)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(&mount, c".", flags, Mode::empty())?)
}

/// Mounts an overlay over its own `upper` directory, in the mount namespace of the calling thread; its root.
pub fn mount_overlay(lower: &[PathBuf], upper: &Path, work: &Path) -> Result<OwnedFd> {
    let result = match overlay(lower, upper, work) {
        // Before Linux 6.5 layers cannot be given one by one.
        Err(rustix::io::Errno::INVAL) => return mount_overlay_by_data(lower, upper, work),
        result => result,
    };
    result
        .map_err(io::Error::from)
        .and_then(|mount| place(mount, upper))
        .during(|| format!("mount an overlay of {} layers on {}", lower.len(), upper.display()))
}

/// An overlay that is not mounted anywhere yet.
pub(super) fn overlay(lower: &[PathBuf], upper: &Path, work: &Path) -> rustix::io::Result<Mount> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "overlay")?;
    for layer in lower {
        fsconfig_set_string(&context, "lowerdir+", layer.as_path())?;
    }
    fsconfig_set_string(&context, "upperdir", escaped(upper))?;
    fsconfig_set_string(&context, "workdir", escaped(work))?;
    fsconfig_create(&context)?;
    Mount::of_context(context.as_fd(), 0)
}

/// Of these two, unlike of `lowerdir+`, the kernel takes a backslash as escaping the next byte (fs/overlayfs/params.c).
fn escaped(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes().iter();
    let escape = |&byte: &u8| [(byte == b'\\').then_some(b'\\'), Some(byte)].into_iter().flatten();
    OsString::from_vec(bytes.flat_map(escape).collect())
}

/// By mount(2), whose options fit one page: layers are named by descriptors, which are short.
fn mount_overlay_by_data(lower: &[PathBuf], upper: &Path, work: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |path: &Path| {
        rustix::fs::openat(CWD, path, flags, Mode::empty()).during(|| format!("open layer {}", path.display()))
    };
    let layers = lower.iter().map(|layer| open(layer)).collect::<Result<Vec<_>>>()?;
    let (upper_fd, work_fd) = (open(upper)?, open(work)?);
    let name = |file: &OwnedFd| format!("/proc/self/fd/{}", file.as_raw_fd());
    let lower = layers.iter().map(name).collect::<Vec<_>>().join(":");
    let data = format!("lowerdir={lower},upperdir={},workdir={}", name(&upper_fd), name(&work_fd));
    mount(Some("overlay"), upper, Some("overlay"), MsFlags::empty(), Some(data.as_str()))
        .during(|| format!("mount an overlay of {} layers on {}", layers.len(), upper.display()))?;
    open(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_are_doubled_and_nothing_else() {
        assert_eq!(escaped(Path::new("/a,b:c d/upper")), "/a,b:c d/upper");
        assert_eq!(escaped(Path::new(r"/a\b\\")), r"/a\\b\\\\");
    }
}
