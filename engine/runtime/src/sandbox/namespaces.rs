//! Which namespaces a container makes, and which it joins (namespaces(7), config-linux.md "Namespaces").

use super::error::{Context, Error, Result};
use nix::errno::Errno;
use nix::unistd::{getegid, geteuid};
use oci_spec::runtime::{Linux, LinuxIdMapping, LinuxNamespaceType, Spec};
use std::fs::{self, File};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;

/// What the spec says about namespaces.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// `CLONE_NEW*` of those to make.
    pub new: libc::c_int,
    /// Those to join, but for a user namespace.
    joined: Vec<(libc::c_int, PathBuf)>,
    /// A user namespace to join, from which there is no way back.
    users: Option<PathBuf>,
}

impl Namespaces {
    /// Reads a spec. Each type may be named once.
    pub(super) fn of_spec(spec: &Spec) -> Result<Self> {
        let mut namespaces = Self::default();
        for namespace in spec.linux().iter().flat_map(Linux::namespaces).flatten() {
            let flag = flag(namespace.typ());
            if namespaces.all() & flag != 0 {
                return Err(Error::Spec(format!("namespace {} is listed twice", namespace.typ())));
            }
            match namespace.path() {
                Some(path) if !path.as_os_str().is_empty() => match flag {
                    libc::CLONE_NEWUSER => namespaces.users = Some(path.clone()),
                    _ => namespaces.joined.push((flag, path.clone())),
                },
                _ => namespaces.new |= flag,
            }
        }
        if namespaces.joined.iter().any(|(flag, _)| *flag == libc::CLONE_NEWNS) {
            return Err(Error::Spec(
                "a mount namespace of somebody else's, with another root, cannot be joined".into(),
            ));
        }
        Ok(namespaces)
    }

    /// All that are not the caller's.
    pub(super) fn all(&self) -> libc::c_int {
        let users = self.users.as_ref().map_or(0, |_| libc::CLONE_NEWUSER);
        self.joined.iter().fold(self.new | users, |all, (flag, _)| all | flag)
    }

    /// The user namespace to join, if it is not a new one.
    pub(super) fn users(&self) -> Result<Option<File>> {
        let open = |path: &PathBuf| File::open(path).during(|| format!("open namespace {}", path.display()));
        self.users.as_ref().map(open).transpose()
    }

    /// Whether the container's ids are not the host's.
    pub(super) fn maps_ids(&self) -> bool {
        self.all() & libc::CLONE_NEWUSER != 0
    }

    /// Whether the container has a new one of this kind.
    pub(super) fn makes(&self, flag: libc::c_int) -> bool {
        self.new & flag != 0
    }

    /// Joins a user namespace, and where that is the only way, because the caller is not root, after it the others that the
    /// spec names by path, for good.
    pub(super) fn enter(&self, users: &File) -> Result<()> {
        let by_root = geteuid().is_root();
        join(users, libc::CLONE_NEWUSER).during(|| "join a user namespace".into())?;
        if by_root {
            return Ok(());
        }
        self.joined.iter().try_for_each(|(flag, path)| {
            let namespace = File::open(path).during(|| format!("open namespace {}", path.display()))?;
            join(&namespace, *flag).during(|| format!("join namespace {}", path.display()))
        })
    }

    /// Joins those that the spec names by path, so that a child is born into them, until the guard is dropped.
    pub(super) fn visit(&self) -> Result<Visit> {
        let mut visit = Visit::default();
        for (flag, path) in &self.joined {
            let namespace = File::open(path).during(|| format!("open namespace {}", path.display()))?;
            visit
                .enter(*flag, |flag| join(&namespace, flag))
                .during(|| format!("join namespace {}", path.display()))?;
        }
        Ok(visit)
    }
}

/// Namespaces to go back to.
#[derive(Debug, Default)]
pub(super) struct Visit(Vec<(libc::c_int, File)>);

