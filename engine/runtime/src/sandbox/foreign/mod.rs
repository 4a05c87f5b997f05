//! Containers made by another OCI runtime, one with runc's command line, instead of our own sandbox.
//!
//! `RUNTIME create` runs in a mount namespace of its own, in which the root is mounted first (`bundle`): the container's
//! namespace is a copy of that one, and when the runtime has ended nobody else has the mount. Its init becomes our child,
//! `RUNTIME start` lets it go on. A terminal comes over a `console` socket, complaints out of a log (`call`).

mod bundle;
mod call;
mod console;

use super::clone::{Cloned, clone};
use super::create::Running;
use super::error::{Context, Error, Result};
use super::streams::Streams;
use super::{CreateRequest, Stdio, cgroup_path, channel};
use crate::cgroup::Cgroup;
use crate::process::{self, ProcessId};
use bundle::Bundle;
use console::Console;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Uid, execve};
use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// An OCI runtime, and where it and we keep what it needs for one container.
#[derive(Clone, Debug)]
pub struct ForeignRuntime {
    program: PathBuf,
    /// Removed as a whole when the container has ended.
    directory: PathBuf,
    id: String,
}

/// A container whose init has not executed its command yet. Dropping it ends the init and removes the cgroup.
#[derive(Debug)]
pub struct ForeignCreated {
    /// The init. It has its namespaces, so that a network can be set up in them.
    pub init: ProcessId,
    /// The master of its terminal, if one was asked for.
    pub terminal: Option<OwnedFd>,
    unstarted: Unstarted,
}

impl ForeignRuntime {
    /// The runtime `program` for the container in this directory.
    pub fn new(program: impl Into<PathBuf>, container_dir: &Path, id: &str) -> Self {
        Self { program: program.into(), directory: container_dir.join("runtime"), id: id.to_owned() }
    }

    /// Makes the init in its namespaces and cgroup. The caller must have one thread.
    pub fn create(&self, request: CreateRequest) -> Result<ForeignCreated> {
        let CreateRequest { spec, root, stdio, .. } = request;
        let cgroup = Cgroup::open(&cgroup_path(spec, &self.id))?;
        cgroup.create()?;
        let mut unstarted = Unstarted { runtime: self.clone(), cgroup, init: None, is_over: false };
        let bundle = Bundle::write(&self.directory, &self.id, spec, root)?;
        let (streams, console) = match stdio {
            Stdio::Files { stdin, stdout, stderr } => (Streams::Files([stdin, stdout, stderr]), None),
            Stdio::Terminal { columns, rows, .. } => {
                (Streams::Files([null()?, null()?, null()?]), Some(Console::listen(&self.directory, columns, rows)?))
            }
        };
        let user = spec.process().as_ref().map_or(0, |process| process.user().uid());
        let launch = Launch { runtime: self, bundle: &bundle, console: console.as_ref(), user: Uid::from_raw(user) };

        // An init whose parent has ended becomes the child of the nearest process that adopts.
        let adoption = Adoption::begin()?;
        let Cloned { pidfd, channel, .. } = clone(libc::CLONE_NEWNS, None, |channel| launch.run(channel, streams))?;
        let created = self.wait_created(&channel, &pidfd);
        drop(adoption);
        let init = created.and_then(|()| self.read_init())?;
        unstarted.init = Some(init.open().during(|| "find the init that the runtime has made".into())?);
        reap_others(init);
        let terminal = console.map(Console::receive).transpose()?;
        Ok(ForeignCreated { init, terminal, unstarted })
    }

    fn wait_created(&self, channel: &channel::Parent, pidfd: &OwnedFd) -> Result<()> {
        let executed = channel.go().and_then(|()| channel.wait_executed(channel::refuse_listener));
        if executed.is_err() {
            // It has ended, or is about to.
            let _ = process::reap(pidfd.as_fd());
            return executed;
        }
        self.wait_for("create", pidfd.as_fd())
    }

    fn read_init(&self) -> Result<ProcessId> {
        let text = fs::read_to_string(self.pid_file()).unwrap_or_default();
        let pid = text.trim().parse().map_err(|_| self.failure("create", "it did not tell the init's process id"))?;
        ProcessId::of(pid).during(|| format!("look at the init, process {pid}"))
    }

