//! What parent and child tell each other between clone3 and execve: packets on a socket pair that execve closes.

use super::error::{Context, Error, Result};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, accept4, recv, recvmsg, send,
    sendmsg, socketpair,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The parent's end.
#[derive(Debug)]
pub(super) struct Parent(OwnedFd);

/// The child's end.
#[derive(Debug)]
pub(super) struct Child(OwnedFd);

/// Longest packet; a longer error message is cut.
const PACKET: usize = 4096;

const MAPPED: u8 = b'M';
const GO: u8 = b'G';
const HOOKS_RUN: u8 = b'C';
const LISTENER_TAKEN: u8 = b'T';
const READY: u8 = b'R';
const HOOKS: u8 = b'H';
const LISTENER: u8 = b'L';
const FAILED: u8 = b'F';
const BORN: u8 = b'B';

/// A new pair.
pub(super) fn pair() -> Result<(Parent, Child)> {
    let (parent, child) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .during(|| "make a socket pair".into())?;
    Ok((Parent(parent), Child(child)))
}

impl Parent {
    /// The end of a connection to a child that waits at its gate.
    pub(super) fn of_connection(connection: OwnedFd) -> Self {
        Self(connection)
    }

    /// Tells the child that its user and group ids are mapped.
    pub(super) fn mapped(&self) -> Result<()> {
        self.tell(MAPPED)
    }

    /// Lets the child execute its command.
    pub(super) fn go(&self) -> Result<()> {
        self.tell(GO)
    }

    fn tell(&self, packet: u8) -> Result<()> {
        match send(self.0.as_raw_fd(), &[packet], MsgFlags::MSG_NOSIGNAL) {
            Ok(_) => Ok(()),
            // It has ended; why is found in what it sent before.
            Err(Errno::EPIPE | Errno::ECONNRESET) => {
                Err(self.wait_executed(refuse_listener).err().unwrap_or(Error::Vanished))
            }
            Err(errno) => Err(errno).during(|| "reach the container's first process".into()),
        }
    }

    /// Waits until the child has done what comes before [`go`](Self::go); the terminal's master, if it made one. Runs
    /// hooks when the child has come so far as to need them.
    pub(super) fn wait_ready(&self, hooks: impl Fn() -> Result<()>) -> Result<Option<OwnedFd>> {
        loop {
            match self.receive()? {
                Some((packet, terminal)) if packet == [READY] => return Ok(terminal),
                Some((packet, _)) if packet == [HOOKS] => {
                    hooks()?;
                    self.tell(HOOKS_RUN)?;
                }
                Some((packet, _)) => return Err(failure(&packet)),
                None => return Err(Error::Vanished),
            }
        }
    }

    /// Waits until the child has become its command: only execve closes its end without a word. What its filter
    /// notifies of is heard at a listener, which is handed over here.
    pub(super) fn wait_executed(&self, listener: impl Fn(OwnedFd) -> Result<()>) -> Result<()> {
        loop {
            match self.receive()? {
                None => return Ok(()),
                Some((packet, Some(file))) if packet == [LISTENER] => {
                    listener(file)?;
                    self.tell(LISTENER_TAKEN)?;
                }
                Some((packet, _)) => return Err(failure(&packet)),
            }
        }
    }

    /// The process that somebody else has made for us, as a file: its number may be another namespace's.
    pub(super) fn wait_born(&self) -> Result<Option<OwnedFd>> {
        Ok(self.receive()?.and_then(|(_, process)| process))
    }

    fn receive(&self) -> Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
        let mut buffer = [0; PACKET];
        let mut control = cmsg_space!([RawFd; 1]);
        let (length, file) = loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Ok(message) => break (message.bytes, descriptor(message.cmsgs())),
                // The other end was closed with a packet unread, which is told before what it had sent itself.
                Err(Errno::EINTR | Errno::ECONNRESET) => {}
                Err(errno) => return Err(errno).during(|| "hear from the container's first process".into()),
            }
        };
        Ok((length > 0).then(|| (buffer[..length].to_vec(), file)))
    }
}

