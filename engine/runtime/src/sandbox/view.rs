//! The root of a container that does not run, as it would see it: assembled in a mount namespace of its own, so that nobody
//! else does.

use super::error::{Context, Error, Result};
use super::host_mounts::{mapped_overlay, user_namespace};
use super::mounts::{bind, is_bind, options_of};
use super::namespaces::{join, unshare};
use super::rootfs::{mount_overlay, place};
use super::{RootSource, rootfs};
use crate::mount::{Depth, Mount, Root, set_propagation};
use oci_spec::runtime::{LinuxIdMapping, Mount as SpecMount};
use std::fs::File;
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

/// A root to look into and to write to. Its mounts go with it.
#[derive(Debug)]
pub struct View {
    /// For resolving paths in it.
    pub root: Root,
    /// Keeps what is mounted in it.
    _namespace: File,
}

impl View {
    /// Assembles a root with the bind mounts among `mounts`; what else a container has mounted is made when it starts. With
    /// `users`, the mappings of users and of groups of a container in a user namespace, all is owned by the ids that are the
    /// container's on the host. The caller sees to it that the container does not run meanwhile.
    pub fn assemble(
        source: &RootSource,
        users: Option<[&[LinuxIdMapping]; 2]>,
        mounts: &[SpecMount],
        read_only: bool,
    ) -> Result<Self> {
        // A namespace is a thread's: this one's is gone with it, but for what is open.
        thread::scope(|scope| {
            let assemble = || Self::assemble_here(source, users, mounts, read_only);
            let thread = thread::Builder::new().name("view".into()).spawn_scoped(scope, assemble);
            thread.during(|| "start a thread".into())?.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// The root of a running container, without what is mounted in it.
    pub fn of_process(init: i32) -> Result<Self> {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("view".into()).spawn_scoped(scope, || Self::visit(init));
            thread.during(|| "start a thread".into())?.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn visit(init: i32) -> Result<Self> {
        // A mount namespace is joined by who shares its root and working directory with nobody.
        unshare(libc::CLONE_FS).during(|| "leave the other threads' root".into())?;
        let path = format!("/proc/{init}/ns/mnt");
        let namespace = File::open(&path).during(|| format!("open {path}"))?;
        join(&namespace, libc::CLONE_NEWNS).during(|| "join the container's mount namespace".into())?;
        let copy = Mount::of_path(Path::new("/"), Depth::One).during(|| "copy the root's mount".into())?;
        let root = copy.as_fd().try_clone_to_owned().during(|| "duplicate the root".into())?;
        Ok(Self { root: Root::new(root), _namespace: namespace })
    }

    fn assemble_here(
        source: &RootSource,
        users: Option<[&[LinuxIdMapping]; 2]>,
        mounts: &[SpecMount],
        read_only: bool,
    ) -> Result<Self> {
        unshare(libc::CLONE_NEWNS).during(|| "make a mount namespace".into())?;
        set_propagation(c"/", libc::MS_PRIVATE, Depth::Recursive)
            .during(|| "separate mounts from the host's".into())?;
        let root = Root::new(match (source, users) {
            (RootSource::Overlay { lower, upper, work }, None) => mount_overlay(lower, upper, work)?,
            (RootSource::Overlay { lower, upper, work }, Some(users)) => {
                let mapped = mapped_overlay(&user_namespace(users)?, lower, upper, work)?;
                place(mapped, upper).during(|| format!("mount an overlay on {}", upper.display()))?
            }
            (RootSource::Directory(directory), _) => rootfs::mount_directory(directory)?,
        });
        for mount in mounts {
            let at = |error: Error| Error::Spec(format!("mount {}: {error}", mount.destination().display()));
            let options = options_of(mount)?;
            if is_bind(mount, &options) {
                bind(&root, mount, &options, None, false).map_err(at)?;
            }
        }
        if read_only {
            let own = root.as_fd().try_clone_to_owned().during(|| "duplicate the root".into())?;
            Mount::attached(own).make_read_only(Depth::One).during(|| "make the root read-only".into())?;
        }
        let namespace = File::open("/proc/thread-self/ns/mnt").during(|| "open a mount namespace".into())?;
        Ok(Self { root, _namespace: namespace })
    }
}
