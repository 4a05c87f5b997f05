//! Where the init of a container waits when whoever made it does not: a socket in a directory of the host.

use super::channel;
use super::error::{Context, Error, Result};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The socket, as the init holds it.
#[derive(Debug)]
pub struct Gate(OwnedFd);

impl Gate {
    /// Makes it; the path must not exist.
    pub fn make(path: &Path) -> Result<Self> {
        let socket = unix_socket()?;
        let address = Address::of(path)?;
        bind(socket.as_raw_fd(), &address.unix)
            .and_then(|()| listen(&socket, Backlog::new(1)?))
            .during(|| format!("make the socket {}", path.display()))?;
        Ok(Self(socket))
    }

    /// Lets the init that waits behind the socket at `path` go on, and returns when it has become the container's command.
    /// `listener` is given what a seccomp filter that notifies is heard at. The socket is removed.
    pub fn open(path: &Path, listener: impl Fn(OwnedFd) -> Result<()>) -> Result<()> {
        let socket = unix_socket()?;
        let address = Address::of(path)?;
        connect(socket.as_raw_fd(), &address.unix).during(|| "reach the container's init".into())?;
        fs::remove_file(path).during(|| format!("remove {}", path.display()))?;
        let channel = channel::Parent::of_connection(socket);
        channel.go()?;
        channel.wait_executed(listener)
    }
}

impl AsFd for Gate {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn unix_socket() -> Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).during(|| "make a socket".into())
}

/// An address that fits the 107 bytes of a socket's path, however long that of the directory is.
struct Address {
    unix: UnixAddr,
    /// What the address goes through.
    _directory: File,
}

impl Address {
    fn of(path: &Path) -> Result<Self> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::Spec(format!("{} is no place for a socket", path.display())));
        };
        let opened = File::open(directory).during(|| format!("open {}", directory.display()))?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd())).join(name);
        let unix = UnixAddr::new(&short).during(|| format!("name the socket {}", path.display()))?;
        Ok(Self { unix, _directory: opened })
    }
}
