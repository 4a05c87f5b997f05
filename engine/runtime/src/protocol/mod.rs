//! What a monitor and its clients say to one another.
//!
//! Both directions of a stream socket carry frames: a version byte, a kind byte, the payload's length (`u16`), the
//! payload. Numbers are little-endian. The launcher's control socket and every connection to the monitor's own socket
//! speak the same protocol; only the launcher may say [`Request::Go`].
//!
//! A client sends requests in any number. [`Request::Stdin`], [`Request::StdinEnd`] and [`Request::CleanedUp`] have no
//! reply, each other request has exactly one: what its documentation names, or [`Reply::Refused`]. Output of an
//! attached container comes in between. An attached stream ends with [`Reply::Exited`].

mod frame;

use frame::{Fields, frame};
pub use frame::{Frame, Inbox, Malformed};

/// What a client attaches to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// Send standard input.
    pub stdin: bool,
    /// Receive standard output, or all output of a terminal.
    pub stdout: bool,
    /// Receive standard error.
    pub stderr: bool,
    /// The client cleans up after the container has ended, and the monitor need not as long as the client lives.
    pub cleanup: bool,
}

/// Which end a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitCondition {
    /// The next one, even if the container is started again after it.
    NextExit,
    /// The one after which the monitor ends too.
    Final,
}

/// From client to monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Start the container; answered by `Started` or `Failed`.
    Go,
    /// Take part in the standard streams; answered by `Done`.
    Attach(Attach),
    /// Bytes for the container's standard input.
    Stdin(&'a [u8]),
    /// This client has no more input.
    StdinEnd,
    /// The terminal's new size; answered by `Done`.
    Resize {
        /// Width in cells.
        columns: u16,
        /// Height in cells.
        rows: u16,
    },
    /// A signal for the init, as `docker kill` sends it; answered by `Done`.
    Signal(i32),
    /// Signal, then SIGKILL after the time-out; answered by `Exited`.
    Stop {
        /// The first signal.
        signal: i32,
        /// How long to wait before SIGKILL; without end if none.
        timeout_ms: Option<u32>,
    },
    /// Freeze the container; answered by `Done`.
    Pause,
    /// Thaw it; answered by `Done`.
    Resume,
    /// Wait for an end; answered by `Exited`.
    Wait(WaitCondition),
    /// Ask for the state; answered by `Status`.
    Status,
    /// The client that attached with `cleanup` has cleaned up.
    CleanedUp,
    /// Read the restart policy and the name in `monitor.json` again, and what the container's service goes by; answered by `Done`.
    Reload,
}

/// From monitor to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// To the launcher, unasked: the container's init exists and waits for `Go`.
    Created {
        /// Its number.
        pid: i32,
        /// Its start time, as in [`crate::process::ProcessId`].
        start_time: u64,
    },
    /// The container's program runs.
    Started,
    /// The container could not be made or started.
    Failed {
        /// 125, 126 or 127.
        exit_code: i32,
        /// What went wrong.
        message: &'a str,
    },
    /// The request has been carried out.
    Done,
    /// The request could not be carried out.
    Refused(&'a str),
    /// Bytes from the container's standard output or its terminal.
    Stdout(&'a [u8]),
    /// Bytes from the container's standard error.
    Stderr(&'a [u8]),
    /// The container has ended.
    Exited {
        /// Its exit code, 128 + n for signal n.
        code: i32,
    },
    /// The record in `state.json`, as JSON.
    Status(&'a str),
}

impl Request<'_> {
    /// Appends the request as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Go => frame(out, 1, &[]),
            Self::Attach(attach) => frame(out, 2, &[&[attach.bits()]]),
            Self::Stdin(bytes) => frame(out, 3, &[bytes]),
            Self::StdinEnd => frame(out, 4, &[]),
            Self::Resize { columns, rows } => frame(out, 5, &[&columns.to_le_bytes(), &rows.to_le_bytes()]),
            Self::Signal(signal) => frame(out, 6, &[&signal.to_le_bytes()]),
            Self::Stop { signal, timeout_ms: None } => frame(out, 7, &[&signal.to_le_bytes()]),
            Self::Stop { signal, timeout_ms: Some(timeout) } => {
                frame(out, 7, &[&signal.to_le_bytes(), &timeout.to_le_bytes()]);
            }
            Self::Pause => frame(out, 8, &[]),
            Self::Resume => frame(out, 9, &[]),
            Self::Wait(WaitCondition::NextExit) => frame(out, 10, &[&[0]]),
            Self::Wait(WaitCondition::Final) => frame(out, 10, &[&[1]]),
            Self::Status => frame(out, 11, &[]),
            Self::CleanedUp => frame(out, 12, &[]),
            Self::Reload => frame(out, 13, &[]),
        }
    }
}

impl<'a> Request<'a> {
    /// Reads a frame as a request.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Malformed> {
        let mut fields = Fields(frame.payload);
        let request = match frame.kind {
            1 => Some(Self::Go),
            2 => fields.u8().map(|bits| Self::Attach(Attach::from_bits(bits))),
            3 => Some(Self::Stdin(fields.rest())),
            4 => Some(Self::StdinEnd),
            5 => fields.u16().zip(fields.u16()).map(|(columns, rows)| Self::Resize { columns, rows }),
            6 => fields.i32().map(Self::Signal),
            7 => fields.i32().map(|signal| Self::Stop { signal, timeout_ms: fields.u32() }),
            8 => Some(Self::Pause),
            9 => Some(Self::Resume),
            10 => fields.u8().map(|last| match last {
                0 => Self::Wait(WaitCondition::NextExit),
                _ => Self::Wait(WaitCondition::Final),
            }),
            11 => Some(Self::Status),
            12 => Some(Self::CleanedUp),
            13 => Some(Self::Reload),
            _ => None,
        };
        request.filter(|_| fields.0.is_empty()).ok_or(Malformed::Frame(frame.kind))
    }
}

