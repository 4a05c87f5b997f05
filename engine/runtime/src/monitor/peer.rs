//! One connected client.

use crate::log::Stream;
use crate::protocol::{Attach, Inbox, Reply, WaitCondition};
use nix::poll::PollFlags;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Replies that may wait for a client that sends requests and does not listen.
const MAX_WAITING: usize = 256 * 1024;

/// A client, or the launcher on the control socket.
pub(super) struct Peer {
    stream: UnixStream,
    pub(super) inbox: Inbox,
    outbox: Vec<u8>,
    /// Its end of the connection is closed for what is sent to it; it may have sent something before.
    deaf: bool,
    /// Nothing more comes from it.
    gone: bool,
    /// It knows how the container ended, or could not be started.
    told: bool,
    /// What it takes part in.
    pub(super) attach: Option<Attach>,
    /// The end that it waits for.
    pub(super) waits: Option<WaitCondition>,
}

impl Peer {
    pub(super) fn new(stream: UnixStream) -> Self {
        // A failure would show as a monitor that blocks on a slow client; it has no cause on a socket.
        let deaf = stream.set_nonblocking(true).is_err();
        Self {
            stream,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            deaf,
            gone: deaf,
            told: false,
            attach: None,
            waits: None,
        }
    }

    /// What to poll for; `None` when its input must wait (`hold_input`) and there is nothing to tell it.
    pub(super) fn interest(&self, hold_input: bool) -> Option<PollFlags> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, !hold_input && self.outbox.len() < MAX_WAITING);
        flags.set(PollFlags::POLLOUT, !self.outbox.is_empty());
        (!flags.is_empty()).then_some(flags)
    }

    /// Sends, as far as the client takes it now; the rest waits.
    pub(super) fn send(&mut self, reply: Reply) {
        self.told |= matches!(reply, Reply::Exited { .. } | Reply::Failed { .. });
        if !self.deaf {
            let idle = self.outbox.is_empty();
            reply.encode(&mut self.outbox);
            if idle {
                self.flush();
            }
        }
    }

    /// Sends output of the container if the client wants it.
    pub(super) fn send_output(&mut self, stream: Stream, bytes: &[u8]) {
        let Some(attach) = self.attach else { return };
        match stream {
            Stream::Stdout if attach.stdout => self.send(Reply::Stdout(bytes)),
            Stream::Stderr if attach.stderr => self.send(Reply::Stderr(bytes)),
            _ => {}
        }
    }

    /// Sends what waits, as far as the client takes it now.
    pub(super) fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.stream.write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.deaf = true;
                    sent = self.outbox.len();
                }
            }
        }
        match sent == self.outbox.len() {
            true => self.outbox = Vec::new(),
            false => drop(self.outbox.drain(..sent)),
        }
    }

    /// Takes in what the client has sent.
    pub(super) fn receive(&mut self) {
        match self.inbox.fill(&self.stream) {
            Ok(0) => self.gone = true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.gone = true,
        }
    }

    /// It broke the protocol, or has left.
    pub(super) fn dismiss(&mut self) {
        self.gone = true;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether it holds up the container: it is attached and has not yet taken what was said last.
    pub(super) fn is_stalled(&self) -> bool {
        self.attach.is_some() && self.has_waiting()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.outbox.is_empty() && !self.deaf
    }

    /// Whether it has not yet heard all it might want to.
    pub(super) fn may_ask(&self) -> bool {
        !self.deaf && (!self.told || self.has_waiting())
    }

    pub(super) fn has_stdin(&self) -> bool {
        self.attach.is_some_and(|attach| attach.stdin)
    }

    /// Whether it will clean up after the container.
    pub(super) fn cleans_up(&self) -> bool {
        self.attach.is_some_and(|attach| attach.cleanup)
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
