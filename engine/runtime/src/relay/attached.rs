//! The relay's side of a monitor.

use super::{Outcome, Peer, Screen};
use crate::client::MonitorClient;
use crate::log::Stream;
use crate::protocol::{Reply, Request};
use nix::poll::{PollFd, PollFlags};
use std::io::{self, Write};
use std::os::fd::AsFd;

/// An attached client.
pub(super) struct Attached<'a> {
    client: &'a mut MonitorClient,
    outbox: Vec<u8>,
}

impl<'a> Attached<'a> {
    pub(super) fn new(client: &'a mut MonitorClient) -> io::Result<Self> {
        client.stream.set_nonblocking(true)?;
        Ok(Self { client, outbox: Vec::new() })
    }

    /// Sends what the monitor takes now. One that has gone is noticed where its replies are read.
    fn push(&mut self) {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.client.stream.write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => sent = self.outbox.len(),
            }
        }
        self.outbox.drain(..sent);
    }

    fn send(&mut self, request: Request) {
        request.encode(&mut self.outbox);
        self.push();
    }

    /// Passes on output until something else comes or the screen is full.
    fn show(&mut self, screen: &mut Screen) -> io::Result<Option<Outcome>> {
        while screen.is_clear() {
            let Some(frame) = self.client.inbox.next_frame()? else {
                break;
            };
            match Reply::decode(frame)? {
                Reply::Stdout(bytes) => screen.print(Stream::Stdout, bytes)?,
                Reply::Stderr(bytes) => screen.print(Stream::Stderr, bytes)?,
                Reply::Exited { code } => return Ok(Some(Outcome::Exited(code))),
                Reply::Refused(why) => return Err(io::Error::other(why.to_owned())),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Signals and sizes go over a connection of their own: this one may be full of input that the container does not
    /// read. What fails here concerns a container that is about to end.
    fn aside(&self, act: impl FnOnce(&mut MonitorClient) -> Result<(), crate::client::Error>) {
        let _ = MonitorClient::connect(&self.client.socket).and_then(|mut client| act(&mut client));
    }
}

impl Peer for Attached<'_> {
    fn interests<'a>(&'a self, room_for_output: bool, fds: &mut Vec<PollFd<'a>>) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, room_for_output);
        flags.set(PollFlags::POLLOUT, !self.outbox.is_empty());
        if !flags.is_empty() {
            fds.push(PollFd::new(self.client.stream.as_fd(), flags));
        }
    }

    fn work(&mut self, screen: &mut Screen) -> io::Result<Option<Outcome>> {
        self.push();
        loop {
            if let Some(outcome) = self.show(screen)? {
                return Ok(Some(outcome));
            }
            if !screen.is_clear() {
                return Ok(None);
            }
            match self.client.inbox.fill(&self.client.stream) {
                Ok(0) => return Ok(Some(Outcome::MonitorLost)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Some(Outcome::MonitorLost));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn input_waits(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.send(Request::Stdin(bytes));
    }

    fn end_input(&mut self) {
        self.send(Request::StdinEnd);
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.aside(|client| client.resize(columns, rows));
    }

    fn signal(&mut self, signal: i32) {
        self.aside(|client| client.signal(signal));
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        // The client can be used for calls again, which block. It has no cause to fail on a socket.
        let _ = self.client.stream.set_nonblocking(false);
    }
}
