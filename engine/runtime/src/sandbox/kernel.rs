//! What a new container's namespaces are told before its root is built: names, sysctls, clocks, the loopback. All of it
//! goes through the host's own /proc, which no container can have tampered with.

use super::error::{Context, Error, Result};
use super::namespaces::{Namespaces, unshare};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use oci_spec::runtime::Spec;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// Applies the spec.
pub(super) fn configure(spec: &Spec, namespaces: &Namespaces) -> Result<()> {
    set_names(spec, namespaces)?;
    let has_offsets = spec.linux().iter().flat_map(|linux| linux.time_offsets()).any(|offsets| !offsets.is_empty());
    if has_offsets && !namespaces.makes(libc::CLONE_NEWTIME) {
        return Err(Error::Spec("time namespace offsets specified, but the container makes no time namespace".into()));
    }
    if namespaces.makes(libc::CLONE_NEWNET) {
        raise_loopback().during(|| "bring up the loopback interface".into())?;
    }
    let sysctls = spec.linux().iter().flat_map(|linux| linux.sysctl()).flatten();
    for (name, value) in sysctls {
        refuse_hosts_sysctl(name, namespaces.all())?;
        set_sysctl(name, value)?;
    }
    Ok(())
}

fn set_names(spec: &Spec, namespaces: &Namespaces) -> Result<()> {
    let own = namespaces.all() & libc::CLONE_NEWUTS != 0;
    let hostname = spec.hostname().as_deref().filter(|name| !name.is_empty());
    let domain = spec.domainname().as_deref().filter(|name| !name.is_empty());
    if !own && (hostname.is_some() || domain.is_some()) {
        return Err(Error::Spec("a host name needs a UTS namespace, or it would become the host's".into()));
    }
    if let Some(name) = hostname {
        nix::unistd::sethostname(name).during(|| format!("set the host name {name:?}"))?;
    }
    if let Some(name) = domain {
        // SAFETY: the kernel reads as many bytes as it is told.
        Errno::result(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) })
            .during(|| format!("set the domain name {name:?}"))?;
    }
    Ok(())
}

/// Makes a time namespace, which takes offsets until its first process has been born into it, which execve counts as. To be
/// done while this process is the host's user, to whom the files about it in /proc belong.
pub(super) fn set_clocks(spec: &Spec) -> Result<()> {
    unshare(libc::CLONE_NEWTIME).during(|| "make a time namespace".into())?;
    let offsets = spec.linux().iter().flat_map(|linux| linux.time_offsets()).flatten();
    let lines: String = offsets
        .map(|(clock, offset)| format!("{clock} {} {}\n", offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0)))
        .collect();
    match lines.is_empty() {
        true => Ok(()),
        false => fs::write("/proc/self/timens_offsets", lines).during(|| "set clock offsets".into()),
    }
}

/// A new network namespace has only a loopback, and that is down (netdevice(7)).
fn raise_loopback() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: zero bytes are a valid request: an empty name and no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request reads one structure.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })?;
    Ok(())
}

fn set_sysctl(name: &str, value: &str) -> Result<()> {
    let path = sysctl_path(name)?;
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .during(|| format!("set sysctl {name} to {value:?}"))
}

/// What belongs to no namespace of the container's would be set for the host too. The names of a UTS namespace have fields of
/// their own.
fn refuse_hosts_sysctl(name: &str, namespaces: libc::c_int) -> Result<()> {
    const IPC: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    let dotted = name.replace('/', ".");
    let owner = match dotted.split_once('.') {
        Some(("kernel", rest)) if IPC.contains(&rest) => libc::CLONE_NEWIPC,
        Some(("fs", rest)) if rest.starts_with("mqueue.") => libc::CLONE_NEWIPC,
        Some(("kernel", "domainname")) => libc::CLONE_NEWUTS,
        Some(("net", _)) => libc::CLONE_NEWNET,
        Some(("user", _)) => libc::CLONE_NEWUSER,
        _ => 0,
    };
    match owner & namespaces != 0 {
        true => Ok(()),
        false => Err(Error::Spec(format!("sysctl {name:?} is not in a separate kernel namespace"))),
    }
}

/// Names are separated by dots, or by slashes where a name itself has dots (sysctl(8)).
fn sysctl_path(name: &str) -> Result<PathBuf> {
    let first = name.find(['.', '/']).map(|at| name.as_bytes()[at]);
    let relative = match first {
        Some(b'.') => name.chars().map(swap_separators).collect(),
        _ => name.to_owned(),
    };
    let inside = |component| matches!(component, Component::Normal(_));
    match !relative.is_empty() && Path::new(&relative).components().all(inside) {
        true => Ok(Path::new("/proc/sys").join(relative)),
        false => Err(Error::Spec(format!("{name:?} is no sysctl"))),
    }
}

fn swap_separators(separator: char) -> char {
    match separator {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctl_names_come_in_both_forms() {
        let path = |name| sysctl_path(name).unwrap();
        assert_eq!(path("net.ipv4.ip_forward"), Path::new("/proc/sys/net/ipv4/ip_forward"));
        assert_eq!(path("net/ipv4/conf/eth0.1/forwarding"), Path::new("/proc/sys/net/ipv4/conf/eth0.1/forwarding"));
        assert_eq!(path("net.ipv4.conf.eth0/1.forwarding"), Path::new("/proc/sys/net/ipv4/conf/eth0.1/forwarding"));
    }

    #[test]
    fn the_hosts_own_sysctls_are_refused() {
        let all = libc::CLONE_NEWIPC | libc::CLONE_NEWNET | libc::CLONE_NEWUTS;
        for name in ["kernel.msgmax", "fs.mqueue.queues_max", "net/ipv4/ip_forward", "kernel.domainname"] {
            assert!(refuse_hosts_sysctl(name, all).is_ok(), "{name}");
            assert!(refuse_hosts_sysctl(name, libc::CLONE_NEWNS).is_err(), "{name}");
        }
        for name in ["kernel.hostname", "vm.swappiness", "kernel.foo", "fs.file-max", "bar"] {
            assert!(refuse_hosts_sysctl(name, all).is_err(), "{name}");
        }
    }

    #[test]
    fn sysctl_names_stay_below_proc_sys() {
        for name in ["", "/etc/passwd", "../../etc/passwd", "net/../../self/mem"] {
            assert!(sysctl_path(name).is_err(), "{name}");
        }
    }
}
