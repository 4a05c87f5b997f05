//! Making a container from a bundle.

use super::descriptors::send_descriptor;
use super::error::{Error, Result};
use super::{Bundle, Container, Foreground, Id, Notifier, Record, Runtime, notify};
use crate::hooks::ContainerState;
use crate::sandbox::{self, CreateOptions, CreateRequest, Created, Gate, RootSource, Stdio};
use crate::state::now;
use oci_spec::runtime::{
    Linux, LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespace, LinuxNamespaceType, Process, Spec,
};
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where the terminal of a process goes, if it has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Its master is sent to who listens at this socket.
    Socket(PathBuf),
    /// To who makes the process and stays with it.
    Ours,
    /// Nowhere: nobody stays, so there cannot be one.
    Nowhere,
}

impl Terminal {
    /// Standard streams of a process, which must fit.
    pub(super) fn stdio(&self, process: &Process) -> Result<Stdio> {
        let wants = process.terminal() == Some(true);
        match (self, wants) {
            (Self::Socket(_), false) => {
                Err(Error::Usage("cannot use console socket if the process has no terminal or nobody detaches".into()))
            }
            (Self::Nowhere, true) => Err(Error::Usage(
                "cannot allocate tty if the runtime will detach without setting console socket".into(),
            )),
            (_, true) => {
                let size = process.console_size();
                let cells = |cells: u64| u16::try_from(cells).unwrap_or(u16::MAX);
                let (columns, rows) = size.map_or((0, 0), |size| (cells(size.width()), cells(size.height())));
                // What is no terminal gets lines as they are written.
                let carriage_returns = *self != Self::Ours || io::stdout().is_terminal();
                Ok(Stdio::Terminal { columns, rows, carriage_returns })
            }
            (_, false) => inherited().map_err(Error::at("use", "our standard streams")),
        }
    }

    /// Sends the master where it belongs; it is given back to who stays.
    pub(super) fn hand_over(&self, master: Option<OwnedFd>) -> Result<Option<OwnedFd>> {
        match (self, master) {
            (Self::Socket(path), Some(master)) => send_descriptor(path, master.as_fd(), b"/dev/ptmx").map(|()| None),
            (_, master) => Ok(master),
        }
    }
}

/// Our own standard streams; /dev/null in place of one that is closed.
fn inherited() -> io::Result<Stdio> {
    let own = |number: i32| {
        // SAFETY: the descriptor is only duplicated, which fails for one that is not open.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        file.try_clone_to_owned()
            .or_else(|_| Ok(fs::OpenOptions::new().read(true).write(true).open("/dev/null")?.into()))
    };
    let own = |number| -> io::Result<OwnedFd> { own(number) };
    Ok(Stdio::Files { stdin: own(0)?, stdout: own(1)?, stderr: own(2)? })
}

/// What to make, and how.
#[derive(Debug)]
pub struct Create {
    /// The new container's.
    pub id: Id,
    /// From what.
    pub bundle: Bundle,
    /// Where its terminal goes.
    pub terminal: Terminal,
    /// How many descriptors from 3 on it keeps.
    pub preserved: u32,
    /// Whether the root is moved onto `/` instead of pivoted to.
    pub no_pivot: bool,
    /// Whether it has a session keyring of its own.
    pub new_keyring: bool,
    /// Where to write the number of its init.
    pub pid_file: Option<PathBuf>,
    /// Where to send its init as a file.
    pub pidfd_socket: Option<PathBuf>,
    /// The host's socket for what the container notifies of (sd_notify(3)).
    pub notify: Option<OsString>,
    /// Whether what is started in the foreground adopts what its processes leave behind.
    pub adopts: bool,
}

impl Create {
    /// Makes the container, whose init waits to be started by anybody.
    pub fn create(self, runtime: &Runtime) -> Result<()> {
        let directory = Directory::make(runtime, &self.id)?;
        let gate = Gate::make(&directory.0.join(Record::GATE))?;
        let (created, container, _) = self.make(&directory, Some(&gate))?;
        created.leave();
        directory.keep();
        drop(container);
        Ok(())
    }

    /// Makes and starts it. Who is to stay with it gets what that takes.
    pub fn run(self, runtime: &Runtime) -> Result<(Container, Foreground)> {
        let directory = Directory::make(runtime, &self.id)?;
        let (created, container, terminal) = self.make(&directory, None)?;
        let host = self.notify.as_deref();
        let notifier = host.map_or(Ok(None), |host| Notifier::bind(&directory.0, host))?;
        let running = created.start_with(container.hear(container.init().pid))?;
        directory.keep();
        if let Err(error) = container.started() {
            // The failure of the hook is what is told.
            let _ = container.destroy();
            return Err(error);
        }
        let (pid, pidfd) = (running.init.pid, running.pidfd);
        Ok((container, Foreground { pid, pidfd, terminal, adopts: self.adopts, notifier }))
    }

