//! One run of the container: from the sandbox that waits to be started to the exit code.

use super::daemon;
use super::runtime::{Created, Runtime};
use super::{Donor, MonitorConfig, service};
use crate::cgroup::Cgroup;
use crate::process::{self, ProcessId};
use crate::sandbox::{self, CreateOptions, CreateRequest, Stdio};
use crate::state::State;
use crate::streams::Streams;
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Why a container could not be made or started, in the terms of Docker's command line.
pub(super) struct Failure {
    /// 125, 126 or 127.
    pub(super) exit_code: i32,
    pub(super) message: String,
}

/// A container whose init waits to be let go.
pub(super) struct Prepared {
    created: Created,
    runtime: Runtime,
    /// Its pipes; a terminal is there only when the init has made it.
    streams: Option<Streams>,
    open_stdin: bool,
    /// Whether its network namespace was made for it.
    owns_network: bool,
    /// Whether it is in a user namespace.
    maps_users: bool,
    /// Whether its PID namespace was.
    owns_pids: bool,
}

/// A container whose program runs.
pub(super) struct Running {
    pub(super) process: ProcessId,
    pub(super) pidfd: OwnedFd,
    pub(super) streams: Streams,
    pub(super) since: Instant,
    pub(super) cgroup: Cgroup,
    /// What serves it from outside.
    pub(super) service: service::Optional,
    runtime: Runtime,
    owns_network: bool,
    maps_users: bool,
    /// Whether its processes all end with its init (pid_namespaces(7)).
    owns_pids: bool,
}

/// The container's own network namespace, kept so that restarts find their interfaces and addresses again; and the user
/// namespace that owns it, or its root would have no power over it.
pub(super) struct KeptNetwork {
    network: File,
    users: Option<File>,
}

impl Prepared {
    /// Makes the container, in the network namespace of the run before if there was one.
    pub(super) fn new(config: &MonitorConfig, network: Option<&KeptNetwork>) -> Result<Self, Failure> {
        let mut spec = spec_of(config)?;
        config.donors.iter().try_for_each(|donor| follow(&mut spec, donor))?;
        if let Some(KeptNetwork { network, users }) = network {
            join(&mut spec, LinuxNamespaceType::Network, network);
            users.iter().for_each(|users| join(&mut spec, LinuxNamespaceType::User, users));
        }
        let owns_network = owns(&spec, LinuxNamespaceType::Network);
        let maps_users = has(&spec, LinuxNamespaceType::User);
        let owns_pids = owns(&spec, LinuxNamespaceType::Pid);
        let (streams, stdio) = standard_streams(&spec, config.open_stdin)?;
        let request =
            CreateRequest { id: &config.id, spec: &spec, root: &config.root, stdio, options: CreateOptions::default() };
        let runtime = Runtime::of(config);
        let created = runtime.create(request)?;
        daemon::spare();
        Ok(Self { created, runtime, streams, open_stdin: config.open_stdin, owns_network, maps_users, owns_pids })
    }

    pub(super) fn process(&self) -> ProcessId {
        self.created.init()
    }

    /// Keeps the network namespace, if it is one that was made for this container.
    pub(super) fn keep_network(&self) -> io::Result<Option<KeptNetwork>> {
        KeptNetwork::of(self.process(), self.owns_network, self.maps_users)
    }

    /// Lets the container's program run, as soon as what serves it is begun.
    pub(super) fn start(
        mut self,
        begin_service: impl FnOnce(ProcessId) -> io::Result<service::Optional>,
    ) -> Result<Running, Failure> {
        let streams = match (self.created.ready()?, self.streams.take()) {
            (Some(master), _) => Streams::terminal(master, self.open_stdin)?,
            (None, streams) => streams.unwrap_or_default(),
        };
        let process = self.process();
        let service = begin_service(process)?;
        let Self { created, runtime, owns_network, maps_users, owns_pids, .. } = self;
        let sandbox::Running { pidfd, cgroup, .. } = created.start()?;
        Ok(Running {
            process,
            pidfd,
            streams,
            since: Instant::now(),
            cgroup,
            service,
            runtime,
            owns_network,
            maps_users,
            owns_pids,
        })
    }
}

impl KeptNetwork {
    fn of(init: ProcessId, is_own: bool, maps_users: bool) -> io::Result<Option<Self>> {
        if !is_own {
            return Ok(None);
        }
        let open = |name: &str| File::open(format!("/proc/{}/ns/{name}", init.pid));
        Ok(Some(Self { network: open("net")?, users: maps_users.then(|| open("user")).transpose()? }))
    }
}

impl Running {
    /// As [`Prepared::keep_network`].
    pub(super) fn keep_network(&self) -> io::Result<Option<KeptNetwork>> {
        KeptNetwork::of(self.process, self.owns_network, self.maps_users)
    }

    pub(super) fn signal(&self, signal: i32) -> io::Result<()> {
        process::send_signal(self.pidfd.as_fd(), signal)
    }

