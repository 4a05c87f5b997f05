//! One health check that runs: a process in the container, its output, its deadline.

use crate::health::Probe;
use crate::process;
use crate::sandbox::{self, ExecRequest, Starting};
use crate::state;
use crate::streams::{Chunk, Streams};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How much of the output is kept.
const MAX_OUTPUT: usize = 4096;
/// What Docker records as the exit code of a check that did not come to an end of its own.
const NO_EXIT_CODE: i32 = -1;

/// A check on its way.
pub(super) struct Running {
    /// When it began, on the clock of the container's life.
    pub(super) begun: Instant,
    start: String,
    starting: Starting,
    streams: Streams,
    output: Vec<u8>,
    /// When it is ended; none once it has been.
    deadline: Option<Instant>,
    timeout: Duration,
}

impl Running {
    /// Begins one. `request` makes the request for its streams.
    pub(super) fn begin<'a>(
        timeout: Duration,
        request: impl FnOnce(sandbox::Stdio) -> ExecRequest<'a>,
    ) -> sandbox::Result<Self> {
        let (start, begun) = (state::now(), Instant::now());
        let (streams, stdio) = Streams::pipes(false)
            .map_err(|source| sandbox::Error::System { action: "make pipes for a health check".into(), source })?;
        let starting = sandbox::spawn(request(stdio))?;
        let deadline = begun.checked_add(timeout);
        Ok(Self { begun, start, starting, streams, output: Vec::new(), deadline, timeout })
    }

    /// What tells of it: its end and its output.
    pub(super) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.starting.pidfd.as_fd()).chain(self.streams.outputs.iter().map(|output| output.fd.as_fd()))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends it and all that it started, which its session leader's process group is.
    pub(super) fn kill(&mut self) {
        self.deadline = None;
        // SAFETY: kill(2) takes two integers. The number is that of a child that was not reaped, so it is nobody else's. A
        // group that does not exist yet, or any more, is no loss: the process itself is signalled next.
        unsafe { libc::kill(-self.starting.process.pid, libc::SIGKILL) };
        // It fails only for a process that has ended.
        let _ = process::send_signal(self.starting.pidfd.as_fd(), libc::SIGKILL);
    }

    /// Takes in what it has said by now, so that it never waits for a reader.
    pub(super) fn read(&mut self, buffer: &mut [u8]) {
        let output = &mut self.output;
        self.streams.outputs.retain(|source| match source.read(buffer) {
            Chunk::Bytes(count) => {
                let room = MAX_OUTPUT.saturating_sub(output.len());
                output.extend_from_slice(&buffer[..count.min(room)]);
                true
            }
            Chunk::Empty => true,
            Chunk::End => false,
        });
    }

    pub(super) fn has_ended(&self) -> io::Result<bool> {
        process::wait_ended(self.starting.pidfd.as_fd(), Some(Duration::ZERO))
    }

    /// What came of it, once it has ended.
    pub(super) fn finish(self) -> Probe {
        let Self { start, starting, output, deadline, timeout, .. } = self;
        let said = String::from_utf8_lossy(&output).into_owned();
        let reaped = starting.executed().map(|exec| process::reap(exec.pidfd.as_fd()));
        let (exit_code, output) = match reaped {
            _ if deadline.is_none() => {
                (NO_EXIT_CODE, format!("Health check exceeded timeout ({}): {said}", in_words(timeout)))
            }
            Ok(Ok(code)) => (code, said),
            Ok(Err(error)) => (NO_EXIT_CODE, error.to_string()),
            Err(error) => (NO_EXIT_CODE, error.to_string()),
        };
        Probe { start, end: state::now(), exit_code, output }
    }
}

/// A check that could not even be begun.
pub(super) fn not_begun(error: &sandbox::Error) -> Probe {
    let now = state::now();
    Probe { start: now.clone(), end: now, exit_code: NO_EXIT_CODE, output: error.to_string() }
}

/// `30s`, `1.5s`, `20ms`.
fn in_words(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_millis());
    }
    format!("{}s", time.as_secs_f64())
}