    fn make(&self, directory: &Directory, gate: Option<&Gate>) -> Result<(Created, Container, Option<OwnedFd>)> {
        let mut spec = self.spec();
        if self.notify.is_some() {
            notify::offer(&mut spec, &directory.0)?;
        }
        let process =
            spec.process().as_ref().ok_or_else(|| Error::Bundle("process property must not be empty".into()))?;
        let state = ContainerState {
            oci_version: spec.version().clone(),
            id: self.id.as_str().to_owned(),
            status: String::new(),
            pid: None,
            bundle: self.bundle.directory.clone(),
            annotations: spec.annotations().clone().filter(|annotations| !annotations.is_empty()),
        };
        let keyring = self.new_keyring.then(|| format!("_ses.{}", self.id));
        let mut created = sandbox::create(CreateRequest {
            id: self.id.as_str(),
            spec: &spec,
            root: &RootSource::Directory(self.bundle.rootfs.clone()),
            stdio: self.terminal.stdio(process)?,
            options: CreateOptions {
                gate,
                state: Some(state.clone()),
                preserved: self.preserved,
                no_pivot: self.no_pivot,
                keyring: keyring.clone(),
                cgroup_may_lack: !nix::unistd::geteuid().is_root() && !self.names_cgroup(),
            },
        })?;
        created.ready()?;
        let terminal = self.terminal.hand_over(created.terminal.take())?;
        let (rootfs, owner) = (self.bundle.rootfs.clone(), owner());
        let record = Record { state, init: created.init, rootfs, created: now(), owner, keyring, spec };
        record.save(&directory.0)?;
        let container = Container::new(directory.0.clone(), record)?;
        announce(created.init.pid, created.pidfd.as_fd(), self.pid_file.as_deref(), self.pidfd_socket.as_deref())?;
        Ok((created, container, terminal))
    }

    fn names_cgroup(&self) -> bool {
        let path = self.bundle.spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_ref());
        path.is_some_and(|path| !path.as_os_str().is_empty())
    }

    /// The spec with what it leaves to the runtime: the place of its cgroup, what sd_listen_fds(3) needs.
    fn spec(&self) -> Spec {
        let mut spec = self.bundle.spec.clone();
        let mut linux = spec.linux().clone().unwrap_or_else(bare);
        map_own_ids(&mut linux);
        linux.set_cgroups_path(Some(place_of_cgroup(linux.cgroups_path().as_deref(), &self.id)));
        spec.set_linux(Some(linux));
        spec
    }
}

/// For a spec that says nothing about Linux.
fn bare() -> Linux {
    let mut linux = Linux::default();
    linux.set_namespaces(None).set_masked_paths(None).set_readonly_paths(None).set_devices(None).set_resources(None);
    linux
}

/// A new user namespace that maps nobody is of no use: it has the caller as its root.
fn map_own_ids(linux: &mut Linux) {
    let is_new = |space: &LinuxNamespace| space.path().as_ref().is_none_or(|path| path.as_os_str().is_empty());
    let spaces = linux.namespaces().iter().flatten();
    let makes = spaces.filter(|space| space.typ() == LinuxNamespaceType::User).any(is_new);
    let maps = |list: &Option<Vec<LinuxIdMapping>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if !makes || maps(linux.uid_mappings()) || maps(linux.gid_mappings()) {
        return;
    }
    let own = |id: u32| {
        let mapping = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(id).size(1_u32);
        mapping.build().ok().map(|mapping| vec![mapping])
    };
    linux.set_uid_mappings(own(nix::unistd::geteuid().as_raw())).set_gid_mappings(own(nix::unistd::getegid().as_raw()));
}

/// Absolute below the hierarchies' mount points. A relative one is below the cgroup of whoever calls, or on v2, where a
/// cgroup with processes hands on no controllers, beside it.
fn place_of_cgroup(path: Option<&Path>, id: &Id) -> PathBuf {
    let path = path.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(id.as_str()));
    if path.is_absolute() {
        return path.to_owned();
    }
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    own_cgroup(&own).join(path)
}

/// From the lines `number:controllers:path` (cgroups(7)).
fn own_cgroup(text: &str) -> PathBuf {
    let place = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?.to_owned(), PathBuf::from(fields.next()?)))
    };
    let places: Vec<_> = text.lines().filter_map(place).collect();
    let v1 = places.iter().find(|(controllers, _)| controllers.split(',').any(|name| name == "memory"));
    let v2 = || places.iter().find(|(controllers, _)| controllers.is_empty());
    let found = match v1 {
        Some((_, path)) => Some(path.clone()),
        None => v2().map(|(_, path)| path.parent().unwrap_or(path).to_owned()),
    };
    // Behind `..` lies what the cgroup namespace hides.
    found.filter(|path| !path.starts_with("/..")).unwrap_or_else(|| PathBuf::from("/"))
}

/// Tells of a new process where that was asked for.
pub(super) fn announce(pid: i32, pidfd: BorrowedFd, file: Option<&Path>, socket: Option<&Path>) -> Result<()> {
    if let Some(path) = file {
        // Readers see it whole or not at all.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = path.with_file_name(format!(".{name}"));
        fs::write(&new, pid.to_string()).and_then(|()| fs::rename(&new, path)).map_err(Error::at("write", path))?;
    }
    socket.map_or(Ok(()), |socket| send_descriptor(socket, pidfd, b"pidfd"))
}

/// The name of our user, or the number of one without a name.
fn owner() -> String {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The directory of a container that is being made: removed unless it is kept.
struct Directory(PathBuf);

impl Directory {
    fn make(runtime: &Runtime, id: &Id) -> Result<Self> {
        runtime.make_directory(id).map(Self)
    }

    fn keep(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // What made us give up is what is told.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_cgroup_is_found_on_every_kind_of_host() {
        assert_eq!(own_cgroup("5:memory:/a/b\n1:cpu,cpuacct:/c\n0::/\n"), Path::new("/a/b"));
        assert_eq!(own_cgroup("0::/user.slice/session.scope\n"), Path::new("/user.slice"));
        assert_eq!(own_cgroup("0::/../other\n"), Path::new("/"));
        assert_eq!(own_cgroup("0::/\n"), Path::new("/"));
    }

    #[test]
    fn a_relative_cgroup_is_made_absolute() {
        let id = "c".parse().unwrap();
        assert_eq!(place_of_cgroup(Some(Path::new("/a/b")), &id), Path::new("/a/b"));
        assert!(place_of_cgroup(None, &id).ends_with("c") && place_of_cgroup(None, &id).is_absolute());
    }
}