impl Reply<'_> {
    /// Appends the reply as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Created { pid, start_time } => frame(out, 65, &[&pid.to_le_bytes(), &start_time.to_le_bytes()]),
            Self::Started => frame(out, 66, &[]),
            Self::Failed { exit_code, message } => frame(out, 67, &[&exit_code.to_le_bytes(), message.as_bytes()]),
            Self::Done => frame(out, 68, &[]),
            Self::Refused(message) => frame(out, 69, &[message.as_bytes()]),
            Self::Stdout(bytes) => frame(out, 70, &[bytes]),
            Self::Stderr(bytes) => frame(out, 71, &[bytes]),
            Self::Exited { code } => frame(out, 72, &[&code.to_le_bytes()]),
            Self::Status(json) => frame(out, 73, &[json.as_bytes()]),
        }
    }
}

impl<'a> Reply<'a> {
    /// Reads a frame as a reply.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Malformed> {
        let mut fields = Fields(frame.payload);
        let reply = match frame.kind {
            65 => fields.i32().zip(fields.u64()).map(|(pid, start_time)| Self::Created { pid, start_time }),
            66 => Some(Self::Started),
            67 => fields.i32().zip(fields.text()).map(|(exit_code, message)| Self::Failed { exit_code, message }),
            68 => Some(Self::Done),
            69 => fields.text().map(Self::Refused),
            70 => Some(Self::Stdout(fields.rest())),
            71 => Some(Self::Stderr(fields.rest())),
            72 => fields.i32().map(|code| Self::Exited { code }),
            73 => fields.text().map(Self::Status),
            _ => None,
        };
        reply.filter(|_| fields.0.is_empty()).ok_or(Malformed::Frame(frame.kind))
    }
}

impl Attach {
    fn bits(self) -> u8 {
        u8::from(self.stdin) | u8::from(self.stdout) << 1 | u8::from(self.stderr) << 2 | u8::from(self.cleanup) << 3
    }

    fn from_bits(bits: u8) -> Self {
        Self { stdin: bits & 1 != 0, stdout: bits & 2 != 0, stderr: bits & 4 != 0, cleanup: bits & 8 != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<Request<'static>> {
        let attach = Attach { stdin: true, stdout: false, stderr: true, cleanup: true };
        vec![
            Request::Go,
            Request::Attach(attach),
            Request::Stdin(b"hello"),
            Request::Stdin(b""),
            Request::StdinEnd,
            Request::Resize { columns: 500, rows: 3 },
            Request::Signal(15),
            Request::Stop { signal: 15, timeout_ms: None },
            Request::Stop { signal: 9, timeout_ms: Some(10_000) },
            Request::Pause,
            Request::Resume,
            Request::Wait(WaitCondition::NextExit),
            Request::Wait(WaitCondition::Final),
            Request::Status,
            Request::CleanedUp,
            Request::Reload,
        ]
    }

    #[test]
    fn requests_survive_any_fragmentation() {
        let mut wire = Vec::new();
        requests().iter().for_each(|request| request.encode(&mut wire));
        for step in [1, 3, 7, wire.len()] {
            let (mut inbox, mut seen) = (Inbox::default(), 0);
            for piece in wire.chunks(step) {
                inbox.fill(piece).expect("memory reads");
                while let Some(frame) = inbox.next_frame().expect("well-formed") {
                    assert_eq!(Request::decode(frame).expect("known"), requests()[seen]);
                    seen += 1;
                }
            }
            assert_eq!(seen, requests().len());
        }
    }

    #[test]
    fn replies_survive_the_wire() {
        let replies = [
            Reply::Created { pid: 7, start_time: 1 << 40 },
            Reply::Started,
            Reply::Failed { exit_code: 127, message: "no such file" },
            Reply::Done,
            Reply::Refused("not running"),
            Reply::Stdout(b"\xff"),
            Reply::Stderr(b"e"),
            Reply::Exited { code: 137 },
            Reply::Status("{}"),
        ];
        let (mut wire, mut inbox) = (Vec::new(), Inbox::default());
        replies.iter().for_each(|reply| reply.encode(&mut wire));
        inbox.fill(wire.as_slice()).expect("memory reads");
        for reply in replies {
            let frame = inbox.next_frame().expect("well-formed").expect("one more");
            assert_eq!(Reply::decode(frame).expect("known"), reply);
        }
        assert!(inbox.next_frame().expect("well-formed").is_none());
    }

    #[test]
    fn strangers_are_told_apart() {
        let mut inbox = Inbox::default();
        inbox.fill(&b"GET / HTTP/1.1\r\n"[..]).expect("memory reads");
        assert!(matches!(inbox.next_frame(), Err(Malformed::Version(b'G'))));
        for (kind, payload) in [(99, &b""[..]), (1, b"x"), (5, b"123"), (72, b"1")] {
            assert!(Request::decode(Frame { kind, payload }).is_err());
        }
    }
}
