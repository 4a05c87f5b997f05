//! Starting a monitor and, through it, a container.

use super::{Attach, MonitorClient, receive};
use crate::process::ProcessId;
use crate::protocol::{Inbox, Reply, Request};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Why a container could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// What the command line exits with: 125, 126 or 127.
    pub exit_code: i32,
    /// The cause.
    pub message: String,
}

/// A monitor that makes a container, which waits for [`Self::go`]. Dropping it undoes the container: the monitor ends
/// the init, runs its clean-up command and ends too.
pub struct Launching {
    stream: UnixStream,
    socket: PathBuf,
    inbox: Inbox,
    /// The monitor's short-lived parent.
    starter: Child,
}

/// Starts `program ARGUMENTS… container_dir`, which must call [`crate::monitor::main`]. `socket` is the one that
/// `monitor.json` in that directory names. In lists of processes it is called `porthole`, wherever it is executed from. The process is started like by posix_spawn(3): nothing of the caller is
/// copied, however large it is.
pub fn launch(
    program: &Path,
    arguments: &[&OsStr],
    container_dir: &Path,
    socket: &Path,
) -> Result<Launching, StartError> {
    let (stream, theirs) = UnixStream::pair().map_err(|error| cannot_start(program, &error))?;
    let starter = Command::new(program)
        .arg0("porthole")
        .args(arguments)
        .arg(container_dir)
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| cannot_start(program, &error))?;
    Ok(Launching { stream, socket: socket.to_owned(), inbox: Inbox::default(), starter })
}

impl Launching {
    /// Waits until the container's namespaces exist; its init, which does the rest of its set-up meanwhile. After a
    /// [`StartError`] the monitor runs its clean-up command.
    pub fn created(&mut self) -> Result<ProcessId, StartError> {
        let reply = receive(&mut self.stream, &mut self.inbox, |reply| match reply {
            Reply::Created { pid, start_time } => Some(Ok(ProcessId { pid, start_time })),
            reply => failure(reply).map(Err),
        });
        // It has ended by now, having left the monitor to init.
        let _ = self.starter.wait();
        reply.map_err(|error| lost(&error))?
    }

    /// Lets the container's program run, and takes part in its streams from their first byte on if `attach` is given.
    pub fn go(mut self, attach: Option<Attach>) -> Result<MonitorClient, StartError> {
        let mut frames = Vec::new();
        attach.into_iter().for_each(|attach| Request::Attach(attach).encode(&mut frames));
        Request::Go.encode(&mut frames);
        self.stream.write_all(&frames).map_err(|error| lost(&error))?;
        if attach.is_some() {
            self.expect(|reply| matches!(reply, Reply::Done))?;
        }
        self.expect(|reply| matches!(reply, Reply::Started))?;
        Ok(MonitorClient { stream: self.stream, socket: self.socket, inbox: self.inbox })
    }

    fn expect(&mut self, wanted: impl Fn(&Reply) -> bool) -> Result<(), StartError> {
        let result = receive(&mut self.stream, &mut self.inbox, |reply| match wanted(&reply) {
            true => Some(Ok(())),
            false => failure(reply).map(Err),
        });
        result.map_err(|error| lost(&error))?
    }
}

fn failure(reply: Reply) -> Option<StartError> {
    match reply {
        Reply::Failed { exit_code, message } => Some(StartError { exit_code, message: message.to_owned() }),
        Reply::Refused(message) => Some(StartError { exit_code: 125, message: message.to_owned() }),
        _ => None,
    }
}

fn cannot_start(program: &Path, error: &io::Error) -> StartError {
    StartError { exit_code: 125, message: format!("cannot start the monitor {}: {error}", program.display()) }
}

fn lost(error: &io::Error) -> StartError {
    StartError { exit_code: 125, message: format!("the container's monitor ended before the container ran: {error}") }
}
