//! The monitor's socket.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// Accepts clients of the same user or root. Its path is removed with it.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path`. A socket that a monitor of this container left behind when it was killed is replaced.
    pub(super) fn bind(path: PathBuf) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("monitor socket {}: {error}", path.display()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
        let before = umask(Mode::from_bits_truncate(0o177));
        let socket = UnixListener::bind(&path);
        umask(before);
        let socket = socket.map_err(named)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path })
    }

    /// The next client that waits and is welcome.
    pub(super) fn accept(&self) -> Option<UnixStream> {
        loop {
            let (stream, _) = self.socket.accept().ok()?;
            if is_welcome(&stream) {
                return Some(stream);
            }
        }
    }
}

fn is_welcome(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nothing to be done about a failure: the next monitor replaces what is left.
        let _ = fs::remove_file(&self.path);
    }
}