/// For a child that nobody has asked for a filter that notifies.
pub(super) fn refuse_listener(_: OwnedFd) -> Result<()> {
    Err(Error::Spec("SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath and an OCI runtime that serves it".into()))
}

/// The one that came with a packet, if one did.
pub(super) fn descriptor(messages: nix::Result<nix::sys::socket::CmsgIterator>) -> Option<OwnedFd> {
    messages.ok()?.find_map(|message| match message {
        // SAFETY: the kernel has just installed the descriptor for us alone.
        ControlMessageOwned::ScmRights(files) => files.first().map(|&file| unsafe { OwnedFd::from_raw_fd(file) }),
        _ => None,
    })
}

fn failure(packet: &[u8]) -> Error {
    match packet {
        [FAILED, exit_code, message @ ..] => {
            Error::Reported { exit_code: i32::from(*exit_code), message: String::from_utf8_lossy(message).into_owned() }
        }
        _ => Error::Vanished,
    }
}

impl Child {
    /// Waits for [`Parent::mapped`].
    pub(super) fn wait_mapped(&self) -> Result<()> {
        self.wait(MAPPED)
    }

    /// Waits for [`Parent::go`].
    pub(super) fn wait_go(&self) -> Result<()> {
        self.wait(GO)
    }

    /// Lets the parent run the hooks of its own namespaces.
    pub(super) fn hooks(&self) -> Result<()> {
        self.say(HOOKS, None)?;
        self.wait(HOOKS_RUN)
    }

    /// Hands over the listener of this process's own filter, which from now on may stop it.
    pub(super) fn listener(&self, listener: &OwnedFd) -> Result<()> {
        self.say(LISTENER, Some(listener))?;
        self.wait(LISTENER_TAKEN)
    }

    /// Hands over a process that was made for the parent.
    pub(super) fn born(&self, process: &OwnedFd) -> Result<()> {
        self.say(BORN, Some(process))
    }

    /// Waits at a gate for whoever lets this process go on, and talks with them from now on. Who comes and leaves again
    /// without a word has changed nothing.
    pub(super) fn wait_at(&mut self, gate: BorrowedFd) -> Result<()> {
        loop {
            let accepted = match accept4(gate.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
                Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
                accepted => accepted.during(|| "wait for the start".into())?,
            };
            // SAFETY: the kernel has just returned this descriptor, nobody else owns it.
            let visitor = Self(unsafe { OwnedFd::from_raw_fd(accepted) });
            if visitor.wait_go().is_ok() {
                *self = visitor;
                return Ok(());
            }
        }
    }

    fn wait(&self, expected: u8) -> Result<()> {
        let mut packet = [0];
        loop {
            match recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(1) if packet == [expected] => return Ok(()),
                Err(Errno::EINTR) => {}
                // The parent is gone, and with it whoever wanted this container.
                _ => return Err(Error::Vanished),
            }
        }
    }

    /// Says that all is done that comes before [`wait_go`](Self::wait_go), and hands over the terminal's master.
    pub(super) fn ready(&self, terminal: Option<&OwnedFd>) -> Result<()> {
        self.say(READY, terminal)
    }

    fn say(&self, packet: u8, file: Option<&OwnedFd>) -> Result<()> {
        let files: Vec<RawFd> = file.iter().map(|file| file.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&files)];
        let control = if files.is_empty() { &[][..] } else { &rights };
        let packet = [packet];
        let packet = [IoSlice::new(&packet)];
        sendmsg::<()>(self.0.as_raw_fd(), &packet, control, MsgFlags::MSG_NOSIGNAL, None)
            .during(|| "report to the monitor".into())?;
        Ok(())
    }

    /// Says why there will be no command.
    pub(super) fn failed(&self, error: &Error) {
        let mut packet = vec![FAILED, error.exit_code() as u8];
        packet.extend_from_slice(error.to_string().as_bytes());
        packet.truncate(PACKET);
        // Without a parent there is nobody to tell.
        let _ = send(self.0.as_raw_fd(), &packet, MsgFlags::MSG_NOSIGNAL);
    }
}
