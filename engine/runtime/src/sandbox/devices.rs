//! /dev: device nodes, the usual links, and the console (config-linux.md, "Default Devices").

use super::error::{Context, Error, Result};
use super::host_mounts::HostMounts;
use super::namespaces::{Visit, id_mappings, on_host, unshare};
use super::streams::Terminal;
use crate::mount::{Depth, Mount, Root, set_propagation};
use nix::sys::stat::makedev;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, LinuxIdMapping, Spec};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, mknodat, openat, statat, symlinkat,
};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    path: PathBuf,
    kind: FileType,
    number: (u64, u64),
    mode: u32,
    owner: (u32, u32),
}

/// What every container has, as names in /dev with their numbers (admin-guide/devices.txt).
const DEFAULT: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links that programs expect.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Fills /dev, unless it is a directory of the host's, which is left as it is. In a user namespace nodes cannot be made,
/// so there the host's are bound, and those that [`make_on_host`] has made.
pub(super) fn populate(root: &Root, spec: &Spec, in_user_namespace: bool, made: &HostMounts) -> Result<()> {
    if is_bound(spec) {
        return Ok(());
    }
    for node in &nodes(spec)? {
        let result = match made.node(&node.path) {
            Some(mount) => bind_node(root, &node.path, mount),
            None if in_user_namespace => {
                Mount::of_path(&node.path, Depth::One).and_then(|copy| bind_node(root, &node.path, &copy))
            }
            None => make_node(root, node),
        };
        result.during(|| format!("make device {}", node.path.display()))?;
    }
    let dev = root.directory(Path::new("/dev")).during(|| "open /dev".into())?;
    for (to, name) in LINKS {
        link(&dev, to, name).during(|| format!("make link /dev/{name}"))?;
    }
    Ok(())
}

/// Those of every container and those of the spec.
fn nodes(spec: &Spec) -> Result<Vec<Node>> {
    let mut nodes: Vec<Node> = DEFAULT.into_iter().map(default_node).collect();
    let devices = spec.linux().iter().flat_map(|linux| linux.devices()).flatten();
    // That of the container's own terminals is a link.
    for device in devices.filter(|device| device.path() != Path::new("/dev/ptmx")) {
        let node = node(device)?;
        nodes.retain(|other| other.path != node.path);
        nodes.push(node);
    }
    Ok(nodes)
}