impl Visit {
    /// Joins one, having noted the way back. Namespaces are the thread's, not the process'.
    pub(super) fn enter(
        &mut self,
        flag: libc::c_int,
        join: impl FnOnce(libc::c_int) -> nix::Result<()>,
    ) -> std::io::Result<()> {
        let own = File::open(format!("/proc/thread-self/ns/{}", file_name(flag)))?;
        join(flag)?;
        self.0.push((flag, own));
        Ok(())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        for (flag, own) in self.0.drain(..).rev() {
            // Going on in a container's namespace would be worse than not going on.
            join(&own, flag).expect("a process may return to the namespace that it came from");
        }
    }
}

/// setns(2), by a namespace's file or a pidfd.
pub(super) fn join(file: &impl AsRawFd, flags: libc::c_int) -> nix::Result<()> {
    // SAFETY: the call takes two integers.
    Errno::result(unsafe { libc::setns(file.as_raw_fd(), flags) }).map(drop)
}

/// Joins the namespaces of a process. None would not be a valid request.
pub(super) fn join_process(pidfd: BorrowedFd, flags: libc::c_int) -> nix::Result<()> {
    if flags == 0 { Ok(()) } else { join(&pidfd, flags) }
}

/// unshare(2).
pub(super) fn unshare(flags: libc::c_int) -> nix::Result<()> {
    // SAFETY: the call takes one integer.
    Errno::result(unsafe { libc::unshare(flags) }).map(drop)
}

/// What a spec says about the ids of users and of groups.
pub(super) fn id_mappings(spec: &Spec) -> [&[LinuxIdMapping]; 2] {
    let of = |mappings: fn(&Linux) -> &Option<Vec<LinuxIdMapping>>| {
        spec.linux().as_ref().and_then(|linux| mappings(linux).as_deref()).unwrap_or_default()
    };
    [of(Linux::uid_mappings), of(Linux::gid_mappings)]
}

/// The id that an id of a user namespace with these mappings is on the host; nobody for one that it has not (user_namespaces(7),
/// "Unmapped user and group IDs").
pub(super) fn on_host(mappings: &[LinuxIdMapping], id: u32) -> u32 {
    const NOBODY: u32 = 65534;
    let map = |mapping: &LinuxIdMapping| {
        let offset = id.checked_sub(mapping.container_id()).filter(|offset| *offset < mapping.size())?;
        mapping.host_id().checked_add(offset)
    };
    mappings.iter().find_map(map).unwrap_or(NOBODY)
}

/// Writes the mappings of users and of groups for a child that has a new user namespace. A caller who is not root may map
/// itself alone; others are mapped by programs that know which are its own (newuidmap(1), user_namespaces(7)).
pub(super) fn map_ids([users, groups]: [&[LinuxIdMapping]; 2], pid: i32) -> Result<()> {
    let by_root = geteuid().is_root();
    if by_root || maps_only(users, geteuid().as_raw()) {
        write_about(pid, "uid_map", &lines(users))?;
    } else {
        map_by_program("newuidmap", pid, users)?;
    }
    if by_root {
        write_about(pid, "gid_map", &lines(groups))
    } else if maps_only(groups, getegid().as_raw()) {
        // Else a group that takes rights away could be left.
        write_about(pid, "setgroups", "deny")?;
        write_about(pid, "gid_map", &lines(groups))
    } else {
        map_by_program("newgidmap", pid, groups)
    }
}

fn maps_only(mappings: &[LinuxIdMapping], id: u32) -> bool {
    matches!(mappings, [mapping] if mapping.host_id() == id && mapping.size() == 1)
}

fn write_about(pid: i32, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text).during(|| format!("write {path}"))
}

fn map_by_program(program: &'static str, pid: i32, mappings: &[LinuxIdMapping]) -> Result<()> {
    let text = lines(mappings);
    let output = std::process::Command::new(program).arg(pid.to_string()).args(text.split_whitespace()).output();
    let output = output.during(|| format!("execute {program} (package uidmap), which maps the ids of others"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::Spec(format!("its id mappings are not yours: {told}")))
        }
    }
}