    /// Has the runtime forget the container, whose processes must have ended, and removes what was kept of it. Harmless
    /// when there is nothing to forget.
    pub fn discard(&self) -> io::Result<()> {
        if !self.directory.exists() {
            return Ok(());
        }
        // A runtime that fails here knows nothing of the container, or is not there any more: what it may have kept lies
        // in the directory and the cgroup.
        let _ = self.call("delete", &["--force"]);
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.join("init.pid")
    }
}

impl ForeignCreated {
    /// Lets the init go on to the container's command.
    pub fn start(mut self) -> Result<Running> {
        self.unstarted.runtime.call("start", &[])?;
        let pidfd = self.unstarted.init.take().ok_or(Error::Vanished)?;
        self.unstarted.is_over = true;
        let (init, cgroup) = (self.init, self.unstarted.cgroup.clone());
        Ok(Running { init, pidfd, terminal: self.terminal, cgroup, _mounts: None })
    }
}

/// What is undone when the container does not come to run.
#[derive(Debug)]
struct Unstarted {
    runtime: ForeignRuntime,
    cgroup: Cgroup,
    init: Option<OwnedFd>,
    /// It does run.
    is_over: bool,
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // A destructor has nobody to tell; the engine removes leftovers when it reconciles.
        let _ = self.cgroup.kill_all(libc::SIGKILL);
        if let Some(init) = &self.init {
            let _ = process::send_signal(init.as_fd(), libc::SIGKILL);
            let _ = process::reap(init.as_fd());
        }
        let _ = self.runtime.discard();
        let _ = self.cgroup.remove();
    }
}

/// What the process that becomes the runtime does with.
struct Launch<'a> {
    runtime: &'a ForeignRuntime,
    bundle: &'a Bundle<'a>,
    console: Option<&'a Console>,
    user: Uid,
}

impl Launch<'_> {
    /// Its whole life until then. It does not outlive the caller: the container that it is about to make would be nobody's.
    fn run(&self, channel: &channel::Child, mut streams: Streams) -> Result<Infallible> {
        set_pdeathsig(Signal::SIGKILL).during(|| "bind the runtime's life to the monitor's".into())?;
        channel.wait_go()?;
        self.bundle.mount()?;
        let program = self.runtime.program.display();
        let (arguments, environment) = (self.arguments()?, call::environment_block());
        let path = call::c_string(self.runtime.program.as_os_str())?;
        streams.install(self.user, 0)?;
        execve(&path, &arguments, &environment).during(|| format!("execute the runtime {program}"))
    }

    fn arguments(&self) -> Result<Vec<CString>> {
        let mut words = vec!["create".into(), "--bundle".into(), self.runtime.directory.clone().into_os_string()];
        words.extend(["--pid-file".into(), self.runtime.pid_file().into_os_string()]);
        if let Some(console) = self.console {
            words.extend(["--console-socket".into(), console.path.clone().into_os_string()]);
        }
        let all = [self.runtime.program.clone().into_os_string()].into_iter().chain(self.runtime.global_options());
        all.chain(words).chain([self.runtime.id.clone().into()]).map(|word| call::c_string(&word)).collect()
    }
}

/// While it lives, processes below this one whose parents end become its children.
struct Adoption;

impl Adoption {
    fn begin() -> Result<Self> {
        set_child_subreaper(true).during(|| "adopt the container's init".into())?;
        Ok(Self)
    }
}

impl Drop for Adoption {
    fn drop(&mut self) {
        // It cannot fail where setting it did not. A container in the host's PID namespace leaves its orphans to the
        // host's init again, not to us.
        let _ = set_child_subreaper(false);
    }
}

/// Reaps what else the runtime may have left to us, as far as it has ended; nothing before the init, if that has.
fn reap_others(init: ProcessId) {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) = waitid(Id::All, peek) {
        if pid.as_raw() == init.pid || waitid(Id::Pid(pid), WaitPidFlag::WEXITED).is_err() {
            return;
        }
    }
}

fn null() -> Result<OwnedFd> {
    open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).during(|| "open /dev/null".into())
}
