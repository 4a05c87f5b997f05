//! The spec's mounts, placed in the new root one after the other.

use super::copy_up;
use super::error::{Context, Error, Result};
use super::host_mounts::HostMounts;
use super::namespaces::{Visit, join};
use crate::cgroup::Cgroup;
use crate::mount::{Bind, Depth, Mount, Options, Root, open_beneath};
use oci_spec::runtime::{LinuxIdMapping, Mount as SpecMount, Spec};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Mounts all of them.
pub(super) fn mount_all(root: &Root, spec: &Spec, cgroup: &Cgroup, made: &HostMounts) -> Result<()> {
    spec.mounts().iter().flatten().enumerate().try_for_each(|(place, mount)| {
        mount_one(root, mount, cgroup, made, place).map_err(|error| match error {
            Error::System { action, source } => Error::Mount {
                what: mount.source().clone().unwrap_or_default(),
                destination: mount.destination().clone(),
                action,
                source,
            },
            error => error,
        })
    })
}

fn mount_one(root: &Root, mount: &SpecMount, cgroup: &Cgroup, made: &HostMounts, place: usize) -> Result<()> {
    let destination = mount.destination().as_path();
    let mut options = options_of(mount)?;
    if makes_dev(mount, &options) {
        // It has yet to be filled.
        options.set &= !libc::MOUNT_ATTR_RDONLY;
    }
    let kind = mount.typ().as_deref().unwrap_or("none");
    match kind {
        _ if is_bind(mount, &options) => bind(root, mount, &options, made.bind(place), made.locks),
        "cgroup" => cgroups(root, destination, &options, cgroup),
        kind => file_system(root, mount, kind, &options),
    }
}

/// Whether it is the file system of /dev.
fn makes_dev(mount: &SpecMount, options: &Options) -> bool {
    mount.destination() == Path::new("/dev") && !is_bind(mount, options)
}

/// Makes /dev read-only, once it is filled, if the spec has it so.
pub(super) fn finish_dev(root: &Root, spec: &Spec) -> Result<()> {
    for mount in spec.mounts().iter().flatten() {
        let options = options_of(mount)?;
        if makes_dev(mount, &options) && options.set & libc::MOUNT_ATTR_RDONLY != 0 {
            let dev = root.directory(mount.destination()).during(|| "open /dev".into())?;
            Mount::attached(dev).make_read_only(Depth::One).during(|| "make /dev read-only".into())?;
        }
    }
    Ok(())
}

/// The options of a mount.
pub(super) fn options_of(mount: &SpecMount) -> Result<Options> {
    Options::parse(mount.options().iter().flatten().map(String::as_str))
        .map_err(|error| Error::Spec(format!("mount {}: {error}", mount.destination().display())))
}

/// Whether it is a bind mount, by its options or by its type.
pub(super) fn is_bind(mount: &SpecMount, options: &Options) -> bool {
    options.bind.is_some() || mount.typ().as_deref() == Some("bind")
}

/// Whether its files are to be shown as owned by other ids.
pub(super) fn is_mapped(mount: &SpecMount, options: &Options) -> bool {
    let lists = |list: &Option<Vec<LinuxIdMapping>>| list.as_ref().is_some_and(|list| !list.is_empty());
    options.mapped.is_some() || lists(mount.uid_mappings()) || lists(mount.gid_mappings())
}

pub(super) fn bind(
    root: &Root,
    mount: &SpecMount,
    options: &Options,
    made: Option<&Mount>,
    locked: bool,
) -> Result<()> {
    let destination = mount.destination().as_path();
    let Some(source) = mount.source() else {
        return Err(Error::Spec(format!("mount {}: a bind mount needs a source", destination.display())));
    };
    if options.links.copies
        && let Ok(to) = fs::read_link(source)
    {
        return root.link(&to, destination).during(|| "make the link".into());
    }
    let opened;
    let copy = match made {
        Some(made) => made,
        None => {
            opened = source_of(source, options).during(|| format!("open source {}", source.display()))?;
            &opened
        }
    };
    copy.apply_bind(options, locked).during(|| "set its options".into())?;
    let target = match options.links.covers_target {
        true => root.file_or_link(destination),
        false => root.target_like(copy, destination),
    };
    let target = target.during(|| "make the target".into())?;
    copy.attach(target).during(|| format!("place {}", source.display()))
}

/// A copy of what is mounted at a path. What is seen through `/proc/PID/root` is mounted in the namespace of that process,
/// and can only be copied there.
pub(super) fn source_of(source: &Path, options: &Options) -> io::Result<Mount> {
    let depth = options.bind.map_or(Depth::One, |Bind(depth)| depth);
    if let Some(directory) = &options.beneath {
        let part = source.strip_prefix(directory).map_err(io::Error::other)?;
        return Mount::of_fd(open_beneath(directory, part)?, depth);
    }
    if options.links.binds_source {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        return Mount::of_fd(openat(CWD, source, flags, Mode::empty())?, depth);
    }
    let Some((process, inside)) = root_of_process(source) else { return Mount::of_path(source, depth) };
    let namespace = File::open(process.join("ns/mnt"))?;
    let mut visit = Visit::default();
    visit.enter(libc::CLONE_NEWNS, |flag| join(&namespace, flag))?;
    Mount::of_path(&inside, depth)
}