fn lines(mappings: &[LinuxIdMapping]) -> String {
    let line =
        |mapping: &LinuxIdMapping| format!("{} {} {}\n", mapping.container_id(), mapping.host_id(), mapping.size());
    mappings.iter().map(line).collect()
}

fn flag(kind: LinuxNamespaceType) -> libc::c_int {
    match kind {
        LinuxNamespaceType::Mount => libc::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => libc::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => libc::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => libc::CLONE_NEWIPC,
        LinuxNamespaceType::User => libc::CLONE_NEWUSER,
        LinuxNamespaceType::Pid => libc::CLONE_NEWPID,
        LinuxNamespaceType::Network => libc::CLONE_NEWNET,
        LinuxNamespaceType::Time => libc::CLONE_NEWTIME,
    }
}

/// Its name in /proc/PID/ns; for PID and time, where children are born.
fn file_name(flag: libc::c_int) -> &'static str {
    match flag {
        libc::CLONE_NEWNS => "mnt",
        libc::CLONE_NEWCGROUP => "cgroup",
        libc::CLONE_NEWUTS => "uts",
        libc::CLONE_NEWIPC => "ipc",
        libc::CLONE_NEWUSER => "user",
        libc::CLONE_NEWPID => "pid_for_children",
        libc::CLONE_NEWNET => "net",
        _ => "time_for_children",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxBuilder, LinuxIdMappingBuilder, LinuxNamespaceBuilder, SpecBuilder};

    fn spec(kinds: &[(LinuxNamespaceType, Option<&str>)]) -> Spec {
        let namespace = |(typ, path): &(LinuxNamespaceType, Option<&str>)| {
            let builder = LinuxNamespaceBuilder::default().typ(*typ);
            match path {
                Some(path) => builder.path(path),
                None => builder,
            }
            .build()
            .unwrap()
        };
        let linux = LinuxBuilder::default().namespaces(kinds.iter().map(namespace).collect::<Vec<_>>());
        SpecBuilder::default().linux(linux.build().unwrap()).build().unwrap()
    }

    #[test]
    fn new_and_joined_ones_are_told_apart() {
        let spec = spec(&[(LinuxNamespaceType::Mount, None), (LinuxNamespaceType::Network, Some("/proc/self/ns/net"))]);
        let namespaces = Namespaces::of_spec(&spec).unwrap();
        assert_eq!(namespaces.new, libc::CLONE_NEWNS);
        assert_eq!(namespaces.all(), libc::CLONE_NEWNS | libc::CLONE_NEWNET);
    }

    #[test]
    fn an_id_that_is_not_mapped_is_nobodys() {
        let mapping = |inside: u32, outside: u32, size: u32| {
            LinuxIdMappingBuilder::default().container_id(inside).host_id(outside).size(size).build().unwrap()
        };
        let mappings = [mapping(0, 1000, 1), mapping(1, 100_000, 10)];
        assert_eq!([0, 1, 10, 11].map(|id| on_host(&mappings, id)), [1000, 100_000, 100_009, 65534]);
        assert_eq!(on_host(&[mapping(0, u32::MAX, 2)], 1), 65534);
    }

    #[test]
    fn who_maps_nobody_else_is_known() {
        let mapping = |host: u32, size: u32| {
            LinuxIdMappingBuilder::default().container_id(0_u32).host_id(host).size(size).build().unwrap()
        };
        assert!(maps_only(&[mapping(1000, 1)], 1000));
        for others in [vec![], vec![mapping(1000, 2)], vec![mapping(1001, 1)], vec![mapping(1000, 1), mapping(5, 1)]] {
            assert!(!maps_only(&others, 1000));
        }
    }

    #[test]
    fn impossible_lists_are_refused() {
        assert!(Namespaces::of_spec(&spec(&[(LinuxNamespaceType::Mount, Some("/proc/1/ns/mnt"))])).is_err());
        let twice = spec(&[(LinuxNamespaceType::Mount, None), (LinuxNamespaceType::Mount, None)]);
        assert!(Namespaces::of_spec(&twice).unwrap_err().to_string().contains("twice"));
    }
}