/// Makes those that a container in a user namespace cannot have from the host, which has no such device of that name: each
/// as a mount of its own, with its path. Only the host's root can.
pub(super) fn make_on_host(spec: &Spec) -> Result<Vec<(PathBuf, Mount)>> {
    let nodes = if is_bound(spec) { Vec::new() } else { nodes(spec)? };
    let missing: Vec<_> = nodes.iter().filter(|node| !is_node(&CWD, &node.path, node)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    // The kernel copies mounts of this mount namespace only: one for the purpose, where nothing reaches the host.
    let mut visit = Visit::default();
    visit.enter(libc::CLONE_NEWNS, unshare).during(|| "make a mount namespace".into())?;
    set_propagation(c"/", libc::MS_PRIVATE, Depth::Recursive).during(|| "separate mounts from the host's".into())?;
    let directory = scratch().during(|| "mount a file system for devices".into())?;
    let make = |(index, node): (usize, &&Node)| {
        let mount = make_copy(&directory, Path::new(&index.to_string()), node, id_mappings(spec));
        Ok((node.path.clone(), mount.during(|| format!("make device {}", node.path.display()))?))
    };
    missing.iter().enumerate().map(make).collect()
}

/// A directory of a file system that ends with this mount namespace and what was copied from it.
fn scratch() -> std::io::Result<Mount> {
    let mount = Mount::new("tmpfs", "devices", ["mode=755"], 0)?;
    mount.attach(openat(CWD, "/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)?;
    Ok(mount)
}

/// A node whose owner is the host's id for the one that the spec says.
fn make_copy(
    directory: &Mount,
    name: &Path,
    node: &Node,
    [users, groups]: [&[LinuxIdMapping]; 2],
) -> std::io::Result<Mount> {
    let mode = Mode::from_raw_mode(node.mode);
    mknodat(directory, name, node.kind, mode, makedev(node.number.0, node.number.1))?;
    let (user, group) = (on_host(users, node.owner.0), on_host(groups, node.owner.1));
    chownat(directory, name, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)), AtFlags::SYMLINK_NOFOLLOW)?;
    // Whatever the caller's umask is.
    chmodat(directory, name, mode, AtFlags::empty())?;
    Mount::of_fd(openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?, Depth::One)
}

fn is_bound(spec: &Spec) -> bool {
    spec.mounts().iter().flatten().any(|mount| {
        let bound = |options: &Vec<String>| options.iter().any(|option| option == "bind" || option == "rbind");
        mount.destination() == Path::new("/dev")
            && (mount.typ().as_deref() == Some("bind") || mount.options().as_ref().is_some_and(bound))
    })
}

fn default_node((name, major, minor): (&str, u64, u64)) -> Node {
    Node {
        path: Path::new("/dev").join(name),
        kind: FileType::CharacterDevice,
        number: (major, minor),
        mode: 0o666,
        owner: (0, 0),
    }
}

fn node(device: &LinuxDevice) -> Result<Node> {
    let kind = match device.typ() {
        LinuxDeviceType::B => FileType::BlockDevice,
        LinuxDeviceType::C | LinuxDeviceType::U => FileType::CharacterDevice,
        LinuxDeviceType::P => FileType::Fifo,
        LinuxDeviceType::A => {
            return Err(Error::Spec(format!("device {}: type \"a\" is no node", device.path().display())));
        }
    };
    let number = |number: i64| {
        u64::try_from(number).map_err(|_| Error::Spec(format!("device {}: negative number", device.path().display())))
    };
    Ok(Node {
        path: device.path().clone(),
        kind,
        number: match kind {
            FileType::Fifo => (0, 0),
            _ => (number(device.major())?, number(device.minor())?),
        },
        mode: device.file_mode().unwrap_or(0o666) & 0o7777,
        owner: (device.uid().unwrap_or(0), device.gid().unwrap_or(0)),
    })
}

fn make_node(root: &Root, node: &Node) -> std::io::Result<()> {
    let (directory, name) = root.parent(&node.path)?;
    let device = makedev(node.number.0, node.number.1);
    match mknodat(&directory, &name, node.kind, Mode::from_raw_mode(node.mode), device) {
        Ok(()) => {}
        // Left by the image, or by a run before: good if it is what we would have made.
        Err(Errno::EXIST) if is_node(&directory, &name, node) => {}
        Err(errno) => return Err(errno.into()),
    }
    let owner = (Uid::from_raw(node.owner.0), Gid::from_raw(node.owner.1));
    let links = AtFlags::SYMLINK_NOFOLLOW;
    if node.owner != (0, 0) {
        chownat(&directory, &name, Some(owner.0), Some(owner.1), links)?;
    }
    Ok(())
}

fn is_node(directory: &impl AsFd, name: &Path, node: &Node) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|status| {
        FileType::from_raw_mode(status.st_mode) == node.kind
            && (node.kind == FileType::Fifo || status.st_rdev == makedev(node.number.0, node.number.1))
    })
}

fn bind_node(root: &Root, path: &Path, node: &Mount) -> std::io::Result<()> {
    node.attach(root.file(path)?)
}

fn link(dev: &OwnedFd, to: &str, name: &str) -> std::io::Result<()> {
    match symlinkat(to, dev, name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Binds the terminal itself, not what its name leads to, onto /dev/console.
pub(super) fn bind_console(root: &Root, terminal: &Terminal) -> Result<()> {
    let console = Mount::of_fd(&terminal.slave, Depth::One).during(|| "open the terminal for /dev/console".into())?;
    let target = root.file(Path::new("/dev/console")).during(|| "make /dev/console".into())?;
    console.attach(target).during(|| "bind the terminal to /dev/console".into())
}

/// The host's null device, known to be it (CVE-2025-31133).
pub(super) fn null_device() -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, "/dev/null", flags, Mode::empty()).during(|| "open /dev/null".into())?;
    let status = statat(file.as_fd(), c"", AtFlags::EMPTY_PATH).during(|| "look at /dev/null".into())?;
    let kind = FileType::from_raw_mode(status.st_mode);
    match kind == FileType::CharacterDevice && status.st_rdev == makedev(1, 3) {
        true => Ok(file),
        false => Err(Error::Spec("the host's /dev/null is not the null device".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::LinuxDeviceBuilder;

    fn device(typ: LinuxDeviceType, major: i64) -> LinuxDevice {
        LinuxDeviceBuilder::default()
            .path("/dev/sda")
            .typ(typ)
            .major(major)
            .minor(0)
            .file_mode(0o100_640_u32)
            .build()
            .unwrap()
    }

    #[test]
    fn a_specs_devices_become_nodes() {
        let node = node(&device(LinuxDeviceType::B, 8)).unwrap();
        assert_eq!((node.kind, node.number, node.mode), (FileType::BlockDevice, (8, 0), 0o640));
    }

    #[test]
    fn what_is_no_node_is_refused() {
        assert!(node(&device(LinuxDeviceType::A, 8)).is_err());
        assert!(node(&device(LinuxDeviceType::C, -1)).is_err());
    }

    #[test]
    fn the_hosts_null_device_is_recognised() {
        null_device().unwrap();
    }
}
