//! Open files that are handed on: to the container, or to whoever asked for them by a socket.

use super::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Whether the descriptors that shall be preserved are open. To be asked before this process has opened any itself.
pub fn check_preserved(count: u32) -> Result<()> {
    for index in 0..count {
        let number =
            i32::try_from(index + 3).map_err(|_| Error::Usage(format!("--preserve-fds {count} is too many")))?;
        // SAFETY: it is only asked about, which is harmless for one that is not open.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        if fcntl(file, FcntlArg::F_GETFD) == Err(Errno::EBADF) {
            return Err(Error::Usage(format!("please check that preserved-fd {index} (of {count}) is present")));
        }
    }
    Ok(())
}

/// Sends an open file, with a message, to who listens at a socket.
pub fn send_descriptor(path: &Path, file: BorrowedFd, message: &[u8]) -> Result<()> {
    let socket = UnixStream::connect(path).map_err(Error::at("connect to the socket", path))?;
    let files = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&files)];
    let parts = [IoSlice::new(message)];
    sendmsg::<()>(socket.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None)
        .map(drop)
        .map_err(|errno| Error::at("send to the socket", path)(errno.into()))
}