    /// SIGKILL for the init, which takes its PID namespace with it, or else for every process of the container.
    pub(super) fn kill(&self) -> io::Result<()> {
        match self.owns_pids {
            true => self.signal(libc::SIGKILL),
            false => self.cgroup.kill_all(libc::SIGKILL).map_err(io::Error::other),
        }
    }

    pub(super) fn freeze(&self) -> io::Result<()> {
        self.cgroup.freeze().map_err(io::Error::other)
    }

    pub(super) fn thaw(&self) -> io::Result<()> {
        self.cgroup.thaw().map_err(io::Error::other)
    }

    /// After its end: the exit code, and how many processes were killed for want of memory. What outlives the init is
    /// killed.
    pub(super) fn finish(&self) -> io::Result<(i32, u64)> {
        let code = process::reap(self.pidfd.as_fd())?;
        if !self.owns_pids {
            // It fails only if the cgroup is gone, which it cannot be before its processes are.
            let _ = self.cgroup.kill_all(libc::SIGKILL);
        }
        Ok((code, self.cgroup.oom_kills().unwrap_or(0)))
    }

    /// Removes what the next run makes anew: a cgroup that stays would go on counting this run's memory and OOM kills.
    pub(super) fn clear(&self) {
        self.runtime.forget();
        // One that cannot be removed is taken over.
        let _ = self.cgroup.remove();
    }
}

/// The OCI spec that the engine has written.
pub(super) fn spec_of(config: &MonitorConfig) -> sandbox::Result<Spec> {
    let path = config.directory.join("spec.json");
    Spec::load(&path).map_err(|error| sandbox::Error::Spec(format!("{}: {error}", path.display())))
}

/// Pipes, or no streams yet for a container with a terminal.
fn standard_streams(spec: &Spec, open_stdin: bool) -> io::Result<(Option<Streams>, Stdio)> {
    let process = spec.process().as_ref();
    if !process.and_then(|process| process.terminal()).unwrap_or(false) {
        let (streams, stdio) = Streams::pipes(open_stdin)?;
        return Ok((Some(streams), stdio));
    }
    let size = process.and_then(|process| process.console_size());
    let cells = |cells: u64| u16::try_from(cells).unwrap_or(u16::MAX);
    let (columns, rows) = size.map_or((80, 24), |size| (cells(size.width()), cells(size.height())));
    Ok((None, Stdio::Terminal { columns, rows, carriage_returns: true }))
}

/// Whether the spec asks for a new namespace of a type.
fn owns(spec: &Spec, wanted: LinuxNamespaceType) -> bool {
    find(spec, wanted).is_some_and(|namespace| namespace.path().is_none())
}

/// Whether the spec asks for a namespace of a type that is not the host's.
fn has(spec: &Spec, wanted: LinuxNamespaceType) -> bool {
    find(spec, wanted).is_some()
}

fn find(spec: &Spec, wanted: LinuxNamespaceType) -> Option<&LinuxNamespace> {
    let namespaces = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    namespaces.into_iter().flatten().find(|namespace| namespace.typ() == wanted)
}

/// Joins the namespaces that a donor has now: it may have been started again since the spec was written.
fn follow(spec: &mut Spec, donor: &Donor) -> Result<(), Failure> {
    let now = State::load(&donor.directory)?.and_then(|state| state.init).filter(ProcessId::is_alive);
    let Some(now) = now else {
        let name = donor.directory.file_name().unwrap_or_default().to_string_lossy();
        return Err(Failure {
            exit_code: 125,
            message: format!("cannot join namespaces of a non running container: {name}"),
        });
    };
    if now == donor.init {
        return Ok(());
    }
    let before = format!("/proc/{}", donor.init.pid);
    let replaced = |path: &PathBuf| {
        path.strip_prefix(&before).ok().map(|rest| Path::new("/proc").join(now.pid.to_string()).join(rest))
    };
    let namespaces = spec.linux_mut().as_mut().and_then(|linux| linux.namespaces_mut().as_mut());
    for namespace in namespaces.into_iter().flatten() {
        if let Some(path) = namespace.path().as_ref().and_then(replaced) {
            namespace.set_path(Some(path));
        }
    }
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if let Some(source) = mount.source().as_ref().and_then(replaced) {
            mount.set_source(Some(source));
        }
    }
    Ok(())
}

fn join(spec: &mut Spec, kind: LinuxNamespaceType, file: &File) {
    // Not by /proc/self: another runtime is another process.
    let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
    let namespaces = spec.linux_mut().as_mut().and_then(|linux| linux.namespaces_mut().as_mut());
    for namespace in namespaces.into_iter().flatten() {
        if namespace.typ() == kind {
            namespace.set_path(Some(path.clone()));
        }
    }
}

impl From<sandbox::Error> for Failure {
    fn from(error: sandbox::Error) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { exit_code: 125, message: error.to_string() }
    }
}
