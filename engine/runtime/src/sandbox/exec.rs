//! Another process in a container that runs.

use super::channel;
use super::clone::{Cloned, clone, clone_into};
use super::command::Command;
use super::error::{Context, Error, Result};
use super::identity::Identity;
use super::labels::Labels;
use super::namespaces::{Namespaces, Visit, join_process};
use super::streams::Streams;
use super::{ExecOptions, ExecRequest, cgroup_path, keyring, scheduling, workdir};
use crate::cgroup::{Cgroup, Entrance, SubCgroup};
use crate::mount::Root;
use crate::process::{self, ProcessId};
use nix::unistd::{Uid, geteuid};
use oci_spec::runtime::{Process, Spec};
use rustix::fs::{CWD, Mode, OFlags};
use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process that has executed its command.
#[derive(Debug)]
pub struct Exec {
    /// The process, a child of the caller.
    pub process: ProcessId,
    /// The process as a file, to wait for and to signal.
    pub pidfd: OwnedFd,
    /// The master of its terminal, if one was asked for.
    pub terminal: Option<OwnedFd>,
}

/// A process that is on its way to its command.
#[derive(Debug)]
pub struct Starting {
    /// The process, a child of the caller.
    pub process: ProcessId,
    /// The process as a file, to wait for and to signal.
    pub pidfd: OwnedFd,
    channel: channel::Parent,
}

impl Starting {
    /// Waits until it has executed its command. If that fails, the process is reaped.
    pub fn executed(self) -> Result<Exec> {
        self.executed_with(channel::refuse_listener)
    }

    /// The same, where a seccomp filter that notifies has somebody who hears it.
    pub fn executed_with(self, listener: impl Fn(OwnedFd) -> Result<()>) -> Result<Exec> {
        let Self { process, pidfd, channel } = self;
        match started(&channel, &listener) {
            Ok(terminal) => Ok(Exec { process, pidfd, terminal }),
            Err(error) => {
                // It has ended, or is about to.
                let _ = process::reap(pidfd.as_fd());
                Err(error)
            }
        }
    }
}

/// Runs a command in the namespaces and the cgroup of a container. The caller must have one thread.
pub fn exec(request: ExecRequest) -> Result<Exec> {
    spawn(request)?.executed()
}

/// As [`exec`], but returns as soon as there is a process: nothing that hangs in the container can hold up the caller.
pub fn spawn(request: ExecRequest) -> Result<Starting> {
    let ExecRequest { init, spec, process, stdio, options } = request;
    Labels::check(process)?;
    let pid = init.pid;
    let init = init.open().during(|| "find the container's init, which has ended".into())?;
    let namespaces = Namespaces::of_spec(spec)?.all();
    let entrance = enterable(spec, process, options.cgroups, pid)?;
    let by_user = !geteuid().is_root();
    // A process changes its PID namespace only by being born into another, and a user reaches that only by way of the user
    // namespace.
    let first = libc::CLONE_NEWPID | if by_user { libc::CLONE_NEWUSER } else { 0 };
    let (first, rest) = (namespaces & first, namespaces & !first);
    let joined = Joining { spec, process, namespaces: rest, init: init.as_fd(), pid, options, by_user };
    let body = |channel: &mut channel::Child| joined.run(channel, &entrance, stdio);
    let cloned = if by_user {
        let join = || join_process(init.as_fd(), first).during(|| "join the container's namespaces".into());
        clone_into(join, 0, entrance.directory(), body)
    } else {
        let mut visit = Visit::default();
        if first != 0 {
            visit
                .enter(first, |flag| join_process(init.as_fd(), flag))
                .during(|| "join the container's PID namespace".into())?;
        }
        clone(0, entrance.directory(), body)
    };
    let Cloned { pid, pidfd, channel } = cloned.map_err(|error| match error {
        // Who asks for a cgroup by name gets that or none.
        Error::System { source, .. } if source.raw_os_error() == Some(libc::EBUSY) => entrance.refused(&source).into(),
        error => error,
    })?;
    Ok(Starting { process: ProcessId::of(pid).during(|| format!("look at process {pid}"))?, pidfd, channel })
}

fn started(channel: &channel::Parent, listener: &impl Fn(OwnedFd) -> Result<()>) -> Result<Option<OwnedFd>> {
    let terminal = channel.wait_ready(|| Ok(()))?;
    channel.wait_executed(listener)?;
    Ok(terminal)
}

fn enterable(spec: &Spec, process: &Process, below: &[SubCgroup], init: i32) -> Result<Entrance> {
    if process.args().as_deref().unwrap_or_default().is_empty() {
        return Err(Error::Spec("process.args names no command".into()));
    }
    let path = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_ref());
    path.ok_or_else(|| Error::Spec("linux.cgroupsPath is missing".into()))?;
    let cgroup = Cgroup::open(&cgroup_path(spec, ""))?;
    if below.is_empty() && !geteuid().is_root() && !cgroup.exists() {
        // A user's container that could not have one.
        return Ok(Entrance::default());
    }
    Ok(if below.is_empty() { cgroup.entrance_beside(init)? } else { cgroup.entrance_below(below)? })
}

/// What the child does with.
struct Joining<'a> {
    spec: &'a Spec,
    process: &'a Process,
    namespaces: libc::c_int,
    init: BorrowedFd<'a>,
    pid: i32,
    options: ExecOptions<'a>,
    by_user: bool,
}

/// Where the init has its root, for a container in the host's mount namespace.
fn root_of(init: i32) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, format!("/proc/{init}/root"), flags, Mode::empty())
        .during(|| "open the container's root".into())
}

impl Joining<'_> {
    /// The child's whole life before it becomes its command.
    fn run(&self, channel: &mut channel::Child, entrance: &Entrance, stdio: super::Stdio) -> Result<Infallible> {
        let identity = Identity::prepare(self.spec, self.process, self.by_user)?;
        let labels = Labels::open(self.process)?;
        let mut command = Command::of_process(self.process)?;
        let affinity = self.process.exec_cpu_affinity().as_ref();
        if let Some(processors) = affinity.and_then(|affinity| affinity.initial().as_ref()) {
            scheduling::bind_to_processors(processors)?;
        }
        if let Some(name) = &self.options.keyring {
            keyring::join(name)?;
        }
        entrance.enter().during(|| "enter the container's cgroup".into())?;
        match affinity {
            Some(affinity) => {
                if let Some(processors) = affinity.cpu_affinity_final() {
                    scheduling::bind_to_processors(processors)?;
                }
            }
            None => scheduling::bind_to_all(),
        }
        let entered = (self.namespaces & libc::CLONE_NEWNS == 0).then(|| root_of(self.pid)).transpose()?;
        join_process(self.init, self.namespaces).during(|| "join the container's namespaces".into())?;

        // Joining a mount namespace has made its root ours.
        if let Some(root) = entered {
            nix::unistd::fchdir(&root)
                .and_then(|()| nix::unistd::chroot("."))
                .during(|| "change to the container's root".into())?;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Root::new(rustix::fs::openat(CWD, "/", flags, Mode::empty()).during(|| "open /".into())?);
        let mut streams = Streams::open(stdio, &root)?;
        let directory = workdir::open(&root, self.process.cwd())?;
        workdir::enter(&directory, self.process.cwd())?;
        command.complete(self.process.user().uid())?;
        channel.ready(streams.terminal().map(|terminal| &terminal.master))?;
        streams.install(Uid::from_raw(self.process.user().uid()), self.options.preserved)?;
        scheduling::apply(self.process, self.spec)?;
        labels.apply()?;
        identity.assume(channel)?;
        command.execute()
    }
}
