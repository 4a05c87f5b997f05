//! A container that was made, and what is done with it.

use super::error::{Error, Result};
use super::{Id, Notifier, Record, listener};
use crate::cgroup::Cgroup;
use crate::hooks::{Failed, Point};
use crate::process::{self, ProcessId};
use crate::sandbox::{self, Gate, cgroup_path};
use oci_spec::runtime::{Linux, LinuxNamespaceType, LinuxResources};
use serde::Serialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an init may take to end when it is killed.
const DYING: Duration = Duration::from_secs(10);

/// After which time there is something in its way.
const PROMPT: Duration = Duration::from_millis(500);

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its init waits to be started.
    Created,
    /// Its init has executed its command.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its init has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.pad(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// What `state` and `list` tell, in runc's form.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Of the runtime-spec.
    pub oci_version: String,
    /// The container's.
    pub id: String,
    /// Its init, or 0.
    pub pid: i32,
    /// What it is doing.
    pub status: Status,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// The root file system's.
    pub rootfs: PathBuf,
    /// When it was created.
    pub created: String,
    /// The spec's annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<HashMap<String, String>>,
    /// Who created it.
    pub owner: String,
}

/// Which processes get a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalled {
    /// The init.
    Init,
    /// All in the container's cgroup.
    All,
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container {
    directory: PathBuf,
    /// What is remembered of it.
    pub record: Record,
    /// Its cgroup.
    pub cgroup: Cgroup,
}

impl Container {
    pub(super) fn new(directory: PathBuf, record: Record) -> Result<Self> {
        let cgroup = Cgroup::open(&cgroup_path(&record.spec, &record.state.id))?;
        Ok(Self { directory, record, cgroup })
    }

    pub(super) fn load(directory: &Path) -> Result<Option<Self>> {
        let record = Record::load(directory)?;
        record.map(|record| Self::new(directory.to_owned(), record)).transpose()
    }

    fn gate(&self) -> PathBuf {
        self.directory.join(Record::GATE)
    }

    /// What it is doing.
    pub fn status(&self) -> Result<Status> {
        Ok(if !self.record.init.is_alive() {
            Status::Stopped
        } else if self.gate().exists() {
            Status::Created
        } else if self.is_frozen()? {
            Status::Paused
        } else {
            Status::Running
        })
    }

    /// A cgroup that somebody has removed holds nobody frozen.
    fn is_frozen(&self) -> Result<bool> {
        match self.cgroup.is_frozen() {
            Err(error) if error.is_gone() => Ok(false),
            frozen => Ok(frozen?),
        }
    }

    /// Its state.
    pub fn state(&self) -> Result<State> {
        let Record { state, init, rootfs, created, owner, .. } = &self.record;
        let status = self.status()?;
        Ok(State {
            oci_version: state.oci_version.clone(),
            id: state.id.clone(),
            pid: if status == Status::Stopped { 0 } else { init.pid },
            status,
            bundle: state.bundle.clone(),
            rootfs: rootfs.clone(),
            created: created.clone(),
            annotations: state.annotations.clone(),
            owner: owner.clone(),
        })
    }

    /// Lets the init go on to its command. With a socket of the host's for what it notifies of (sd_notify(3)), waits until it is
    /// ready.
    pub fn start(&self, notify: Option<&OsStr>) -> Result<()> {
        match self.status()? {
            Status::Created => {}
            status => return Err(Error::NotCreated { status }),
        }
        let notifier = notify.map_or(Ok(None), |host| Notifier::bind(&self.directory, host))?;
        let pidfd = self.record.init.open().map_err(Error::at("open", "the container's init"))?;
        let init = self.record.init.pid;
        Gate::open(&self.gate(), |file| listener::deliver(&self.record.spec, &self.record.state, init, init, file))?;
        self.started()?;
        notifier.map_or(Ok(()), |notifier| notifier.wait(pidfd.as_fd(), init))
    }

    /// Runs the hooks for a container that has started. When one fails the container is ended.
    pub(super) fn started(&self) -> Result<()> {
        let (spec, state) = (&self.record.spec, &self.record.state);
        Point::Poststart.run(spec, state, Some(self.record.init.pid)).map_err(|error| {
            // Its failure is what is told.
            let _ = self.end();
            error.into()
        })
    }

