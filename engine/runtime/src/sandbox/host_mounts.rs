//! Mounts that only the host's root can make: those of a container in a user namespace, whose init is nobody on the host,
//! and those whose ids are mapped. They are made before the init is, which inherits them as open files.

use super::RootSource;
use super::clone::{Cloned, clone, end};
use super::devices::make_on_host;
use super::error::{Context, Error, Result};
use super::mounts::{is_bind, is_mapped, options_of, source_of};
use super::namespaces::{Visit, id_mappings, map_ids, unshare};
use super::rootfs::overlay;
use crate::mount::{Depth, Mount, Options, set_propagation};
use crate::process;
use oci_spec::runtime::{LinuxIdMapping, Mount as SpecMount, Spec};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What is ready to be placed. Without a user namespace and mapped ids nothing is: the init makes it all.
#[derive(Debug, Default)]
pub(super) struct HostMounts {
    /// The root, if it is an overlay.
    pub root: Option<Mount>,
    /// Sources of bind mounts, by their place in the spec's list.
    binds: Vec<Option<Mount>>,
    /// Device nodes that the host has not, with their paths in the container.
    nodes: Vec<(PathBuf, Mount)>,
    /// Whether attributes of the host's mounts are to stay, which is the rule of user namespaces.
    pub locks: bool,
}

impl HostMounts {
    /// Makes what the spec asks for: for a container in a user namespace everything, mapped into the one that it joins, or
    /// one like that which is made for it; for another the bind mounts with mapped ids.
    pub(super) fn prepare(root: &RootSource, spec: &Spec, users: Users) -> Result<Self> {
        let root = match (root, users) {
            (RootSource::Directory(_), _) | (_, Users::Hosts | Users::Callers) => None,
            (RootSource::Overlay { lower, upper, work }, Users::Joined(users)) => {
                Some(mapped_overlay(users, lower, upper, work)?)
            }
            (RootSource::Overlay { lower, upper, work }, Users::New) => {
                Some(mapped_overlay(&namespace_of_spec(spec)?, lower, upper, work)?)
            }
        };
        let binds = spec.mounts().iter().flatten().map(|mount| bind_source(mount, spec, users));
        let nodes = if matches!(users, Users::New) { make_on_host(spec)? } else { Vec::new() };
        Ok(Self { root, binds: binds.collect::<Result<_>>()?, nodes, locks: !matches!(users, Users::Hosts) })
    }

    /// The source of the bind mount at this place of the spec's list.
    pub(super) fn bind(&self, place: usize) -> Option<&Mount> {
        self.binds.get(place).and_then(Option::as_ref)
    }

    /// The node of the device with this path.
    pub(super) fn node(&self, path: &Path) -> Option<&Mount> {
        self.nodes.iter().find(|(own, _)| own == path).map(|(_, node)| node)
    }
}

/// The user namespace of a container.
#[derive(Clone, Copy, Debug)]
pub(super) enum Users<'a> {
    /// The host's.
    Hosts,
    /// One that exists.
    Joined(&'a File),
    /// One that will be made with the spec's mappings.
    New,
    /// Any that a caller has who is not root: only its own init may mount anything.
    Callers,
}

fn bind_source(mount: &SpecMount, spec: &Spec, users: Users) -> Result<Option<Mount>> {
    let options = options_of(mount)?;
    let (true, Some(source)) = (is_bind(mount, &options), mount.source()) else { return Ok(None) };
    let is_mapped = is_mapped(mount, &options);
    if matches!(users, Users::Hosts | Users::Callers) && !is_mapped {
        return Ok(None);
    }
    if options.links.copies && source.is_symlink() {
        return Ok(None);
    }
    let opened = source_of(source, &options).during(|| format!("open source {}", source.display()))?;
    if is_mapped {
        map_owners(&opened, mount, &options, spec, users)?;
    }
    Ok(Some(opened))
}

/// By its own mappings, or by the container's if it has none.
fn map_owners(opened: &Mount, mount: &SpecMount, options: &Options, spec: &Spec, users: Users) -> Result<()> {
    let made;
    let namespace = match (mount.uid_mappings(), mount.gid_mappings(), users) {
        (None, None, Users::Joined(users)) => users,
        (None, None, Users::New) => {
            made = namespace_of_spec(spec)?;
            &made
        }
        (Some(uids), Some(gids), _) => {
            made = user_namespace([uids, gids])?;
            &made
        }
        _ => {
            let destination = mount.destination().display();
            let message = "mapped ids need uidMappings and gidMappings, of the mount or of the container";
            return Err(Error::Spec(format!("invalid mount {destination}: {message}")));
        }
    };
    opened.map_ids(namespace.as_fd(), options.mapped.unwrap_or(Depth::One)).during(|| {
        format!("map the owners of {} (its file system must allow ID-mapped mounts)", mount.destination().display())
    })
}

fn namespace_of_spec(spec: &Spec) -> Result<File> {
    user_namespace(id_mappings(spec))
}

/// A user namespace with these mappings of users and of groups, by way of a process that lives as long as it takes to open it.
pub(super) fn user_namespace(mappings: [&[LinuxIdMapping]; 2]) -> Result<File> {
    let Cloned { pid, pidfd, channel } = clone(libc::CLONE_NEWUSER, None, |channel| {
        // Nothing is ever sent: it waits for the other end to be closed. Its parent may have threads, whose locks are for ever
        // held here: it takes none.
        let _ = channel.wait_mapped();
        end(0)
    })?;
    let users = map_ids(mappings, pid).and_then(|()| {
        let path = format!("/proc/{pid}/ns/user");
        File::open(&path).during(|| format!("open {path}"))
    });
    // It ends when its channel does.
    drop(channel);
    process::reap(pidfd.as_fd()).during(|| "wait for the process of a user namespace".into())?;
    users
}

/// An overlay whose layers' owners are mapped into the user namespace (mount_setattr(2), "ID-mapped mounts"). What the
/// container writes is owned by the ids that it has on the host.
pub(super) fn mapped_overlay(users: &File, lower: &[PathBuf], upper: &Path, work: &Path) -> Result<Mount> {
    // The kernel takes layers from this mount namespace only: one for the purpose, where nothing reaches the host.
    let mut visit = Visit::default();
    visit.enter(libc::CLONE_NEWNS, unshare).during(|| "make a mount namespace".into())?;
    set_propagation(c"/", libc::MS_PRIVATE, Depth::Recursive).during(|| "separate mounts from the host's".into())?;
    for layer in lower {
        let map = || -> std::io::Result<()> {
            let mapped = Mount::of_path(layer, Depth::One)?;
            mapped.map_ids(users.as_fd(), Depth::One)?;
            mapped.attach(openat(CWD, layer, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
        };
        map().during(|| {
            format!("map the owners of layer {} (Linux 5.19 and a file system with ID-mapped mounts)", layer.display())
        })?;
    }
    overlay(lower, upper, work).during(|| format!("make an overlay of {} mapped layers", lower.len()))
}