/// `/proc/PID` and the path behind `root`.
pub(super) fn root_of_process(source: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut components = source.strip_prefix("/proc").ok()?.components();
    let pid = components.next()?.as_os_str().to_str().filter(|pid| pid.bytes().all(|digit| digit.is_ascii_digit()))?;
    (components.next()?.as_os_str() == "root").then(|| (Path::new("/proc").join(pid), Path::new("/").join(components)))
}

fn file_system(root: &Root, mount: &SpecMount, kind: &str, options: &Options) -> Result<()> {
    let destination = mount.destination().as_path();
    let source = mount.source().as_deref().and_then(Path::to_str).unwrap_or(kind);
    if is_mapped(mount, options) {
        return Err(Error::Spec(format!("invalid mount {}: only bind mounts can be ID-mapped", destination.display())));
    }
    // It has the permissions of the directory that it covers, unless the spec, whose word comes later, has others.
    let covered = root.open(destination, OFlags::PATH | OFlags::DIRECTORY).ok().filter(|_| kind == "tmpfs");
    let mode = covered.as_ref().map(copy_up::mode_of).transpose().during(|| "look at the target".into())?;
    let mode = mode.map(|mode| format!("mode={mode:o}"));
    let data = mode.iter().chain(&options.data).map(String::as_str);
    let new = Mount::new(kind, source, data, if options.copies_up { 0 } else { options.set })
        .during(|| format!("make a {kind} file system"))?;
    let target = match kind {
        // Were they links, all that is later written below them would go elsewhere (CVE-2023-28642, CVE-2019-19921).
        "proc" | "sysfs" => plain_directory(root, destination)?,
        _ => root.directory(destination).during(|| "make the target".into())?,
    };
    if options.copies_up {
        fill(&new, &target).during(|| "copy what it covers".into())?;
        new.change(options.set, 0, 0, Depth::One).during(|| "set its options".into())?;
    }
    new.attach(target).during(|| "place it".into())?;
    let rest = Options { set: 0, clear: 0, ..options.clone() };
    new.apply(&rest).during(|| "set its propagation".into())
}

fn fill(new: &Mount, target: &OwnedFd) -> io::Result<()> {
    let (from, to) = (copy_up::readable(target.as_fd())?, copy_up::readable(new.as_fd())?);
    copy_up::copy_tree(from.as_fd(), to.as_fd())
}

/// A directory on whose path there is no symbolic link, made when missing.
fn plain_directory(root: &Root, path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    root.directory(path).and_then(|_| root.open_without_links(path, flags)).during(|| {
        "make the target: a filesystem like this must be mounted on ordinary directory, not a symbolic link".into()
    })
}

/// The container's own cgroup, as one v2 file system, or as a directory with one mount for each v1 hierarchy.
fn cgroups(root: &Root, destination: &Path, options: &Options, cgroup: &Cgroup) -> Result<()> {
    let directories = cgroup.v1_directories();
    let target = root.directory(destination).during(|| "make the target".into())?;
    if directories.is_empty() {
        let new = Mount::new("cgroup2", "cgroup", [], options.set).during(|| "make a cgroup2 file system".into())?;
        return new.attach(target).during(|| "place it".into());
    }
    let new = Mount::new("tmpfs", "cgroup", ["mode=755"], options.set & !libc::MOUNT_ATTR_RDONLY)
        .during(|| "make a tmpfs for the hierarchies".into())?;
    for (name, _) in &directories {
        mkdirat(&new, name.as_str(), Mode::from_raw_mode(0o755)).during(|| format!("make {name}"))?;
        // Controllers that share a hierarchy are also found by their own names.
        for alias in name.split(',').filter(|alias| alias != name) {
            symlinkat(name.as_str(), &new, alias).during(|| format!("link {alias}"))?;
        }
    }
    new.attach(target).during(|| "place the tmpfs".into())?;
    for (name, directory) in &directories {
        let copy = Mount::of_path(directory, Depth::One).during(|| format!("open {}", directory.display()))?;
        copy.change(options.set, options.clear, 0, Depth::One).during(|| format!("set options of {name}"))?;
        let target = openat(new.as_fd(), name.as_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .during(|| format!("open {name}"))?;
        copy.attach(target).during(|| format!("place {name}"))?;
    }
    new.change(options.set, options.clear, 0, Depth::One).during(|| "set its options".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_processes_are_told_apart() {
        let parts = |path: &str| root_of_process(Path::new(path));
        assert_eq!(parts("/proc/7/root/dev/shm"), Some(("/proc/7".into(), "/dev/shm".into())));
        for path in ["/proc/self/root/x", "/proc/7/rootx", "/proc/7", "/data/7/root/x", "/proc//root"] {
            assert_eq!(parts(path), None, "{path}");
        }
    }
}
