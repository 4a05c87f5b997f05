//! Another process in a container.

use super::create::announce;
use super::error::{Error, Result};
use super::{Container, Foreground, Status, Terminal};
use crate::sandbox::{self, ExecOptions, ExecRequest, SubCgroup};
use oci_spec::runtime::Process;
use std::path::PathBuf;

/// What to run, and how.
#[derive(Debug)]
pub struct ExecIn {
    /// The process.
    pub process: Process,
    /// Where its terminal goes.
    pub terminal: Terminal,
    /// How many descriptors from 3 on it keeps.
    pub preserved: u32,
    /// The cgroups below the container's to put it into.
    pub cgroups: Vec<SubCgroup>,
    /// Whether a paused container will do; then it waits until that is resumed.
    pub ignore_paused: bool,
    /// Where to write its number.
    pub pid_file: Option<PathBuf>,
    /// Where to send it as a file.
    pub pidfd_socket: Option<PathBuf>,
    /// Whether the caller adopts what its processes leave behind.
    pub adopts: bool,
}

impl ExecIn {
    /// Runs it. Who is to stay with it gets what that takes.
    pub fn run(self, container: &Container) -> Result<Foreground> {
        match container.status()? {
            Status::Created | Status::Running => {}
            Status::Paused if self.ignore_paused => {}
            status => return Err(Error::NoExec { status }),
        }
        let starting = sandbox::spawn(ExecRequest {
            init: container.init(),
            spec: &container.record.spec,
            process: &self.process,
            stdio: self.terminal.stdio(&self.process)?,
            options: ExecOptions {
                preserved: self.preserved,
                cgroups: &self.cgroups,
                keyring: container.record.keyring.clone(),
            },
        })?;
        let pid = starting.process.pid;
        let exec = starting.executed_with(container.hear(pid))?;
        let terminal = self.terminal.hand_over(exec.terminal)?;
        use std::os::fd::AsFd;
        announce(pid, exec.pidfd.as_fd(), self.pid_file.as_deref(), self.pidfd_socket.as_deref())?;
        Ok(Foreground { pid, pidfd: exec.pidfd, terminal, adopts: self.adopts, notifier: None })
    }
}
