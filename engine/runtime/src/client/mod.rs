//! How other processes talk to a monitor: launching one, attaching, stopping, waiting.

mod launch;

pub use crate::protocol::{Attach, WaitCondition};
pub use launch::{Launching, StartError, launch};

use crate::protocol::{Inbox, Reply, Request};
use crate::state::State;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a monitor did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens: the container does not run, or its monitor was killed. `state.json` and the init's process tell.
    #[error("no monitor answers at {}: {source}", socket.display())]
    NoMonitor {
        /// Where it should be.
        socket: PathBuf,
        /// What connecting said.
        source: io::Error,
    },
    /// The connection ended before the answer.
    #[error("the monitor at {} ended before it answered: {source}", socket.display())]
    Lost {
        /// Where it was.
        socket: PathBuf,
        /// What reading or writing said.
        source: io::Error,
    },
    /// It is there and does not answer.
    #[error(
        "its monitor (process {pid}) does not answer: `kill -CONT {pid}` wakes one that was stopped, `porthole rm -f` ends it with the container"
    )]
    Silent {
        /// The monitor.
        pid: i32,
    },
    /// It cannot be done in the container's present state.
    #[error("{0}")]
    Refused(String),
}

/// How long a monitor may take over what it does at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to the monitor of a container.
pub struct MonitorClient {
    pub(crate) stream: UnixStream,
    pub(crate) socket: PathBuf,
    pub(crate) inbox: Inbox,
}

/// What a call comes back with.
enum Answer {
    Done,
    Exited(i32),
    State(Box<State>),
}

impl MonitorClient {
    /// Connects to the socket that the container's `monitor.json` names.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let stream =
            UnixStream::connect(socket).map_err(|source| Error::NoMonitor { socket: socket.to_owned(), source })?;
        Ok(Self { stream, socket: socket.to_owned(), inbox: Inbox::default() })
    }

    /// Takes part in the container's standard streams; from now on only [`crate::relay::attach`] can use this client.
    pub fn attach(&mut self, attach: Attach) -> Result<(), Error> {
        self.call(Request::Attach(attach)).map(drop)
    }

    /// Sends the init a signal, as `docker kill` does.
    pub fn signal(&mut self, signal: i32) -> Result<(), Error> {
        self.call(Request::Signal(signal)).map(drop)
    }

    /// Sends a signal, then SIGKILL after the time-out if there is one, and waits for the end; the exit code.
    pub fn stop(&mut self, signal: i32, timeout: Option<Duration>) -> Result<i32, Error> {
        // One that hangs is found out now, not after the time-out.
        self.status()?;
        self.call_for_exit(stop_request(signal, timeout))
    }

    /// As [`Self::stop`], and the caller cleans up after the container: the monitor does only if this client is dropped
    /// before it has said [`Self::cleaned_up`].
    pub fn stop_to_clean_up(&mut self, signal: i32, timeout: Option<Duration>) -> Result<i32, Error> {
        self.status()?;
        // In one piece, for the container may end between the two.
        let mut frames = Vec::new();
        Request::Attach(Attach { cleanup: true, ..Attach::default() }).encode(&mut frames);
        stop_request(signal, timeout).encode(&mut frames);
        self.stream.write_all(&frames).map_err(|source| self.lost(source))?;
        match self.answer_within(Some(PATIENCE))? {
            Answer::Done => self.exit(),
            _ => Err(self.unexpected()),
        }
    }

    /// Freezes the container.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.call(Request::Pause).map(drop)
    }

    /// Thaws it.
    pub fn resume(&mut self) -> Result<(), Error> {
        self.call(Request::Resume).map(drop)
    }

    /// Tells the monitor that the restart policy or the name in its configuration has changed, or what its service goes by.
    pub fn reload(&mut self) -> Result<(), Error> {
        self.call(Request::Reload).map(drop)
    }

    /// Sets the size of its terminal.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Result<(), Error> {
        self.call(Request::Resize { columns, rows }).map(drop)
    }

    /// Waits for the container's end; its exit code.
    pub fn wait(&mut self, condition: WaitCondition) -> Result<i32, Error> {
        // One that hangs is found out now: later it could not be told from a container that runs on.
        self.status()?;
        self.call_for_exit(Request::Wait(condition))
    }

    /// What the monitor would write to `state.json` now.
    pub fn status(&mut self) -> Result<State, Error> {
        match self.call(Request::Status)? {
            Answer::State(state) => Ok(*state),
            _ => Err(self.unexpected()),
        }
    }

    /// Tells the monitor that this client, attached with `cleanup`, has cleaned up. A monitor that is gone already
    /// need not hear it.
    pub fn cleaned_up(mut self) {
        let _ = self.send(Request::CleanedUp);
    }

    fn call_for_exit(&mut self, request: Request) -> Result<i32, Error> {
        self.send(request).map_err(|source| self.lost(source))?;
        self.exit()
    }

    fn exit(&mut self) -> Result<i32, Error> {
        match self.answer_within(None)? {
            Answer::Exited(code) => Ok(code),
            _ => Err(self.unexpected()),
        }
    }

    fn call(&mut self, request: Request) -> Result<Answer, Error> {
        self.send(request).map_err(|source| self.lost(source))?;
        self.answer_within(Some(PATIENCE))
    }

    fn answer_within(&mut self, patience: Option<Duration>) -> Result<Answer, Error> {
        self.stream.set_read_timeout(patience).map_err(|source| self.lost(source))?;
        let answer = receive(&mut self.stream, &mut self.inbox, |reply| match reply {
            Reply::Done => Some(Ok(Answer::Done)),
            Reply::Exited { code } => Some(Ok(Answer::Exited(code))),
            Reply::Refused(why) => Some(Err(Error::Refused(why.to_owned()))),
            Reply::Status(json) => serde_json::from_str(json).ok().map(|state| Ok(Answer::State(state))),
            _ => None,
        });
        answer.map_err(|source| self.lost(source))?
    }

    fn send(&mut self, request: Request) -> io::Result<()> {
        let mut frame = Vec::new();
        request.encode(&mut frame);
        self.stream.write_all(&frame)
    }

    fn lost(&self, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::WouldBlock
            && let Ok(monitor) = getsockopt(&self.stream, PeerCredentials)
        {
            return Error::Silent { pid: monitor.pid() };
        }
        Error::Lost { socket: self.socket.clone(), source }
    }

    fn unexpected(&self) -> Error {
        self.lost(unexpected_reply())
    }
}

fn stop_request(signal: i32, timeout: Option<Duration>) -> Request<'static> {
    let timeout_ms = timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
    Request::Stop { signal, timeout_ms }
}

/// Waits for one reply and reads it; `None` from `read` means that it is not one that may come here.
fn receive<T>(stream: &mut UnixStream, inbox: &mut Inbox, read: impl FnOnce(Reply) -> Option<T>) -> io::Result<T> {
    loop {
        if let Some(frame) = inbox.next_frame()? {
            return read(Reply::decode(frame)?).ok_or_else(unexpected_reply);
        }
        match inbox.fill(&mut *stream) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}

fn unexpected_reply() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it gave an answer that does not fit the question")
}
