//! How a runtime hands over the terminal that it has made: its master comes over a socket (runc's `--console-socket`).

use super::super::channel::descriptor;
use super::super::error::{Context, Error, Result};
use crate::terminal::set_window_size;
use nix::cmsg_space;
use nix::sys::socket::{MsgFlags, recvmsg};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A socket for one terminal, of this size.
pub(super) struct Console {
    /// A name that fits the 107 bytes of a socket's path, however long that of the directory is.
    pub path: PathBuf,
    listener: UnixListener,
    /// What `path` goes through.
    _directory: File,
    size: (u16, u16),
}

impl Console {
    pub(super) fn listen(directory: &Path, columns: u16, rows: u16) -> Result<Self> {
        let directory = File::open(directory).during(|| format!("open {}", directory.display()))?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}/console", std::process::id(), directory.as_raw_fd()));
        let listener = UnixListener::bind(&path).during(|| "make a console socket".into())?;
        listener.set_nonblocking(true).during(|| "make a console socket".into())?;
        Ok(Self { path, listener, _directory: directory, size: (columns, rows) })
    }

    /// The terminal's master, which the runtime has sent by the time that it has made the container.
    pub(super) fn receive(self) -> Result<OwnedFd> {
        let (stream, _) = self.listener.accept().during(|| "receive the terminal from the runtime".into())?;
        let mut buffer = [0; 4096];
        let mut control = cmsg_space!([RawFd; 1]);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut control), flags)
            .during(|| "receive the terminal from the runtime".into())?;
        let master = descriptor(message.cmsgs())
            .ok_or_else(|| Error::Spec("the runtime has sent no terminal over its console socket".into()))?;
        let (columns, rows) = self.size;
        set_window_size(master.as_fd(), columns, rows).during(|| "set the terminal's size".into())?;
        Ok(master)
    }
}
