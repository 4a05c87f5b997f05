//! Our ends of the standard streams of a process in a container: the monitor's for the init, a client's for what it execs.

use crate::log::Stream;
use crate::sandbox::Stdio;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::unistd::{pipe2, read, write};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Pipes, or a pseudo terminal whose one output counts as standard output.
#[derive(Default)]
pub(crate) struct Streams {
    /// Where input goes, as long as the container has one.
    pub(crate) stdin: Option<Stdin>,
    /// Where output comes from, until its end.
    pub(crate) outputs: Vec<Output>,
    terminal: Option<OwnedFd>,
}

/// An output of the container.
pub(crate) struct Output {
    pub(crate) fd: OwnedFd,
    pub(crate) stream: Stream,
}

/// What reading an output gave.
pub(crate) enum Chunk {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Empty,
    /// Nothing ever again.
    End,
}

/// The container's input, and what it has not taken yet.
pub(crate) struct Stdin {
    pub(crate) fd: OwnedFd,
    queue: Vec<u8>,
    ends: bool,
}

impl Streams {
    /// Pipes, and their other ends for the container. Without `open_stdin` that reads from `/dev/null`.
    pub(crate) fn pipes(open_stdin: bool) -> io::Result<(Self, Stdio)> {
        let (theirs, stdin) = match open_stdin {
            true => pipe2(OFlag::O_CLOEXEC).map(|(reader, writer)| (reader, Some(writer)))?,
            false => (open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?, None),
        };
        let (stdout, their_stdout) = output_pipe()?;
        let (stderr, their_stderr) = output_pipe()?;
        let outputs = vec![Output::new(stdout, Stream::Stdout)?, Output::new(stderr, Stream::Stderr)?];
        let streams = Self { stdin: stdin.map(Stdin::new).transpose()?, outputs, terminal: None };
        Ok((streams, Stdio::Files { stdin: theirs, stdout: their_stdout, stderr: their_stderr }))
    }

    /// A terminal by its master.
    pub(crate) fn terminal(master: OwnedFd, open_stdin: bool) -> io::Result<Self> {
        let stdin = open_stdin.then(|| Stdin::new(master.try_clone()?)).transpose()?;
        let outputs = vec![Output::new(master.try_clone()?, Stream::Stdout)?];
        Ok(Self { stdin, outputs, terminal: Some(master) })
    }

    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Sets the terminal's size (ioctl_tty(2)); whoever runs in it gets SIGWINCH.
    pub(crate) fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let Some(terminal) = &self.terminal else {
            return Err(io::Error::other("the container has no terminal"));
        };
        crate::terminal::set_window_size(terminal.as_fd(), columns, rows)
    }

    /// Input for the container; dropped if it does not read any.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            stdin.queue.extend_from_slice(bytes);
            self.push_input();
        }
    }

    /// No more input comes. A terminal stays open: only its line discipline can tell a program of an end.
    pub(crate) fn end_input(&mut self) {
        let terminal = self.is_terminal();
        if let Some(stdin) = &mut self.stdin {
            stdin.ends = !terminal;
            self.push_input();
        }
    }

    /// Whether the container has not taken all its input yet.
    pub(crate) fn input_waits(&self) -> bool {
        self.stdin.as_ref().is_some_and(|stdin| !stdin.queue.is_empty())
    }

    /// Passes on waiting input, as far as the container takes it now.
    pub(crate) fn push_input(&mut self) {
        if self.stdin.as_mut().is_some_and(|stdin| stdin.push().is_break()) {
            self.stdin = None;
        }
    }
}

impl Output {
    fn new(fd: OwnedFd, stream: Stream) -> io::Result<Self> {
        set_nonblocking(&fd)?;
        Ok(Self { fd, stream })
    }

    /// Reads once. A terminal whose other side nobody has open any more says EIO instead of 0 (pty(7)).
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Chunk {
        match read(&self.fd, buffer) {
            Ok(0) => Chunk::End,
            Ok(count) => Chunk::Bytes(count),
            Err(Errno::EAGAIN | Errno::EINTR) => Chunk::Empty,
            Err(_) => Chunk::End,
        }
    }
}

impl Stdin {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        set_nonblocking(&fd)?;
        Ok(Self { fd, queue: Vec::new(), ends: false })
    }

    /// Breaks when there is no more to pass on, or nobody to take it.
    fn push(&mut self) -> ControlFlow<()> {
        let mut taken = 0;
        while taken < self.queue.len() {
            match write(&self.fd, &self.queue[taken..]) {
                Ok(count) => taken += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => return ControlFlow::Break(()),
            }
        }
        self.queue.drain(..taken);
        if !self.queue.is_empty() {
            return ControlFlow::Continue(());
        }
        self.queue = Vec::new();
        match self.ends {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// A pipe: our reading end and the container's end. That one can also be read from, so that a container whose monitor
/// was killed waits when the pipe is full, where a plain writing end would kill it by SIGPIPE.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let theirs = open(path.as_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok((reader, theirs))
}

fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