    /// Sends a signal.
    pub fn kill(&self, signal: i32, to: Signalled) -> Result<()> {
        let status = self.status()?;
        // Without a PID namespace of its own, the other processes do not end with the init.
        let all = to == Signalled::All || signal == libc::SIGKILL && !self.has_own(LinuxNamespaceType::Pid);
        if all && self.cgroup.exists() {
            return Ok(self.cgroup.kill_all(signal)?);
        }
        match (status, to) {
            // All that there are, without a cgroup: none.
            (Status::Stopped, Signalled::All) => return Ok(()),
            (Status::Stopped, Signalled::Init) => return Err(Error::NotRunning),
            _ => {}
        }
        self.record.init.send_signal(signal).map_err(|error| match error.raw_os_error() {
            Some(libc::ESRCH) => Error::NotRunning,
            _ => Error::at("signal", "the container's init")(error),
        })?;
        if signal == libc::SIGKILL && status == Status::Paused {
            // On v1, a frozen process does not even die.
            self.cgroup.thaw()?;
        }
        Ok(())
    }

    pub(super) fn has_own(&self, kind: LinuxNamespaceType) -> bool {
        let namespaces = self.record.spec.linux().iter().flat_map(Linux::namespaces).flatten();
        let none = |path: &PathBuf| path.as_os_str().is_empty();
        namespaces.filter(|space| space.typ() == kind).any(|space| space.path().as_ref().is_none_or(none))
    }

    /// Forgets it, once it has stopped or while it has not been started. Hooks that fail are told of, but change nothing.
    pub fn delete(&self) -> Result<Vec<Failed>> {
        match self.status()? {
            Status::Created | Status::Stopped => self.destroy(),
            status => match self.record.state.id.parse::<Id>() {
                Ok(id) => Err(Error::NotStopped { id, status }),
                Err(error) => Err(error),
            },
        }
    }

    /// Ends its processes and forgets it.
    pub fn destroy(&self) -> Result<Vec<Failed>> {
        self.end()?;
        self.cgroup.destroy()?;
        if !Record::remove(&self.directory)? {
            // Whoever was faster does the rest.
            return Ok(Vec::new());
        }
        fs::remove_dir_all(&self.directory).map_err(Error::at("remove", &self.directory))?;
        Ok(Point::Poststop.run_all(&self.record.spec, &self.record.state, None))
    }

    /// Ends its processes.
    fn end(&self) -> Result<()> {
        let pidfd = self.record.init.open();
        self.cgroup.kill_all(libc::SIGKILL)?;
        // One that cannot be opened has ended.
        let Ok(pidfd) = pidfd else { return Ok(()) };
        // It may have left its cgroup.
        let _ = process::send_signal(pidfd.as_fd(), libc::SIGKILL);
        let has_ended = |limit| {
            process::wait_ended(pidfd.as_fd(), Some(limit)).map_err(Error::at("wait for", "the container's init"))
        };
        if has_ended(PROMPT)? {
            return Ok(());
        }
        // Another cgroup may hold it frozen, and on v1 a frozen process does not even die. Should it not be that, the wait tells.
        let _ = self.cgroup.take_back(self.record.init.pid);
        match has_ended(DYING)? {
            true => Ok(()),
            false => Err(Error::at("end", "the container's init")(std::io::ErrorKind::TimedOut.into())),
        }
    }

    /// Stops all its processes until [`resume`](Self::resume).
    pub fn pause(&self) -> Result<()> {
        match self.status()? {
            Status::Created | Status::Running => Ok(self.cgroup.freeze()?),
            _ => Err(Error::NotRunning),
        }
    }

    /// Lets them go on.
    pub fn resume(&self) -> Result<()> {
        match self.status()? {
            // What was frozen before its start does not tell so.
            Status::Created if self.is_frozen()? => Ok(self.cgroup.thaw()?),
            Status::Paused => Ok(self.cgroup.thaw()?),
            Status::Stopped => Err(Error::NotRunning),
            _ => Err(Error::NotPaused),
        }
    }

    /// Its processes, as the host sees them.
    pub fn processes(&self) -> Result<Vec<i32>> {
        Ok(self.cgroup.processes()?)
    }

    /// Changes its limits, which are remembered. What is absent stays as it is.
    pub fn update(&mut self, resources: &LinuxResources) -> Result<()> {
        if self.status()? == Status::Stopped {
            return Err(Error::NotRunning);
        }
        self.cgroup.apply(resources)?;
        super::update::merge(&mut self.record.spec, resources);
        self.record.save(&self.directory)
    }

    pub(super) fn init(&self) -> ProcessId {
        self.record.init
    }

    pub(super) fn hear(&self, pid: i32) -> impl Fn(std::os::fd::OwnedFd) -> sandbox::Result<()> {
        let Record { spec, state, init, .. } = &self.record;
        move |file| listener::deliver(spec, state, pid, init.pid, file)
    }
}
